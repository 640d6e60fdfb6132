"""``python -m fimbria`` is ``fimbria``."""

from fimbria.cli.app import main

if __name__ == "__main__":
    main()

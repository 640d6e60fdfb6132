"""``python -m fimbria`` is ``fimbria``."""

from fimbria.cli.app import main

main()

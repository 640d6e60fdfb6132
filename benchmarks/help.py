"""How long the help takes, whole process, best and median; and what it loads.

python benchmarks/help.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 9
HEAVY = ("torch", "pandas", "numpy", "scipy", "matplotlib")


def main() -> None:
    for words in (["--help"], ["train", "--help"], ["cohort", "--help"]):
        times = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-m", "fimbria", *words], check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - started)
        code = f"import sys; from fimbria.cli.app import run; run({words}); print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
        loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stderr.strip()
        print(
            f"fimbria {' '.join(words):14} best {min(times):.2f} s, median {statistics.median(times):.2f} s, heavy modules {loaded}"
        )


if __name__ == "__main__":
    main()

"""Broken anywhere and resumed = one go: kills a small training at random moments and compares bytes.

    python benchmarks/kills.py --kills 10 --seed 0

Trains a small experiment once without interruption, then again while it is killed (SIGKILL) at random moments and
resumed each time until it is done, and compares weights, log and predictions byte by byte.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fimbria

KEPT = ("model.safetensors", "model.json", "contract.json", "training.tsv", "_prediction.tsv", "_metrics.tsv")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        experiment = prepare(root)
        started = time.monotonic()
        run("train", experiment, root / "whole")
        whole = time.monotonic() - started
        broken = root / "broken"
        kills, words = 0, ("train", experiment, broken)
        while kills < options.kills:
            process = start(*words)
            time.sleep(draw.uniform(3, 9))  # a start takes about 3 s; the whole training must outlast all kills
            if process.poll() is None:
                process.kill()
                kills += 1
            process.wait()
            done = all((broken / f"split-{i}" / "finished.json").is_file() for i in range(2))
            words = ("resume", broken) if (broken / "maps.json").is_file() else ("train", experiment, broken)
            print(f"kill {kills}: {'finished' if done else progress(broken)}")
            if done:
                break
        run(*words)
        return compare(root / "whole", broken, kills, whole)


def prepare(root: Path) -> Path:
    """Make people, splits and an experiment with dropout, so that randomness matters; checkpoints every fraction of a second."""
    table = fimbria.generate_atrophy(root / "caps", people=24, spacing=6, degree=40, jobs=1)
    fimbria.kfold_cohort(table, root / "folds", folds=2, stratify=["diagnosis"])
    experiment = root / "experiment.toml"
    experiment.write_text(
        f"""
        [data]
        caps = "{root}/caps"
        splits = "{root}/folds"
        [task]
        positive = "AD"
        selection_metrics = ["loss", "roc-auc"]
        [network]
        name = "conv4-fc3"
        dropout = 0.5
        [optimization]
        epochs = 120
        batch_size = 2
        optimizer = {{ name = "adam", learning_rate = 1e-3 }}
        [compute]
        workers = 1
        checkpoint_minutes = 0.005
        """
    )
    return experiment


def start(*words: object) -> subprocess.Popen[bytes]:
    """Start a command of fimbria."""
    return subprocess.Popen([sys.executable, "-m", "fimbria", *map(str, words), "--quiet"], stdout=subprocess.DEVNULL)


def run(*words: object) -> None:
    """Run a command of fimbria to its end."""
    if start(*words).wait() != 0:
        sys.exit(f"fimbria {' '.join(map(str, words))} failed")


def progress(maps: Path) -> str:
    """Say how far a training has come."""
    logs = sorted(maps.glob("split-*/training_logs/training.tsv"))
    return ", ".join(f"{log.parts[-3]}: {len(log.read_text().splitlines()) - 1} epochs" for log in logs) or "not begun"


def compare(whole: Path, broken: Path, kills: int, seconds: float) -> int:
    """Compare everything that must be the same."""
    files = sorted(p.relative_to(whole) for p in whole.rglob("*") if p.is_file() and p.name.endswith(KEPT))
    differing = [str(f) for f in files if (whole / f).read_bytes() != (broken / f).read_bytes()]
    print(f"{kills} kills, unbroken run {seconds:.0f} s, {len(files)} files compared, {len(differing)} differ")
    print("\n".join(differing))
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())

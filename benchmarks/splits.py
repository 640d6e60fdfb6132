"""What splitting costs and how alike the sides are, beside ClinicaDL 1.6.1: whole processes, alternating, and their ratio.

python benchmarks/splits.py TABLES [--peer FOLDER] [--rounds N] [--seeds N]

TABLES holds ``single/labels.tsv`` and ``longitudinal/labels.tsv`` (participant_id, session_id, diagnosis, age, sex).
FOLDER is the environment that ``bin/clinicadl`` is installed in; without it only ours is measured. The peer takes no
seed: its split is run once a seed of ours, its k-fold, which is always the same, once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

OURS = {
    "split": ["split", "{table}", "{out}", "--test", "0.2"],
    "kfold": ["kfold", "{table}", "{out}", "--folds", "5"],
}
THEIRS = {
    "split": ["tsvtools", "split", "{table}", "--n_test", "0.2"],
    "kfold": ["tsvtools", "kfold", "{table}", "--n_splits", "5"],
}
RULE = ["--stratify", "diagnosis", "--balance", "age", "sex"]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("tables", type=Path)
    asked.add_argument("--peer", type=Path)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--seeds", type=int, default=10)
    given = asked.parse_args()
    for verb in OURS:
        for kind in ("single", "longitudinal"):
            timed(verb, given.tables / kind / "labels.tsv", given)
    for verb in OURS:
        compared(verb, given.tables / "single" / "labels.tsv", given)


def timed(verb: str, table: Path, given: argparse.Namespace) -> None:
    """Time both, turn by turn."""
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(given.rounds):
        for who in times if given.peer else ["ours"]:
            seconds, _ = done(who, verb, table, given.peer)
            times[who].append(seconds)
    told = ", ".join(
        f"{who} {statistics.median(of):6.2f} s ({min(of):.2f}-{max(of):.2f})" for who, of in times.items() if of
    )
    ratio = (
        f", {statistics.median(times['peer']) / statistics.median(times['ours']):.1f} times faster"
        if times["peer"]
        else ""
    )
    print(f"{verb:6} {table.parent.name:13} {told}{ratio}", flush=True)


def compared(verb: str, table: Path, given: argparse.Namespace) -> None:
    """Compare how alike the sides are, over seeds."""
    for who in ("ours", "peer") if given.peer else ("ours",):
        runs = 1 if who == "peer" and verb == "kfold" else given.seeds
        worst = [done(who, verb, table, given.peer, seed)[1] for seed in range(runs)]
        print(
            f"{verb:6} {who}: largest absolute standardised difference of age and sex over {runs} runs: "
            f"worst {max(worst):.5f}, median {statistics.median(worst):.5f}",
            flush=True,
        )


def done(who: str, verb: str, table: Path, peer: Path | None, seed: int = 0) -> tuple[float, float]:
    """Run one program on a copy of the table; give the seconds it took and the largest difference it left."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(table, folder))
        words = [
            word.format(table=copy, out=Path(folder) / "out") for word in (OURS if who == "ours" else THEIRS)[verb]
        ]
        if who == "ours":
            command = [sys.executable, "-m", "fimbria", "cohort", *words, *RULE, "--seed", str(seed)]
        else:
            command = [str(Path(str(peer)) / "bin" / "clinicadl"), *words]
        started = time.perf_counter()
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "TQDM_DISABLE": "1"}
        )
        seconds = time.perf_counter() - started
        if ended.returncode:
            sys.exit(f"{' '.join(command)}\n{ended.stdout}\n{ended.stderr}")
        sides = [(train, held_out(train)) for train in sorted(Path(folder).rglob("train_baseline.tsv"))]
        people = pd.read_csv(copy, sep="\t")
        return seconds, max(largest(train, held, people) for train, held in sides)


def held_out(train: Path) -> Path:
    """Give the list of the other side."""
    return next(path for path in train.parent.glob("*_baseline.tsv") if path != train)


def largest(train: Path, held: Path, people: pd.DataFrame) -> float:
    """Give the largest absolute standardised difference of age and sex between two lists (two-group pooled variance)."""
    first = people.drop_duplicates("participant_id").set_index("participant_id")
    one, other = (first.loc[pd.read_csv(path, sep="\t")["participant_id"].unique()] for path in (train, held))
    found = []
    for values in (lambda frame: frame["age"].to_numpy(float), lambda frame: (frame["sex"] == "F").to_numpy(float)):
        a, b = values(one), values(other)
        found.append(abs(a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / 2))
    return float(max(found))


if __name__ == "__main__":
    main()

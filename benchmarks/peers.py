"""Whole trainings as processes, one epoch each: Fimbria beside ClinicaDL 1.6.1 and 2.0.0, and 32 bits beside bf16.

python benchmarks/peers.py CAPS TABLES [--peer FOLDER] [--peer2 FOLDER] [--rounds N] [--only PART ...] [--work FOLDER]

CAPS holds t1-linear images of 40 people, and masks of the two regions; it is not written to, but linked into a working
folder. TABLES holds two splits in the layout that ClinicaDL 1.6 also reads, ``t16`` (16 people to learn from, 6 to
validate) and ``t8`` (8 and 4). FOLDER of --peer is the environment that ``bin/clinicadl`` 1.6.1 is installed in, that of
--peer2 the one of ClinicaDL 2.0.0, which is a library: ``IN_2_0`` is the program. Who is not there is left out.

=========== ======================================================================================================
image       conv5-fc3, whole images, batches of 4, t16
patch       conv4-fc3, patches of 50^3 every 50 voxels, batches of 16, t8; ClinicaDL's saved, and cut on the fly
roi         conv4-fc3, the boxes of two regions, batches of 4, t16
precision   image once more, with ``--compute.precision bf16``: seconds, loss and balanced accuracy of validation
=========== ======================================================================================================

Everybody reads with two processes beside the one that learns, and has prepared what can be prepared: ClinicaDL 1.6.1 its
tensors, Fimbria its store; 2.0.0 reads the images themselves. "From nothing" is Fimbria with an empty store. They are
asked for the same and do not do the same: 1.6.1 goes over both sides twice more for its scores, 2.0.0 scores the
validation side alone and has the two classes as one output. Programs take turns, medians are compared; memory is that
of the largest process. On a processor bf16 pays only where there are instructions for it: a GPU is where it is meant for.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Nothing large is imported here: a process begins as a copy of this one, and its peak counts what it began with.

REGIONS = ("leftHippocampusBox", "rightHippocampusBox")
SAVED, ON_THE_FLY, SECOND = "ClinicaDL 1.6.1", "ClinicaDL 1.6.1 on the fly", "ClinicaDL 2.0.0"
OURS, FROM_NOTHING = "Fimbria", "Fimbria from nothing"

IN_2_0 = """
import sys
from pathlib import Path
import pandas as pd
from clinicadl.callbacks import ModelCheckpointCallback
from clinicadl.data.datasets import BidsDataset
from clinicadl.io.bids import T1Linear
from clinicadl.losses.config import BCEWithLogitsLossConfig
from clinicadl.models import SupervisedModel
from clinicadl.networks.nn import CNN
from clinicadl.optim import OptimizationConfig
from clinicadl.optim.optimizers.config import AdamConfig
from clinicadl.split import Split
from clinicadl.train import ComputationalConfig, Trainer
from clinicadl.transforms import TransformsHandler
from clinicadl.transforms.config import RescaleIntensityConfig
caps, tables, maps, batch = *map(Path, sys.argv[1:4]), int(sys.argv[4])
def side(name):
    people = pd.read_csv(tables / name, sep="\\t")
    people["label"] = (people["diagnosis"] == "AD").astype(float)  # two outputs and integers end in an error
    steps = TransformsHandler(image_transforms=[RescaleIntensityConfig(out_min_max=(0, 1))])
    return BidsDataset(caps, T1Linear(), people, steps, columns=["label"])
split = Split(0, side("train.tsv"), side("validation_baseline.tsv"))
split.build_train_loader(batch_size=batch, num_workers=2, pin_memory=False)
split.build_val_loader(batch_size=batch, num_workers=2, pin_memory=False)
pool = ("max", {"kernel_size": 2, "stride": 2, "ceil_mode": True})
features = {"channels": [8, 16, 32, 64, 128], "padding": 1, "act": "relu", "norm": "batch", "pooling": pool,
            "pooling_indices": [0, 1, 2, 3, 4]}
head = {"hidden_dims": [1300, 50], "act": "relu", "norm": None}
network = CNN((1, 169, 208, 179), 1, features, head)
model = SupervisedModel(network, BCEWithLogitsLossConfig(), AdamConfig(lr=1e-4, weight_decay=1e-4))
trainer = Trainer(maps, model, optimization=OptimizationConfig(num_epochs=1),
                  callbacks=[ModelCheckpointCallback(metric="loss", save_last=False)])
trainer.train(split, ComputationalConfig(gpu=False, amp=False, seed=42))
"""


@dataclass(frozen=True)
class Training:
    """What is trained, and by how much ours is to be better.

    Attributes
    ----------
    network, theirs
        The network's name, and ClinicaDL's.
    batch, split
        Samples a batch, and the folder of the two lists.
    extraction
        How images are cut.
    prepare
        What `clinicadl prepare-data` is given beside the names.
    faster
        How many times faster ours is to be than each of the others.
    lighter
        Whether ours is to need less memory than any of them.
    """

    network: str
    theirs: str
    batch: int
    split: str
    extraction: dict[str, Any]
    prepare: tuple[str, ...]
    faster: dict[str, float]
    lighter: bool = False


TRAININGS = {
    "image": Training(
        "conv5-fc3", "Conv5_FC3", 4, "t16", {"name": "image"}, (), {SAVED: 2.5, SECOND: 1.0}, lighter=True
    ),
    "patch": Training(
        "conv4-fc3",
        "Conv4_FC3",
        16,
        "t8",
        {"name": "patch", "size": 50, "stride": 50},
        ("--save_features", "--patch_size", "50", "--stride_size", "50"),
        {SAVED: 1.5, ON_THE_FLY: 2.0},
    ),
    "roi": Training(
        "conv4-fc3",
        "Conv4_FC3",
        4,
        "t16",
        {"name": "roi", "roi": REGIONS},
        ("--save_features", *(word for name in REGIONS for word in ("--roi_list", name))),
        {SAVED: 1.5},
    ),
}


@dataclass(frozen=True)
class Bench:
    """What is measured, where."""

    tables: Path
    work: Path
    peer: Path | None
    peer2: Path | None
    rounds: int

    @property
    def ours(self) -> Path:
        """Give the data set that Fimbria reads."""
        return self.work / "ours"

    @property
    def theirs(self) -> Path:
        """Give the same, with what ClinicaDL prepares."""
        return self.work / "theirs"

    @property
    def store(self) -> Path:
        """Give the place that ours decodes to."""
        return self.ours / "fimbria-store"


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, seconds of all processors, and MB of the largest process."""

    wall: float
    processors: float
    memory: float


@dataclass
class Tally:
    """What a program cost, round by round."""

    costs: list[Cost] = field(default_factory=list)

    def of(self, what: str) -> list[float]:
        """Give one kind of cost, one a round."""
        return [getattr(cost, what) for cost in self.costs]

    def median(self, what: str) -> float:
        """Give what is compared."""
        return statistics.median(self.of(what))


def main() -> None:
    parts = [*TRAININGS, "precision"]
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("caps", type=Path)
    asked.add_argument("tables", type=Path)
    asked.add_argument("--peer", type=Path)
    asked.add_argument("--peer2", type=Path)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--only", nargs="*", choices=parts, default=parts)
    asked.add_argument("--work", type=Path, help="keep working files here; a later run takes them up")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = (given.work or Path(folder)).absolute()
        bench = Bench(given.tables.absolute(), work, located(given.peer), located(given.peer2), given.rounds)
        for copy in (bench.ours, bench.theirs):
            if not copy.exists():
                linked(given.caps, copy)
        for name, peer in ((SAVED, bench.peer), (SECOND, bench.peer2)):
            if peer is None:
                print(f"{name} is not here and is left out")
        print(f"load {os.getloadavg()[0]:.2f}, {given.rounds} rounds, median (lowest-highest)", flush=True)
        for name in given.only:
            if name == "precision":
                precision(bench)
            else:
                compare(bench, name)


def located(peer: Path | None) -> Path | None:
    return peer and peer.absolute()


def compare(bench: Bench, name: str) -> None:
    """Train with everybody in turn, and say who was how much faster and lighter."""
    who: dict[str, Callable[[], Cost]] = {
        FROM_NOTHING: lambda: train(bench, name, empty=True),  # and leaves the store full for the next
        OURS: lambda: train(bench, name),
    }
    if bench.peer:
        prepared(bench, name)
        who[SAVED] = lambda: train_1_6(bench, name, name)
        if ON_THE_FLY in TRAININGS[name].faster:
            who[ON_THE_FLY] = lambda: train_1_6(bench, name, f"{name}_on_the_fly")
    if bench.peer2 and SECOND in TRAININGS[name].faster:
        who[SECOND] = lambda: train_2_0(bench, name)
    tallies = {one: Tally() for one in who}
    for _ in range(bench.rounds):
        for one, work in who.items():
            tallies[one].costs.append(work())
    for one, tally in tallies.items():
        show(name, one, tally)
    judge(name, tallies)


def judge(name: str, tallies: dict[str, Tally]) -> None:
    """Print each limit with what was measured."""
    ours, training = tallies[OURS], TRAININGS[name]
    for other, limit in training.faster.items():
        if other not in tallies:
            continue
        times = tallies[other].median("wall") / ours.median("wall")
        work = tallies[other].median("processors") / ours.median("processors")
        what = f"{name}, beside {other}, with {work:.1f} times less work of processors"
        say(what, times, "times faster", limit, strict=limit == 1)
        if training.lighter:
            share = tallies[other].median("memory") / ours.median("memory")
            say(f"{name}, beside {other}", share, "times less memory", 1, strict=True)


def precision(bench: Bench) -> None:
    """Train on whole images with both kinds of arithmetic; what is measured of the network comes from its own log."""
    fill = (sys.executable, "-m", "fimbria", "extract", "image", str(bench.ours), "t1-linear", "--jobs", "2", "--quiet")
    run(fill, bench.work / "fimbria.log")  # quick where the store is full
    tallies: dict[str, Tally] = {"32": Tally(), "bf16": Tally()}
    scores = {}
    for _ in range(bench.rounds):
        for kind, tally in tallies.items():
            tally.costs.append(train(bench, "image", "--compute.precision", kind))
            scores[kind] = last_epoch(bench.work / "maps")  # the same each time: a seed gives the same bytes
    for kind, tally in tallies.items():
        row = scores[kind]
        loss, accuracy = float(row["loss_valid"]), float(row["balanced-accuracy_valid"])
        show("precision", kind, tally)
        print(f"precision, {kind}: validation loss {loss:.4f}, balanced accuracy {accuracy:.3f}")
    times = tallies["32"].median("wall") / tallies["bf16"].median("wall")
    print(f"precision, bf16 beside 32 bits: {times:.2f} times faster (on this processor)", flush=True)


def last_epoch(maps: Path) -> dict[str, str]:
    with (maps / "split-0" / "training_logs" / "training.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))[-1]


def train(bench: Bench, name: str, *options: str, empty: bool = False) -> Cost:
    """Train with Fimbria, from a store that is filled or empty."""
    training, maps = TRAININGS[name], bench.work / "maps"
    emptied(maps, *([bench.store] if empty else []))
    experiment = bench.work / f"{name}.json"
    told = {
        "data": {"caps": bench.ours, "splits": bench.tables / training.split, "extraction": training.extraction},
        "task": {"positive": "AD"},
        "network": training.network,
        "optimization": {"epochs": 1, "batch_size": training.batch},
        "compute": {"accelerator": "cpu", "workers": 2, "seed": 42},
    }
    experiment.write_text(json.dumps(told, default=str), encoding="utf-8")
    words = [sys.executable, "-m", "fimbria", "train", str(experiment), str(maps), *options, "--quiet"]
    return run(words, bench.work / "fimbria.log")


def train_1_6(bench: Bench, name: str, described: str) -> Cost:
    """Train with ClinicaDL 1.6.1, from the tensors of whole images or of parts, as the description says."""
    training, maps = TRAININGS[name], bench.work / "maps"
    emptied(maps)
    words = ["train", "classification", bench.theirs, f"{described}.json", bench.tables / training.split, maps]
    words += ["-a", training.theirs, "--batch_size", training.batch, "--epochs", 1]
    return clinicadl(bench, *words, "--no-gpu", "--seed", 42, "--n_proc", 2)


def train_2_0(bench: Bench, name: str) -> Cost:
    """Train with ClinicaDL 2.0.0, from the images."""
    training, maps = TRAININGS[name], bench.work / "maps"
    emptied(maps)
    words = [bench.theirs, bench.tables / training.split, maps, training.batch]
    return run([f"{bench.peer2}/bin/python", "-c", IN_2_0, *map(str, words)], bench.work / "clinicadl-2.log")


def prepared(bench: Bench, name: str) -> None:
    """Let ClinicaDL 1.6.1 write its tensors; those of whole images are needed for every other kind."""
    descriptions = bench.theirs / "tensor_extraction"
    for mode in dict.fromkeys(("image", name)):
        if not (descriptions / f"{mode}.json").is_file():
            words = ("prepare-data", mode, bench.theirs, "t1-linear", *TRAININGS[mode].prepare)
            clinicadl(bench, *words, "--extract_json", mode, "--n_proc", 2)
    if ON_THE_FLY in TRAININGS[name].faster:
        told = json.loads((descriptions / f"{name}.json").read_text(encoding="utf-8"))
        (descriptions / f"{name}_on_the_fly.json").write_text(json.dumps({**told, "prepare_dl": False}))


def clinicadl(bench: Bench, *words: object) -> Cost:
    return run([f"{bench.peer}/bin/clinicadl", *map(str, words)], bench.work / "clinicadl.log")


def run(command: Sequence[str], log: Path) -> Cost:
    """Run a program to its end, what it says going to a file; give what it and its own processes cost."""
    clock = time.perf_counter()
    with log.open("wb") as file:
        said = [(os.POSIX_SPAWN_DUP2, file.fileno(), number) for number in (1, 2)]
        process = os.posix_spawn(command[0], list(command), os.environ, file_actions=said)
    _, status, used = os.wait4(process, 0)
    wall = time.perf_counter() - clock
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{' '.join(command)}\n{log.read_text(errors='replace')[-4000:]}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def linked(source: Path, target: Path) -> None:
    """Link images and masks into a new folder, where others may be written."""
    for path in sorted(source.rglob("*")):
        place = path.relative_to(source)
        if path.is_file() and not {"fimbria-store", "tensor_extraction", "deeplearning_prepare_data"} & {*place.parts}:
            (target / place).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, target / place)
            except OSError:  # another disk
                shutil.copy2(path, target / place)


def emptied(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def show(part: str, who: str, tally: Tally) -> None:
    """Print what a program cost."""
    told = [f"{spread(tally.of('wall'))} s", f"of processors {spread(tally.of('processors'))} s"]
    print(f"{part}, {who}: {', '.join(told)}, {spread(tally.of('memory'), 0)} MB", flush=True)


def spread(values: Sequence[float], digits: int = 1) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def say(what: str, value: float, unit: str, limit: float, *, strict: bool = False) -> None:
    reached = value > limit if strict else value >= limit
    word = "more than" if strict else "at least"
    print(f"{what}: {value:.2f} {unit} ({word} {limit:.1f}) {'reached' if reached else 'MISSED'}", flush=True)


if __name__ == "__main__":
    main()

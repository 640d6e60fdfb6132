"""Does each part learn what is there to learn, and nothing where nothing is? Prints a table in Markdown.

    python benchmarks/known_answers.py [--only PART ...] [--networks NAME ...] [--epochs 40] [--side 32]

People are made whose heads show what their table says (`fimbria.testing.known_caps`), 32 voxels a side: 48 to learn from,
24 for the epoch at which to stop, 40 held out, of whom the table speaks. Training goes through the plan, the loaders, the
learner and the loop of every other training; one thread, batches of 8.

=========== ==============================================================================================
classes     each network that classifies: balanced accuracy 1
ages        R2 above 0.9
chance      labels drawn by lot, 20 seeds: the 95 % interval of balanced accuracy holds 0.5, in 17 or more
images      each network that gives an image: a smaller error than the mean image of those it learnt from
tuning      from an autoencoder of the same people, fewer epochs to the same loss than from nothing
bf16        balanced accuracy as with 32 bits
=========== ==============================================================================================
"""

from __future__ import annotations

import argparse
import inspect
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

import fimbria
from fimbria.data.cohort.cohort import Cohort
from fimbria.errors import FimbriaError
from fimbria.experiment.experiment import Experiment
from fimbria.learning.inference import predict
from fimbria.learning.networks import network
from fimbria.learning.networks.transfer import apply, match_layers
from fimbria.learning.training.devices import arithmetic, fabric_for
from fimbria.learning.training.fit import fit
from fimbria.learning.training.learner import Epoch
from fimbria.results.predictions.ensemble import part_weights, vote
from fimbria.testing import known_caps
from fimbria.workflows.parts import images
from fimbria.workflows.plan import plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fimbria.learning.training.learner import Learner
    from fimbria.results.predictions.table import PredictionTable
    from fimbria.workflows.parts import Parts

LEARN, STOP, HELD_OUT = 48, 24, 40
SMALL_LOSS = 0.05  # at which a classification may stop, of the validation people
SEEDS = 20
DATA_SETS = ("here", "there")
PASSED = {True: "yes", False: "**no**"}

# what a network that tells classes needs beside its defaults, at these sizes
SLICES = {"name": "slice", "direction": 0, "discard": [10, 18]}  # four that the spot lies in
SPECIAL: dict[str, dict[str, Any]] = {
    "resnet18-2d": {"data": {"extraction": SLICES}},
    "resnet3d": {"data": {"spacing": 0.5}},  # it needs 63 voxels a side
    "squeeze-excitation": {"data": {"spacing": 0.5}},  # likewise
    "with-covariates": {"data": {"covariates": ["age"]}},
    "seresnext101": {"optimization": {"optimizer": {"name": "adam", "learning_rate": 3e-4}}},
    "vit": {  # of the size of so few people; it begins to learn late, and then fast
        "network": {"name": "vit", "hidden_size": 96, "mlp_dim": 192, "num_layers": 2, "num_heads": 4},
        "optimization": {"epochs": 80, "optimizer": {"name": "adam", "learning_rate": 5e-4}},
    },
    "conv5-fc3-ssda": {"task": {"name": "domain-adaptation", "target": "there", "positive": "AD"}},
}
RATES = {"cvae-3d-final-conv": 1e-3}  # of networks that give an image, where 3e-3 is too fast


@dataclass(frozen=True)
class Study:
    """People in a folder: their images, their split, and who is held out of both sides."""

    root: Path

    @property
    def held_out(self) -> Cohort:
        """Give who is held out."""
        return Cohort.read(self.root / "first" / "test.tsv")

    def experiment(self, **changes: Any) -> Experiment:  # noqa: ANN401  (sections of an experiment)
        """Give the experiment of all, with some sections changed."""
        base = Experiment.of(
            {
                "data": {
                    "caps": {name: self.root / name for name in DATA_SETS},
                    "splits": self.root / "second",
                },
                "task": {"label": "diagnosis", "positive": "AD"},
                "optimization": {"batch_size": 8, "optimizer": {"name": "adam", "learning_rate": 1e-3}},
                "compute": {"workers": 0, "threads": 1, "accelerator": "cpu"},
            }
        )
        return base.changed(changes)


def make(root: Path, side: int) -> Study:
    """Make the people of two data sets, and deal them."""
    half = (LEARN + STOP + HELD_OUT) // 2
    of_both = [Cohort.read(known_caps(root / name, half, side, seed)) for seed, name in enumerate(DATA_SETS)]
    sides = [one.plain().assign(dataset=name) for one, name in zip(of_both, DATA_SETS, strict=True)]
    frame = pd.concat(sides, ignore_index=True)
    lots = np.random.default_rng(0).permuted(np.tile(["heads", "tails"], (SEEDS, half)), axis=1)
    frame = frame.assign(**{f"lot_{seed}": drawn for seed, drawn in enumerate(lots)})
    Cohort(frame, "everybody").write(root / "everybody.tsv")
    wanted = ["diagnosis", "dataset"]
    fimbria.split_cohort(root / "everybody.tsv", root / "first", test=HELD_OUT, stratify=wanted)
    fimbria.split_cohort(root / "first" / "train.tsv", root / "second", test=STOP, name="validation", stratify=wanted)
    return Study(root)


@dataclass(frozen=True, eq=False)
class Training:
    """A training about to start, and the people held out of it."""

    parts: Parts
    learner: Learner
    loaders: tuple[Any, Any]
    held_out: Cohort

    @classmethod
    def of(cls, study: Study, experiment: Experiment) -> Training:
        """Prepare one, as `fimbria train` does."""
        planned = plan(experiment)
        others = study.held_out
        split = planned.splits[0]
        everybody = [*split.train.sessions, *split.other.sessions, *others.sessions]
        parts = replace(planned.of(split.index), images=images(experiment, planned.parts.choices, everybody))
        parts = parts.fitted_on(split.train)
        loaders = (parts.loader(split.train, learning=True), parts.loader(split.other))
        return cls(parts, parts.new_learner(fabric_for(experiment.compute)), loaders, others)

    def epochs(self, most: int) -> Iterator[Epoch]:
        """Train, an epoch at a time."""
        moved = fit(self.learner, *self.loaders, most, self.parts.part)
        return (result for result in moved if isinstance(result, Epoch))

    def until(self, most: int, done: Callable[[dict[str, float]], bool], *names: str) -> tuple[int, dict[str, float]]:
        """Train until two epochs in turn say of the validation people that it is done; give the epochs and the last scores."""
        scores: dict[str, float] = {}
        before = False
        for epoch in self.epochs(most):
            scores = self.parts.task.metrics.scores(epoch.validation, names)
            if (now := done(scores)) and before:
                return epoch.epoch + 1, scores
            before = now
        return most, scores

    def said(self) -> PredictionTable:
        """Give what it says of the people held out, of whole images."""
        loader = self.parts.loader(self.held_out)
        table = predict(self.learner.runner, self.learner.task, loader.batches(), self.parts.part, self.learner.device)
        if table.part == "image":
            return table
        scored = predict(
            self.learner.runner, self.learner.task, self.loaders[1].batches(), self.parts.part, self.learner.device
        )
        return vote(table, part_weights(scored))


Row = tuple[str, str, str, bool]  # what, on what, what came of it, whether that is its known answer


def classes(study: Study, options: argparse.Namespace) -> Iterator[Row]:
    """Tell who has lost the spot, by every network that classifies."""
    for name in [one for one in network.names() if _asks(one, "output_size")]:
        if options.networks and name not in options.networks:
            continue
        changes = {"network": {"name": name}, **SPECIAL.get(name, {})}
        yield _tried(f"classes: {name}", lambda changes=changes: _classified(study, options, **changes))


def _classified(study: Study, options: argparse.Namespace, **changes: Any) -> tuple[str, bool]:  # noqa: ANN401
    training = Training.of(study, study.experiment(**changes))
    names = ("balanced-accuracy", "loss")
    most = changes.get("optimization", {}).get("epochs", options.epochs)
    epochs, _ = training.until(most, lambda now: now["balanced-accuracy"] == 1 and now["loss"] < SMALL_LOSS, *names)
    scores = training.parts.task.metrics.scores(training.said(), names)
    accuracy = scores["balanced-accuracy"]
    return f"{accuracy:.3f} (loss {scores['loss']:.3f}) after {epochs} epochs", accuracy == 1


def ages(study: Study, options: argparse.Namespace) -> Iterator[Row]:
    """Read the age of a head off its shrinking."""
    for name in ("conv5-fc3", "sfcn", "resnet10"):
        yield _tried(f"ages: {name}", lambda name=name: _aged(study, options, name))


def _aged(study: Study, options: argparse.Namespace, name: str) -> tuple[str, bool]:
    task = {"name": "regression", "label": "age"}
    experiment = study.experiment(network={"name": name}).plain()
    training = Training.of(study, Experiment.of({**experiment, "task": task}))
    epochs, _ = training.until(2 * options.epochs, lambda now: now["r2"] > 0.97, "r2")  # noqa: PLR2004  (it may stop)
    scores = training.parts.task.metrics.scores(training.said(), ["r2", "mae"])
    return f"R2 {scores['r2']:.3f}, off by {scores['mae']:.1f} years, after {epochs} epochs", scores["r2"] > 0.9  # noqa: PLR2004


def chance(study: Study, options: argparse.Namespace) -> Iterator[Row]:
    """Learn nothing where labels are drawn by lot."""
    held, found = 0, []
    for seed in range(SEEDS):
        label = {"label": f"lot_{seed}", "positive": "heads"}
        experiment = study.experiment(network={"name": "conv4-fc3"}, task=label, compute={"seed": seed})
        training = Training.of(study, experiment)
        training.until(min(10, options.epochs), lambda _: False, "loss")
        table = training.parts.task.metrics.evaluate(training.said(), seed=seed)
        row = table[(table["metric"] == "balanced-accuracy")].iloc[0]
        held += bool(row["ci_low"] <= 0.5 <= row["ci_high"])  # noqa: PLR2004  (chance)
        found.append(float(row["value"]))
    told = f"{held} of {SEEDS} intervals hold 0.5; mean {np.mean(found):.3f}, {min(found):.2f} to {max(found):.2f}"
    yield "chance: conv4-fc3", told, "", held >= 17  # noqa: PLR2004  (of 20, at 95 %)


def pictures(study: Study, options: argparse.Namespace) -> Iterator[Row]:
    """Give the image of somebody new better than the mean image does, by every network that gives one."""
    for name in [one for one in network.names() if not _asks(one, "output_size")]:
        if not options.networks or name in options.networks:
            yield _tried(f"images: {name}", lambda name=name: _pictured(study, options, name))


def _pictured(study: Study, options: argparse.Namespace, name: str) -> tuple[str, bool]:
    faster = {"optimizer": {"name": "adam", "learning_rate": RATES.get(name, 3e-3)}}
    plain = study.experiment(network={"name": name}, optimization=faster).plain()
    training = Training.of(study, Experiment.of({**plain, "task": {"name": "reconstruction"}}))
    stop = 0.7 * _of_mean(training, training.loaders[1])
    epochs, _ = training.until(4 * options.epochs, lambda now: now["mse"] < stop, "mse")
    error = training.parts.task.metrics.scores(training.said(), ["mse"])["mse"]
    mean = _of_mean(training, training.parts.loader(training.held_out))
    return f"mse {error:.5f}, {error / mean:.2f} of the mean image's, after {epochs} epochs", error < mean


def _of_mean(training: Training, others: Any) -> float:  # noqa: ANN401  (a loader)
    """Give the error of the mean image of those that are learnt from."""
    mean = torch.cat([batch.images for batch in training.loaders[0].batches()]).mean(dim=0)
    return float((torch.cat([batch.images for batch in others.batches()]) - mean).square().mean())


def tuning(study: Study, options: argparse.Namespace) -> Iterator[Row]:
    """Be there sooner with the encoder of an autoencoder."""
    plain = study.experiment(network={"name": "ae-conv5-fc3"}).plain()
    teacher = Training.of(study, Experiment.of({**plain, "task": {"name": "reconstruction"}}))
    teacher.until(2 * options.epochs, lambda _: False, "mse")
    weights = teacher.learner.weights()
    needed: dict[str, list[int]] = {"new": [], "tuned": []}
    for seed in range(5):
        for begun, epochs in needed.items():
            training = Training.of(study, study.experiment(network={"name": "conv5-fc3"}, compute={"seed": seed}))
            if begun == "tuned":
                made = training.learner.network
                apply(match_layers(made, weights), made, weights)
            epochs.append(training.until(2 * options.epochs, lambda now: now["loss"] < SMALL_LOSS, "loss")[0])
    fewer = sum(needed["tuned"]) < sum(needed["new"])
    told = f"epochs to a loss of {SMALL_LOSS}, seeds 0 to 4: {needed['tuned']} tuned, {needed['new']} new"
    yield "tuning: ae-conv5-fc3 to conv5-fc3", told, "", fewer


def bf16(study: Study, options: argparse.Namespace) -> Iterator[Row]:
    """Tell the classes apart with half the bits."""
    for name in ("conv5-fc3", "sfcn", "resnet10"):
        said, right = [], []
        for precision in ("32", "bf16"):
            changes = {"network": {"name": name}, "compute": {"precision": precision}}
            told, ok = _classified(study, options, **changes)
            said.append(f"{precision}: {told}")
            right.append(ok)
        yield f"bf16: {name}", "; ".join(said), "", all(right)


def _asks(name: str, parameter: str) -> bool:
    return parameter in inspect.signature(network.find(name).factory).parameters


def _tried(what: str, look: Callable[[], tuple[str, bool]]) -> Row:
    """Give the row of one look; one that is refused says why."""
    started = time.monotonic()
    try:
        told, right = look()
    except FimbriaError as error:
        told, right = str(error).replace("\n", " "), False
    return what, told, f"{time.monotonic() - started:.0f} s", right


PARTS = {"classes": classes, "ages": ages, "chance": chance, "images": pictures, "tuning": tuning, "bf16": bf16}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--networks", nargs="+", help="of classes and images, these alone")
    parser.add_argument("--epochs", type=int, default=40, help="at most")
    parser.add_argument("--side", type=int, default=32, help="of the images, voxels")
    options = parser.parse_args()
    wrong = 0
    print("| known answer | what came of it | time | as it should be |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        study = make(Path(folder), options.side)
        with arithmetic(study.experiment().compute):
            for part in options.only:
                for what, told, spent, right in PARTS[part](study, options):
                    print(f"| {what} | {told} | {spent} | {PASSED[right]} |", flush=True)
                    wrong += not right
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

"""The main walk on tiny images, for tests that need what it leaves behind."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fimbria.experiment import files
from fimbria.experiment.experiment import Experiment
from fimbria.workflows.splits import kfold_cohort, split_cohort

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Study:
    """A CAPS of eight people, two of them held out, the others in two folds, and an experiment that takes seconds."""

    root: Path

    @property
    def caps(self):
        return self.root / "caps"

    @property
    def folds(self):
        return self.root / "folds"

    @property
    def test(self):
        return self.root / "labels" / "test.tsv"

    @property
    def toml(self):
        return self.root / "experiment.toml"

    @property
    def maps(self):
        return self.root / "maps"

    @property
    def experiment(self):
        return files.read(self.toml)

    def copy(self, root):
        """Give the same study elsewhere, for a test that changes it."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        other = Study(root)
        write_experiment(other)
        return other

    def image(self, participant="sub-01"):
        """Give the first image of a participant."""
        return next((self.caps / "subjects" / participant / "ses-M000" / "t1_linear").iterdir())


def begun(caps, root):
    """Make a study of a CAPS: its splits and its experiment, nothing trained."""
    study = Study(root)
    shutil.copytree(caps, study.caps)
    split_cohort(study.caps / "data.tsv", root / "labels", test=2, stratify=["diagnosis"], seed=1)
    kfold_cohort(root / "labels" / "train.tsv", study.folds, folds=2, stratify=["diagnosis"], seed=1)
    write_experiment(study)
    return study


def write_experiment(study):
    described = {
        "data": {"caps": str(study.caps), "splits": str(study.folds)},
        "task": {"label": "diagnosis", "positive": "AD"},
        "network": {"name": "conv4-fc3", "dropout": 0.3},
        "optimization": {"epochs": 2, "batch_size": 2, "optimizer": {"name": "adam", "learning_rate": 1e-3}},
        "compute": {"workers": 0, "threads": 1},
    }
    files.write(Experiment.of(described), study.toml)

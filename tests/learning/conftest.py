"""Eight images 9 x 8 x 7 in a store, those of AD brighter in the middle, and what learns them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from lightning_fabric import Fabric

from fimbria.data.cohort.cohort import Cohort, Session
from fimbria.data.extraction.store import Store
from fimbria.data.extraction.whole import Whole
from fimbria.data.images import nifti
from fimbria.geometry import Grid
from fimbria.learning.networks.conv import conv4_fc3
from fimbria.learning.samples.dataset import PartDataset
from fimbria.learning.samples.loader import Loader
from fimbria.learning.samples.normalization import MinMax
from fimbria.learning.tasks.classification import Classification
from fimbria.learning.training.learner import Learner

LABELS = ("AD", "CN") * 4


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Keep to one thread: several that wait for each other on a busy machine are slower than none."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def sessions():
    return tuple(Session("", f"sub-{number:02d}", "ses-M000") for number in range(8))


@pytest.fixture(scope="session")
def entries(tmp_path_factory, sessions):
    """Images of noise around 100, 40 brighter in a box in the middle of those with AD."""
    root = tmp_path_factory.mktemp("eight")
    rng = np.random.default_rng(3)
    grid = Grid((9, 8, 7), np.diag([2.0, 2.0, 2.0, 1.0]))
    made = []
    for session, label in zip(sessions, LABELS, strict=True):
        array = rng.normal(100, 10, grid.shape).astype("f4")
        array[3:6, 2:6, 2:5] += 40 * (label == "AD")
        source = root / f"{session.participant_id}.nii"
        nifti.write(source, array, grid)
        made.append(Store(root / "store").prepare(source))
    return tuple(made)


@pytest.fixture(scope="session")
def task():
    return Classification(positive="AD", classes=["AD", "CN"])


def labelled_cohort(sessions):
    """Give a cohort of those with AD and CN in turn."""
    frame = pd.DataFrame(list(sessions), columns=["dataset", "participant_id", "session_id"])
    return Cohort(frame.assign(diagnosis=LABELS[: len(frame)]))


@pytest.fixture(scope="session")
def dataset(sessions, entries, task):
    """Make the samples of the first images, cut as asked."""

    def make(extraction=None, count=8, scope="image", *, labelled=True, **more):
        locations = tuple((extraction or Whole()).locations((9, 8, 7)))
        targets = task.targets(labelled_cohort(sessions[:count])) if labelled else None
        images = tuple((entry,) for entry in entries[:count])
        return PartDataset(sessions[:count], images, locations, (MinMax(scope),), targets, **more)

    return make


@pytest.fixture
def loaders(dataset):
    """Batches of three to learn from, and to validate on."""
    return Loader(dataset(), 3, shuffle_seed=5), Loader(dataset(count=4), 3)


@pytest.fixture
def new_learner(task):
    """Make a training at its start."""

    def make(seed=11, learning_rate=1e-2, dropout=0.5):
        return Learner(
            partial(conv4_fc3, (1, 9, 8, 7), 2, dropout),
            lambda network: torch.optim.Adam(network.parameters(), lr=learning_rate),
            task,
            Fabric(accelerator="cpu", devices=1),
            seed,
        )

    return make

"""A new MAPS, and images to promise something of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fimbria.data.extraction.store import Entry, Statistics
from fimbria.experiment.experiment import Data, Experiment
from fimbria.geometry import Grid
from fimbria.provenance import Fingerprint
from fimbria.results.maps.maps import Maps
from fimbria.results.predictions.table import PredictionTable


@pytest.fixture(scope="session")
def experiment():
    return Experiment(data=Data(caps=Path("/data/caps"), splits=Path("/data/splits")))


@pytest.fixture
def maps(tmp_path, experiment):
    return Maps.create(tmp_path / "maps", experiment, {"splits": [0, 1], "components": {}, "fitted": {}})


@pytest.fixture(scope="session")
def predictions():
    """Two images of one class each, of the level asked for."""

    def make(level="image"):
        columns = {
            "dataset": "",
            "participant_id": ["001", "002"],
            "session_id": "ses-M000",
            f"{level}_id": 0,
            "true_label": ["1", "0"],
            "predicted_label": ["1", "1"],
            "p_0": [1 / 3, 0.1],
            "p_1": [2 / 3, 0.9],
            "loss": [0.40546510810816444, 2.302585092994046],
        }
        return PredictionTable(pd.DataFrame(columns), level)

    return make


@pytest.fixture(scope="session")
def entry():
    """Make the description of an image in the store; its file is never read."""

    def make(array, spacing=(1.5, 1.5, 1.5), origin=(0.0, 0.0, 0.0)):
        affine = np.diag([*spacing, 1.0])
        affine[:3, 3] = origin
        statistics = Statistics.of(array)
        source = Fingerprint(0, 0, "")
        return Entry(Path("nowhere"), Grid(array.shape, affine), statistics, statistics, source, "", "", "sub-01_T1w")

    return make

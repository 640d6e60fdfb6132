from __future__ import annotations

import pandas as pd
import pytest

from fimbria.results.evaluation import by_data_set
from fimbria.results.evaluation.drawn import COLUMNS
from fimbria.results.evaluation.regression import RegressionMetrics
from fimbria.results.predictions.table import PredictionTable

VALUE = RegressionMetrics(70.0)


@pytest.fixture
def table(valued):
    return valued([70.0, 80.0, 60.0, 75.0], [72.0, 78.0, 66.0, 75.0])


def test_each_data_set_is_evaluated_by_itself(table):
    mixed = PredictionTable(table.frame.assign(dataset=["oasis", "adni", "oasis", "adni"]), "slice")
    found = by_data_set(VALUE, mixed, seed=5)
    assert list(found) == ["dataset", *COLUMNS]
    assert found["dataset"].drop_duplicates().tolist() == ["adni", "oasis"]
    alone = PredictionTable(mixed.frame[mixed.frame["dataset"] == "oasis"], "slice")
    block = found[found["dataset"] == "oasis"].drop(columns="dataset").reset_index(drop=True)
    pd.testing.assert_frame_equal(block, VALUE.evaluate(alone, seed=5))
    assert set(block["n_participants"]) == {2}


def test_one_data_set_is_not_told_apart(table):
    assert by_data_set(VALUE, table) is None

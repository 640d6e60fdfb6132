"""Rows of values and of reconstructions, beside those of classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fimbria.errors import TableError
from fimbria.results.predictions.table import PredictionTable, together


def frame(**columns):
    return pd.DataFrame(
        {"dataset": "", "participant_id": ["sub-02", "sub-01"], "session_id": "ses-M000", "image_id": 0, **columns}
    )


@pytest.mark.parametrize(
    "columns",
    [
        {"true_value": [0.1 + 0.2, 1e-17], "predicted_value": [1 / 3, 2 / 3], "loss": [0.0, 1.0]},
        {"true_value": [70.5, None], "predicted_value": [1 / 3, 2 / 3]},
        {"mse": [1 / 3, 0.2], "psnr": [np.inf, 20.0], "ssim": [0.5, -0.1]},
        {"loss": [1 / 3, 2.0]},
    ],
)
def test_what_is_written_is_read_back_to_the_last_bit(tmp_path, columns):
    table = PredictionTable(frame(**columns), "image")
    table.write(tmp_path / "table.tsv")
    again = PredictionTable.read(tmp_path / "table.tsv", "image")
    pd.testing.assert_frame_equal(again.frame, table.sorted().frame, check_exact=True)


def test_a_value_is_known_where_it_is_true():
    table = PredictionTable(frame(true_value=[70.5, None], predicted_value=[1.0, 2.0]), "image")
    assert (table.valued, table.classified, table.labelled) == (True, False, False)
    assert table.known().frame["participant_id"].tolist() == ["sub-02"]
    assert PredictionTable(frame(predicted_value=[1.0, 2.0]), "image").known() is None


def test_a_reconstruction_is_always_known():
    table = PredictionTable(frame(ssim=[0.5, 0.6], mse=[0.1, 0.2]), "image")
    assert table.measures == ("mse", "ssim")
    assert table.labelled
    assert table.known() is table


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({}, "says nothing of its images"),
        ({"predicted_value": [1.0, None]}, "1 of 2 rows without predicted_value"),
        ({"predicted_value": ["x", "y"]}, "2 of 2 rows without predicted_value"),
        ({"true_value": [1.0, 2.0]}, "says nothing"),
    ],
)
def test_refuses_what_says_nothing(columns, sentence):
    with pytest.raises(TableError, match=sentence):
        PredictionTable(frame(**columns), "image")


def test_parts_of_several_networks_are_put_together_in_order():
    parts = [PredictionTable(frame(predicted_value=[1.0, 2.0]).assign(image_id=n), "image") for n in (3, 1)]
    both = together(parts).frame
    assert both["image_id"].tolist() == [1, 3, 1, 3]
    assert both["participant_id"].tolist() == ["sub-01", "sub-01", "sub-02", "sub-02"]
    assert together(parts[:1]) is parts[0]

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fimbria.errors import InputError
from fimbria.results.evaluation.tally import Tally
from fimbria.results.predictions.table import PredictionTable


def test_counts_rows_by_true_and_predicted_class(predicted):
    tally = Tally.of(predicted([0, 1, 2, 1], [0, 1, 1, 1]))
    assert tally.confusion[:, :, 0].tolist() == [[1, 0, 0], [0, 2, 0], [0, 1, 0]]
    one = tally.against_rest(1)
    assert [one.tp[0], one.fp[0], one.fn[0], one.tn[0]] == [2, 1, 0, 1]


def test_a_person_counted_twice_counts_with_all_rows(predicted):
    tally = replace(
        Tally.of(predicted([0, 1, 1], [0, 0, 1], people=[0, 1, 1], losses=[3.0, 1.0, 2.0])),
        weights=np.array([[1.0, 0.0], [2.0, 1.0]]),
    )
    assert tally.confusion[:, :, 0].tolist() == [[1, 0], [2, 2]]
    assert tally.confusion[:, :, 1].tolist() == [[0, 0], [1, 1]]
    assert tally.mean_loss.tolist() == [(3 + 2 * 3) / 5, 1.5]


def test_equal_scores_count_half_in_the_area_under_the_curve(predicted):
    scores = np.array([0.8, 0.5, 0.5, 0.2])
    tally = Tally.of(predicted([0, 0, 1, 1], probabilities=np.stack([scores, 1 - scores], axis=1)))
    assert tally.against_rest(0).roc_auc.tolist() == [3.5 / 4]


def test_refuses_rows_without_a_true_label(predicted):
    frame = predicted([0, 1], [0, 1]).frame.assign(true_label=["A", None])
    with pytest.raises(InputError, match=r"1 of 2 predictions \(level: slice\) have no true label"):
        Tally.of(PredictionTable(frame, "slice"))

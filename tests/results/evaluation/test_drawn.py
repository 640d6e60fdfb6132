from __future__ import annotations

import numpy as np
import pytest

from fimbria.results.evaluation.drawn import Drawn


@pytest.fixture
def rows():
    weights = np.array([[1.0, 0.0, 2.0], [1.0, 2.0, 0.0]])
    return Drawn(np.array([0, 1, 1]), weights, np.array([3.0, 1.0, 2.0]))


def test_people_count_with_all_their_rows(rows):
    assert rows.rows.tolist() == [3, 4, 2]
    assert rows.sum(np.array([1.0, 10.0, 100.0])).tolist() == [111, 220, 2]
    assert rows.mean_loss.tolist() == [2, 1.5, 3]


def test_a_mean_over_nobody_is_undefined():
    nobody = Drawn(np.array([0]), np.array([[0.0, 1.0]]), np.array([3.0]))
    np.testing.assert_array_equal(nobody.mean_loss, [np.nan, 3.0])

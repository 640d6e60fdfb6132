from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fimbria.data.cohort.splits.strata import MOST_BINS, Levels, is_measured, levels, missing, strata


@pytest.mark.parametrize(
    ("values", "name", "measured"),
    [
        (np.arange(100), "age", True),
        (np.arange(100) % 5, "grade", False),
        (np.arange(100) > 50, "known", False),
        (np.arange(100), "site", False),
        ([str(i) for i in range(100)], "word", False),
        ([61.5, 70.0, 66.0], "age", True),
    ],
)
def test_numbers_of_many_values_are_measurements(values, name, measured):
    assert is_measured(pd.Series(values, name=name)) == measured


@pytest.mark.parametrize(("count", "parts", "bins"), [(1000, 5, MOST_BINS), (40, 5, 4), (8, 5, 2)])
def test_measurements_are_told_by_quantiles_that_the_size_bounds(count, parts, bins):
    column = levels(pd.Series(np.arange(count), name="age"), parts)
    assert len(column.names) == bins
    assert np.ptp(np.bincount(column.codes)) <= 1
    assert column.ordered


def test_a_measurement_with_one_frequent_value_has_fewer_bins():
    column = levels(pd.Series([0.0] * 80 + list(range(1, 21)), name="count"), 2)
    assert sorted(set(column.codes)) == list(range(len(column.names)))
    assert len(column.names) < MOST_BINS


def test_words_are_levels_in_the_order_of_the_alphabet():
    column = levels(pd.Series(["CN", "AD", "CN"], name="diagnosis"), 2)
    assert (column.codes.tolist(), column.names, column.ordered) == ([1, 0, 1], ("AD", "CN"), False)


def test_what_is_not_finite_is_not_known():
    assert missing(pd.Series([1.0, np.inf, np.nan])).tolist() == [False, True, True]
    assert missing(pd.Series(["a", None])).tolist() == [False, True]


def test_strata_of_one_value_of_the_first_column_are_neighbours():
    draws = np.random.default_rng(0)
    one, other = (Levels("x", draws.integers(0, 3, 90), tuple("abc")) for _ in range(2))
    found = strata([one, other], 90, draws)
    ends = [(found[one.codes == level].min(), found[one.codes == level].max()) for level in range(3)]
    assert all(before[1] < after[0] for before, after in zip(sorted(ends), sorted(ends)[1:], strict=False))
    pairs = {(int(s), int(a), int(b)) for s, a, b in zip(found, one.codes, other.codes, strict=True)}
    assert len(pairs) == len(set(found)) == 9
    assert strata([], 4, draws).tolist() == [0, 0, 0, 0]

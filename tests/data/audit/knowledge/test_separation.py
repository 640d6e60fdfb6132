from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2_contingency, fisher_exact, mannwhitneyu, rankdata
from sklearn.metrics import roc_auc_score

from fimbria.data.audit.knowledge import separation


@given(st.integers(0, 2**32 - 1))
def test_areas_are_those_of_scikit_learn_in_the_better_direction(seed):
    rng = np.random.default_rng(seed)
    codes = np.concatenate([[0, 1, 2], rng.integers(3, size=30)])
    values = rng.integers(8, size=33).astype(float)
    theirs = [roc_auc_score(codes == one, values) for one in range(3)]
    assert separation.areas(values, codes, 3) == pytest.approx([max(area, 1 - area) for area in theirs])


def test_a_bound_of_an_area_widens_with_fewer_people_and_stays_below_one():
    bounds = [separation.area_low(1.0, size, size, 0.05) for size in (3, 10, 30, 300)]
    assert bounds == sorted(bounds)
    assert bounds[0] < 0.7
    assert 0.98 < bounds[-1] < 1


def test_the_bound_of_an_area_solves_the_equation_of_its_paper():
    low = separation.area_low(0.9, 20, 30, 0.05)
    spread = 1 + 24 * (1 - low) / (2 - low) + 24 * low / (1 + low)
    assert 0.9 - low == pytest.approx(1.959964 * np.sqrt(low * (1 - low) * spread / 600), abs=1e-6)


def test_bounds_of_shares_are_those_of_wilson():
    assert separation.share_low([20, 81], [20, 263], 0.05) == pytest.approx([0.8389, 0.2553], abs=1e-4)
    assert separation.balanced_low([20, 20], [20, 20], 0.05) == pytest.approx(1 - 0.1611 / np.sqrt(2), abs=1e-4)


def test_a_correlation_of_few_people_says_nothing():
    assert separation.correlation_low(1.0, 4, 0.05) == 0
    assert separation.correlation_low(-0.9, 100, 0.05) == pytest.approx(
        np.tanh(np.arctanh(0.9) - 1.959964 * np.sqrt(1.405 / 97)), abs=1e-6
    )


def test_luck_is_counted_over_all_dealings_of_the_labels():
    assert separation.by_chance(3, 3) == pytest.approx(2 / 20)
    assert separation.by_chance(8, 8) == pytest.approx(2 / 12870)
    assert separation.by_chance(1, 1, 5) == 1


def test_association_is_that_of_scipy_for_many_and_of_drawn_tables_for_few():
    many = np.array([[40, 60, 30], [70, 50, 40]])
    assert separation.association(*many) == pytest.approx(chi2_contingency(many).pvalue)
    few = np.array([[7, 1], [2, 9]])
    assert separation.association(*few) == pytest.approx(fisher_exact(few).pvalue, abs=0.005)
    assert separation.association(np.array([5, 0]), np.array([9, 0])) == 1
    assert separation.association(np.array([0, 0]), np.array([9, 3])) == 1


def test_correction_is_that_of_holm():
    assert separation.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert separation.holm([]).size == 0


@given(
    one=arrays(float, st.integers(3, 30), elements=st.integers(0, 9).map(float)),
    other=arrays(float, st.integers(3, 30), elements=st.integers(0, 9).map(float)),
)
def test_the_rank_sum_is_scipy_s(one, other):
    expected = mannwhitneyu(one, other, method="asymptotic").pvalue if len({*one, *other}) > 1 else 1.0
    assert separation.rank_sum(one, other) == pytest.approx(expected, abs=1e-12)
    assert np.array_equal(separation.ranked(one), rankdata(one))

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fimbria.data.cohort.splits.balance import differences, standardised
from fimbria.data.cohort.splits.exchange import MEAN_WEIGHT, exchanged, rearranged


def score(values, sizes, side, sides):
    apart = np.abs(differences(values, sizes, side, sides))
    return apart.max() + MEAN_WEIGHT * apart.mean()


@settings(max_examples=15)
@given(st.integers(2, 5), st.integers(0, 99))
def test_an_exchange_keeps_strata_and_sizes_and_never_makes_sides_less_alike(sides, seed):
    draws = np.random.default_rng(seed)
    values = standardised(draws.normal(size=(60, 3)))
    kinds, side, alone = draws.integers(0, 3, 60), np.arange(60) % sides, np.ones(60)
    found = exchanged(side, values, kinds, sides, np.random.default_rng(seed))
    for one in range(sides):
        assert (
            np.bincount(kinds[found == one], minlength=3).tolist()
            == np.bincount(kinds[side == one], minlength=3).tolist()
        )
    assert score(values, alone, found, sides) <= score(values, alone, side, sides)
    assert (found == exchanged(side, values, kinds, sides, np.random.default_rng(seed))).all()


def test_a_score_that_is_told_is_the_score_that_comes():
    """The search adds and takes away; what it ends with is what a fresh count gives."""
    draws = np.random.default_rng(1)
    values = standardised(draws.normal(size=(400, 4)))
    found = exchanged(np.arange(400) % 4, values, np.zeros(400, int), 4, draws)
    assert score(values, np.ones(400), found, 4) < 0.02


def test_nothing_to_balance_changes_nothing():
    side = np.arange(6) % 2
    assert (exchanged(side, np.zeros((6, 0)), np.zeros(6, int), 2, np.random.default_rng(0)) == side).all()


def test_where_everybody_is_alone_of_a_kind_nobody_is_exchanged():
    side = np.arange(6) % 2
    values = standardised(np.arange(6.0)[:, None])
    assert (exchanged(side, values, np.arange(6), 2, np.random.default_rng(0)) == side).all()


@settings(max_examples=15)
@given(st.lists(st.integers(1, 9), min_size=6, max_size=20), st.integers(0, 99))
def test_units_of_any_size_come_nearer_to_what_was_wanted_and_no_side_is_empty(sizes, seed):
    draws = np.random.default_rng(seed)
    sizes = np.array(sizes)
    values = draws.normal(size=(len(sizes), 2)) * sizes[:, None]
    values -= sizes[:, None] * values.sum(axis=0) / sizes.sum()
    wanted = np.full(3, sizes.sum() / 3)
    side = np.arange(len(sizes)) % 3
    found = rearranged(side, values, sizes, wanted, draws)
    assert set(found) == {0, 1, 2}

    def apart(where):
        of = np.abs(np.bincount(where, sizes, 3) / wanted - 1)
        both = np.column_stack([np.abs(differences(values, sizes, where, 3)), of])
        return both.max() + MEAN_WEIGHT * both.mean()

    assert apart(found) <= apart(side) + 1e-9

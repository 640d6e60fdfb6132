from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.learning.training.policies import is_best, is_out_of_patience

scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, math.nan]) | st.floats(-9, 9), min_size=1, max_size=12)
losses = st.lists(st.just(math.nan) | st.just(math.inf) | st.floats(0, 9), max_size=12)


@given(scores, st.booleans())
def test_the_best_is_better_than_every_number_before(values, higher):
    *before, last = values
    better = [last > value if higher else last < value for value in before if not math.isnan(value)]
    assert is_best(values, higher_is_better=higher) == (all(better) and not (better and math.isnan(last)))


@given(scores.filter(lambda values: not all(map(math.isnan, values))), st.booleans())
def test_the_last_epoch_that_was_the_best_is_the_first_of_the_best_scores(values, higher):
    kept = [number for number in range(len(values)) if is_best(values[: number + 1], higher_is_better=higher)][-1]
    best = (max if higher else min)(value for value in values if not math.isnan(value))
    assert kept == values.index(best)


def test_a_nan_is_never_better_than_a_number_and_is_kept_while_there_is_none():
    assert is_best([math.nan], higher_is_better=True)
    assert is_best([math.nan, math.nan], higher_is_better=True)
    assert not is_best([0.1, math.nan], higher_is_better=True)
    assert is_best([math.nan, 0.1], higher_is_better=True)
    assert is_best([math.nan, 0.1], higher_is_better=False)


def waits(values, tolerance):
    """Count the epochs since the last that was better, as the definition says it."""
    numbers = [value for value in values if math.isfinite(value)]
    better = {values.index(numbers[0])} if numbers else set()
    for place, value in enumerate(values):
        best = min((values[earlier] for earlier in better if earlier < place), default=None)
        if best is not None and value < best * (1 - tolerance):
            better.add(place)
    return len(values) - 1 - max(better) if better else len(values)


@given(losses, st.integers(1, 6), st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0]))
def test_patience_ends_when_so_many_epochs_were_not_better(values, patience, tolerance):
    assert is_out_of_patience(values, patience, tolerance) == (waits(values, tolerance) >= patience)


@given(losses, st.floats(0, 1))
def test_no_patience_waits_for_ever(values, tolerance):
    assert not is_out_of_patience(values, 0, tolerance)


@pytest.mark.parametrize(("epochs", "over"), [(1, False), (2, False), (3, True)])
def test_with_patience_2_and_tolerance_a_tenth_it_stops_before_the_fourth_epoch(epochs, over):
    assert is_out_of_patience([1.0, 0.95, 0.91, 0.5][:epochs], patience=2, tolerance=0.1) is over


def test_the_first_loss_is_better_than_none_whatever_the_tolerance():
    assert not is_out_of_patience([1.0, 0.5], patience=2, tolerance=1.0)

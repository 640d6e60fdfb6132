from __future__ import annotations

import numpy as np
import pytest

from fimbria.results.evaluation import intervals
from fimbria.results.evaluation.classification import evaluate
from fimbria.results.evaluation.intervals import bootstrap


def mean_of(values):
    """Give the statistic that is the mean of one value a participant."""
    return lambda weights: ((values @ weights) / weights.sum(axis=0))[None]


def drawn(participants, resamples=200, rows=1):
    seen = []

    def statistic(weights):
        seen.append(weights)
        return weights[:1]

    bootstrap(statistic, participants, rows, generator=np.random.default_rng(0), resamples=resamples)
    return np.concatenate(seen, axis=1)


def test_every_resample_has_as_many_participants_as_there_are():
    weights = drawn(7)
    assert weights.shape == (7, 200)
    assert (weights.sum(axis=0) == 7).all()
    assert weights.mean(axis=1) == pytest.approx(np.ones(7), abs=0.25)


def test_the_memory_at_hand_does_not_change_the_draws(monkeypatch):
    whole = drawn(7)
    monkeypatch.setattr(intervals, "_AT_ONCE", 7 * 9)
    np.testing.assert_array_equal(drawn(7), whole)


def test_the_standard_error_of_a_mean_is_the_one_in_the_books():
    values = np.random.default_rng(1).normal(size=400)
    found = bootstrap(mean_of(values), 400, 400, generator=np.random.default_rng(0), resamples=4000)
    assert found.standard_error[0] == pytest.approx(values.std() / 20, rel=0.05)
    assert found.low[0] == pytest.approx(values.mean() - 1.96 * values.std() / 20, abs=0.01)
    assert found.high[0] == pytest.approx(values.mean() + 1.96 * values.std() / 20, abs=0.01)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(100):
        found = bootstrap(mean_of(random.normal(size=50)), 50, 50, generator=random, resamples=300)
        covered += bool(found.low[0] <= 0 <= found.high[0])
    assert 86 <= covered <= 100


def test_resamples_in_which_a_value_is_undefined_are_left_out():
    def statistic(weights):
        return np.where(weights[:1] > 0, 1.0 + weights[:1], np.nan)

    found = bootstrap(statistic, 3, 3, generator=np.random.default_rng(0), resamples=500)
    assert found.low[0] == 2
    assert np.isfinite(found.standard_error[0])


def test_a_value_never_defined_and_a_lone_participant_have_no_interval():
    never = bootstrap(lambda w: np.full_like(w[:2], np.nan), 3, 3, generator=np.random.default_rng(0), resamples=10)
    alone = bootstrap(mean_of(np.ones(1)), 1, 1, generator=np.random.default_rng(0), resamples=10)
    assert np.isnan(never).all()
    assert np.isnan(alone).all()


def test_seeing_everybody_several_times_does_not_make_the_interval_narrower(predicted):
    random = np.random.default_rng(3)
    truth = random.integers(2, size=60)
    said = np.where(random.random(60) < 0.7, truth, 1 - truth)
    once = evaluate(predicted(truth, said), "A", metrics=["accuracy", "roc-auc", "loss"])
    ten_times = evaluate(
        predicted(np.repeat(truth, 10), np.repeat(said, 10), people=np.repeat(np.arange(60), 10)),
        "A",
        metrics=["accuracy", "roc-auc", "loss"],
    )
    np.testing.assert_allclose(
        once[["value", "ci_low", "ci_high", "standard_error"]],
        ten_times[["value", "ci_low", "ci_high", "standard_error"]],
        rtol=1e-12,
    )
    rows_as_people = evaluate(predicted(np.repeat(truth, 10), np.repeat(said, 10)), "A", metrics=["accuracy"])
    assert rows_as_people["standard_error"][0] < 0.5 * once["standard_error"][0]

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fimbria import tables
from fimbria.errors import ComponentError, InputError, TableError
from fimbria.results.evaluation import intervals
from fimbria.results.evaluation.drawn import COLUMNS, overall
from fimbria.results.evaluation.metric import find
from fimbria.results.evaluation.regression import METRICS, RegressionMetrics, evaluate
from fimbria.results.evaluation.values import Values
from fimbria.results.predictions.table import PredictionTable

AGES, GUESSES = [70.0, 80.0, 60.0, 75.0], [72.0, 78.0, 66.0, 75.0]


def values(table, mean=None, **options):
    return evaluate(table, mean, **({"resamples": 2} | options)).set_index("metric")["value"].to_dict()


@st.composite
def outcomes(draw):
    """Draw people with one or more rows, and coarse values, so that they tie."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    people = np.sort(random.integers(draw(st.integers(2, 10)), size=draw(st.integers(4, 30))))
    people = np.unique(people, return_inverse=True)[1]
    decimals = draw(st.sampled_from([0, 1, 6]))
    truth = random.normal(70, 2, size=len(people)).round(decimals)
    return people, truth, (truth + random.normal(1, 2, size=len(people))).round(decimals), random


def by_hand(truth, predicted):
    """Give what scikit-learn and SciPy make of it; NaN where they are not defined."""
    varies = np.ptp(truth) > 0
    both = varies and np.ptp(predicted) > 0
    return {
        "mae": sk.mean_absolute_error(truth, predicted),
        "mse": sk.mean_squared_error(truth, predicted),
        "rmse": sk.root_mean_squared_error(truth, predicted),
        "r2": sk.r2_score(truth, predicted) if varies else np.nan,
        "pearson": stats.pearsonr(truth, predicted).statistic if both else np.nan,
        "spearman": stats.spearmanr(truth, predicted).statistic if both else np.nan,
        "mae-of-mean": sk.mean_absolute_error(truth, np.full(len(truth), truth.mean())),
    }


@settings(max_examples=60, deadline=None)
@given(outcomes())
def test_values_agree_with_scikit_learn_and_scipy(valued, drawn):
    people, truth, said, _ = drawn
    expected = by_hand(truth, said)
    found = values(valued(truth, said, people=people), metrics=list(expected))
    assert found == pytest.approx(expected, abs=1e-10, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(outcomes())
def test_weighing_people_is_the_same_as_repeating_their_rows(valued, drawn):
    people, truth, said, random = drawn
    names = ["mae", "mse", "rmse", "r2", "pearson", "spearman", "mae-of-mean"]
    count = people.max() + 1
    weights = np.stack([np.bincount(random.integers(count, size=count), minlength=count) for _ in range(5)], axis=1)
    weighed = replace(Values.of(valued(truth, said, people=people)), weights=weights.astype(float))
    found = overall(weighed, [find(name) for name in names])
    for column, of_people in zip(found.T, weights.T, strict=True):
        rows = np.repeat(np.arange(len(people)), of_people[people])
        expected = by_hand(truth[rows], said[rows])
        assert dict(zip(names, column, strict=True)) == pytest.approx(expected, rel=1e-10, abs=1e-10, nan_ok=True)


def test_the_bounds_are_percentiles_of_the_values_of_the_resamples(valued):
    random = np.random.default_rng(0)
    truth = random.normal(size=30)
    said = truth + random.normal(size=30)
    people = np.random.default_rng(7).integers(30, size=(50, 30))  # what seed 7 draws
    found = evaluate(valued(truth, said), resamples=50, seed=7).set_index("metric")
    brute = [by_hand(truth[drawn], said[drawn]) for drawn in people]
    for name in set(METRICS) - {"loss"}:
        of_name = [one[name] for one in brute]
        row = found.loc[name]
        assert [row["ci_low"], row["ci_high"]] == pytest.approx(np.percentile(of_name, [2.5, 97.5]), abs=1e-10)
        assert row["standard_error"] == pytest.approx(np.std(of_name, ddof=1), abs=1e-10)


def test_known_values_are_found(valued):
    found = values(valued(AGES, GUESSES, loss=[0.5, 1.0, 1.5, 2.0]), 70.0)
    assert found["mae"] == 2.5
    assert found["rmse"] == pytest.approx(np.sqrt(11))
    assert found["r2"] == pytest.approx(1 - 44 / 218.75)
    assert found["spearman"] == 1
    assert found["mae-of-mean"] == 6.25
    assert found["loss"] == 1.25


def test_the_mean_of_the_training_is_what_mae_of_mean_says(valued):
    table = valued(AGES, GUESSES)
    assert values(table, 60.0)["mae-of-mean"] == 11.25
    assert values(table)["mae-of-mean"] == np.abs(np.array(AGES) - 71.25).mean()
    assert RegressionMetrics(60.0).scores(table, ["mae_of_mean"]) == {"mae-of-mean": 11.25}


@pytest.mark.parametrize("same", [0.1, 70.0, 1e9 + 0.1, 0.0])
def test_what_has_nothing_to_explain_is_undefined(valued, same):
    random = np.random.default_rng(0)
    constant, varied = np.full(7, same), same + random.normal(size=7)
    of_truth, of_said = values(valued(constant, varied)), values(valued(varied, constant))
    assert {name for name, value in of_truth.items() if np.isnan(value)} == {"r2", "pearson", "spearman", "loss"}
    assert {name for name, value in of_said.items() if np.isnan(value)} == {"pearson", "spearman", "loss"}
    assert of_said["r2"] <= 0


def test_correlations_far_from_zero_are_as_good_as_near_it(valued):
    random = np.random.default_rng(1)
    truth, noise = random.normal(size=50), random.normal(size=50)
    near, far = (values(valued(truth + away, truth + noise + away)) for away in (0, 1e6))
    for name in ("r2", "pearson", "spearman"):
        assert far[name] == pytest.approx(near[name], abs=1e-9)


def test_the_table_of_metrics_is_tidy(valued):
    frame = evaluate(valued(AGES, GUESSES, people=[0, 1, 1, 2]), metrics=["R2_score", "MAE", "RMSE", "MSE"])
    assert list(frame) == list(COLUMNS)
    assert frame["metric"].tolist() == ["r2", "mae", "rmse", "mse"]
    assert set(frame["class"]) == {"all"}
    assert frame[["level", "n_participants", "n_sessions"]].iloc[0].tolist() == ["slice", 3, 3]


def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_rows(valued, monkeypatch):
    random = np.random.default_rng(4)
    truth = random.normal(size=40)
    table = valued(truth, truth + random.normal(size=40), people=np.arange(40) // 2)
    shuffled = PredictionTable(table.frame.sample(frac=1, random_state=0), "slice")
    written = [tables.text(evaluate(one, seed=seed)) for one, seed in ((table, 0), (shuffled, 0), (table, 1))]
    assert written[0] == written[1]
    assert written[0] != written[2]
    monkeypatch.setattr(intervals, "_AT_ONCE", 40 * 9)
    in_blocks = evaluate(table)[["value", "ci_low", "ci_high"]].to_numpy()
    monkeypatch.undo()
    np.testing.assert_allclose(in_blocks, evaluate(table)[["value", "ci_low", "ci_high"]], rtol=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_a_score_is_the_value_of_the_evaluation(valued, name):
    table = valued(AGES, GUESSES, loss=[0.5, 1.0, 1.5, 2.0])
    metrics = RegressionMetrics(65.0)
    assert metrics.scores(table, [name])[name] == values(table, 65.0)[name]
    assert name in set(metrics.evaluate(table)["metric"])


def test_what_is_followed_can_be_scored(valued):
    metrics = RegressionMetrics()
    assert tuple(metrics.scores(valued(AGES, GUESSES), metrics.followed)) == metrics.followed


def test_a_lone_participant_has_values_and_no_interval(valued):
    row = evaluate(valued(AGES, GUESSES, people=[0, 0, 0, 0]), metrics=["mae"]).iloc[0]
    assert row["value"] == 2.5
    assert row[["ci_low", "ci_high", "standard_error"]].isna().all()


def test_refuses_metrics_of_classes_and_tables_without_true_values(valued, predicted):
    table = valued(AGES, GUESSES)
    with pytest.raises(ComponentError, match=r"of values, and cannot be measured by 'roc-auc' \(of classes\), 'ssim'"):
        RegressionMetrics().scores(table, ["mae", "roc-auc", "SSIM"])
    with pytest.raises(InputError, match=r"1 of 4 predictions \(level: slice\) have no true value"):
        evaluate(valued([70.0, None, 60.0, 75.0], GUESSES))
    with pytest.raises(InputError, match=r"4 of 4 predictions"):
        evaluate(PredictionTable(table.frame.drop(columns="true_value"), "slice"))
    with pytest.raises(TableError, match="no column 'predicted_value'"):
        evaluate(predicted([0, 1], [0, 1]))

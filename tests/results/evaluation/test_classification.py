from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from fimbria import tables
from fimbria.errors import ComponentError, InputError, TableError
from fimbria.results.evaluation.classification import (
    METRICS,
    ClassificationMetrics,
    confusion,
    evaluate,
    roc_curve,
)
from fimbria.results.evaluation.intervals import bootstrap
from fimbria.results.evaluation.tally import Tally
from fimbria.results.predictions.table import PredictionTable


def score(table, name, positive):
    (value,) = ClassificationMetrics(positive).scores(table, [name]).values()
    return value


def values(table, positive=None, **options):
    frame = evaluate(table, positive, **({"resamples": 2} | options))
    return frame.set_index(["metric", "class"])["value"].to_dict()


@st.composite
def outcomes(draw, classes):
    """Draw truth with every class in it, and coarse probabilities, so that scores tie."""
    seed, rows = draw(st.integers(0, 2**32 - 1)), draw(st.integers(classes, 40))
    random = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), random.integers(classes, size=rows - classes)])
    grain = random.integers(1, draw(st.sampled_from([3, 10, 1000])) + 1, size=(rows, classes))
    return truth, grain / grain.sum(axis=1, keepdims=True)


def test_everybody_called_positive_gives_the_known_values(predicted):
    found = values(predicted([0, 0, 1, 1], [0, 0, 0, 0]), "A")
    expected = {
        "sensitivity": 1,
        "specificity": 0,
        "ppv": 0.5,
        "npv": 0,
        "balanced-accuracy": 0.5,
        "f1": 2 / 3,
        "mcc": 0,
        "markedness": -0.5,
        "lr-plus": 1,
        "lr-minus": np.nan,
        "roc-auc": 0.5,
    }
    assert {name: found[name, "A"] for name in expected} == pytest.approx(expected, nan_ok=True)
    assert found["accuracy", "all"] == 0.5


def test_three_classes_give_the_known_values_each_against_the_rest(predicted):
    found = values(predicted([0, 1, 2, 1], [0, 1, 1, 1]))
    balanced = [found["balanced-accuracy", name] for name in ("A", "B", "C", "mean")]
    assert balanced == [1.0, 0.75, 0.5, 0.75]
    assert found["accuracy", "all"] == 0.75


def test_the_positive_class_is_the_one_named(predicted):
    table = predicted([0, 0, 0, 1], [0, 0, 1, 1])
    assert values(table, "A")["sensitivity", "A"] == pytest.approx(2 / 3)
    assert values(table, "B")["sensitivity", "B"] == 1


@settings(max_examples=30, deadline=None)
@given(outcomes(classes=2))
def test_two_classes_agree_with_scikit_learn(predicted, drawn):
    truth, probabilities = drawn
    said = probabilities.argmax(axis=1)
    found = values(predicted(truth, probabilities=probabilities), "B")
    options = {"pos_label": 1, "zero_division": 0}
    expected = {
        "balanced-accuracy": sk.balanced_accuracy_score(truth, said),
        "sensitivity": sk.recall_score(truth, said, **options),
        "specificity": sk.recall_score(truth, said, pos_label=0),
        "ppv": sk.precision_score(truth, said, **options),
        "npv": sk.precision_score(truth, said, pos_label=0, zero_division=0),
        "f1": sk.f1_score(truth, said, **options),
        "mcc": sk.matthews_corrcoef(truth, said),
        "roc-auc": sk.roc_auc_score(truth, probabilities[:, 1]),
        "average-precision": sk.average_precision_score(truth, probabilities[:, 1]),
    }
    assert {name: found[name, "B"] for name in expected} == pytest.approx(expected, abs=1e-10)
    assert found["accuracy", "all"] == pytest.approx(sk.accuracy_score(truth, said), abs=1e-10)
    assert found["brier", "all"] == pytest.approx(sk.brier_score_loss(truth, probabilities[:, 1]), abs=1e-10)
    for name in ("loss", "log-loss"):
        assert found[name, "all"] == pytest.approx(sk.log_loss(truth, probabilities), abs=1e-10)


@settings(max_examples=30, deadline=None)
@given(outcomes(classes=3))
def test_three_classes_agree_with_scikit_learn(predicted, drawn):
    truth, probabilities = drawn
    said = probabilities.argmax(axis=1)
    found = values(predicted(truth, probabilities=probabilities))
    options = {"labels": [0, 1, 2], "zero_division": 0}
    for code, name in enumerate("ABC"):
        expected = {
            "sensitivity": sk.recall_score(truth, said, average=None, **options)[code],
            "ppv": sk.precision_score(truth, said, average=None, **options)[code],
            "f1": sk.f1_score(truth, said, average=None, **options)[code],
            "mcc": sk.matthews_corrcoef(truth == code, said == code),
            "balanced-accuracy": sk.balanced_accuracy_score(truth == code, said == code),
            "roc-auc": sk.roc_auc_score(truth == code, probabilities[:, code]),
            "average-precision": sk.average_precision_score(truth == code, probabilities[:, code]),
        }
        assert {metric: found[metric, name] for metric in expected} == pytest.approx(expected, abs=1e-10)
    assert found["sensitivity", "mean"] == pytest.approx(sk.balanced_accuracy_score(truth, said), abs=1e-10)
    assert found["f1", "mean"] == pytest.approx(sk.f1_score(truth, said, average="macro", **options), abs=1e-10)
    assert found["roc-auc", "mean"] == pytest.approx(
        sk.roc_auc_score(truth, probabilities, multi_class="ovr"), abs=1e-10
    )
    assert found["average-precision", "mean"] == pytest.approx(
        sk.average_precision_score(np.eye(3)[truth], probabilities), abs=1e-10
    )
    squares = (probabilities - np.eye(3)[truth]) ** 2
    assert found["brier", "all"] == pytest.approx(squares.sum(axis=1).mean(), abs=1e-10)
    for name in ("loss", "log-loss"):
        expected = sk.log_loss(truth, probabilities, labels=[0, 1, 2])
        assert found[name, "all"] == pytest.approx(expected, abs=1e-10)


@settings(max_examples=30, deadline=None)
@given(outcomes(classes=2))
def test_likelihood_ratios_are_those_of_sensitivity_and_specificity(predicted, drawn):
    found = values(predicted(drawn[0], probabilities=drawn[1]), "A")
    sensitivity, specificity = found["sensitivity", "A"], found["specificity", "A"]
    plus = sensitivity / (1 - specificity) if specificity < 1 else np.nan
    minus = (1 - sensitivity) / specificity if specificity > 0 else np.nan
    assert found["lr-plus", "A"] == pytest.approx(plus, abs=1e-10, nan_ok=True)
    assert found["lr-minus", "A"] == pytest.approx(minus, abs=1e-10, nan_ok=True)


def test_a_likelihood_ratio_without_false_positives_is_the_best_to_choose_by_and_not_said_in_a_table(predicted):
    perfect = predicted([0, 1, 0, 1], [0, 1, 0, 1])
    metrics = ClassificationMetrics("A")
    assert metrics.scores(perfect, ["lr-plus"]) == {"lr-plus": np.inf}
    assert np.isnan(metrics.scores(predicted([0, 1, 0, 1], [1, 1, 1, 1]), ["lr-plus"])["lr-plus"])
    row = metrics.evaluate(perfect).set_index("metric").loc["lr-plus"]
    assert np.isnan(row["value"])


def test_what_needs_a_class_that_the_truth_lacks_is_undefined(predicted):
    found = values(predicted([1, 1, 1], [1, 0, 1]), "A")
    undefined = {name for (name, _), value in found.items() if np.isnan(value)}
    of_members = {"sensitivity", "balanced-accuracy", "roc-auc", "average-precision"}
    assert undefined == of_members | {"lr-plus", "lr-minus"}
    assert found["specificity", "A"] == pytest.approx(2 / 3)
    assert found["f1", "A"] == 0


def test_a_mean_over_classes_is_undefined_when_one_of_them_is(predicted):
    found = values(predicted([0, 1, 0, 1], [0, 1, 2, 1]))
    assert np.isnan(found["sensitivity", "mean"])
    assert found["sensitivity", "B"] == 1


@pytest.mark.parametrize("classes", [2, 3])
def test_weighing_people_is_the_same_as_repeating_their_rows(predicted, classes):
    random = np.random.default_rng(classes)
    people = np.repeat(np.arange(12), 3)
    truth = np.repeat(np.arange(12) % classes, 3)
    probabilities = random.dirichlet(np.ones(classes), size=36).round(1)
    probabilities[:, -1] = 1 - probabilities[:, :-1].sum(axis=1)
    positive = "A" if classes == 2 else None
    weights = []
    bootstrap(lambda w: (weights.append(w), w[:1])[1], 12, 36, generator=np.random.default_rng(5), resamples=4)
    table = predicted(truth, probabilities=np.abs(probabilities), people=people)
    for column in np.concatenate(weights, axis=1).T.astype(int):
        copies = [(row, copy) for row in range(36) for copy in range(column[people[row]])]
        rows = [row for row, _ in copies]
        repeated = predicted(truth[rows], probabilities=np.abs(probabilities[rows]))
        weighed = replace(Tally.of(table), weights=column[:, None].astype(float))
        found, brute = (
            [
                *(one.confusion.ravel(), one.mean_loss, one.log_loss, one.brier),
                *(one.against_rest(c).roc_auc for c in range(classes)),
                *(one.against_rest(c).average_precision for c in range(classes)),
            ]
            for one in (weighed, Tally.of(repeated))
        )
        for one, other in zip(found, brute, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
    assert set(evaluate(table, positive, resamples=4)["metric"]) == set(METRICS)


def test_the_bounds_are_percentiles_of_the_values_of_the_resamples(predicted):
    random = np.random.default_rng(0)
    truth = np.arange(30) % 2
    probability = random.random(30)
    table = predicted(truth, probabilities=np.stack([probability, 1 - probability], axis=1))
    people = np.random.default_rng(7).integers(30, size=(50, 30))  # what seed 7 draws
    brute = [sk.roc_auc_score(truth[drawn] == 0, probability[drawn]) for drawn in people]
    found = evaluate(table, "A", metrics=["roc-auc"], resamples=50, seed=7).iloc[0]
    assert [found["ci_low"], found["ci_high"]] == pytest.approx(np.percentile(brute, [2.5, 97.5]), abs=1e-12)
    assert found["standard_error"] == pytest.approx(np.std(brute, ddof=1), abs=1e-12)


def test_the_table_of_metrics_is_tidy(predicted):
    frame = evaluate(predicted([0, 1, 1, 0], [0, 1, 0, 0], people=[0, 1, 1, 2]), "A", metrics=["BA", "loss"])
    assert list(frame) == [
        "metric",
        "class",
        "level",
        "value",
        "ci_low",
        "ci_high",
        "standard_error",
        "n_participants",
        "n_sessions",
    ]
    assert frame[["metric", "class"]].to_numpy().tolist() == [["balanced-accuracy", "A"], ["loss", "all"]]
    assert frame[["level", "n_participants", "n_sessions"]].iloc[0].tolist() == ["slice", 3, 3]
    assert ((frame["ci_low"] <= frame["value"]) & (frame["value"] <= frame["ci_high"])).all()


def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_rows(predicted):
    random = np.random.default_rng(4)
    table = predicted(random.integers(3, size=40), probabilities=random.dirichlet(np.ones(3), size=40))
    shuffled = PredictionTable(table.frame.sample(frac=1, random_state=0), "slice")
    written = [tables.text(evaluate(one, None, seed=seed)) for one, seed in ((table, 0), (shuffled, 0), (table, 1))]
    assert written[0] == written[1]
    assert written[0] != written[2]


def test_a_lone_participant_has_values_and_no_interval(predicted):
    row = evaluate(predicted([0, 1], [0, 1], people=[0, 0]), "A", metrics=["accuracy"]).iloc[0]
    assert row["value"] == 1
    assert row[["ci_low", "ci_high", "standard_error"]].isna().all()


@settings(max_examples=30, deadline=None)
@given(outcomes(classes=2))
def test_resampled_average_precision_is_that_of_the_repeated_rows(predicted, drawn):
    truth, probabilities = drawn
    random = np.random.default_rng(len(truth))
    people = np.sort(random.integers(5, size=len(truth)))
    people = np.unique(people, return_inverse=True)[1]
    weights = random.integers(3, size=(people.max() + 1, 6))
    tally = replace(
        Tally.of(predicted(truth, probabilities=probabilities, people=people)), weights=weights.astype(float)
    )
    found = tally.against_rest(1).average_precision
    for value, of_people in zip(found, weights.T, strict=True):
        rows = np.repeat(np.arange(len(truth)), of_people[people])
        lacking = not truth[rows].any()
        expected = np.nan if lacking else sk.average_precision_score(truth[rows], probabilities[rows, 1])
        assert value == pytest.approx(expected, abs=1e-10, nan_ok=True)


def test_the_log_loss_does_not_mind_what_the_training_loss_was(predicted):
    table = predicted([0, 1], probabilities=[[0.5, 0.5], [0.75, 0.25]], losses=[7.0, 9.0])
    assert score(table, "log-loss", None) == pytest.approx(-np.log([0.5, 0.25]).mean())


@pytest.mark.parametrize("name", ["average-precision", "brier", "log-loss", "BA"])
def test_three_classes_can_choose_an_epoch_by_any_metric(predicted, name):
    random = np.random.default_rng(3)
    table = predicted(np.arange(30) % 3, probabilities=random.dirichlet(np.ones(3), size=30))
    found = evaluate(table, None, metrics=[name], resamples=2).iloc[-1]
    assert ClassificationMetrics().scores(table, [name]) == {found["metric"]: found["value"]}
    assert found["class"] in {"mean", "all"}


def test_a_recorded_loss_comes_before_the_log_loss(predicted):
    table = predicted([0, 1], [0, 1], losses=[1.0, 2.0])
    assert score(table, "loss", None) == 1.5


@pytest.mark.parametrize("name", METRICS)
def test_a_score_is_the_value_of_the_evaluation(predicted, name):
    random = np.random.default_rng(8)
    for classes, positive, of_class in ((2, "B", "B"), (3, None, "mean")):
        truth = np.arange(30) % classes
        table = predicted(truth, probabilities=random.dirichlet(np.ones(classes), size=30))
        expected = {of: value for (_, of), value in values(table, positive, metrics=[name]).items()}
        assert score(table, name, positive) == expected.get(of_class, expected.get("all"))


@pytest.mark.parametrize(
    ("classes", "positive", "sentence"),
    [
        (2, None, r"there are 2 classes \(A, B\): which one is positive"),
        (2, "AD", r"no class is called 'AD'; the classes are A, B"),
        (3, "A", r"there are 3 classes \(A, B, C\): none of them is the positive one"),
    ],
)
def test_refuses_a_positive_class_that_does_not_fit(predicted, classes, positive, sentence):
    table = predicted(np.arange(6) % classes, np.arange(6) % classes)
    with pytest.raises(InputError, match=sentence):
        evaluate(table, positive)


def test_refuses_what_has_no_true_labels_and_metrics_that_do_not_exist(predicted):
    table = predicted([0, 1], [0, 1])
    unlabelled = PredictionTable(table.frame.drop(columns="true_label"), "slice")
    for evaluation in (evaluate, lambda t, p: score(t, "BA", p), lambda t, _: confusion(t), roc_curve):
        with pytest.raises(InputError, match=r"2 of 2 predictions \(level: slice\) have no true label"):
            evaluation(unlabelled, "A")
    with pytest.raises(ComponentError, match="balanced-accuracy"):
        evaluate(table, "A", metrics=["balanced-acuracy"])
    with pytest.raises(ComponentError, match=r"of classes, and cannot be measured by 'r2' \(of values\)"):
        ClassificationMetrics("A").scores(table, ["accuracy", "r2"])


def test_refuses_a_table_without_classes(valued):
    with pytest.raises(TableError, match="no column 'predicted_label'"):
        score(valued([70.0, 80.0], [71.0, 79.0]), "accuracy", None)


def test_the_confusion_table_has_true_rows_and_predicted_columns(predicted):
    expected = pd.DataFrame(
        [[1, 0, 1], [0, 2, 0], [0, 1, 0]],
        index=pd.Index(["A", "B", "C"], name="true"),
        columns=pd.Index(["A", "B", "C"], name="predicted"),
    )
    pd.testing.assert_frame_equal(confusion(predicted([0, 0, 1, 1, 2], [0, 2, 1, 1, 1])), expected)


@settings(max_examples=30, deadline=None)
@given(outcomes(classes=2))
def test_the_roc_curve_agrees_with_scikit_learn(predicted, drawn):
    truth, probabilities = drawn
    found = roc_curve(predicted(truth, probabilities=probabilities), "B")
    expected = sk.roc_curve(truth, probabilities[:, 1], drop_intermediate=False)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_a_roc_curve_needs_both_sides(predicted):
    with pytest.raises(InputError, match="hold nobody of it"):
        roc_curve(predicted([1, 1], [0, 1]), "A")
    with pytest.raises(InputError, match="hold no other class than it"):
        roc_curve(predicted([0, 0], [0, 1]), "A")

from __future__ import annotations

import numpy as np
import pytest

from fimbria.errors import ComponentError
from fimbria.results.evaluation import classification, reconstruction, regression
from fimbria.results.evaluation.metric import ALIASES, find, fits, fitting, metric, ratio

METRICS = (*classification.METRICS, *regression.METRICS, *reconstruction.METRICS)


def test_every_metric_is_registered_under_the_name_it_bears():
    assert {find(name).name for name in METRICS} == set(METRICS)
    assert set(METRICS) <= set(metric.names())
    assert all(metric.find(name).summary for name in METRICS)


def test_clinicadl_names_are_understood():
    spellings = {"BA": "balanced-accuracy", "R2_score": "r2", "MAE": "mae", "RMSE": "rmse", "MSE": "mse"}
    spellings |= {"PSNR": "psnr", "SSIM": "ssim", "LNCC": "lncc", "F1_score": "f1", "MK": "markedness"}
    assert {alias: find(alias).name for alias in spellings} == spellings
    assert {find(alias).name for alias in ALIASES} <= set(METRICS)


def test_errors_losses_and_the_negative_likelihood_ratio_are_better_low():
    lower = {name for name in METRICS if find(name).better == "lower"}
    assert lower == {"loss", "lr-minus", "brier", "log-loss", "mae", "mse", "rmse", "mae-of-mean"}


@pytest.mark.parametrize(
    ("of", "names"),
    [
        ("classes", classification.METRICS),
        ("values", (*regression.METRICS, "mse")),
        ("images", reconstruction.METRICS),
        ("times", ["loss"]),
    ],
)
def test_a_metric_fits_what_it_can_be_computed_of(of, names):
    assert {name for name in METRICS if fits(name, of)} == set(names)
    assert not fits("no-such-metric", of)


def test_metrics_of_something_else_are_refused_all_at_once():
    assert [one.name for one in fitting(["MAE", "loss"], "values", METRICS)] == ["mae", "loss"]
    with pytest.raises(
        ComponentError, match=r"of values, .* by 'accuracy' \(of classes\), 'ssim' \(of images\)\. There is: "
    ):
        fitting(["accuracy", "mae", "ssim"], "values", regression.METRICS)


def test_the_metrics_of_a_task_know_which_are_theirs():
    tasks = {
        "auc": classification.ClassificationMetrics("A"),
        "R2_score": regression.RegressionMetrics(),
        "SSIM": reconstruction.ReconstructionMetrics(),
    }
    found = {name: find(name, tasks[name]).name for name in ("R2_score", "SSIM")}
    assert found == {"R2_score": "r2", "SSIM": "ssim"}
    with pytest.raises(
        ComponentError, match=r"of values, and cannot be measured by 'balanced-accuracy' \(of classes\)"
    ):
        find("BA", tasks["R2_score"])
    with pytest.raises(ComponentError, match="did you mean"):
        find("roc-aucc", tasks["auc"])


def test_an_unknown_metric_is_refused_with_the_nearest_name():
    with pytest.raises(ComponentError, match="did you mean 'sensitivity'"):
        find("sensitivty")


def test_a_ratio_over_nothing_is_what_was_asked_for():
    above, below = np.array([1.0, 1.0]), np.array([2.0, 0.0])
    np.testing.assert_array_equal(ratio(above, below), [0.5, 0.0])
    np.testing.assert_array_equal(ratio(above, below, undefined=np.nan), [0.5, np.nan])

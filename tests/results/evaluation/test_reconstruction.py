from __future__ import annotations

import numpy as np
import pytest

from fimbria import tables
from fimbria.errors import ComponentError, InputError
from fimbria.results.evaluation.reconstruction import METRICS, Measures, ReconstructionMetrics, evaluate
from fimbria.results.predictions.table import PredictionTable

ALL = {
    "mse": [0.04, 0.09, 0.01],
    "mae": [0.1, 0.2, 0.3],
    "psnr": [14.0, 10.5, 100.0],
    "ssim": [0.8, 0.7, 1.0],
    "lncc": [0.5, 0.4, 0.9],
    "loss": [1.0, 2.0, 6.0],
}


def test_each_metric_is_the_mean_over_the_rows(measured):
    found = evaluate(measured(**ALL), resamples=2).set_index("metric")["value"]
    expected = {name: np.mean(column) for name, column in ALL.items()} | {"rmse": 0.2}
    assert found.to_dict() == pytest.approx(expected)
    assert tuple(found.index) == METRICS


def test_only_what_was_measured_is_evaluated(measured):
    table = measured(ssim=ALL["ssim"], mse=ALL["mse"])
    assert evaluate(table, resamples=2)["metric"].tolist() == ["mse", "rmse", "ssim"]
    assert ReconstructionMetrics().evaluate(table)["metric"].tolist() == ["mse", "rmse", "ssim"]


def test_people_are_resampled_with_all_their_rows(measured):
    random = np.random.default_rng(0)
    values = random.random(12)
    people = np.repeat(np.arange(4), 3)
    found = evaluate(measured(people, psnr=values), resamples=40, seed=3).iloc[0]
    brute = [values.reshape(4, 3)[drawn].mean() for drawn in np.random.default_rng(3).integers(4, size=(40, 4))]
    assert [found["ci_low"], found["ci_high"]] == pytest.approx(np.percentile(brute, [2.5, 97.5]), abs=1e-12)
    assert found["standard_error"] == pytest.approx(np.std(brute, ddof=1), abs=1e-12)
    assert found["n_participants"] == 4


def test_a_score_is_the_value_of_the_evaluation(measured):
    table = measured(**ALL)
    scores = ReconstructionMetrics().scores(table, ["PSNR", "SSIM", "LNCC", "MSE", "MAE", "RMSE", "loss"])
    assert list(scores) == ["psnr", "ssim", "lncc", "mse", "mae", "rmse", "loss"]
    assert scores == evaluate(table, resamples=2).set_index("metric")["value"].to_dict()


def test_what_is_followed_can_be_scored_from_what_is_measured(measured):
    metrics = ReconstructionMetrics()
    assert metrics.followed == ("mse", "mae", "rmse", "psnr", "ssim", "loss")
    assert tuple(metrics.scores(measured(**ALL), metrics.followed)) == metrics.followed
    assert ReconstructionMetrics(("lncc", "mae")).followed == ("mae", "lncc", "loss")


def test_the_order_of_rows_does_not_change_the_bytes(measured):
    table = measured(**ALL)
    backwards = PredictionTable(table.frame.iloc[::-1], "slice")
    assert tables.text(evaluate(table)) == tables.text(evaluate(backwards))


def test_a_measure_of_a_plug_in_can_be_averaged(measured):
    assert Measures.of(measured(mse=ALL["mse"], sharpness=[1.0, 2.0, 3.0])).mean_of("sharpness").tolist() == [2.0]


def test_refuses_what_was_not_measured_and_metrics_of_other_things(measured, predicted):
    table = measured(mse=ALL["mse"])
    with pytest.raises(InputError, match=r"'ssim' of the reconstructed images was not measured .*: mse"):
        ReconstructionMetrics().scores(table, ["mse", "ssim"])
    with pytest.raises(InputError, match="'mse' of the reconstructed images was not measured"):
        evaluate(predicted([0, 1], [0, 1]))
    with pytest.raises(ComponentError, match=r"of images, and cannot be measured by 'r2' \(of values\)"):
        evaluate(table, metrics=["r2"])

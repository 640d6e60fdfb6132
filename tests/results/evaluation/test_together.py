from __future__ import annotations

import pandas as pd
import pytest

from fimbria.errors import ComponentError
from fimbria.results.evaluation import Together
from fimbria.results.evaluation.classification import ClassificationMetrics
from fimbria.results.evaluation.metric import find
from fimbria.results.evaluation.reconstruction import ReconstructionMetrics
from fimbria.results.evaluation.regression import RegressionMetrics
from fimbria.results.predictions.table import PredictionTable

CLASS, VALUE, IMAGE = ClassificationMetrics("A"), RegressionMetrics(70.0), ReconstructionMetrics(("mae",))


@pytest.fixture
def table(predicted):
    frame = predicted([0, 0, 1, 1], [0, 1, 1, 1], losses=[1.0, 2.0, 3.0, 4.0]).frame
    values = {"true_value": [70.0, 80.0, 60.0, 75.0], "predicted_value": [72.0, 78.0, 66.0, 75.0]}
    return PredictionTable(frame.assign(**values, mae=[0.1, 0.2, 0.3, 0.2]), "slice")


def test_a_class_and_a_value_have_the_metrics_of_both_and_one_loss(table):
    both = Together(CLASS, VALUE)
    parts = [part.evaluate(table, seed=3) for part in (CLASS, VALUE)]
    expected = pd.concat([parts[0], parts[1][parts[1]["metric"] != "loss"]], ignore_index=True)
    pd.testing.assert_frame_equal(both.evaluate(table, seed=3), expected)
    assert both.followed == (*CLASS.followed, "mae", "rmse", "r2", "pearson")


def test_each_score_comes_from_the_part_that_knows_it(table):
    scores = Together(CLASS, VALUE).scores(table, ["MAE", "loss", "BA", "mae-of-mean"])
    assert list(scores) == ["mae", "loss", "balanced-accuracy", "mae-of-mean"]
    assert scores == VALUE.scores(table, ["mae", "mae-of-mean"]) | CLASS.scores(table, ["loss", "balanced-accuracy"])


def test_a_name_that_two_parts_know_says_of_the_later_one_what_it_is_of(table):
    both = Together(VALUE, IMAGE)
    assert both.followed == (*VALUE.followed, "images-mae")
    assert both.scores(table, ["images-mae", "mae"]) == pytest.approx({"images-mae": 0.2, "mae": 2.5})
    found = both.evaluate(table).set_index("metric")["value"]
    assert [found["images-mae"], found["mae"], found["loss"]] == pytest.approx([0.2, 2.5, 2.5])
    assert found.index.is_unique


def test_what_is_followed_can_be_scored(table):
    for metrics in (Together(CLASS, VALUE), Together(CLASS, VALUE, IMAGE), Together(IMAGE, CLASS)):
        assert tuple(metrics.scores(table, metrics.followed)) == tuple(metrics.followed)


def test_a_metric_is_found_by_what_it_is_called_among_all():
    both = Together(CLASS, VALUE, IMAGE)
    for name, called in (("BA", "balanced-accuracy"), ("MAE", "mae"), ("images-mae", "images-mae"), ("loss", "loss")):
        assert find(name, both).name == called
    assert find("images-mae", both).better == "lower"
    with pytest.raises(ComponentError, match="no metric is called 'values-mae'"):
        find("values-mae", both)


def test_refuses_two_of_a_kind_and_metrics_of_no_part(table):
    with pytest.raises(ComponentError, match="are of values; a table of predictions holds one such thing"):
        Together(VALUE, RegressionMetrics())
    with pytest.raises(ComponentError, match="metric 'psnr' is of images, and these predictions are of classes and"):
        Together(CLASS, VALUE).scores(table, ["PSNR"])
    with pytest.raises(ComponentError, match="did you mean 'pearson'"):
        Together(CLASS, VALUE).scores(table, ["peerson"])

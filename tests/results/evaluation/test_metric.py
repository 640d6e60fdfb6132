from __future__ import annotations

import numpy as np
import pytest

from fimbria.errors import ComponentError
from fimbria.results.evaluation.classification import METRICS
from fimbria.results.evaluation.metric import ALIASES, find, metric, ratio


def test_every_metric_is_registered_under_the_name_it_bears():
    assert {find(name).name for name in METRICS} == set(METRICS)
    assert set(METRICS) <= set(metric.names())
    assert all(metric.find(name).summary for name in METRICS)


def test_clinicadl_names_are_understood():
    assert find("BA").name == "balanced-accuracy"
    assert {find(alias).name for alias in ALIASES} <= set(METRICS)


def test_losses_and_the_negative_likelihood_ratio_are_better_low():
    assert {name for name in METRICS if find(name).better == "lower"} == {"loss", "lr-minus"}


def test_an_unknown_metric_is_refused_with_the_nearest_name():
    with pytest.raises(ComponentError, match="did you mean 'sensitivity'"):
        find("sensitivty")


def test_a_ratio_over_nothing_is_what_was_asked_for():
    above, below = np.array([1.0, 1.0]), np.array([2.0, 0.0])
    np.testing.assert_array_equal(ratio(above, below), [0.5, 0.0])
    np.testing.assert_array_equal(ratio(above, below, undefined=np.nan), [0.5, np.nan])

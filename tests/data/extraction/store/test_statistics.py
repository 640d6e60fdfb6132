from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fimbria.data.extraction.store import Statistics
from fimbria.data.extraction.store import statistics as module
from fimbria.data.extraction.store.statistics import QUANTILES, of_image

intensities = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=3, max_dims=3, max_side=6),
    elements=st.floats(-1000, 1000, width=32),
)


@given(intensities)
def test_a_small_image_has_exact_quantiles(array):
    found = Statistics.of(array)
    expected = np.percentile(array.astype(float), np.linspace(0, 100, QUANTILES))
    assert len(found.quantiles) == QUANTILES == 201
    np.testing.assert_allclose(found.quantiles, expected, rtol=1e-5, atol=1e-3)
    assert (found.minimum, found.maximum) == (found.quantiles[0], found.quantiles[-1]) == (array.min(), array.max())
    assert found.mean == pytest.approx(array.mean(dtype=float), abs=1e-3)
    assert found.deviation == pytest.approx(array.std(dtype=float), abs=1e-3)


@given(intensities)
def test_quantiles_never_fall(array):
    assert np.all(np.diff(Statistics.of(array).quantiles) >= 0)


@given(intensities)
def test_voxels_that_are_zero_count_among_all_and_not_among_the_others(array):
    array[0] = 0
    whole, nonzero = of_image(array)
    assert whole == Statistics.of(array)
    others = array[array != 0]
    assert nonzero == (Statistics.of(others) if others.size else whole)


def test_a_large_image_keeps_its_ends_and_its_quantiles_nearly(monkeypatch):
    array = np.random.default_rng(0).normal(size=(30, 30, 30)).astype("f4")
    array[1, 1, 1], array[3, 3, 3] = -50, 50  # where every second voxel is not looked at
    exact = Statistics.of(array)
    monkeypatch.setattr(module, "_MANY", 1000)
    quick = Statistics.of(array)
    assert quick.quantiles != exact.quantiles
    assert (quick.quantiles[0], quick.quantiles[-1]) == (-50, 50)
    np.testing.assert_allclose(quick.quantiles[4:-4], exact.quantiles[4:-4], atol=0.15)
    assert (quick.minimum, quick.maximum, quick.mean, quick.deviation) == (-50, 50, exact.mean, exact.deviation)


def test_what_is_not_zero_in_a_large_image_has_the_quantiles_of_every_second_voxel_along_each_axis(monkeypatch):
    array = np.random.default_rng(1).normal(size=(12, 13, 14)).astype("f4")
    array[:5] = 0
    monkeypatch.setattr(module, "_MANY", 1000)
    _, nonzero = of_image(array)
    some = array[::2, ::2, ::2]
    expected = np.percentile(some[some != 0].astype(float), np.linspace(0, 100, QUANTILES))
    np.testing.assert_allclose(nonzero.quantiles[1:-1], expected[1:-1], rtol=1e-5, atol=1e-6)
    assert (nonzero.quantiles[0], nonzero.quantiles[-1]) == (array.min(), array.max())


def test_json_keeps_every_bit():
    found = Statistics.of(np.random.default_rng(0).normal(size=(3, 4, 5)).astype("f4"))
    plain = json.loads(json.dumps(asdict(found)))
    assert Statistics(**{**plain, "quantiles": tuple(plain["quantiles"])}) == found

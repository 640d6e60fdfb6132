from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fimbria.data.extraction.store import Statistics
from fimbria.errors import ComponentError
from fimbria.learning.samples.normalization import normalization

intensities = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=3, max_dims=3, max_side=4), elements=st.floats(-(2**100), 2**100, width=32)
)


def scaling(scope="image"):
    return normalization.build("min-max", {"scope": scope})


def statistics(part):
    return Statistics(float(part.min()), float(part.max()), 0.0, 0.0)


@given(intensities, st.sampled_from(["image", "part"]))
def test_the_lowest_becomes_0_and_the_highest_1_and_a_single_value_0(array, scope):
    part = array[None]
    low, high = part.min(), part.max()
    scaled = scaling(scope)(part, Statistics(float(low), float(high), 0, 0))
    assert np.all(scaled[part == low] == 0)
    assert np.all(scaled[part == high] == (1 if high > low else 0))
    assert np.all((scaled >= 0) & (scaled <= 1))


@given(intensities)
def test_what_was_given_stays_as_it_was(array):
    part = array[None]
    before = part.copy()
    scaling("part")(part, statistics(part))
    assert np.array_equal(part, before)


@pytest.mark.parametrize("scope", ["image", "part"])
@pytest.mark.parametrize("value", [0.0, -3.5, 1e-40, 3e38])
def test_one_value_only_becomes_zeros_and_not_nan(scope, value):
    part = np.full((1, 2, 2, 2), value, np.float32)
    assert np.array_equal(scaling(scope)(part, statistics(part)), np.zeros_like(part))


def test_over_the_image_parts_stay_comparable_and_over_the_part_they_do_not():
    whole = Statistics(0, 10, 5, 1)
    dark, bright = np.float32([0, 2]).reshape(1, 1, 1, 2), np.float32([8, 10]).reshape(1, 1, 1, 2)
    assert np.allclose(scaling("image")(dark, whole), [0.0, 0.2])
    assert np.allclose(scaling("image")(bright, whole), [0.8, 1.0])
    assert scaling("part")(dark, whole).flatten().tolist() == [0, 1]
    assert scaling("part")(bright, whole).flatten().tolist() == [0, 1]


def test_the_image_is_the_scope_unless_another_is_chosen():
    assert normalization.build("min-max") == scaling("image")


def test_refuses_another_scope():
    with pytest.raises(ComponentError, match="scope = 'cohort'"):
        scaling("cohort")

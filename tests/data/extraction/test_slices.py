from __future__ import annotations

import numpy as np
import pytest

from fimbria.data.extraction import extraction, take
from fimbria.data.extraction.slices import Slices
from fimbria.errors import ComponentError, InputError

SHAPE = (169, 208, 179)


@pytest.mark.parametrize(("direction", "whole", "inner"), [(0, 169, 129), (1, 208, 168), (2, 179, 139)])
def test_there_is_one_a_plane_and_their_numbers_keep_the_offset(direction, whole, inner):
    assert [location.index for location in Slices(direction).locations(SHAPE)] == list(range(whole))
    kept = Slices(direction, (20, 20)).locations(SHAPE)
    assert len(kept) == inner
    assert [location.index for location in kept] == list(range(20, whole - 20))


@pytest.mark.parametrize("direction", [0, 1, 2])
def test_a_slice_is_the_plane_of_its_number(direction):
    image = np.random.default_rng(0).normal(size=(4, 5, 6)).astype("f4")
    for location in Slices(direction, (1, 1)).locations(image.shape):
        assert np.array_equal(take(image, location)[0], image.take(location.index, direction))


def test_three_channels_are_the_same_slice_three_times():
    image = np.random.default_rng(0).normal(size=(4, 5, 6)).astype("f4")
    part = take(image, Slices(1, channels=3).locations(image.shape)[2])
    assert part.shape == (3, 4, 6)
    assert all(np.array_equal(channel, image[:, 2]) for channel in part)


def test_every_nth_slice_begins_with_the_first_that_is_kept_and_keeps_its_number():
    image = np.random.default_rng(0).normal(size=(4, 11, 6)).astype("f4")
    kept = Slices(1, (2, 1), every=3).locations(image.shape)
    assert [location.index for location in kept] == [2, 5, 8]
    assert all(np.array_equal(take(image, location)[0], image[:, location.index]) for location in kept)


def test_nothing_left_is_refused():
    with pytest.raises(InputError, match=r"90 \+ 79 of 169 slices are discarded: none is left"):
        Slices(0, (90, 79)).locations(SHAPE)


@pytest.mark.parametrize(
    "wrong", [{"direction": 3}, {"discard": [1]}, {"discard": [-1, 0]}, {"channels": 2}, {"every": 0}]
)
def test_options_outside_their_bounds_are_refused(wrong):
    with pytest.raises(ComponentError, match=f"extraction 'slice': {next(iter(wrong))}"):
        extraction.build("slice", wrong)

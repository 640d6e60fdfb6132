from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.extraction import Location, extraction, put_back, take
from fimbria.data.extraction.patches import Patches
from fimbria.data.extraction.regions import Regions
from fimbria.data.extraction.slices import Slices
from fimbria.data.extraction.whole import Whole

sides = st.integers(1, 9)
shapes = st.tuples(sides, sides, sides)


@st.composite
def cuts(draw):
    """A shape, and any way to cut it."""
    shape = draw(shapes)
    kind = draw(st.sampled_from(["whole", "patches", "slices", "regions"]))
    if kind == "whole":
        return shape, Whole()
    if kind == "patches":
        size = tuple(draw(st.integers(1, side)) for side in shape)
        return shape, Patches(size, draw(st.none() | st.tuples(sides, sides, sides)))
    if kind == "slices":
        direction = draw(st.integers(0, 2))
        start = draw(st.integers(0, shape[direction] - 1))
        end = draw(st.integers(0, shape[direction] - 1 - start))
        return shape, Slices(direction, (start, end), draw(st.sampled_from([1, 3])))
    masks = []
    for number in range(draw(st.integers(1, 3))):
        mask = np.zeros(shape, dtype=bool)
        for _ in range(draw(st.integers(1, 4))):
            mask[tuple(draw(st.integers(0, side - 1)) for side in shape)] = True
        masks.append((f"r{number}", mask))
    return shape, Regions(tuple(masks), draw(st.booleans()))


def image_of(shape):
    return np.random.default_rng(0).normal(10, 2, shape).astype("f4")


@given(cuts())
def test_every_part_lies_inside_and_has_the_shape_it_says(cut):
    shape, way = cut
    image = image_of(shape)
    locations = way.locations(shape)
    assert len(locations) >= 1
    assert len({location.index for location in locations}) == len(locations)
    for location in locations:
        for part, side in zip(location.box, shape, strict=True):
            assert 0 <= part.start < part.stop <= side
        assert take(image, location).shape == location.shape
        assert take(image, location).dtype == np.float32


@given(cuts())
def test_parts_put_back_are_the_image_where_they_cover_it(cut):
    shape, way = cut
    image = image_of(shape)
    locations = way.locations(shape)
    covered = np.zeros(shape, dtype=bool)
    for location in locations:
        covered[location.box] |= True if location.mask is None else location.mask
    back = put_back([take(image, location) for location in locations], locations, shape)
    assert back.dtype == np.float32
    assert np.allclose(back[covered], image[covered], rtol=1e-6)
    assert not back[~covered].any()


@given(cuts())
def test_all_parts_of_an_image_share_a_shape(cut):
    shape, way = cut
    assert len({location.shape for location in way.locations(shape)}) == 1


def test_where_parts_overlap_their_mean_stands():
    locations = [
        Location(0, (slice(0, 2), slice(0, 1), slice(0, 1))),
        Location(1, (slice(1, 3), slice(0, 1), slice(0, 1))),
    ]
    back = put_back([np.full((1, 2, 1, 1), 1.0), np.full((1, 2, 1, 1), 3.0)], locations, (4, 1, 1))
    assert back.ravel().tolist() == [1, 2, 3, 0]


def test_of_several_channels_the_mean_is_put_back():
    location = Location(0, (slice(0, 1), slice(0, 1), slice(0, 1)), channels=3)
    assert put_back([np.array([1.0, 2.0, 6.0]).reshape(3, 1, 1, 1)], [location], (1, 1, 1)).item() == 3


def test_taking_does_not_change_the_image():
    image = image_of((4, 4, 4))
    before = image.copy()
    take(image, Location(0, (slice(0, 4),) * 3, mask=np.zeros((4, 4, 4), bool)))
    assert np.array_equal(image, before)


def test_the_whole_image_is_its_only_part():
    (location,) = extraction.build("image").locations((4, 5, 6))
    assert (location.index, location.shape) == (0, (1, 4, 5, 6))
    image = image_of((4, 5, 6))
    assert np.array_equal(take(image, location)[0], image)


def test_every_way_of_cutting_is_known_by_its_name():
    assert {"image", "patch", "slice", "roi"} <= set(extraction.names())


def test_parts_and_locations_must_be_as_many():
    with pytest.raises(ValueError, match="longer"):
        put_back([], Whole().locations((1, 1, 1)), (1, 1, 1))

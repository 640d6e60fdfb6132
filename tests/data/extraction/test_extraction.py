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
from fimbria.errors import ComponentError, InputError

sides = st.integers(1, 12)
shapes = st.tuples(sides, sides, sides)


@st.composite
def cuts(draw):
    """A shape, and any way to cut it."""
    shape = draw(shapes)
    kind = draw(st.sampled_from(["whole", "patches", "slices", "regions"]))
    if kind == "whole":
        return shape, Whole(draw(st.integers(1, min(5, *shape))))
    if kind == "patches":
        padding = draw(st.booleans())
        size = tuple(draw(st.integers(1, 12 if padding else side)) for side in shape)
        return shape, Patches(size, draw(st.none() | st.tuples(sides, sides, sides)), padding)
    if kind == "slices":
        direction = draw(st.integers(0, 2))
        start = draw(st.integers(0, shape[direction] - 1))
        end = draw(st.integers(0, shape[direction] - 1 - start))
        return shape, Slices(direction, (start, end), draw(st.sampled_from([1, 3])), draw(sides))
    masks = []
    for number in range(draw(st.integers(1, 3))):
        mask = np.zeros(shape, dtype=bool)
        for _ in range(draw(st.integers(1, 4))):
            mask[tuple(draw(st.integers(0, side - 1)) for side in shape)] = True
        masks.append((f"r{number}", mask))
    return shape, Regions(tuple(masks), draw(st.booleans()), -1.0)


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
        if location.inside is not None:
            assert location.inside.shape == location.shape[1:]
            assert not take(image, location)[:, ~location.inside].any()
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
    assert np.array_equal(back[covered], image[covered])
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


def test_a_part_with_a_step_takes_every_nth_voxel_and_gives_it_back_there():
    image = image_of((7, 4, 5))
    location = Location(0, (slice(1, 6, 2), slice(0, 4, 3), slice(4, 5)))
    part = take(image, location)
    assert part.shape == location.shape == (1, 3, 2, 1)
    assert np.array_equal(part[0], image[1:6:2, 0:4:3, 4:5])
    back = put_back([part], [location], image.shape)
    assert np.array_equal(back[1:6:2, 0:4:3, 4:5], part[0])
    assert np.count_nonzero(back) == 6


def test_a_part_that_hangs_over_either_side_is_zero_there_and_knows_where_it_is_real():
    image = image_of((3, 3, 3))
    location = Location(0, (slice(2, 3), slice(0, 3), slice(0, 2)), padding=((0, 2), (0, 0), (1, 0)))
    part = take(image, location)
    assert part.shape == location.shape == (1, 3, 3, 3)
    assert part.dtype == np.float32
    assert np.array_equal(part[0, :1, :, 1:], image[2:, :, :2])
    assert np.array_equal(location.inside, part[0] != 0)
    assert location.inside.sum() == 6
    part[0][~location.inside] = 99  # whatever a network makes of what is no part of the image
    assert np.array_equal(put_back([part], [location], image.shape)[2:, :, :2], image[2:, :, :2])


def test_what_is_real_is_the_mask_without_the_padding_and_flat_where_the_part_is():
    mask = np.array([[[True], [False]], [[True], [True]]])
    location = Location(0, (slice(0, 2), slice(0, 2), slice(1, 2)), flat=2, mask=mask, padding=((0, 0), (1, 0), (0, 0)))
    assert location.inside.tolist() == [[False, True, False], [False, True, True]]
    assert location.shape == (1, 2, 3)
    assert Location(0, (slice(0, 2),) * 3).inside is None


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


@pytest.mark.parametrize(
    ("reduce", "shape"),
    [(1, (169, 208, 179)), (2, (80, 96, 80)), (3, (56, 64, 56)), (4, (40, 48, 40)), (5, (32, 40, 32))],
)
def test_cropped_images_of_the_template_are_reduced_as_clinicadl_does(reduce, shape):
    (location,) = extraction.build("image", {"reduce": reduce}).locations((169, 208, 179))
    assert location.shape == (1, *shape)


def test_the_voxels_of_reduced_images_of_the_template_are_clinicadls():
    wanted = {
        2: "4:164:2 8:200:2 8:168:2",
        3: "0:168:3 8:200:3 4:172:3",
        4: "4:164:4 8:200:4 8:168:4",
        5: "4:164:5 0:200:5 8:168:5",
    }
    for reduce, sides in wanted.items():
        (location,) = Whole(reduce).locations((169, 208, 179))
        assert " ".join(f"{side.start}:{side.stop}:{side.step}" for side in location.box) == sides


def test_other_images_are_reduced_around_their_centre():
    (location,) = Whole(3).locations((9, 10, 11))
    assert [list(range(side.start, side.stop, side.step)) for side in location.box] == [[1, 4, 7], [1, 4, 7], [2, 5, 8]]


def test_an_image_of_fewer_voxels_than_it_is_reduced_by_is_refused():
    with pytest.raises(InputError, match="9x2x9 voxels cannot be reduced 3 times"):
        Whole(3).locations((9, 2, 9))
    with pytest.raises(ComponentError, match="extraction 'image': reduce = 6"):
        extraction.build("image", {"reduce": 6})


def test_every_way_of_cutting_is_known_by_its_name():
    assert {"image", "patch", "slice", "roi"} <= set(extraction.names())


def test_parts_and_locations_must_be_as_many():
    with pytest.raises(ValueError, match="longer"):
        put_back([], Whole().locations((1, 1, 1)), (1, 1, 1))

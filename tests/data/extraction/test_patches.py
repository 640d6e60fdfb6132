from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.extraction import Choosy, extraction, put_back, take
from fimbria.data.extraction.patches import Patches
from fimbria.data.extraction.slices import Slices
from fimbria.errors import ComponentError, InputError
from fimbria.geometry import counts


@pytest.mark.parametrize(
    ("shape", "size", "stride", "count"),
    [
        ((169, 208, 179), 50, 50, 36),
        ((169, 208, 179), 50, None, 36),
        ((169, 208, 179), 50, 25, 210),
        ((72, 80, 76), 40, 36, 4),
        ((50, 50, 50), 50, 50, 1),
    ],
)
def test_there_are_as_many_as_fit(shape, size, stride, count):
    assert len(Patches(size, stride).locations(shape)) == count


sides = st.tuples(*[st.integers(1, 12)] * 3)


@given(sides, sides, sides)
def test_the_last_axis_runs_fastest(shape, size, stride):
    size = tuple(min(one, side) for one, side in zip(size, shape, strict=True))
    locations = Patches(size, stride).locations(shape)
    _, along_y, along_z = counts(shape, size, stride)
    for location in locations:
        ix, iy, iz = (part.start // step for part, step in zip(location.box, stride, strict=True))
        assert location.index == (ix * along_y + iy) * along_z + iz
        assert location.shape == (1, *size)
    assert [location.index for location in locations] == list(range(len(locations)))


@pytest.mark.parametrize("size", [51, (50, 50, 51)])
def test_a_patch_larger_than_the_image_is_refused(size):
    with pytest.raises(InputError, match=r"patches of 5\dx5\dx51 are larger than the image \(50x50x50\)"):
        Patches(size).locations((50, 50, 50))


def test_sides_are_one_number_or_three():
    assert extraction.build("patch", {"size": [3, 4, 5]}).locations((3, 4, 5))[0].shape == (1, 3, 4, 5)
    for wrong in (0, [3, 4], -2, "x"):
        with pytest.raises(ComponentError, match="extraction 'patch': size"):
            extraction.build("patch", {"size": wrong})


@pytest.mark.parametrize(
    ("shape", "size", "stride", "count"),
    [
        ((169, 208, 179), 50, 50, 4 * 5 * 4),
        ((169, 208, 179), 50, 25, 6 * 8 * 7),
        ((50, 50, 50), 50, 50, 1),
        ((3, 4, 5), 50, 50, 1),
        ((10, 2, 2), 2, 9, 2),
        ((10, 2, 2), 2, 20, 1),
    ],
)
def test_padded_there_are_as_many_as_reach_the_far_side(shape, size, stride, count):
    locations = Patches(size, stride, padding=True).locations(shape)
    assert len(locations) == count
    assert {location.shape for location in locations} == {(1, size, size, size)}


@given(sides, sides, sides)
def test_padded_no_voxel_is_left_over(shape, size, stride):
    stride = tuple(min(pair) for pair in zip(stride, size, strict=True))
    image = np.random.default_rng(0).normal(10, 1, shape).astype("f4")
    locations = Patches(size, stride, padding=True).locations(shape)
    assert np.array_equal(put_back([take(image, place) for place in locations], locations, shape), image)
    assert all(place.padding is None or all(before == 0 for before, _ in place.padding) for place in locations)


class Counted:
    """An image that counts how often it is read."""

    def __init__(self, array):
        self.array, self.reads = array, 0

    def __getitem__(self, box):
        self.reads += 1
        return self.array[box]


def half_bright():
    image = np.zeros((4, 4, 8), "f4")
    image[:, :, :3] = 1  # the mean is 3 / 8
    return Counted(image)


@pytest.mark.parametrize(("foreground", "chosen"), [(0.25, [0, 1]), (0.5, [0, 1]), (0.51, [0]), (1.0, [0])])
def test_patches_with_too_few_bright_voxels_are_left_out(foreground, chosen):
    cut = Patches((4, 4, 2), foreground=foreground)
    image = half_bright()
    assert cut.chosen(image, 3 / 8, cut.locations((4, 4, 8))) == chosen
    assert image.reads == 1


def test_padded_voxels_are_dark():
    image = Counted(np.ones((3, 1, 1), "f4"))
    places = Patches((2, 1, 1), padding=True).locations((3, 1, 1))
    assert Patches((2, 1, 1), padding=True, foreground=0.5).chosen(image, 0.5, places) == [0, 1]
    assert Patches((2, 1, 1), padding=True, foreground=0.6).chosen(image, 0.5, places) == [0]


def test_an_image_without_any_bright_patch_keeps_its_brightest():
    image = np.zeros((4, 4, 8), "f4")
    image[0, 0, 5] = 1
    cut = Patches((4, 4, 2), foreground=0.9)
    assert cut.chosen(image, 0.01, cut.locations(image.shape)) == [2]


def test_without_a_foreground_everything_is_chosen_and_nothing_read():
    cut = Patches((4, 4, 2))
    image = half_bright()
    assert not cut.choosy
    assert Patches(foreground=0.1).choosy
    assert cut.chosen(image, 3 / 8, cut.locations((4, 4, 8))) == [0, 1, 2, 3]
    assert image.reads == 0


def test_only_patches_choose():
    assert isinstance(Patches(), Choosy)
    assert not isinstance(Slices(), Choosy)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_a_share_lies_between_none_and_all(wrong):
    with pytest.raises(ComponentError, match="extraction 'patch': foreground"):
        extraction.build("patch", {"foreground": wrong})

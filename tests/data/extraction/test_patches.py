from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.extraction import extraction
from fimbria.data.extraction.patches import Patches
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

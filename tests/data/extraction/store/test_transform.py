from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fimbria.data.extraction.store import Transform
from fimbria.data.extraction.store.transform import packed
from fimbria.data.images.nifti import Image
from fimbria.errors import ImageError
from fimbria.geometry import Grid

WHERE = Path("sub-01_T1w.nii.gz")


def image(array):
    array = np.asarray(array, np.float32)
    return Image(array, Grid(array.shape, np.eye(4)))


def some(*spoilt):
    array = np.arange(60, dtype="f4").reshape(3, 4, 5)
    array.flat[: len(spoilt)] = spoilt
    return array


@given(
    arrays.arrays(np.float32, (3, 4, 5), elements=st.floats(-1e4, 1e4, width=32)),
    st.floats(1e-3, 1e3),
)
def test_packing_errs_by_half_a_step_and_says_by_how_much(array, factor):
    array = (array * np.float32(factor)).astype(np.float32)
    low, high = float(array.min()), float(array.max())
    if high - low < 1e-20:
        return
    small, packing = packed(array)
    found = packing.unpacked(small)
    error = np.abs(found.astype(float) - array).max()
    rounding = 2 * float(np.spacing(np.float32(max(abs(low), abs(high)))))
    assert small.dtype == np.int16
    assert found.dtype == np.float32
    assert error <= 1.01 * (high - low) / 131_070 + rounding
    assert packing.error == pytest.approx(error, abs=rounding)


@given(arrays.arrays(np.int16, (3, 4, 5)))
def test_whole_numbers_are_kept_exactly(array):
    small, packing = packed(array.astype(np.float32))
    assert np.array_equal(packing.unpacked(small), array)
    assert packing.error == 0


def test_whole_numbers_that_do_not_fit_are_scaled_and_the_error_is_told():
    array = np.arange(60, dtype="f4").reshape(3, 4, 5) * 2000
    small, packing = packed(array)
    assert 0 < packing.error <= 118_000 / 131_070 * 1.01
    assert np.abs(packing.unpacked(small) - array).max() == pytest.approx(packing.error)


@pytest.mark.parametrize("extent", [1e-38, 1e-42, 1e38])
def test_intensities_of_any_size_can_be_packed(extent):
    array = np.linspace(0, extent, 60, dtype="f4").reshape(3, 4, 5)
    small, packing = packed(array)
    assert np.abs(packing.unpacked(small) - array).max() <= extent / 1000


@pytest.mark.parametrize("spoilt", [(np.nan,), (np.inf, -np.inf), (np.nan, np.inf, -np.inf)])
def test_what_is_no_number_is_refused_or_replaced(spoilt):
    with pytest.raises(ImageError, match=f"holds NaN or infinity in {len(spoilt)} of 60 voxels") as caught:
        Transform().apply(image(some(*spoilt)), WHERE)
    assert "--nonfinite 0" in str(caught.value)
    assert str(WHERE) in str(caught.value)
    given_ = some(*spoilt)
    kept = Transform(nonfinite=-3).apply(image(given_), WHERE).array
    assert kept.dtype == np.float32
    assert kept.flat[: len(spoilt)].tolist() == [-3] * len(spoilt)
    assert np.array_equal(kept.flat[len(spoilt) :], given_.flat[len(spoilt) :])
    assert np.isnan(given_.flat[0]) == np.isnan(spoilt[0])  # what was given stays as it was


@pytest.mark.parametrize(("shape", "axis"), [((1, 4, 5), "x"), ((4, 1, 5), "y"), ((4, 5, 1), "z")])
def test_an_image_one_voxel_thick_is_no_volume(shape, axis):
    with pytest.raises(ImageError, match=f"is one voxel thick along {axis}; a volume was wanted"):
        Transform().apply(image(np.arange(20).reshape(shape)), WHERE)


def test_an_image_that_is_one_value_once_it_is_mended_is_refused():
    array = np.zeros((3, 4, 5))
    array[0, 0, 0] = np.nan
    with pytest.raises(ImageError, match="holds nothing but 0"):
        Transform(nonfinite=0).apply(image(array), WHERE)


def test_a_spacing_that_leaves_no_volume_is_refused():
    with pytest.raises(ImageError, match="one voxel thick"):
        Transform(spacing_mm=50).apply(image(some()), WHERE)


def test_an_image_that_needs_no_change_is_not_copied():
    given_ = image(some())
    assert Transform().apply(given_, WHERE).array is given_.array


def test_the_key_tells_transforms_apart():
    made = [
        Transform(spacing, nonfinite, compact)
        for spacing in (None, 1.0, 1.5, 10)
        for nonfinite in (None, 0.0, -1.0)
        for compact in (False, True)
    ]
    assert len({transform.key for transform in made}) == len(made)
    assert Transform().key == "own-spacing"
    assert Transform(1.5, 0, compact=True).key == "1.5mm_nonfinite-0_int16"


@pytest.mark.parametrize("values", [(1.0000001, 1.0000002), (0.123456789, 0.123456788)])
def test_the_key_tells_numbers_apart_that_hardly_differ(values):
    assert len({Transform(value).key for value in values}) == 2
    assert len({Transform(nonfinite=value).key for value in values}) == 2


def test_bytes_are_those_of_what_will_be_kept():
    grid = Grid((100, 100, 100), np.eye(4))
    plain, small, coarse = (Transform(*told).bytes_needed(grid) for told in ((), (None, None, True), (2,)))
    assert plain - small == 2_000_000
    assert plain - coarse == 4_000_000 - 500_000

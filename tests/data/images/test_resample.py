from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.images.nifti import Image
from fimbria.data.images.resample import resampled
from fimbria.geometry import Grid
from strategies import grids


@given(grids())
def test_the_same_grid_gives_the_same_image(grid):
    array = np.random.default_rng(0).normal(size=grid.shape).astype("f4")
    image = resampled(Image(array, grid), grid)
    assert np.allclose(image.array, array, atol=1e-4)
    assert image.grid is grid


@given(grids(), st.data())
def test_sampling_on_a_crop_is_cropping(grid, data):
    array = np.random.default_rng(0).normal(size=grid.shape).astype("f4")
    box = tuple(slice(data.draw(st.integers(0, side - 1)), side) for side in grid.shape)
    assert np.allclose(resampled(Image(array, grid), grid.cropped(box)).array, array[box], atol=1e-4)


def test_what_grows_evenly_through_space_keeps_its_value_at_every_place(oblique):
    fine = Grid((11, 13, 12), np.array([[0.7, 0, 0, 8], [0, 0.7, 0, -33], [0, 0, 0.7, 8], [0, 0, 0, 1.0]]))
    slope = np.array([2.0, -1.0, 0.5])
    ramp = np.tensordot(slope, oblique.world(), 1)
    found = resampled(Image(ramp.astype("f4"), oblique), fine).array
    voxels = np.linalg.inv(oblique.affine) @ np.vstack([fine.world().reshape(3, -1), np.ones(fine.world()[0].size)])
    inside = np.logical_and(voxels[:3] >= 0, voxels[:3] <= np.array([[4], [5], [6]])).all(0).reshape(fine.shape)
    assert inside.sum() > 100
    assert np.allclose(found[inside], np.tensordot(slope, fine.world(), 1)[inside], atol=1e-3)


def test_outside_the_image_there_is_nothing():
    grid = Grid((4, 4, 4), np.eye(4))
    away = Grid((4, 4, 4), np.array([[1.0, 0, 0, 50], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    assert not resampled(Image(np.ones((4, 4, 4), "f4"), grid), away).array.any()


@pytest.mark.parametrize("side", [2.0, 3.0])
def test_larger_voxels_hold_the_mean_of_what_they_cover(side):
    grid = Grid((36, 36, 36), np.eye(4))
    checkers = (np.indices(grid.shape).sum(0) % 2).astype("f4")
    coarse = resampled(Image(checkers, grid), grid.respaced(side)).array
    assert coarse[2:-2, 2:-2, 2:-2] == pytest.approx(0.5, abs=0.05)


def test_the_result_is_float32_in_one_piece(oblique):
    image = resampled(Image(np.ones(oblique.shape, bool), oblique), oblique.respaced(1))
    assert image.array.dtype == np.float32
    assert image.array.flags.c_contiguous
    assert image.array.shape == image.grid.shape

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.geometry import Grid, bounding_box, counts, enlarged
from strategies import grids


@st.composite
def grids_and_boxes(draw):
    grid = draw(grids())
    box = []
    for side in grid.shape:
        start = draw(st.integers(0, side - 1))
        box.append(slice(start, draw(st.integers(start + 1, side))))
    return grid, tuple(box)


@given(grids_and_boxes())
def test_a_crop_leaves_every_voxel_where_it_was(drawn):
    grid, box = drawn
    cropped = grid.cropped(box)
    assert np.allclose(cropped.world(), grid.world()[(slice(None), *box)])
    assert cropped.spacing_mm == pytest.approx(grid.spacing_mm)
    assert cropped.orientation == grid.orientation


@given(grids())
def test_a_crop_of_everything_is_the_same_grid(grid):
    whole = grid.cropped(tuple(slice(None) for _ in grid.shape))
    assert whole.shape == grid.shape
    assert np.array_equal(whole.affine, grid.affine)


def test_a_crop_does_not_touch_the_grid_it_is_cut_from():
    grid = Grid((4, 4, 4), np.eye(4))
    grid.cropped((slice(2, 4),) * 3)
    assert np.array_equal(grid.affine, np.eye(4))


@given(grids(), st.floats(0.5, 4))
def test_another_spacing_begins_at_the_same_corner(grid, spacing):
    respaced = grid.respaced(spacing)
    corner = np.array([-0.5, -0.5, -0.5, 1])
    assert np.allclose(respaced.affine @ corner, grid.affine @ corner)
    assert respaced.spacing_mm == pytest.approx((spacing,) * 3)
    assert respaced.orientation == grid.orientation
    extent = np.array(grid.shape) * grid.spacing_mm
    assert (
        np.abs(np.array(respaced.shape) * spacing - extent) <= np.maximum(spacing / 2, spacing - extent) + 1e-9
    ).all()


def test_knows_spacing_and_orientation(oblique):
    assert oblique.spacing_mm == pytest.approx((1.1, 1.3, 1.7))
    assert oblique.orientation == "LAS"
    assert str(oblique) == "5x6x7 voxels of 1.1x1.3x1.7 mm, LAS"


def test_a_grid_matches_itself_and_no_shifted_or_flipped_one(oblique):
    shifted, flipped = oblique.affine.copy(), oblique.affine.copy()
    shifted[0, 3] += 0.1
    flipped[:3, 0] *= -1
    assert oblique.matches(Grid(oblique.shape, oblique.affine + 1e-3))
    assert not oblique.matches(Grid(oblique.shape, shifted))
    assert not oblique.matches(Grid(oblique.shape, flipped))
    assert not oblique.matches(Grid((5, 6, 8), oblique.affine))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_counts_the_boxes_that_fit(side, size, stride):
    by_hand = [start for start in range(0, side, stride) if start + size <= side]
    assert counts((side,), (size,), (stride,)) == (len(by_hand),)


@given(st.data())
def test_a_bounding_box_holds_every_voxel_and_no_empty_face(data):
    shape = data.draw(st.tuples(*[st.integers(1, 5)] * 3))
    mask = np.zeros(shape, dtype=bool)
    for _ in range(data.draw(st.integers(1, 4))):
        mask[tuple(data.draw(st.integers(0, side - 1)) for side in shape)] = True
    box = bounding_box(mask)
    assert mask[box].sum() == mask.sum()
    cut = mask[box]
    for axis in range(3):
        assert cut.take(0, axis).any()
        assert cut.take(-1, axis).any()


@given(st.data())
def test_a_grown_box_has_the_wanted_size_lies_inside_and_holds_the_old_one(data):
    side = data.draw(st.integers(1, 20))
    start = data.draw(st.integers(0, side - 1))
    stop = data.draw(st.integers(start + 1, side))
    wanted = data.draw(st.integers(stop - start, side))
    (grown,) = enlarged((slice(start, stop),), (wanted,), (side,))
    assert grown.stop - grown.start == wanted
    assert 0 <= grown.start <= start
    assert stop <= grown.stop <= side

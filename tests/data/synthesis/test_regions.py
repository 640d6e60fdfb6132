"""Regions: soft shapes that mirror each other, lie in the brain, and do not depend on the grid they are asked on."""

from __future__ import annotations

import numpy as np
import pytest

from fimbria.data.images import template
from fimbria.data.synthesis import regions
from fimbria.data.synthesis.regions import REGIONS, Ellipsoid, mask, membership
from fimbria.errors import ComponentError
from fimbria.geometry import Grid

# 97 voxels of 2 mm from -96 to 96: its middle plane is the template's plane of symmetry
SYMMETRIC = Grid((97, 115, 97), np.array([[2.0, 0, 0, -96], [0, 2, 0, -132], [0, 0, 2, -78], [0, 0, 0, 1]]))
PLAIN = [name for name in REGIONS if not name.startswith(("left-", "right-"))]


@pytest.mark.parametrize("name", PLAIN)
def test_is_soft_and_between_0_and_1(name):
    belongs = membership(name, SYMMETRIC)
    assert belongs.dtype == np.float32
    assert belongs.min() == 0
    assert belongs.max() == pytest.approx(1, abs=1e-3)
    assert ((belongs > 0.05) & (belongs < 0.95)).any()


@pytest.mark.parametrize("name", PLAIN)
def test_left_mirrors_right_and_both_are_their_union(name):
    left, right = membership(f"left-{name}", SYMMETRIC), membership(f"right-{name}", SYMMETRIC)
    np.testing.assert_allclose(left, right[::-1], atol=1e-5)
    np.testing.assert_array_equal(membership(name, SYMMETRIC), np.maximum(left, right))
    assert not (mask(f"left-{name}", SYMMETRIC) & mask(f"right-{name}", SYMMETRIC)).any()


@pytest.mark.parametrize("name", PLAIN)
def test_left_is_where_x_is_negative(name):
    inside = mask(f"left-{name}", SYMMETRIC)
    assert SYMMETRIC.world()[0][inside].max() <= 0


@pytest.mark.parametrize("name", PLAIN)
def test_lies_in_the_brain(name):
    brain = template.brain_mask().array[::2, ::2, ::2]
    inside = mask(name, SYMMETRIC)
    assert brain[inside].mean() > 0.95


def test_the_ventricle_is_dark_and_the_hippocampus_grey():
    head = template.head().array[::2, ::2, ::2]
    ventricle, hippocampus = (head[mask(name, SYMMETRIC)].mean() for name in ("ventricle", "hippocampus"))
    assert ventricle < 0.6 * hippocampus < head[template.brain_mask().array[::2, ::2, ::2]].max()


def test_a_hippocampus_has_the_size_of_one():
    voxel_mm3 = 8
    assert 3000 < mask("right-hippocampus", SYMMETRIC).sum() * voxel_mm3 < 5000


def test_a_hippocampus_bends_back_up_and_outwards():
    x, y, z = SYMMETRIC.world()[:, mask("right-hippocampus", SYMMETRIC)]
    front, body = y > -12, (y < -22) & (y > -30)
    assert z[body].mean() > z[front].mean() + 5
    assert x[body].mean() > x[front].mean() + 3


def test_does_not_depend_on_how_the_grid_is_stored():
    turned = np.array([[0.0, -2, 0, 60], [0, 0, 2, -60], [2, 0, 0, -40], [0, 0, 0, 1]])  # axes: up, left, front
    stored = membership("hippocampus", Grid((30, 60, 40), turned))
    upright = np.array([[2.0, 0, 0, -58], [0, 2, 0, -60], [0, 0, 2, -40], [0, 0, 0, 1]])
    plain = membership("hippocampus", Grid((60, 40, 30), upright))
    np.testing.assert_allclose(stored.transpose(1, 2, 0)[::-1], plain, atol=1e-5)
    assert plain.max() > 0.5


def test_a_grid_that_misses_the_region_holds_none_of_it():
    away = np.eye(4)
    away[:3, 3] = 200
    assert not membership("amygdala", Grid((4, 4, 4), away)).any()


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ComponentError, match="did you mean 'hippocampus'"):
        membership("hipocampus", SYMMETRIC)


def test_depth_is_exact_for_a_ball():
    ball = Ellipsoid((1.0, 2.0, 3.0), (5.0, 5.0, 5.0))
    points = np.array([[1.0, 2.0, 3.0], [4.0, 2.0, 3.0], [1.0, 10.0, 3.0]]).T
    np.testing.assert_allclose(ball.depth_mm(points), [5, 2, -3])


def test_turns_are_counter_clockwise_around_x_then_y_then_z():
    np.testing.assert_allclose(regions.rotation((0, 0, 90)) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(regions.rotation((90, 0, 90)) @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(regions.rotation((90, 90, 0)) @ [0, 1, 0], [1, 0, 0], atol=1e-12)


def test_a_blob_and_its_mirror_image_agree_however_it_is_turned():
    blob = Ellipsoid((20.0, 1.0, -2.0), (3.0, 6.0, 9.0), (25, -40, 70))
    points = np.random.default_rng(0).uniform(-25, 25, (3, 200))
    mirrored = points * np.array([[-1], [1], [1]])
    np.testing.assert_allclose(blob.depth_mm(points), blob.mirrored.depth_mm(mirrored))

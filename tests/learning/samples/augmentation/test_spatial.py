from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.errors import ComponentError
from fimbria.learning.samples.augmentation import augmentation, draws

SHAPE = (2, 20, 24, 22)


def changed(name, image, sample=0, **options):
    one = augmentation.build(name, {"probability": 1.0} | options)
    drawn = draws([one], (0, 0, sample), image.shape)[0]
    return one.apply(image, drawn), drawn


def picture(shape=SHAPE):
    return np.random.default_rng(0).random(shape, dtype=np.float32) + 0.1


def test_flip_mirrors_left_and_right_and_twice_is_not_at_all():
    image = picture()
    once = changed("flip", image)[0]
    assert np.array_equal(once, image[:, ::-1])
    assert np.array_equal(changed("flip", once)[0], image)


def test_flip_throws_a_coin_for_each_axis():
    thrown = [tuple(changed("flip", picture(), n, axes=(0, 1, 2), probability=0.5)[1]["axes"]) for n in range(100)]
    assert len(set(thrown)) == 8


def test_flip_refuses_an_axis_that_images_lack():
    with pytest.raises(ComponentError, match="2 axes of space have no axis 2"):
        changed("flip", picture((1, 4, 4)), axes=(2,))


@given(st.integers(0, 1000))
def test_crop_pad_moves_whole_voxels_and_fills_the_rest(sample):
    image = picture()
    shifted, drawn = changed("crop-pad", image, sample, value=-1.0)
    assert all(-10 <= shift < 10 for shift in drawn["shifts"])
    inner = np.roll(image, drawn["shifts"], axis=(1, 2, 3))
    kept = shifted != -1
    assert np.array_equal(shifted[kept], inner[kept])
    lost = [side - abs(shift) for side, shift in zip(SHAPE[1:], drawn["shifts"], strict=True)]
    assert kept.sum() == 2 * np.prod(lost)


@given(st.integers(0, 1000))
def test_erasing_blanks_one_rectangle_through_everything(sample):
    image = picture()
    erased, drawn = changed("erasing", image, sample, value=7.0)
    blank = erased == 7
    assert np.all(blank == blank[:1, :1])
    assert blank[0, 0].sum() == np.prod(drawn["size"])
    assert 0.01 < blank.mean() < 0.36
    assert np.array_equal(erased[~blank], image[~blank])


def test_erasing_happens_half_the_time_unless_asked_otherwise():
    assert augmentation.build("erasing").probability == 0.5


def test_swap_keeps_every_intensity_and_moves_most():
    image = picture((1, 50, 50, 50))
    swapped, drawn = changed("swap", image)
    assert np.array_equal(np.sort(swapped, axis=None), np.sort(image, axis=None))
    assert drawn["size"] == [15, 15, 15]
    assert len(drawn["starts"]) == 100
    assert np.mean(swapped != image) > 0.8
    starts = np.array(drawn["starts"])
    assert starts.max() == 35


@pytest.mark.parametrize("shape", [(1, 21, 21, 21), (1, 21, 21)], ids=str)
def test_affine_turns_around_the_centre(shape):
    image = picture(shape)
    quarter = changed("affine", image, degrees=(90, 90), translation=(0, 0), scale=(1, 1))[0]
    middle = (0, *[10] * (len(shape) - 1))
    assert np.isclose(quarter[middle], image[middle], atol=1e-4)
    assert np.allclose(np.sort(quarter, axis=None), np.sort(image, axis=None), atol=1e-3)
    still = changed("affine", image, degrees=(0, 0), translation=(0, 0), scale=(1, 1))[0]
    assert np.allclose(still, image, atol=1e-4)


def test_affine_fills_what_comes_in_with_the_lowest_intensity():
    image = picture() - 5
    shifted, _ = changed("affine", image, degrees=(0, 0), translation=(3, 3), scale=(1, 1))
    assert np.allclose(shifted[:, 3:, 3:, 3:], image[:, :-3, :-3, :-3], atol=1e-3)
    assert np.allclose(shifted[0, :3], image[0].min(), atol=1e-3)


def test_affine_makes_things_grow_where_the_scale_is_above_1():
    image = np.zeros((1, 21, 21), np.float32)
    image[:, 8:13, 8:13] = 1
    grown = changed("affine", image, degrees=(0, 0), translation=(0, 0), scale=(2, 2))[0]
    assert 3 < grown.sum() / image.sum() < 5


def test_elastic_moves_the_middle_and_hardly_the_border():
    ramp = np.broadcast_to(np.arange(40, dtype=np.float32)[:, None, None], (40, 40, 40))[None].copy()
    moved = [np.abs(changed("elastic", ramp, sample)[0] - ramp) for sample in range(5)]
    assert all(one.max() <= 0.4 * 10 for one in moved)  # 40 voxels, points 10 apart
    assert all(one[:, 0].max() <= 0.25 * 0.4 * 10 for one in moved)
    assert np.mean([one[:, 18:22, 18:22, 18:22].mean() for one in moved]) > 0.2


@pytest.mark.parametrize("side", [20, 50])
@pytest.mark.parametrize("sample", range(3))
def test_elastic_folds_nothing(side, sample):
    ramp = np.broadcast_to(np.arange(side, dtype=np.float32)[:, None], (side, side))[None].copy()
    bent = changed("elastic", ramp, sample, displacement=100.0)[0]
    assert np.diff(bent, axis=1).min() >= -1e-3

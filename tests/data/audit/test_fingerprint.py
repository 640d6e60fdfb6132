from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from fimbria.data.audit.fingerprint import (
    BINS,
    DIMENSIONS,
    THRESHOLD,
    common,
    fingerprint,
    matches,
    measured,
    personal,
    similarity,
)
from fimbria.data.images.nifti import Image
from fimbria.data.images.resample import resampled
from fimbria.errors import ImageError
from fimbria.geometry import Grid

SIDE_MM = 3.0
WIDE = Grid((65, 77, 65), np.array([[3.0, 0, 0, -96], [0, 3, 0, -132], [0, 0, 3, -78], [0, 0, 0, 1]]))


def person(seed):
    """Folds drawn at random: to a fingerprint as good as a brain, wherever it looks."""
    folds = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(WIDE.shape), 3)
    return (100 + 15 * folds / folds.std()).astype(np.float32)


def alike(one, other):
    return float(similarity(one[None], other[None])[0, 0])


@pytest.fixture(scope="module")
def array():
    array = person(0)
    array.setflags(write=False)
    return array


@pytest.fixture(scope="module")
def found(array):
    return fingerprint(array, WIDE)


def test_is_two_rows_of_unit_length(found):
    assert found.shape == (2, DIMENSIONS)
    assert found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-6)


def test_keeps_its_numbers(found):
    x, y, z = np.indices(WIDE.shape)
    waves = np.sin(x / 3) + np.cos(y / 4 + x / 7) + np.sin(z / 5) * np.cos(x / 5 + 1) + 10
    kept = fingerprint(waves.astype(np.float32), WIDE)
    # raise FORMAT when these change: fingerprints that somebody kept can then no longer be compared
    assert kept[0, [0, 1, 255, 256, 511]] == pytest.approx([0.02306, -0.086552, 0.042002, 0.028127, 0.021994], abs=1e-5)
    assert np.array_equal(found, fingerprint(person(0), WIDE))


def test_tells_other_people_apart(found):
    others = [alike(found, fingerprint(person(seed), WIDE)) for seed in range(1, 6)]
    assert max(others) < 0.3
    assert alike(found, found) == pytest.approx(1, abs=1e-6)


@settings(max_examples=10)  # each looks at a whole image
@given(gain=st.floats(1e-3, 1e4), offset=st.floats(-10, 1e3))
def test_gain_and_offset_do_not_matter(array, found, gain, offset):
    assert alike(found, fingerprint(((array + np.float32(offset)) * np.float32(gain)), WIDE)) > 0.999


@pytest.mark.parametrize(
    "remake",
    [
        lambda array: 200 * (array / 200) ** 0.7,
        lambda array: array + np.random.default_rng(1).normal(0, 6, array.shape),
        lambda array: array * np.linspace(0.7, 1.3, array.shape[1])[:, None],
        lambda array: ndimage.shift(array, (0.3, -0.2, 0.3), order=1, mode="nearest"),
        lambda array: np.round(array).astype(np.int16),
        lambda array: (array - array.mean()) / array.std(),
    ],
    ids=["gamma", "noise", "bias", "moved by 1 mm", "int16", "z-scored"],
)
def test_finds_a_person_again_in_a_remade_image(array, found, remake):
    assert alike(found, fingerprint(remake(array).astype(np.float32), WIDE)) > 0.9


def test_a_mirror_image_has_the_rows_exchanged(array, found):
    mirrored = fingerprint(array[::-1], WIDE)
    assert mirrored == pytest.approx(found[::-1], abs=1e-5)
    assert float(found[0] @ mirrored[0]) < THRESHOLD < alike(found, mirrored)


def test_the_order_of_the_axes_does_not_matter(array, found):
    turned = np.asfortranarray(np.transpose(array, (2, 0, 1))[:, ::-1])
    affine = WIDE.affine[:, [2, 0, 1, 3]]
    affine[:3, 3] += affine[:3, 1] * (turned.shape[1] - 1)
    affine[:3, 1] *= -1
    assert alike(found, fingerprint(turned, Grid(turned.shape, affine))) > 0.999


@pytest.mark.parametrize("spacing_mm", [1.0, 1.7, 4.0])
def test_the_spacing_does_not_matter(array, found, spacing_mm):
    other = resampled(Image(array, WIDE), WIDE.respaced(spacing_mm))
    assert alike(found, fingerprint(other.array, other.grid)) > 0.97


def test_an_oblique_grid_does_not_matter(array, found):
    turn = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = turn * (-2.2, 2.5, 3.3)
    affine[:3, 3] = -affine[:3, :3] @ (45, 48, 29) + (0, -17, 10)
    other = resampled(Image(array, WIDE), Grid((90, 97, 59), affine))
    assert alike(found, fingerprint(other.array, other.grid)) > 0.97


@pytest.mark.parametrize("unknown", [0.0, np.nan, np.inf, -5.0])
def test_what_is_not_known_is_not_looked_at(array, found, unknown):
    cut = array.copy()
    cut[:, :, :20] = unknown  # below z = -18 mm
    lower = (slice(None), slice(None), slice(20, None))
    cropped = fingerprint(array[lower], WIDE.cropped(lower))
    assert alike(fingerprint(cut, WIDE), cropped) > 0.999
    assert alike(found, cropped) > 0.8


def test_leaves_the_image_as_it_was(array):
    kept = array.copy()
    fingerprint(array, WIDE)
    assert np.array_equal(array, kept)


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_refuses_an_empty_image(value):
    with pytest.raises(ImageError, match="shows 0% of the brain"):
        fingerprint(np.full(WIDE.shape, value, dtype=np.float32), WIDE)


def test_refuses_a_flat_image():
    flat = np.full(WIDE.shape, 7, dtype=np.float32)
    flat[0, 0, 0] = 1
    with pytest.raises(ImageError, match="is flat"):
        fingerprint(flat, WIDE)


def test_refuses_an_image_that_hardly_covers_the_brain_and_says_how_much(array):
    upper = (slice(None), slice(None), slice(32, None))  # above z = 18 mm
    with pytest.raises(ImageError, match=r"65x77x33 voxels of 3x3x3 mm, RAS\) shows 4\d% of the brain.*60% are"):
        fingerprint(array[upper], WIDE.cropped(upper))
    with pytest.raises(ImageError, match="shows 0% of the brain"):
        fingerprint(array[:12, :14, :13], Grid((12, 14, 13), np.eye(4) + np.eye(4, k=3) * 500))


@pytest.mark.parametrize("last", [0.0, np.nan])
def test_refuses_an_affine_that_says_nothing(array, last):
    with pytest.raises(ImageError, match="affine is singular"):
        fingerprint(array, Grid(WIDE.shape, np.diag([1.0, 1.0, last, 1.0])))


def drawn(count, seed=0):
    return personal(np.random.default_rng(seed).standard_normal((count, DIMENSIONS)), common())


def test_similarity_is_of_each_with_each_and_the_same_both_ways():
    ours, theirs = drawn(3, 1), drawn(4, 2)
    scores = similarity(ours, theirs)
    assert scores.shape == (3, 4)
    assert scores.dtype == np.float32
    assert np.allclose(scores.T, similarity(theirs, ours), rtol=0, atol=1e-6)
    assert scores[2, 1] == pytest.approx(max(ours[2, 0] @ theirs[1, 0], ours[2, 0] @ theirs[1, 1]), abs=1e-6)


def test_what_people_share_is_taken_out():
    prints = drawn(5)
    assert common().shape == (2, DIMENSIONS // 2)
    assert common() @ common().T == pytest.approx(np.eye(2), abs=1e-12)
    assert prints[:, 0, : DIMENSIONS // 2] @ common().T == pytest.approx(0, abs=1e-6)


def test_matches_finds_what_was_planted_and_nothing_else():
    prints = drawn(2500)  # more than are compared at once
    prints[1700] = prints[3]
    prints[2499] = prints[1200, ::-1]
    prints[1025] = prints[1024]
    indices, scores = matches(prints)
    assert indices.tolist() == [[3, 1700], [1024, 1025], [1200, 2499]]
    assert scores == pytest.approx(1, abs=1e-5)


@given(count=st.integers(0, 30), threshold=st.floats(-0.2, 0.2))
def test_matches_are_the_pairs_above_the_threshold(count, threshold):
    prints = drawn(count, seed=count)
    scores = similarity(prints, prints)
    indices, given_scores = matches(prints, threshold)
    first, second = np.nonzero(np.triu(scores > threshold, 1))
    assert indices.dtype == np.int64
    assert indices.tolist() == np.stack([first, second], axis=1).tolist()
    assert np.array_equal(given_scores, scores[first, second])


def test_the_threshold_lies_between_what_was_measured():
    stands = measured()
    assert stands.threshold == THRESHOLD
    assert stands.others.highest < THRESHOLD - 0.15
    assert stands.same.lowest > THRESHOLD + 0.15
    assert len(stands.disguises) >= 9
    for one in stands.disguises:
        assert one.lowest_same > THRESHOLD > one.highest_other, one.name
    for pairs in (stands.same, stands.others):
        assert len(pairs.counts) == len(BINS) - 1
        assert sum(pairs.counts) == pairs.pairs
    assert stands.people == 30
    assert stands.same.pairs == stands.people * len(stands.disguises)


def test_what_was_measured_names_nobody():
    assert "sub-" not in str(dataclasses.asdict(measured()))

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchio
from scipy import ndimage

from fimbria.learning.samples.augmentation import augmentation, draws

SHAPES = [(1, 12, 15, 14), (2, 13, 11, 12)]


def changed(name, image, sample=0, **options):
    one = augmentation.build(name, {"probability": 1.0} | options)
    drawn = draws([one], (0, 0, sample), image.shape)[0]
    return one.apply(image, drawn), drawn


def picture(shape, lowest=0.0):
    return np.random.default_rng(0).random(shape, dtype=np.float32) + np.float32(lowest)


def theirs(transform, image):
    return transform(torch.from_numpy(image)).numpy()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("sample", range(6))
def test_ghosting_is_torchios(shape, sample):
    image = picture(shape)
    ours, drawn = changed("ghosting", image, sample)
    transform = torchio.Ghosting(drawn["ghosts"], drawn["axis"], drawn["intensity"], None)
    assert np.allclose(ours, theirs(transform, image), atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("sample", range(4))
@pytest.mark.parametrize("lowest", [0.0, -0.5])
def test_a_spike_is_torchios(shape, sample, lowest):
    image = picture(shape, lowest)
    ours, drawn = changed("spike", image, sample)
    transform = torchio.Spike(np.array(drawn["places"]), drawn["intensity"])
    assert np.allclose(ours, theirs(transform, image), atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_bias_field_is_torchios(shape):
    image = picture(shape)
    ours, drawn = changed("bias-field", image)
    assert np.allclose(ours, theirs(torchio.BiasField(drawn["coefficients"], 3), image), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sample", range(4))
def test_motion_without_turning_is_torchios(sample):
    image = ndimage.gaussian_filter(picture((2, 30, 31, 32)), (0, 1, 1, 1))
    ours, drawn = changed("motion", image, sample, degrees=(0, 0))
    origins = np.array(drawn["translation"]) * [1, 1, -1]  # TorchIO says where voxels come from, in LPS
    transform = torchio.Motion(np.zeros((2, 3)), origins, np.array(drawn["times"]), "linear")
    inner = (slice(None), *[slice(6, -6)] * 3)  # at the border TorchIO reads half a voxel beyond the image
    reference = theirs(transform, image)
    assert np.corrcoef(ours[inner].ravel(), reference[inner].ravel())[0, 1] > 0.99
    assert np.abs(ours - reference)[inner].mean() < 0.2 * np.abs(ours - image)[inner].mean()


def test_a_head_that_stays_where_it_is_leaves_the_image():
    image = picture((2, 11, 12, 13))
    assert np.allclose(changed("motion", image, degrees=(0, 0), translation=(0, 0))[0], image, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 30, 31), (1, 20, 21, 22)], ids=str)
def test_motion_keeps_the_centre_of_k_space(shape):
    image = picture(shape)
    assert np.isclose(changed("motion", image)[0].mean(), image.mean(), atol=1e-4)


def test_ghosts_lie_along_one_axis_of_a_slice_too():
    image = np.zeros((1, 40, 40), np.float32)
    image[:, 18:22, 18:22] = 1
    ghosted, drawn = changed("ghosting", image)
    seen = np.abs(ghosted[0] - image[0]) > 0.01
    assert seen.any(axis=drawn["axis"]).sum() == 4
    assert seen.any(axis=1 - drawn["axis"]).sum() > 20


def test_a_spike_is_one_plane_wave():
    striped, drawn = changed("spike", np.ones((1, 16, 18), np.float32))
    spectrum = np.abs(np.fft.fftn(striped[0] - 1))
    assert np.count_nonzero(spectrum > 1e-3 * spectrum.max()) <= 2
    assert np.ptp(striped) > drawn["intensity"]


def test_no_spike_changes_nothing():
    image = picture((1, 8, 9, 10))
    assert np.array_equal(changed("spike", image, spikes=(0, 0))[0], image)

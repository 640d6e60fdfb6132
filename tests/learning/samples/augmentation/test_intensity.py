from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from fimbria.learning.samples.augmentation import augmentation, draws
from fimbria.learning.samples.augmentation.intensity import gaussian

SHAPE = (2, 9, 12, 7)


def changed(name, image, sample=0, **options):
    one = augmentation.build(name, {"probability": 1.0} | options)
    drawn = draws([one], (0, 0, sample), image.shape)[0]
    return one.apply(image, drawn), drawn


def picture(shape=SHAPE):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def test_noise_has_no_mean_and_the_deviation_that_was_drawn():
    noisy, drawn = changed("noise", np.full((1, 60, 60, 60), 3, np.float32))
    assert 0 < drawn["deviation"] < 0.1
    assert np.isclose(noisy.mean(), 3, atol=1e-3)
    assert np.isclose(noisy.std(), drawn["deviation"], rtol=0.01)


def test_noise_of_a_batch_has_the_same_moments():
    one = augmentation.build("noise", {"deviation": (0.2, 0.2)})
    noisy = one.apply_batch(torch.zeros(2, 1, 50, 50), draws([one] * 2, (0, 0, 0), (1, 50, 50)))
    assert noisy.std(dim=(1, 2, 3)).numpy() == pytest.approx([0.2, 0.2], rel=0.05)
    assert not torch.equal(noisy[0], noisy[1])


@pytest.mark.parametrize("shape", [SHAPE, (1, 10, 9), (1, 1, 2, 30)], ids=str)
@pytest.mark.parametrize("deviations", [[0.3, 1.0, 2.0], [0.0, 3.7, 0.05], [5.0, 5.0, 5.0]])
def test_the_gaussian_is_scipys(shape, deviations):
    image, sides = picture(shape), deviations[: len(shape) - 1]
    expected = ndimage.gaussian_filter(image, [0, *sides], mode="reflect", truncate=4)
    assert np.allclose(gaussian(torch.from_numpy(image), sides).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["blur", "smoothing"])
def test_one_channel_does_not_leak_into_the_other(name):
    image = np.zeros(SHAPE, np.float32)
    image[0] = picture()[0]
    assert np.all(changed(name, image)[0][1] == 0)


def test_smoothing_has_one_width_and_blur_one_an_axis():
    assert 0 <= changed("smoothing", picture())[1]["deviation"] <= 1
    assert len(set(changed("blur", picture())[1]["deviations"])) == 3


@pytest.mark.parametrize("lowest", [0, -5])
def test_gamma_keeps_each_channels_range_and_the_order_of_its_intensities(lowest):
    image = picture() * np.float32([1, 10]).reshape(2, 1, 1, 1) + np.float32(lowest)
    bent, drawn = changed("gamma", image)
    assert np.allclose(bent.min(axis=(1, 2, 3)), image.min(axis=(1, 2, 3)), atol=1e-5)
    assert np.allclose(bent.max(axis=(1, 2, 3)), image.max(axis=(1, 2, 3)), atol=1e-4)
    assert np.all(np.diff(bent[0].ravel()[np.argsort(image[0].ravel())]) >= -1e-5)
    low, span = image[0].min(), np.ptp(image[0])
    assert np.allclose(bent[0], ((image[0] - low) / span) ** np.exp(drawn["log_gamma"]) * span + low, atol=1e-4)


def test_gamma_leaves_what_holds_one_value_only():
    flat = np.full(SHAPE, -2, np.float32)
    assert np.array_equal(changed("gamma", flat)[0], flat)


def test_a_bias_field_multiplies_all_channels_by_one_smooth_positive_field():
    image = picture() + 1
    field = changed("bias-field", image)[0] / image
    assert np.allclose(field[0], field[1], rtol=1e-4)
    assert field.min() > 0
    assert np.ptp(field) > 0.1
    assert np.abs(np.diff(field, axis=2)).max() < 0.5 * np.ptp(field)


@pytest.mark.parametrize(("order", "terms"), [(0, 1), (1, 4), (3, 20)])
def test_a_bias_field_has_a_coefficient_for_each_product_of_powers(order, terms):
    assert len(changed("bias-field", picture(), order=order)[1]["coefficients"]) == terms

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fimbria.errors import ComponentError, InputError
from fimbria.learning.tasks.measures import MEASURES, lncc, mae, measured, mse, psnr, ssim
from fimbria.results.predictions import table

SHAPES = [(2, 13, 14), (1, 12, 13, 11), (1, 5, 13, 8), (1, 1, 4), (2, 6, 5, 4)]


def pair(shape, seed=0, low=0.0, noise=0.1):
    """Make a target with values from `low` to 1 and an image like it, one sample of ``(channel, ...)``."""
    random = np.random.default_rng(seed)
    target = random.uniform(low, 1, size=shape)
    return target + noise * random.normal(size=shape), target


def windows(shape, sigma, width):
    """Give every window inside an image, and the Gaussian weights of its voxels: the formula, without separating axes."""
    widths = [min(width, side - 1 + side % 2) for side in shape]
    places = [np.arange(w) - w // 2 for w in widths]
    weights = np.exp(-sum(p.astype(float) ** 2 for p in np.meshgrid(*places, indexing="ij")) / (2 * sigma**2))
    starts = product(*(range(side - w + 1) for side, w in zip(shape, widths, strict=True)))
    inside = [tuple(slice(s, s + w) for s, w in zip(start, widths, strict=True)) for start in starts]
    return inside, weights / weights.sum()


def moments(image, target, weights):
    """Give weighted means, variances and covariance of two windows."""
    means = [(weights * one).sum() for one in (image, target)]
    apart = [one - mean for one, mean in zip((image, target), means, strict=True)]
    return (*means, *((weights * one**2).sum() for one in apart), (weights * apart[0] * apart[1]).sum())


def ssim_by_hand(image, target):
    data_range = 2 if target.min() < 0 else 1
    first, second = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    values = []
    for image_of_channel, target_of_channel in zip(image, target, strict=True):
        inside, weights = windows(target.shape[1:], 1.5, 11)
        for place in inside:
            x, y, xx, yy, xy = moments(image_of_channel[place], target_of_channel[place], weights)
            values.append((2 * x * y + first) * (2 * xy + second) / ((x**2 + y**2 + first) * (xx + yy + second)))
    return np.mean(values)


def lncc_by_hand(image, target):
    values = []
    for image_of_channel, target_of_channel in zip(image, target, strict=True):
        inside, weights = windows(target.shape[1:], 2.0, 17)
        for place in inside:
            _, _, xx, yy, xy = moments(image_of_channel[place], target_of_channel[place], weights)
            values.append(max(xy / np.sqrt(xx * yy), 0))
    return np.mean(values)


def torch_pair(image, target):
    return torch.from_numpy(image)[None], torch.from_numpy(target)[None]


@pytest.mark.parametrize("low", [0.0, -1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_structural_similarity_is_that_of_the_formula(shape, low):
    image, target = pair(shape, low=low)
    assert ssim(*torch_pair(image, target)).item() == pytest.approx(ssim_by_hand(image, target), abs=1e-10)


@pytest.mark.parametrize("noise", [0.1, 2.0])
@pytest.mark.parametrize("shape", [s for s in SHAPES if min(s[1:]) > 2])
def test_the_local_correlation_is_that_of_the_formula(shape, noise):
    image, target = pair(shape, noise=noise)
    assert lncc(*torch_pair(image, target)).item() == pytest.approx(lncc_by_hand(image, target), abs=1e-10)


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_the_errors_of_the_voxels_are_those_of_the_formulas(low):
    image, target = pair((2, 5, 6, 7), low=low)
    data_range = 2 if low < 0 else 1
    squared = ((image - target) ** 2).mean()
    found = {name: value.item() for name, value in measured(*torch_pair(image, target), ("mse", "mae", "psnr")).items()}
    expected = {
        "mse": squared,
        "mae": np.abs(image - target).mean(),
        "psnr": 10 * np.log10(data_range**2 / squared),
    }
    assert found == pytest.approx(expected, abs=1e-10)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 14), min_size=2, max_size=3), st.sampled_from([0.0, -1.0]))
def test_any_image_is_most_like_itself(seed, sides, low):
    image, target = (torch.from_numpy(one)[None] for one in pair((1, *sides), seed, low))
    same, other = measured(target, target), measured(image, target)
    assert same["mse"].item() == same["mae"].item() == 0
    assert same["psnr"].item() == 100
    assert same["ssim"].item() == pytest.approx(1, abs=1e-12)
    for name in ("psnr", "ssim", "lncc"):
        assert other[name].item() <= same[name].item() + 1e-12
    assert 0 <= other["lncc"].item() <= 1


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("shape", [(3, 2, 12, 13), (3, 1, 9, 12, 11)])
def test_a_sample_does_not_depend_on_its_batch(name, shape):
    image, target = (torch.from_numpy(one).float() for one in pair(shape, low=-0.2))
    together = MEASURES[name](image, target)
    alone = torch.cat([MEASURES[name](image[i : i + 1], target[i : i + 1]) for i in range(3)])
    assert together.shape == (3,)
    assert together.dtype == torch.float64
    assert torch.equal(together, alone)


def test_the_data_range_is_that_of_each_sample():
    target = torch.stack([torch.full((1, 4, 4), 0.5), torch.full((1, 4, 4), -0.5)])
    assert psnr(target + 0.1, target).tolist() == pytest.approx([20, 20 + 20 * np.log10(2)], abs=1e-5)


def test_what_is_given_is_left_as_it_is():
    image, target = (torch.from_numpy(one)[None] for one in pair((1, 12, 12, 12)))
    image.requires_grad_()
    before = image.detach().clone(), target.clone()
    assert not any(value.requires_grad for value in measured(image, target).values())
    assert torch.equal(image, before[0])
    assert torch.equal(target, before[1])


def test_brightness_and_contrast_do_not_matter_to_the_local_correlation():
    image, target = (torch.from_numpy(one)[None] for one in pair((1, 18, 19), noise=0.3))
    assert lncc(3 * image + 100, target).item() == pytest.approx(lncc(image, target).item(), abs=1e-9)
    assert lncc(-target, target).item() == 0
    assert lncc(2 * target + 7, target).item() == pytest.approx(1, abs=1e-9)


def test_windows_in_which_the_target_is_flat_are_left_out_of_the_local_correlation():
    image, target = pair((1, 20, 60))
    target[..., 20:] = 0.1
    alone = lncc(*torch_pair(image[..., :36], target[..., :36]))
    assert lncc(*torch_pair(image, target)).item() == pytest.approx(alone.item(), abs=1e-12)
    flat = torch.full((1, 1, 20, 20), 0.1)
    assert lncc(flat, flat).item() == 0
    assert lncc(flat, torch.rand(1, 1, 20, 20, generator=torch.Generator().manual_seed(0))).item() == 0


def test_no_samples_have_no_measures():
    empty = torch.zeros(0, 1, 4, 4)
    assert all(value.shape == (0,) for value in measured(empty, empty).values())


def test_the_names_are_those_of_a_table_of_predictions():
    assert tuple(MEASURES) == table.MEASURES
    assert [function.__name__ for function in (mse, mae, psnr, ssim, lncc)] == list(MEASURES)


def test_refuses_unknown_measures_and_images_of_another_shape():
    image = torch.zeros(1, 1, 4, 4)
    with pytest.raises(ComponentError, match="no measure of a reconstruction is called 'sssim': did you mean 'ssim'"):
        measured(image, image, ("mse", "sssim"))
    with pytest.raises(
        InputError, match=r"shape \(1, 1, 4, 4\) cannot be measured against a target of shape \(1, 1, 4, 5\)"
    ):
        mse(image, torch.zeros(1, 1, 4, 5))

"""Measures of how like its target an image is: one number a sample, computed in double precision.

======== ============================================================ ========================== ===========
name     formula                                                      data range                 identical
======== ============================================================ ========================== ===========
``mse``  mean squared difference of the voxels                        any                        0
``mae``  mean absolute difference of the voxels                       any                        0
``psnr`` 10 log10(range^2 / mse), in dB, at most 100                  1; 2 if a target voxel < 0 100
``ssim`` mean over the windows of brightness x contrast x structure   as psnr                    1
``lncc`` mean over the windows of the correlation, negative ones as 0 any                        1
======== ============================================================ ========================== ===========

The data range is scikit-image's for images of floating point. Images that are the same have no noise and an infinite
`psnr`, of which no mean could be taken: hence the cap, where differences are a hundred-thousandth of the range.
They are no losses: nothing here has a gradient.

Windows are Gaussian (`ssim`: sigma 1.5, 11 voxels wide; `lncc`: sigma 2, 17 voxels wide) and lie wholly inside the
image, as in scikit-image: no voxel is invented beyond its border. An axis shorter than the window has the widest window
of odd width that fits it. ClinicaDL pads with zeros instead, so its SSIM differs by what happens at the border.

References
----------
Wang, Z. et al. (2004). Image quality assessment: from error visibility to structural similarity. IEEE Transactions on
Image Processing 13(4), 600-612. doi:10.1109/TIP.2003.819861
Cachier, P. et al. (2003). Iconic feature based nonrigid registration: the PASHA algorithm. Computer Vision and Image
Understanding 89(2-3), 272-298. doi:10.1016/S1077-3142(03)00002-X
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from fimbria.errors import ComponentError, InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

HIGHEST_PSNR = 100.0  # dB
_STABLE = (0.01, 0.03)  # shares of the data range that keep the quotients of the SSIM stable
_FLAT = 1e-12  # a variance below this share of the squared peak is rounding


def mse(images: Tensor, targets: Tensor) -> Tensor:
    """Give the mean squared difference of each sample.

    Parameters
    ----------
    images, targets
        ``(sample, channel, ...)``.

    Returns
    -------
    torch.Tensor
        ``(sample,)``, float64, in squared units of the images.

    Raises
    ------
    InputError
        When the shapes differ.
    """
    return _by_sample(images, targets, _mse)


def mae(images: Tensor, targets: Tensor) -> Tensor:
    """Give the mean absolute difference of each sample, as `mse` in the images' own unit."""
    return _by_sample(images, targets, lambda image, target: (image - target).abs().mean())


def psnr(images: Tensor, targets: Tensor) -> Tensor:
    """Give the peak signal-to-noise ratio of each sample in dB, at most 100; arguments and shape as of `mse`."""
    return _by_sample(images, targets, _psnr)


def ssim(images: Tensor, targets: Tensor) -> Tensor:
    """Give the structural similarity of each sample, the mean over windows and channels; arguments as of `mse`."""
    return _by_sample(images, targets, _ssim)


def lncc(images: Tensor, targets: Tensor) -> Tensor:
    """Give the local normalised cross-correlation of each sample, the mean over windows and channels.

    A window in which the target is flat holds nothing that could correlate, and is left out; where the image alone is
    flat the correlation is 0. A target that is flat everywhere has 0.

    Parameters
    ----------
    images, targets
        ``(sample, channel, ...)``.

    Returns
    -------
    torch.Tensor
        ``(sample,)``, float64, from 0 to 1.

    Raises
    ------
    InputError
        When the shapes differ.
    """
    return _by_sample(images, targets, _lncc)


MEASURES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {"mse": mse, "mae": mae, "psnr": psnr, "ssim": ssim, "lncc": lncc}
)


def measured(images: Tensor, targets: Tensor, names: Sequence[str] = tuple(MEASURES)) -> dict[str, Tensor]:
    """Measure each sample in several ways.

    Parameters
    ----------
    images, targets
        ``(sample, channel, ...)``.
    names
        Of `MEASURES`.

    Returns
    -------
    dict of str to torch.Tensor
        ``(sample,)`` each, float64, on the CPU.

    Raises
    ------
    ComponentError
        When there is no such measure; with the nearest name.
    InputError
        When the shapes differ.
    """
    if unknown := [name for name in names if name not in MEASURES]:
        msg = f"no measure of a reconstruction is called {unknown[0]!r}: {did_you_mean(unknown[0], MEASURES)}."
        raise ComponentError(msg)
    return {name: MEASURES[name](images, targets).cpu() for name in names}


def _by_sample(images: Tensor, targets: Tensor, measure: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Measure one sample after the other: the memory taken is that of one, and no sample depends on its batch."""
    if images.shape != targets.shape:
        msg = (
            f"an image of shape {tuple(images.shape)} cannot be measured against a target of shape "
            f"{tuple(targets.shape)}. Choose a network whose output has its input's shape."
        )
        raise InputError(msg)
    pairs = zip(images.detach(), targets.detach(), strict=True)
    values = [measure(image.double(), target.double()) for image, target in pairs]
    return torch.stack(values) if values else images.new_zeros(0, dtype=torch.float64)


def _mse(image: Tensor, target: Tensor) -> Tensor:
    return (image - target).square().mean()


def _psnr(image: Tensor, target: Tensor) -> Tensor:
    noise = _mse(image, target) / _data_range(target) ** 2
    return (-10 * torch.log10(noise)).clamp(max=HIGHEST_PSNR)


def _ssim(image: Tensor, target: Tensor) -> Tensor:
    first, second = ((share * _data_range(target)) ** 2 for share in _STABLE)
    return torch.stack([_ssim_of_channel(*pair, first, second) for pair in zip(image, target, strict=True)]).mean()


def _ssim_of_channel(image: Tensor, target: Tensor, first: float, second: float) -> Tensor:
    windows = [_window(side, 1.5, 11) for side in image.shape]
    mean, of_target = _blurred(image, windows), _blurred(target, windows)
    product = mean * of_target
    squares = mean.square_().add_(of_target.square_())
    covariance = _blurred(image * target, windows).sub_(product)
    variances = _blurred(image.square().add_(target.square()), windows).sub_(squares)
    above = product.mul_(2).add_(first).mul_(covariance.mul_(2).add_(second))
    return above.div_(squares.add_(first).mul_(variances.add_(second))).mean()


def _lncc(image: Tensor, target: Tensor) -> Tensor:
    return torch.stack([_lncc_of_channel(*pair) for pair in zip(image, target, strict=True)]).mean()


def _lncc_of_channel(image: Tensor, target: Tensor) -> Tensor:
    windows = [_window(side, 2.0, 17) for side in image.shape]
    mean, of_target = _blurred(image, windows), _blurred(target, windows)
    variance = _blurred(image.square(), windows).sub_(mean.square())
    variance_of_target = _blurred(target.square(), windows).sub_(of_target.square())
    covariance = _blurred(image * target, windows).sub_(mean.mul_(of_target))
    counted = variance_of_target > _FLAT * target.abs().max() ** 2
    correlated = counted & (variance > _FLAT * image.abs().max() ** 2)
    below = variance.mul_(variance_of_target)[correlated].sqrt_()
    total = covariance[correlated].div_(below).clamp_(0, 1).sum()
    return total / counted.sum().clamp(min=1)


def _data_range(target: Tensor) -> float:
    return 2.0 if bool((target < 0).any()) else 1.0


def _window(side: int, sigma: float, width: int) -> list[float]:
    """Give the weights of a Gaussian window of odd width that fits an axis; they sum to 1."""
    radius = (min(width, side) - 1) // 2
    places = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (places / sigma) ** 2)
    return [float(weight) for weight in weights / weights.sum()]


def _blurred(image: Tensor, windows: Sequence[Sequence[float]]) -> Tensor:
    """Average over windows that lie wholly inside the image, one axis after the other.

    Sums of shifted images take the memory of two images, where a convolution in double precision would copy each voxel
    once for every place of the window.
    """
    for axis, window in enumerate(windows):
        length = image.shape[axis] - len(window) + 1
        total = image.narrow(axis, 0, length) * window[0]
        for start, weight in enumerate(window[1:], 1):
            total.add_(image.narrow(axis, start, length), alpha=weight)
        image = total
    return image

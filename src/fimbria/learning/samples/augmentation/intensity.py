"""Augmentations that change intensities where they are: noise, blur, contrast."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
from pydantic import Field

from fimbria.learning.samples.augmentation.augmentation import (
    Arithmetic,
    AtLeastZero,
    Between,
    Probability,
    augmentation,
    seed,
    uniform,
)

if TYPE_CHECKING:
    from torch import Tensor

    from fimbria.geometry import Shape
    from fimbria.learning.samples.augmentation.augmentation import Drawn

_REACH = 4.0  # deviations that a Gaussian filter reaches to each side
_NARROWEST = 0.1  # voxels: a narrower Gaussian weighs its neighbours with less than 1e-21


@augmentation("none")
@dataclass(frozen=True)
class Unchanged(Arithmetic):
    """Change nothing.

    Attributes
    ----------
    probability
        Of doing so.
    """

    probability: Probability = 1.0

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:  # noqa: ARG002  (the protocol's)
        """Draw nothing."""
        return {}

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:  # noqa: ARG002  (the protocol's)
        """Give the image."""
        return image.clone()


@augmentation("noise")
@dataclass(frozen=True)
class Noise(Arithmetic):
    """Add Gaussian noise.

    Attributes
    ----------
    deviation
        Between these its standard deviation is drawn, in the units of the scaled image.
    probability
        Of changing an image.
    """

    deviation: AtLeastZero = (0.0, 0.1)
    probability: Probability = 1.0

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:  # noqa: ARG002  (the protocol's)
        """Draw a deviation, and the seed of the noise."""
        return {"deviation": uniform(rng, self.deviation, 1)[0], "seed": seed(rng)}

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Add the noise."""
        generator = torch.Generator(image.device).manual_seed(drawn["seed"])
        noise = torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)
        return noise.mul_(drawn["deviation"]).add_(image)


@augmentation("gamma")
@dataclass(frozen=True)
class Gamma(Arithmetic):
    """Bend the contrast: each channel, scaled to 0..1 by its own range, to a power, and back.

    Attributes
    ----------
    log_gamma
        Between these the natural logarithm of the power is drawn.
    probability
        Of changing an image.
    """

    log_gamma: Between = (-0.3, 0.3)
    probability: Probability = 1.0

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:  # noqa: ARG002  (the protocol's)
        """Draw the logarithm of a power."""
        return {"log_gamma": uniform(rng, self.log_gamma, 1)[0]}

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Raise to the power."""
        axes = tuple(range(1, image.ndim))
        low, high = image.amin(axes, keepdim=True), image.amax(axes, keepdim=True)
        span = torch.where(high > low, high - low, 1)
        power = float(np.exp(drawn["log_gamma"]))
        bent = ((image - low) / span).log_().mul_(power).exp_()  # pow gives other bytes with another number of threads
        return bent.mul_(span).add_(low)


@augmentation("bias-field")
@dataclass(frozen=True)
class BiasField(Arithmetic):
    """Multiply by a smooth field, the exponential of a polynomial of the place, as a receive coil does.

    Attributes
    ----------
    coefficients
        Between these each coefficient of the polynomial is drawn; places run from -1 to 1 along each axis.
    order
        Of the polynomial.
    probability
        Of changing an image.

    References
    ----------
    Van Leemput, K. et al. (1999). Automated model-based tissue classification of MR images of the brain. IEEE
    Transactions on Medical Imaging 18(10). doi:10.1109/42.811270
    """

    coefficients: Between = (-0.5, 0.5)
    order: Annotated[int, Field(ge=0, le=6)] = 3
    probability: Probability = 1.0

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw a coefficient for each product of powers up to the order."""
        return {"coefficients": uniform(rng, self.coefficients, len(_powers(self.order, len(shape) - 1)))}

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Multiply by the field."""
        sides = image.shape[1:]
        field = torch.zeros((self.order + 1,) * len(sides))
        for powers, coefficient in zip(_powers(self.order, len(sides)), drawn["coefficients"], strict=True):
            field[powers] = coefficient
        field = field.to(image)
        for side in sides:  # contracts the first axis and appends that of space: in the end all are of space, in order
            places = torch.arange(side, dtype=image.dtype, device=image.device) * 2 - (side - 1)
            places /= max(side - 1, 1)
            field = torch.tensordot(field, torch.stack([places**power for power in range(self.order + 1)]), ([0], [0]))
        return field.exp_() * image


def _powers(order: int, axes: int) -> list[tuple[int, ...]]:
    return [powers for powers in product(range(order + 1), repeat=axes) if sum(powers) <= order]


@augmentation("blur")
@dataclass(frozen=True)
class Blur(Arithmetic):
    """Blur with a Gaussian of another width along each axis.

    Attributes
    ----------
    deviation
        Between these its standard deviation is drawn for each axis, in voxels.
    probability
        Of changing an image.
    """

    deviation: AtLeastZero = (0.0, 2.0)
    probability: Probability = 1.0

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw a deviation an axis."""
        return {"deviations": uniform(rng, self.deviation, len(shape) - 1)}

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Blur each channel by itself."""
        return gaussian(image, drawn["deviations"])


@augmentation("smoothing")
@dataclass(frozen=True)
class Smoothing(Arithmetic):
    """Blur with a Gaussian of one width along all axes of space.

    Attributes
    ----------
    deviation
        Between these its standard deviation is drawn, in voxels.
    probability
        Of changing an image.
    """

    deviation: AtLeastZero = (0.0, 1.0)
    probability: Probability = 1.0

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:  # noqa: ARG002  (the protocol's)
        """Draw a deviation."""
        return {"deviation": uniform(rng, self.deviation, 1)[0]}

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Blur each channel by itself."""
        return gaussian(image, [drawn["deviation"]] * (image.ndim - 1))


def gaussian(image: Tensor, deviations: list[float]) -> Tensor:
    """Filter an image ``(channel, ...)`` along each axis of space; beyond its border it goes on mirrored.

    Parameters
    ----------
    deviations
        One an axis, voxels; 0 leaves the axis as it is.
    """
    filtered = image.clone()
    for axis, deviation in enumerate(deviations, start=1):
        if deviation >= _NARROWEST:
            filtered = _filtered(filtered, axis, deviation)
    return filtered


def _filtered(image: Tensor, axis: int, deviation: float) -> Tensor:
    side, reach = image.shape[axis], int(_REACH * deviation + 0.5)
    weights = np.exp(-0.5 * (np.arange(reach + 1) / deviation) ** 2)
    weights /= weights[0] + 2 * weights[1:].sum()
    places = np.arange(-reach, side + reach) % (2 * side)  # d c b a | a b c d | d c b a
    mirrored = torch.from_numpy(np.minimum(places, 2 * side - 1 - places)).to(image.device)
    padded = image.index_select(axis, mirrored)
    filtered = padded.narrow(axis, reach, side) * float(weights[0])
    for step in range(1, reach + 1):
        for start in (reach - step, reach + step):
            filtered.add_(padded.narrow(axis, start, side), alpha=float(weights[step]))
    return filtered

"""Augmentations that move what an image shows, or hide some of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from pydantic import Field, PositiveInt

from fimbria.errors import ComponentError
from fimbria.learning.samples.augmentation.augmentation import (
    Arithmetic,
    AtLeastZero,
    Between,
    Positive,
    Probability,
    augmentation,
    uniform,
)
from fimbria.learning.samples.augmentation.resampling import moved, rigid, warped

if TYPE_CHECKING:
    from torch import Tensor

    from fimbria.geometry import Shape
    from fimbria.learning.samples.augmentation.augmentation import Drawn

_TRIES = 10  # rectangles drawn until one fits, as torchvision does
_SPARE = 4  # pairs of boxes drawn for each one needed: some overlap


@augmentation("flip")
@dataclass(frozen=True)
class Flip(Arithmetic):
    """Mirror the image.

    Attributes
    ----------
    axes
        Axes of space that may be mirrored, each by a coin of its own; 0 is left and right in a 3-D image.
    probability
        Of mirroring along each axis.
    """

    axes: tuple[Literal[0, 1, 2], ...] = (0,)
    probability: Probability = 0.5

    def draw(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw along which axes an image is mirrored.

        Raises
        ------
        ComponentError
            When the image lacks an axis.
        """
        if absent := [axis for axis in self.axes if axis >= len(shape) - 1]:
            msg = f"augmentation 'flip': images with {len(shape) - 1} axes of space have no axis {absent[0]} (they have: {', '.join(map(str, range(len(shape) - 1)))})."
            raise ComponentError(msg)
        axes = [
            axis for axis, coin in zip(self.axes, rng.random(len(self.axes)), strict=True) if coin < self.probability
        ]
        return {"applied": bool(axes), "axes": axes}

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw along which axes."""
        return self.draw(rng, shape)

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Mirror."""
        return image.flip([axis + 1 for axis in drawn["axes"]])


@augmentation("crop-pad")
@dataclass(frozen=True)
class CropPad(Arithmetic):
    """Shift by whole voxels; what leaves on one side is cut, what is missing on the other is filled.

    Attributes
    ----------
    shift
        Farthest shift along each axis, voxels; from minus this to one less than this, and at most half of a side.
    value
        What is filled in.
    probability
        Of changing an image.
    """

    shift: PositiveInt = 10
    value: float = 0.0
    probability: Probability = 1.0

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw a shift an axis."""
        farthest = [min(self.shift, side // 2) for side in shape[1:]]
        return {"shifts": [int(rng.integers(-most, max(most, 1))) for most in farthest]}

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Shift."""
        shifted = torch.full_like(image, self.value)
        pairs = list(zip(image.shape[1:], drawn["shifts"], strict=True))
        goal = tuple(slice(max(shift, 0), side + min(shift, 0)) for side, shift in pairs)
        source = tuple(slice(max(-shift, 0), side - max(shift, 0)) for side, shift in pairs)
        shifted[:, *goal] = image[:, *source]
        return shifted


@augmentation("erasing")
@dataclass(frozen=True)
class Erasing(Arithmetic):
    """Blank a rectangle of the last two axes, through all others.

    Attributes
    ----------
    area
        Between these its share of the two axes' area is drawn.
    aspect
        Between these the ratio of its sides is drawn, evenly on a logarithmic scale.
    value
        What it is filled with.
    probability
        Of changing an image.

    References
    ----------
    Zhong, Z. et al. (2020). Random erasing data augmentation. AAAI 34(7). doi:10.1609/aaai.v34i07.7000
    """

    area: AtLeastZero = (0.02, 0.33)
    aspect: Positive = (0.3, 3.3)
    value: float = 0.0
    probability: Probability = 0.5

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw a rectangle: where it starts, and its sides; of sides 0 if none that was tried fits."""
        areas = rng.uniform(*self.area, _TRIES) * shape[-2] * shape[-1]
        aspects = np.exp(rng.uniform(log(self.aspect[0]), log(self.aspect[1]), _TRIES))
        sides = np.round(np.sqrt([areas * aspects, areas / aspects])).astype(int).T
        fitting = sides[(sides < shape[-2:]).all(axis=1)]
        size = fitting[0] if len(fitting) else np.zeros(2, int)
        start = rng.integers(0, np.asarray(shape[-2:]) - size + 1)
        return {"start": start.tolist(), "size": size.tolist()}

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Blank the rectangle."""
        (first, second), (height, width) = drawn["start"], drawn["size"]
        erased = image.clone()
        erased[..., first : first + height, second : second + width] = self.value
        return erased


@augmentation("swap")
@dataclass(frozen=True)
class Swap(Arithmetic):
    """Let boxes change places, pair after pair.

    Attributes
    ----------
    size
        Voxels along each side of a box; at most half of the image's side.
    pairs
        How many change places; of a small image fewer, where the boxes of most pairs drawn overlap.
    probability
        Of changing an image.

    References
    ----------
    Chen, L. et al. (2019). Self-supervised learning for medical image analysis using image context restoration.
    Medical Image Analysis 58. doi:10.1016/j.media.2019.101539
    """

    size: PositiveInt = 15
    pairs: Annotated[int, Field(ge=0, le=10_000)] = 100
    probability: Probability = 1.0

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw where the boxes of each pair start; those that overlap are drawn again."""
        size = np.array([max(1, min(self.size, side // 2)) for side in shape[1:]])
        starts = rng.integers(0, np.asarray(shape[1:]) - size + 1, (_SPARE * self.pairs, 2, len(size)))
        apart = (np.abs(starts[:, 0] - starts[:, 1]) >= size).any(axis=1)
        return {"size": size.tolist(), "starts": starts[apart][: self.pairs].tolist()}

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Swap the boxes."""
        swapped = image.clone()
        for pair in drawn["starts"]:
            one, other = (tuple(slice(s, s + n) for s, n in zip(start, drawn["size"], strict=True)) for start in pair)
            kept = swapped[:, *one].clone()
            swapped[:, *one] = swapped[:, *other]
            swapped[:, *other] = kept
        return swapped


@augmentation("affine")
@dataclass(frozen=True)
class Affine(Arithmetic):
    """Turn, shift and scale around the centre; what comes in from outside has the image's lowest intensity.

    Attributes
    ----------
    degrees
        Between these an angle is drawn for each axis, or the one angle of a 2-D image.
    translation
        Between these a shift is drawn for each axis, voxels.
    scale
        Between these a factor is drawn for each axis; above 1 things grow.
    probability
        Of changing an image.
    """

    degrees: Between = (-10.0, 10.0)
    translation: Between = (-5.0, 5.0)
    scale: Positive = (0.9, 1.1)
    probability: Probability = 1.0

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw angles, shifts and factors."""
        axes = len(shape) - 1
        return {
            "degrees": uniform(rng, self.degrees, angles(axes)),
            "translation": uniform(rng, self.translation, axes),
            "scale": uniform(rng, self.scale, axes),
        }

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Move."""
        matrix = rigid(drawn["degrees"]) * np.asarray(drawn["scale"])
        return moved(image, matrix, drawn["translation"])


@augmentation("elastic")
@dataclass(frozen=True)
class Elastic(Arithmetic):
    """Warp smoothly: displacements drawn at the points of a coarse grid, and cubic B-splines between them.

    Attributes
    ----------
    points
        Control points along each axis, borders included; the outer two on each side do not move.
    displacement
        Farthest displacement of a point along each axis, voxels; kept below 0.4 of the distance between points, so that
        nothing folds.
    probability
        Of changing an image.

    References
    ----------
    Rueckert, D. et al. (1999). Nonrigid registration using free-form deformations. IEEE Transactions on Medical Imaging
    18(8). doi:10.1109/42.796284
    Choi, Y. and Lee, S. (2000). Injectivity conditions of 2D and 3D uniform cubic B-spline functions. Graphical Models
    62(6). doi:10.1006/gmod.2000.0531
    """

    points: Annotated[int, Field(ge=5, le=50)] = 7
    displacement: Annotated[float, Field(ge=0)] = 7.5
    probability: Probability = 1.0

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw the displacements of the inner points, as shares of the farthest, ``(axis, point, ...)``."""
        inner = (self.points - 4,) * (len(shape) - 1)
        return {"shares": rng.uniform(-1, 1, (len(inner), *inner)).round(6).tolist()}

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Warp."""
        shares = np.asarray(drawn["shares"])
        axes = image.ndim - 1
        spacing = np.array(image.shape[1:]) / (self.points - 3)
        farthest = np.minimum(self.displacement, 0.4 * spacing)
        field = np.pad(shares, [(0, 0)] + [(2, 2)] * axes) * farthest.reshape(-1, *[1] * axes)
        return warped(image, field)


def angles(axes: int) -> int:
    """Count the angles that turn an image with so many axes of space."""
    return 1 if axes == 2 else 3  # noqa: PLR2004  (a plane turns in itself)

"""Augmentations that are faults of magnetic resonance scanners: the order in which the k-space is filled, or a spark in it.

Each of them touches the k-space along one axis, or at one place. Transforming along that axis alone, or adding the plane
wave that one place of the k-space is, gives what a transform of the whole image would give.

References
----------
Shaw, R. et al. (2019). MRI k-space motion artefact augmentation: model robustness and task-specific uncertainty.
Proceedings of Machine Learning Research 102. https://proceedings.mlr.press/v102/shaw19a.html
Pérez-García, F. et al. (2021). TorchIO: a Python library for efficient loading, preprocessing, augmentation and
patch-based sampling of medical images in deep learning. Computer Methods and Programs in Biomedicine 208.
doi:10.1016/j.cmpb.2021.106236
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
from pydantic import AfterValidator, NonNegativeInt, PositiveInt

from fimbria.learning.samples.augmentation.augmentation import (
    Arithmetic,
    Between,
    Probability,
    ascending,
    augmentation,
    uniform,
)
from fimbria.learning.samples.augmentation.resampling import moved, rigid
from fimbria.learning.samples.augmentation.spatial import angles

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from fimbria.geometry import Shape
    from fimbria.learning.samples.augmentation.augmentation import Drawn

_UNEVEN = 0.3  # how far a movement may be from its even time, as a share of the time between two


@augmentation("motion")
@dataclass(frozen=True)
class Motion(Arithmetic):
    """Let the head move during the scan: parts of the k-space, along the last axis, are those of the moved head.

    Attributes
    ----------
    degrees
        Between these an angle is drawn for each movement and axis (one angle in 2-D).
    translation
        Between these a shift is drawn for each movement and axis, voxels.
    movements
        How often the head moves.
    probability
        Of changing an image.
    """

    degrees: Between = (2.0, 4.0)
    translation: Between = (2.0, 4.0)
    movements: PositiveInt = 2
    probability: Probability = 1.0

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw when the head moves, and to where."""
        axes, step = len(shape) - 1, 1 / (self.movements + 1)
        times = step * (np.arange(1, self.movements + 1) + rng.uniform(-_UNEVEN, _UNEVEN, self.movements))
        return {
            "times": times.tolist(),
            "degrees": [uniform(rng, self.degrees, angles(axes)) for _ in times],
            "translation": [uniform(rng, self.translation, axes) for _ in times],
        }

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Fill the k-space from the head at each place; its centre from where the head was first."""
        side, times = image.shape[-1], drawn["times"]
        ends = [0, *(int(side * time) for time in times), side]
        centre = next(place for place, end in enumerate(ends[1:]) if end > side // 2)
        places = [None, *zip(drawn["degrees"], drawn["translation"], strict=True)]
        places[0], places[centre] = places[centre], places[0]
        mixed = torch.zeros_like(image)
        for place, start, end in zip(places, ends, ends[1:], strict=False):
            head = image if place is None else moved(image, rigid(place[0]), place[1])
            lines = np.zeros(side)
            lines[start:end] = 1
            mixed += _weighted(head, image.ndim - 1, lines)
        return mixed


@augmentation("ghosting")
@dataclass(frozen=True)
class Ghosting(Arithmetic):
    """Add faint copies of the image along one axis: every n-th plane of the k-space is weakened.

    Attributes
    ----------
    ghosts
        Between these their number is drawn.
    intensity
        Between these it is drawn how much the planes are weakened; 1 blanks them.
    probability
        Of changing an image.
    """

    ghosts: Annotated[tuple[PositiveInt, PositiveInt], AfterValidator(ascending)] = (4, 10)
    intensity: Between = (0.5, 1.0)
    probability: Probability = 1.0

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw how many along which axis, and how strong."""
        return {
            "ghosts": int(rng.integers(self.ghosts[0], self.ghosts[1] + 1)),
            "axis": int(rng.integers(len(shape) - 1)),
            "intensity": uniform(rng, self.intensity, 1)[0],
        }

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Weaken the planes, but the central one."""
        axis = drawn["axis"] + 1
        planes = np.ones(image.shape[axis])
        planes[:: drawn["ghosts"]] -= drawn["intensity"]
        planes[len(planes) // 2] = 1
        return _weighted(image, axis, planes)


@augmentation("spike")
@dataclass(frozen=True)
class Spike(Arithmetic):
    """Add stripes: single places of the k-space are far too strong.

    Attributes
    ----------
    spikes
        Between these their number is drawn.
    intensity
        Between these their strength is drawn, as a multiple of the strongest place of the channel's k-space.
    probability
        Of changing an image.
    """

    spikes: Annotated[tuple[NonNegativeInt, NonNegativeInt], AfterValidator(ascending)] = (1, 1)
    intensity: Between = (1.0, 3.0)
    probability: Probability = 1.0

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw how strong, and where: shares of each axis of the k-space, its centre at one half."""
        count = int(rng.integers(self.spikes[0], self.spikes[1] + 1))
        return {
            "intensity": uniform(rng, self.intensity, 1)[0],
            "places": [uniform(rng, (0, 1), len(shape) - 1) for _ in range(count)],
        }

    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Add the plane wave of each place."""
        sides = image.shape[1:]
        waves = torch.zeros(sides, dtype=image.dtype, device=image.device)
        for place in drawn["places"]:
            turns = torch.zeros_like(waves)
            for axis, (share, side) in enumerate(zip(place, sides, strict=True)):
                cycles = int(share * side) - side // 2
                along = (
                    2 * np.pi * (cycles * np.arange(side) % side) / side
                )  # whole turns left out: float32 keeps the rest
                turns += torch.from_numpy(along).to(image).reshape(-1, *[1] * (len(sides) - 1 - axis))
            waves += turns.cos_()
        height = _strongest(image).mul_(drawn["intensity"] / waves.numel())
        return image + waves * height.reshape(-1, *[1] * len(sides))


def _weighted(image: Tensor, axis: int, weights: NDArray[np.float64]) -> Tensor:
    """Weight the planes of the k-space along an axis, lowest frequency in the middle; real part of what comes back.

    The image is real, so that taking the real part is the same as giving opposite frequencies their mean weight.
    """
    side = len(weights)
    weights = np.fft.ifftshift(weights)
    halves = (weights + np.roll(weights[::-1], 1))[: side // 2 + 1] / 2
    shape = [1] * image.ndim
    shape[axis] = -1
    spectrum = torch.fft.rfft(image, dim=axis)
    spectrum *= torch.from_numpy(halves).to(image).reshape(shape)
    filtered: Tensor = torch.fft.irfft(spectrum, n=side, dim=axis)
    return filtered


def _strongest(image: Tensor) -> Tensor:
    """Largest magnitude in the k-space of each channel; of a channel without negative values this is their sum."""
    axes = tuple(range(1, image.ndim))
    if bool((image >= 0).all()):
        return image.sum(axes, dtype=torch.float64).to(image.dtype)
    strongest: Tensor = torch.fft.rfftn(image, dim=axes).abs().amax(axes)
    return strongest

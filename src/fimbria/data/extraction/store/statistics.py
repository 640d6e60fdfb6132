"""Intensities of an image in a few numbers, so that scaling a part of it needs no second look at the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUANTILES = 201  # 0, 0.5, ... 100 %
_MANY = 1 << 20  # voxels from which every second along each axis is enough for quantiles


@dataclass(frozen=True)
class Statistics:
    """Intensities of some voxels.

    Attributes
    ----------
    minimum, maximum, mean, deviation
        Over all of them, in the image's units.
    quantiles
        Their quantiles at 0, 0.5, ... 100 %; of a large image, those of every second voxel along each axis.
    """

    minimum: float
    maximum: float
    mean: float
    deviation: float
    quantiles: tuple[float, ...]

    @classmethod
    def of(cls, array: NDArray[np.float32], some: NDArray[np.float32] | None = None) -> Self:
        """Describe the voxels of an array, at least one; their quantiles are those of `some` of them."""
        some = _every_second(array) if some is None else some
        low, high = float(array.min()), float(array.max())
        ordered = np.sort(some, axis=None)
        places = np.linspace(0, ordered.size - 1, QUANTILES)
        quantiles = np.interp(places, np.arange(ordered.size), ordered)
        quantiles[0], quantiles[-1] = low, high
        mean = float(array.mean(dtype=np.float64))
        with np.errstate(over="ignore"):
            deviation = float(array.std())
        if not np.isfinite(deviation):  # the squares of very large intensities
            deviation = float(array.std(dtype=np.float64))
        return cls(low, high, mean, deviation, tuple(float(np.float32(value)) for value in quantiles))


def of_image(array: NDArray[np.float32]) -> tuple[Statistics, Statistics]:
    """Describe all voxels of an image, and those that are not zero (all, where none is)."""
    whole = Statistics.of(array)
    nonzero = array[array != 0]
    if not 0 < nonzero.size < array.size:
        return whole, whole
    some = _every_second(array)
    some = some[some != 0]
    return whole, Statistics.of(nonzero, some if some.size else nonzero)


def _every_second(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give every second voxel along each axis of a large image; all of a small one."""
    return array[(slice(None, None, 2),) * array.ndim] if array.size > _MANY else array

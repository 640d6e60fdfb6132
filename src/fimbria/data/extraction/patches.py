"""Boxes on a regular grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from pydantic import PositiveInt

from fimbria.data.extraction.extraction import Location, extraction
from fimbria.errors import InputError
from fimbria.geometry import counts

if TYPE_CHECKING:
    from fimbria.geometry import Shape

Sides = PositiveInt | tuple[PositiveInt, PositiveInt, PositiveInt]


@extraction("patch")
@dataclass(frozen=True)
class Patches:
    """Cubes or boxes on a regular grid, row by row; what is left over at the high end is dropped.

    Attributes
    ----------
    size
        Voxels along each axis; one number for a cube.
    stride
        Voxels from one patch to the next; by default the size, so that patches touch.
    """

    size: Sides = 50
    stride: Sides | None = None

    def locations(self, shape: Shape) -> list[Location]:
        """Give the patches, the last axis running fastest.

        Raises
        ------
        InputError
            When a patch is larger than the image.
        """
        size = _three(self.size)
        stride = size if self.stride is None else _three(self.stride)
        numbers = counts(shape, size, stride)
        if min(numbers) == 0:
            msg = f"patches of {'x'.join(map(str, size))} are larger than the image ({'x'.join(map(str, shape))}). Choose a smaller size."
            raise InputError(msg)
        origins = product(*(range(0, n * step, step) for n, step in zip(numbers, stride, strict=True)))
        return [
            Location(index, tuple(slice(start, start + side) for start, side in zip(origin, size, strict=True)))
            for index, origin in enumerate(origins)
        ]


def _three(sides: int | tuple[int, int, int]) -> tuple[int, int, int]:
    return (sides, sides, sides) if isinstance(sides, int) else sides

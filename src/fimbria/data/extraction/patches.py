"""Boxes on a regular grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, PositiveInt

from fimbria.data.extraction.extraction import Location, extraction
from fimbria.errors import InputError
from fimbria.geometry import counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.data.extraction.extraction import Sliceable
    from fimbria.geometry import Shape

Sides = PositiveInt | tuple[PositiveInt, PositiveInt, PositiveInt]


@extraction("patch")
@dataclass(frozen=True)
class Patches:
    """Cubes or boxes on a regular grid, row by row; what is left over at the high end is dropped, or padded.

    Attributes
    ----------
    size
        Voxels along each axis; one number for a cube.
    stride
        Voxels from one patch to the next; by default the size, so that patches touch.
    padding
        Let the last patch along each axis hang over the image's far side, filled with 0, so that no voxel is left over;
        an image may then be smaller than a patch.
    foreground
        Least share (0 to 1) of a patch's voxels that are brighter than the mean of its image; patches with fewer are
        background and left out, image by image. Padded voxels count as dark. An image without any such patch keeps its
        brightest. 0 keeps all.
    """

    size: Sides = 50
    stride: Sides | None = None
    padding: bool = False
    foreground: Annotated[float, Field(ge=0, le=1)] = 0.0

    def locations(self, shape: Shape) -> list[Location]:
        """Give the patches, the last axis running fastest.

        Raises
        ------
        InputError
            When a patch is larger than the image and `padding` is off.
        """
        size = three(self.size)
        stride = size if self.stride is None else three(self.stride)
        numbers = _covering(shape, size, stride) if self.padding else counts(shape, size, stride)
        if min(numbers) == 0:
            msg = (
                f"patches of {'x'.join(map(str, size))} are larger than the image ({'x'.join(map(str, shape))}). "
                "Choose a smaller size, or let them hang over with padding."
            )
            raise InputError(msg)
        origins = product(*(range(0, n * step, step) for n, step in zip(numbers, stride, strict=True)))
        return [_patch(index, origin, size, shape) for index, origin in enumerate(origins)]

    @property
    def choosy(self) -> bool:
        """Whether patches are left out by what an image shows."""
        return self.foreground > 0

    def chosen(self, image: Sliceable, mean: float, locations: Sequence[Location]) -> list[int]:
        """Give the places in `locations` of the patches that are not background; of none, that of the brightest.

        The image is read once, and not at all where `foreground` is 0.

        Parameters
        ----------
        image
            ``(x, y, z)``.
        mean
            Of all its voxels, in its own units.
        locations
            What `locations` gave for its shape.
        """
        if not self.choosy:
            return list(range(len(locations)))
        ends = [max(location.box[axis].stop for location in locations) for axis in range(3)]
        bright = image[tuple(slice(0, end) for end in ends)] > mean
        whole = np.prod(three(self.size))
        shares = np.array([np.count_nonzero(bright[location.box]) for location in locations]) / whole
        kept: list[int] = np.flatnonzero(shares >= self.foreground).tolist()
        return kept or [int(shares.argmax())]


def three(sides: int | Sequence[int]) -> tuple[int, int, int]:
    """Give one number, or three, as three."""
    x, y, z = (sides, sides, sides) if isinstance(sides, int) else sides
    return x, y, z


def _patch(index: int, origin: Sequence[int], size: Sequence[int], shape: Shape) -> Location:
    stops = [min(start + side, end) for start, side, end in zip(origin, size, shape, strict=True)]
    over = tuple((0, start + side - stop) for start, side, stop in zip(origin, size, stops, strict=True))
    box = tuple(slice(start, stop) for start, stop in zip(origin, stops, strict=True))
    return Location(index, box, padding=over if any(after for _, after in over) else None)


def _covering(shape: Shape, size: Sequence[int], stride: Sequence[int]) -> tuple[int, ...]:
    """Count the patches along each axis until one reaches the far side; none begins beyond it, however long the stride."""
    return tuple(min(-(-max(s - n, 0) // t) + 1, -(-s // t)) for s, n, t in zip(shape, size, stride, strict=True))

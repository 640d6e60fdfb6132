"""How an image is cut into parts, as arithmetic: where the parts lie, how one is taken, how they are put back.

A way of cutting has to say one thing only: ``locations(shape)``. Taking and putting back are written here, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fimbria.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fimbria.geometry import Box, Shape


@dataclass(frozen=True, eq=False)
class Location:
    """Where one part lies in an image ``(x, y, z)``.

    Attributes
    ----------
    index
        Number of the part: patches row by row, slices by their place in the whole image, regions as they were named.
    box
        Voxels along each axis.
    flat
        Axis that a slice drops; None for a part with three axes.
    channels
        How often the part is repeated as channels.
    mask
        Voxels of the box that belong to the part; the others are zero. None for all.
    name
        What to call it, where it has a name.
    """

    index: int
    box: Box
    flat: int | None = None
    channels: int = 1
    mask: NDArray[np.bool_] | None = None
    name: str = ""

    @property
    def shape(self) -> Shape:
        """Shape of the part, ``(channel, x, y, z)`` or ``(channel, first, second)`` for a slice."""
        sides = [part.stop - part.start for part in self.box]
        if self.flat is not None:
            del sides[self.flat]
        return (self.channels, *sides)


class Extraction(Protocol):
    """A way to cut images."""

    def locations(self, shape: Shape) -> Sequence[Location]:
        """Say where the parts of an image of this shape lie; each inside the image.

        Raises
        ------
        InputError
            When the image cannot be cut this way.
        """
        ...


class Sliceable(Protocol):
    """Anything that gives a box of an image: an array, or a file that reads no more than the box."""

    def __getitem__(self, box: Box, /) -> Any:  # noqa: ANN401  (arrays of any type)
        """Give the voxels of a box."""
        ...


extraction: Registry[Extraction] = Registry("extraction")


def take(image: Sliceable, location: Location) -> NDArray[Any]:
    """Cut one part out of an image.

    Parameters
    ----------
    image
        ``(x, y, z)``.
    location
        Which part.

    Returns
    -------
    ndarray
        Of `location.shape`; it may share memory with an image that is an array.
    """
    part = image[location.box]
    if location.mask is not None:
        part = np.where(location.mask, part, part.dtype.type(0))
    if location.flat is not None:
        part = part.squeeze(location.flat)
    return part[None] if location.channels == 1 else np.repeat(part[None], location.channels, axis=0)


def put_back(parts: Sequence[NDArray[Any]], locations: Sequence[Location], shape: Shape) -> NDArray[np.float32]:
    """Put parts back where they were taken; where several cover a voxel their mean stands, where none does zero.

    Parameters
    ----------
    parts
        Each of its location's shape; of several channels the mean is taken.
    locations
        One a part.
    shape
        Of the image.

    Returns
    -------
    ndarray
        ``(x, y, z)``, float32.
    """
    total = np.zeros(shape, dtype=np.float64)
    cover = np.zeros(shape, dtype=np.int32)
    for part, location in zip(parts, locations, strict=True):
        values = part.mean(axis=0, dtype=np.float64)
        if location.flat is not None:
            values = np.expand_dims(values, location.flat)
        if location.mask is None:
            total[location.box] += values
            cover[location.box] += 1
        else:
            total[location.box] += np.where(location.mask, values, 0)
            cover[location.box] += location.mask
    return (total / np.maximum(cover, 1)).astype(np.float32)

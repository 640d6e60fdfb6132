"""How an image is cut into parts, as arithmetic: where the parts lie, how one is taken, how they are put back.

A way of cutting has to say one thing only: ``locations(shape)``. Taking and putting back are written here, once. One that
leaves parts out by what an image shows says so by being `Choosy`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from fimbria.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fimbria.geometry import Box, Shape

Padding: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Location:
    """Where one part lies in an image ``(x, y, z)``.

    Attributes
    ----------
    index
        Number of the part: patches row by row, slices by their place in the whole image, regions as they were named.
    box
        Voxels of the image along each axis, all inside it; with a step for a part that takes every n-th.
    flat
        Axis that a slice drops; None for a part with three axes.
    channels
        How often the part is repeated as channels.
    mask
        Voxels of the box that belong to the part; the others are zero. None for all.
    name
        What to call it, where it has a name.
    padding
        How many voxels are added before and after the box along each axis, where the part hangs over the image's side;
        they are zero. None for none.
    background
        What stands where the part is not real (outside `mask`, and in `padding`) once intensities are normalised, in
        units of the normalised image; `take` gives 0 there, in the image's own units.
    mask_file
        Name of the file that `mask` comes from, where it comes from one.
    """

    index: int
    box: Box
    flat: int | None = None
    channels: int = 1
    mask: NDArray[np.bool_] | None = None
    name: str = ""
    padding: Padding | None = None
    background: float = 0.0
    mask_file: str = ""

    @property
    def sides(self) -> Shape:
        """Voxels that the part takes from the image, along each axis."""
        return tuple(len(range(part.start, part.stop, part.step or 1)) for part in self.box)

    @property
    def shape(self) -> Shape:
        """Shape of the part, ``(channel, x, y, z)`` or ``(channel, first, second)`` for a slice."""
        sides = list(self.sides)
        if self.padding is not None:
            sides = [side + before + after for side, (before, after) in zip(sides, self.padding, strict=True)]
        if self.flat is not None:
            del sides[self.flat]
        return (self.channels, *sides)

    @property
    def inside(self) -> NDArray[np.bool_] | None:
        """Voxels of the part, of its shape without the channel, that are the image's: in the mask, not padded; None for all."""
        if self.mask is None and self.padding is None:
            return None
        real = np.ones(self.sides, dtype=bool) if self.mask is None else self.mask
        if self.padding is not None:
            real = np.pad(real, self.padding)
        return real if self.flat is None else real.squeeze(self.flat)

    @property
    def unpadded(self) -> Box:
        """Where in the part, before an axis is dropped, the box's own voxels lie."""
        before = [0] * len(self.box) if self.padding is None else [first for first, _ in self.padding]
        return tuple(slice(start, start + side) for start, side in zip(before, self.sides, strict=True))


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
        """Give the voxels of a box, every n-th where it has a step."""
        ...


@runtime_checkable
class Choosy(Protocol):
    """A way to cut images that can leave parts out, image by image, by what the image shows."""

    @property
    def choosy(self) -> bool:
        """Whether it leaves out anything at all; where it does not, no image need be read to know its parts."""
        ...

    def chosen(self, image: Sliceable, mean: float, locations: Sequence[Location]) -> list[int]:
        """Give the places in `locations` of the parts to keep of an image, in order; at least one.

        Parameters
        ----------
        image
            ``(x, y, z)``.
        mean
            Of all its voxels, in its own units.
        locations
            What `Extraction.locations` gave for its shape.
        """
        ...


extraction: Registry[Extraction] = Registry("extraction")


def digest(locations: Sequence[Location]) -> str:
    """Give the SHA-256 of how images are cut: every box, mask and padding, in their order."""
    taken = hashlib.sha256()
    for one in locations:
        box = [(side.start, side.stop, side.step or 1) for side in one.box]
        taken.update(repr((one.index, box, one.flat, one.channels, one.padding, one.background)).encode())
        if one.mask is not None:
            taken.update(np.packbits(one.mask).tobytes())
    return taken.hexdigest()


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
    if location.padding is not None:
        part = np.pad(part, location.padding)
    if location.flat is not None:
        part = part.squeeze(location.flat)
    return part[None] if location.channels == 1 else np.repeat(part[None], location.channels, axis=0)


def put_back(parts: Sequence[NDArray[Any]], locations: Sequence[Location], shape: Shape) -> NDArray[np.float32]:
    """Put parts back where they were taken; where several cover a voxel their mean stands, where none does zero.

    What was padded is dropped. The work is that of the voxels of all parts and, once, of the image.

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
        values = part[0] if len(part) == 1 else part.mean(axis=0, dtype=np.float64)
        if location.flat is not None:
            values = np.expand_dims(values, location.flat)
        values = values[location.unpadded]
        if location.mask is None:
            total[location.box] += values
            cover[location.box] += 1
        else:
            np.add(total[location.box], values, out=total[location.box], where=location.mask)
            cover[location.box] += location.mask
    return (total / np.maximum(cover, 1)).astype(np.float32)

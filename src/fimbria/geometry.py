"""Grids, spacing and boxes: arithmetic only. Axes are those of the NIfTI array (x, y, z); affines map voxels to mm, RAS+."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.orientations import aff2axcodes, inv_ornt_aff, io_orientation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Shape: TypeAlias = tuple[int, ...]
Box: TypeAlias = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of an image lie.

    Attributes
    ----------
    shape
        Number of voxels along x, y, z.
    affine
        Voxel to world, 4 x 4, mm, RAS+.
    """

    shape: Shape
    affine: NDArray[np.float64]

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Distance between voxel centres along each axis, mm."""
        return tuple(float(size) for size in voxel_sizes(self.affine))

    @property
    def orientation(self) -> str:
        """Anatomical direction of each axis, for example ``RAS``."""
        return "".join(code or "?" for code in aff2axcodes(self.affine))

    def upright(self) -> Grid:
        """Give the grid of the same voxels with axes that run right, anterior, superior (RAS+), as near as they can."""
        turned = io_orientation(self.affine)
        sides = [0, 0, 0]
        for side, (axis, _) in zip(self.shape, turned, strict=True):
            sides[int(axis)] = side
        return Grid(tuple(sides), self.affine @ inv_ornt_aff(turned, self.shape))

    def matches(self, other: Grid, tolerance_mm: float = 1e-2) -> bool:
        """Tell whether both grids put every voxel at the same place."""
        return self.shape == other.shape and bool(np.allclose(self.affine, other.affine, atol=tolerance_mm, rtol=0))

    def apart_mm(self, other: Grid) -> float:
        """Give how far the voxels of two grids of one shape lie apart at most, mm: that of two corners."""
        corners = np.array([[*corner, 1] for corner in product(*((0, side - 1) for side in self.shape))], dtype=float).T
        return float(np.linalg.norm(((self.affine - other.affine) @ corners)[:3], axis=0).max())

    def cropped(self, box: Box) -> Grid:
        """Give the grid of a box cut out of this one."""
        starts = [part.start or 0 for part in box]
        affine = self.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ np.asarray(starts, dtype=float)
        shape = tuple(len(range(*part.indices(size))) for part, size in zip(box, self.shape, strict=True))
        return Grid(shape, affine)

    def respaced(self, spacing_mm: float) -> Grid:
        """Give the grid that covers the same box with cubic voxels of `spacing_mm`."""
        old = np.asarray(self.spacing_mm)
        shape = tuple(int(n) for n in np.maximum(1, np.round(np.asarray(self.shape) * old / spacing_mm)))
        affine = self.affine.copy()
        affine[:3, :3] = affine[:3, :3] / old * spacing_mm
        corner = self.affine @ np.array([-0.5, -0.5, -0.5, 1.0])
        affine[:3, 3] = corner[:3] + affine[:3, :3] @ np.full(3, 0.5)
        return Grid(shape, affine)

    def world(self) -> NDArray[np.float64]:
        """Give the position of every voxel centre, ``(3, x, y, z)``, mm, RAS+."""
        voxels = np.indices(self.shape, dtype=float).reshape(3, -1)
        millimetres: NDArray[np.float64] = self.affine[:3, :3] @ voxels + self.affine[:3, 3:]
        return millimetres.reshape(3, *self.shape)

    def __str__(self) -> str:
        """Give shape, spacing and orientation, as error messages name a grid."""
        sides = "x".join(f"{side:g}" for side in np.round(self.spacing_mm, 3))
        return f"{'x'.join(map(str, self.shape))} voxels of {sides} mm, {self.orientation}"


def counts(shape: Sequence[int], size: Sequence[int], stride: Sequence[int]) -> tuple[int, ...]:
    """Count the boxes of `size`, placed every `stride`, that fit along each axis.

    Examples
    --------
    >>> counts((169, 208, 179), (50, 50, 50), (50, 50, 50))
    (3, 4, 3)
    """
    return tuple((s - n) // t + 1 if s >= n else 0 for s, n, t in zip(shape, size, stride, strict=True))


def bounding_box(mask: NDArray[np.bool_]) -> Box:
    """Give the smallest box that holds every true voxel of a mask that has some."""
    sides = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        filled = np.flatnonzero(mask.any(axis=others))
        sides.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return tuple(sides)


def enlarged(box: Box, size: Sequence[int], shape: Sequence[int]) -> Box:
    """Grow a box to `size` around its centre and shift it so that it lies inside `shape`.

    Examples
    --------
    >>> enlarged((slice(0, 3),), size=(5,), shape=(10,))
    (slice(0, 5, None),)
    """
    grown = []
    for part, wanted, side in zip(box, size, shape, strict=True):
        start = part.start - (wanted - (part.stop - part.start)) // 2
        start = min(max(start, 0), side - wanted)
        grown.append(slice(start, start + wanted))
    return tuple(grown)

"""Where deep structures and a few patches of cortex lie in the template, as smooth shapes of a dozen numbers each.

These are simple shapes, drawn by eye on the average head; they are no atlas. They say where a synthetic disease takes
place, roughly as large and as bent as the anatomy, and nothing should be measured with them in real people.

Each region is a union of ellipsoids given for the right side in millimetres of MNI152NLin2009cSym, RAS+; the left side
is its mirror image, as the template is symmetric. A plain name (``hippocampus``) is both sides; ``left-hippocampus``
and ``right-hippocampus`` are one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from fimbria.errors import ComponentError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fimbria.geometry import Box, Grid

EDGE_MM = 1.0  # membership falls from 1 to 0 between this deep inside a shape and this far outside
SIDES = ("left", "right")
Millimetres = tuple[float, float, float]


@dataclass(frozen=True)
class Ellipsoid:
    """One blob of a region.

    Attributes
    ----------
    centre_mm
        Its middle, mm, RAS+.
    radii_mm
        Half its length along its own first, second and third axis, mm.
    turn_degrees
        How its axes are turned away from x, y and z: first around x, then around y, then around z.
    """

    centre_mm: Millimetres
    radii_mm: Millimetres
    turn_degrees: Millimetres = (0.0, 0.0, 0.0)

    @property
    def mirrored(self) -> Ellipsoid:
        """The same blob on the other side."""
        (x, y, z), (around_x, around_y, around_z) = self.centre_mm, self.turn_degrees
        return Ellipsoid((-x, y, z), self.radii_mm, (around_x, -around_y, -around_z))

    @cached_property
    def axes(self) -> NDArray[np.float64]:
        """Its axes as the columns of a rotation, 3 x 3."""
        return rotation(self.turn_degrees)

    @property
    def reach_mm(self) -> NDArray[np.float64]:
        """Half the sides of the upright box that holds it and its soft edge, mm."""
        reach: NDArray[np.float64] = np.sqrt(((self.axes * self.radii_mm) ** 2).sum(axis=1)) + 2 * EDGE_MM
        return reach

    def depth_mm(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how deep points lie under its surface, mm, negative outside, exact at the surface to first order.

        Parameters
        ----------
        points
            ``(3, ...)``, mm, RAS+.
        """
        away = points - np.reshape(self.centre_mm, (3, *[1] * (points.ndim - 1)))
        own = np.tensordot((self.axes / self.radii_mm).T, away, axes=1)
        radius = np.sqrt((own**2).sum(axis=0))
        radii = np.reshape(self.radii_mm, (3, *[1] * (points.ndim - 1)))
        steepness = np.sqrt(((own / radii) ** 2).sum(axis=0))
        depth: NDArray[np.float64] = (1 - radius) * radius / np.maximum(steepness, 1e-9)
        return np.where(radius > 0, depth, min(self.radii_mm))


@dataclass(frozen=True)
class Region:
    """A part of the brain as a union of blobs.

    Attributes
    ----------
    name
        What it is called.
    summary
        What it covers, in a few words.
    blobs
        The ellipsoids it is made of, both sides or one.
    """

    name: str
    summary: str
    blobs: tuple[Ellipsoid, ...]


def rotation(turn_degrees: Millimetres) -> NDArray[np.float64]:
    """Give the rotation around x, then y, then z, 3 x 3.

    Parameters
    ----------
    turn_degrees
        The three angles, counter-clockwise when looking against the axis.
    """
    turned = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(turn_degrees)):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[[first, second], [first, second]] = np.cos(angle)
        step[second, first], step[first, second] = np.sin(angle), -np.sin(angle)
        turned = step @ turned
    return turned


def find(name: str) -> Region:
    """Give a region by its name.

    Raises
    ------
    ComponentError
        When there is none; with the nearest name.

    Examples
    --------
    >>> find("left-amygdala").summary
    'almond in front of the hippocampus, left'
    """
    if name not in REGIONS:
        msg = f"no region is called {name!r}: {did_you_mean(name, REGIONS)}."
        raise ComponentError(msg)
    return REGIONS[name]


def membership(name: str, grid: Grid) -> NDArray[np.float32]:
    """Tell how much each voxel of a grid belongs to a region.

    Parameters
    ----------
    name
        One of `REGIONS`.
    grid
        Any grid in template coordinates.

    Returns
    -------
    numpy.ndarray
        ``(x, y, z)``, float32 in [0, 1]: 1 inside, 0 outside, 0.5 at the surface, smooth over `EDGE_MM` on both sides.
        A voxel is asked at its centre; where voxels are large, low-pass the membership of a finer grid instead.

    Raises
    ------
    ComponentError
        When no region has this name.
    """
    belongs = np.zeros(grid.shape, dtype=np.float32)
    for blob in find(name).blobs:
        box = _box(blob, grid)
        part = grid.cropped(box)
        if min(part.shape) > 0:
            inside = np.clip(0.5 + blob.depth_mm(part.world()) / (2 * EDGE_MM), 0, 1)
            np.maximum(belongs[box], (inside**2 * (3 - 2 * inside)).astype(np.float32), out=belongs[box])
    return belongs


def mask(name: str, grid: Grid) -> NDArray[np.bool_]:
    """Give the voxels of a grid that lie inside a region, ``(x, y, z)``, bool.

    Raises
    ------
    ComponentError
        When no region has this name.
    """
    return membership(name, grid) >= 0.5  # noqa: PLR2004  (half is the surface)


def _box(blob: Ellipsoid, grid: Grid) -> Box:
    """Give the voxels that may touch a blob, so that the rest of the grid is never visited."""
    corners = np.array([np.add(blob.centre_mm, blob.reach_mm * sign) for sign in product((-1, 1), repeat=3)])
    inverse = np.linalg.inv(grid.affine)
    voxels = corners @ inverse[:3, :3].T + inverse[:3, 3]
    low = np.clip(np.floor(voxels.min(axis=0)).astype(int), 0, grid.shape)
    high = np.clip(np.ceil(voxels.max(axis=0)).astype(int) + 1, 0, grid.shape)
    return tuple(slice(int(start), int(max(start, stop))) for start, stop in zip(low, high, strict=True))


def _both_sides(drawn: Mapping[str, tuple[str, tuple[Ellipsoid, ...]]]) -> dict[str, Region]:
    regions = {}
    for name, (summary, right) in drawn.items():
        left = tuple(blob.mirrored for blob in right)
        regions[name] = Region(name, f"{summary}, both sides", (*left, *right))
        for side, blobs in zip(SIDES, (left, right), strict=True):
            regions[f"{side}-{name}"] = Region(f"{side}-{name}", f"{summary}, {side}", blobs)
    return regions


_E = Ellipsoid  # centre, radii, turn: kept short so that each line below reads as a row of a table
_RIGHT = {
    "hippocampus": (
        "from the head beside the amygdala, bending back, up and outwards, to the tail under the splenium",
        (
            _E((22.0, -10.0, -21.5), (8.0, 5.0, 5.0), (-30, 10, 0)),
            _E((27.5, -14.0, -19.0), (9.0, 6.5, 5.0), (-35, 5, 0)),
            _E((29.5, -21.0, -14.5), (8.0, 7.5, 4.0), (-35, 0, 0)),
            _E((30.0, -28.0, -10.0), (8.0, 7.0, 3.5), (-40, 8, 0)),
            _E((28.0, -34.0, -5.0), (8.5, 6.0, 3.3), (-42, 22, 0)),
            _E((22.5, -38.5, 0.0), (8.0, 4.0, 3.5), (-30, 20, 0)),
        ),
    ),
    "amygdala": (
        "almond in front of the hippocampus",
        (_E((23.0, -3.0, -19.5), (9.0, 6.5, 7.0), (0, 15, 0)),),
    ),
    "entorhinal": (
        "inner tip of the temporal lobe, under the amygdala",
        (_E((22.0, -3.0, -33.0), (6.5, 10.0, 6.5), (-15, 30, 0)),),
    ),
    "parahippocampal": (
        "gyrus under the hippocampus",
        (
            _E((23.0, -24.0, -23.0), (5.5, 7.0, 4.5), (-20, 10, 0)),
            _E((22.0, -34.0, -14.5), (7.0, 8.0, 4.5), (-30, 15, 0)),
        ),
    ),
    "ventricle": (
        "lateral ventricle: front horn, body, atrium and back horn",
        (
            _E((10.0, 22.0, 6.0), (3.0, 6.0, 7.0), (0, 30, 0)),
            _E((6.0, 13.0, 11.0), (3.0, 8.0, 9.0), (0, 20, 0)),
            _E((6.5, 3.0, 17.0), (3.5, 9.0, 7.0), (0, 35, 0)),
            _E((10.0, -10.0, 22.5), (7.5, 11.0, 3.5), (0, -25, 0)),
            _E((14.0, -24.0, 22.0), (7.0, 9.0, 4.0), (0, -25, 0)),
            _E((20.0, -35.0, 17.0), (5.5, 7.5, 8.5), (0, 15, 0)),
            _E((26.0, -43.5, 9.0), (4.5, 7.0, 9.5), (0, -30, 0)),
            _E((29.5, -53.0, 5.5), (2.5, 9.0, 5.5), (0, -10, 0)),
        ),
    ),
    "thalamus": (
        "grey mass beside the third ventricle",
        (
            _E((8.5, -11.0, 7.0), (6.5, 9.0, 8.5), (0, 0, 15)),
            _E((13.0, -21.0, 6.5), (9.5, 10.5, 10.0), (0, 0, 20)),
            _E((15.5, -28.0, 4.5), (7.0, 6.0, 7.0), (0, 0, 20)),
        ),
    ),
    "caudate": (
        "head and body along the ventricle",
        (
            _E((12.0, 17.5, 2.0), (5.0, 7.5, 10.5), (0, 10, 0)),
            _E((12.0, 10.0, 7.0), (4.8, 7.0, 12.0), (0, 20, 0)),
            _E((14.0, 2.0, 16.0), (4.0, 7.0, 7.5), (0, 30, 0)),
            _E((16.5, -7.0, 21.5), (3.0, 8.0, 4.5), (0, 30, 0)),
            _E((19.5, -17.0, 22.5), (2.5, 8.0, 3.5), (15, 30, 0)),
        ),
    ),
    "putamen": (
        "outer half of the lens-shaped nucleus",
        (
            _E((22.5, 13.0, -2.0), (5.5, 7.0, 9.0), (0, 10, 0)),
            _E((26.0, 4.0, 0.5), (6.0, 9.0, 11.5), (0, 15, 0)),
            _E((29.5, -8.5, 3.0), (3.3, 10.0, 9.5), (0, 10, 10)),
        ),
    ),
    "pallidum": (
        "inner half of the lens-shaped nucleus",
        (_E((19.0, -3.0, -1.0), (4.5, 9.0, 6.5), (0, 20, 25)),),
    ),
    "insula": (
        "cortex at the floor of the lateral fissure",
        (
            _E((34.5, 19.0, 0.0), (5.0, 8.0, 12.0), (0, 10, 15)),
            _E((37.5, 8.0, 0.0), (4.5, 9.0, 15.0), (0, 0, 5)),
            _E((38.5, -4.0, 2.0), (4.0, 9.0, 14.0), (0, -5, 0)),
            _E((38.5, -15.0, 5.0), (4.0, 8.0, 11.0), (0, -5, -5)),
        ),
    ),
    "posterior-cingulate": (
        "inner cortex over and behind the splenium",
        (
            _E((6.0, -28.0, 38.0), (5.0, 13.0, 7.0), (15, 0, 0)),
            _E((7.0, -45.0, 26.0), (5.5, 8.0, 11.0), (-15, 0, 0)),
        ),
    ),
    "precuneus": (
        "inner face of the parietal lobe",
        (_E((9.0, -60.0, 41.0), (8.0, 13.0, 18.0), (0, 0, 0)),),
    ),
    "temporal": (
        "middle and lower temporal gyri",
        (
            _E((52.0, -8.0, -26.0), (11.0, 18.0, 13.0), (0, 0, 0)),
            _E((55.0, -33.0, -15.0), (11.0, 19.0, 14.0), (-15, 0, 0)),
            _E((52.0, -52.0, -4.0), (11.0, 14.0, 13.0), (-15, 0, 0)),
        ),
    ),
    "parietal": (
        "lower parietal lobule",
        (
            _E((53.0, -36.0, 35.0), (11.0, 15.0, 16.0), (0, 0, 0)),
            _E((44.0, -62.0, 34.0), (13.0, 17.0, 18.0), (0, 0, 0)),
        ),
    ),
    "frontal": (
        "outer and upper frontal lobe in front of the motor cortex",
        (
            _E((36.0, 40.0, 17.0), (12.0, 17.0, 18.0), (0, 0, 30)),
            _E((35.0, 13.0, 45.0), (14.0, 19.0, 14.0), (0, 30, 0)),
            _E((13.0, 32.0, 38.0), (10.0, 24.0, 22.0), (-20, 0, 0)),
        ),
    ),
    "occipital": (
        "back of the brain",
        (
            _E((31.0, -84.0, 3.0), (15.0, 15.0, 18.0), (0, 0, -15)),
            _E((11.0, -83.0, 10.0), (9.0, 15.0, 20.0), (0, 0, 0)),
        ),
    ),
}
REGIONS: Mapping[str, Region] = MappingProxyType(_both_sides(_RIGHT))

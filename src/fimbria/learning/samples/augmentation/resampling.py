"""Images read between their voxels: linear interpolation, on the device they are on.

Places are voxels from the centre of the image, so that it turns around its centre.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

_PLANES = {1: [(0, 1)], 3: [(1, 2), (0, 2), (0, 1)]}  # turned by each angle


def rigid(degrees: Sequence[float]) -> NDArray[np.float64]:
    """Give the matrix that turns by one angle in a plane, or by one around each of three axes."""
    axes = 2 if len(degrees) == 1 else 3
    matrix = np.eye(axes)
    for angle, (one, other) in zip(np.radians(degrees), _PLANES[len(degrees)], strict=True):
        turn = np.eye(axes)
        turn[[one, other], [one, other]] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def moved(image: Tensor, matrix: NDArray[np.float64], translation: Sequence[float]) -> Tensor:
    """Move what an image ``(channel, ...)`` shows: from place p to ``matrix @ p + translation``.

    What comes in from outside has the lowest intensity of its channel, which is the background of a scaled image.
    """
    backwards = np.linalg.inv(matrix)
    offset = -backwards @ np.asarray(translation)
    reach = _reach(image)
    lines = _lines(image)
    grid = torch.empty(*image.shape[1:], len(reach), dtype=image.dtype, device=image.device)
    for axis, (row, shift) in enumerate(zip(backwards * reach / reach[:, None], offset / reach, strict=True)):
        places = grid[..., -1 - axis].fill_(float(shift))  # the sampler counts axes from the last
        for weight, line in zip(row, lines, strict=True):
            places.add_(line, alpha=float(weight))
    low = image.amin(tuple(range(1, image.ndim)), keepdim=True)
    return functional.grid_sample((image - low)[None], grid[None], align_corners=True)[0].add_(low)


def warped(image: Tensor, field: NDArray[np.float64]) -> Tensor:
    """Read an image ``(channel, ...)`` at places displaced by a B-spline; beyond its border it goes on as it ends.

    Parameters
    ----------
    field
        Displacement at the control points, voxels, ``(axis, point, ...)``; the spline covers the image with all but the
        outermost of them on each side.
    """
    dense = torch.from_numpy(field / _reach(image).reshape(-1, *[1] * (image.ndim - 1))).to(image)
    for side, points in zip(image.shape[1:], field.shape[1:], strict=True):
        dense = torch.tensordot(dense, torch.from_numpy(_splines(side, points)).to(image), ([1], [1]))
    grid = dense.flip(0).movedim(0, -1).contiguous()
    for axis, line in enumerate(_lines(image)):
        grid[..., -1 - axis] += line
    return functional.grid_sample(image[None], grid[None], padding_mode="border", align_corners=True)[0]


def _lines(image: Tensor) -> list[Tensor]:
    """Give the places of the voxels along each axis, -1 to 1, each along its axis of space."""
    lines = []
    for axis, (side, reach) in enumerate(zip(image.shape[1:], _reach(image), strict=True)):
        places = torch.from_numpy((np.arange(side) - (side - 1) / 2) / reach).to(image)
        lines.append(places.reshape(-1, *[1] * (image.ndim - 2 - axis)))
    return lines


def _reach(image: Tensor) -> NDArray[np.float64]:
    """Voxels from the centre to the outermost, along each axis: the sampler's 1; a single voxel has none."""
    reach: NDArray[np.float64] = (np.maximum(np.array(image.shape[1:]), 2) - 1) / 2
    return reach


def _splines(side: int, points: int) -> NDArray[np.float64]:
    """Weights of the control points at each voxel, ``(voxel, point)``: cubic, and everywhere their sum is 1."""
    places = (np.arange(side) + 0.5) / side * (points - 3) + 1  # in distances between points, from the first
    distance = np.abs(places[:, None] - np.arange(points))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(2 - distance, 0) ** 3 / 6
    return np.where(distance < 1, near, far)

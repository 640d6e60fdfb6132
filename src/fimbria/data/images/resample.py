"""Images on another spacing or grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its ndimage is loaded where it is first needed: decoding alone never does

from fimbria.data.images.nifti import Image

if TYPE_CHECKING:
    from fimbria.geometry import Grid


def resampled(image: Image, grid: Grid) -> Image:
    """Sample an image on another grid, linearly; outside the image the value is zero.

    Where the new voxels are larger, the image is smoothed first (Gaussian of the width that the larger voxel has beyond
    the smaller one), so that what lies between the samples is not lost.

    Parameters
    ----------
    image
        ``(x, y, z)``.
    grid
        Where to sample it, in the same world.

    Returns
    -------
    Image
        float32, on `grid`.
    """
    array = image.array.astype(np.float32, copy=False)
    to_old = np.linalg.inv(image.grid.affine) @ grid.affine
    step = np.linalg.norm(to_old[:3, :3], axis=1)  # old voxels per new voxel along each old axis
    sigma = np.sqrt(np.maximum(step**2 - 1, 0)) / np.sqrt(8 * np.log(2))
    if sigma.any():
        array = scipy.ndimage.gaussian_filter(array, sigma, truncate=3)
    sampled = scipy.ndimage.affine_transform(
        array, to_old[:3, :3], to_old[:3, 3], output_shape=grid.shape, order=1, mode="grid-constant"
    )
    return Image(np.ascontiguousarray(sampled, dtype=np.float32), grid)

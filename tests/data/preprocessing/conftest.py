"""A small template, and a small head made of it by an affine transform that is known."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from fimbria.data.images import template
from fimbria.data.images.nifti import Image
from fimbria.geometry import Grid


def coarse(image, side=4):
    """Average blocks of voxels."""
    shape = [n // side for n in image.grid.shape]
    blocks = image.array[tuple(slice(n * side) for n in shape)]
    blocks = blocks.reshape(shape[0], side, shape[1], side, shape[2], side).mean(axis=(1, 3, 5), dtype=np.float32)
    affine = image.grid.affine @ np.diag([side, side, side, 1.0])
    affine[:3, 3] += image.grid.affine[:3, :3] @ np.full(3, (side - 1) / 2)
    return Image(blocks, Grid(blocks.shape, affine))


@pytest.fixture(scope="session")
def small():
    head, brain = coarse(template.head()), coarse(template.brain_mask())
    return SimpleNamespace(head=head, brain=Image(brain.array > 0.5, brain.grid))


@pytest.fixture(scope="session")
def made(small):
    """A head turned, shrunk and shifted, brighter on one side, on an oblique grid that runs to the left."""
    turn = np.array([[1.0, 0, 0], [0, np.cos(0.15), -np.sin(0.15)], [0, np.sin(0.15), np.cos(0.15)]])
    truth = np.eye(4)
    truth[:3, :3] = turn * (0.84, 0.86, 0.82)
    truth[:3, 3] = (9.0, -14.0, 12.0)
    tilt = np.array([[np.cos(0.1), -np.sin(0.1), 0], [np.sin(0.1), np.cos(0.1), 0], [0, 0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = tilt * (-3.6, 3.8, 4.0)
    shape = (54, 62, 58)
    affine[:3, 3] = (10.0, -20.0, 10.0) - affine[:3, :3] @ (np.array(shape) / 2)
    back = np.linalg.inv(small.head.grid.affine) @ np.linalg.inv(truth) @ affine
    array = affine_transform(small.head.array, back, output_shape=shape, order=1)
    array *= np.linspace(0.8, 1.3, shape[0], dtype=np.float32)[:, None, None]
    return SimpleNamespace(scan=Image(array, Grid(shape, affine)), truth=truth)

"""One image that lies askew, and a store beside it."""

from __future__ import annotations

import numpy as np
import pytest

from fimbria.data.extraction.store import Store
from fimbria.data.images import nifti


@pytest.fixture
def source(tmp_path, oblique):
    """One image."""
    path = tmp_path / "images" / "sub-01_ses-M000_T1w.nii.gz"
    nifti.write(path, np.random.default_rng(0).normal(100, 10, oblique.shape).astype("f4"), oblique)
    return path


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def whole(entry):
    """Read all voxels of an entry."""
    return entry[(slice(None),) * 3]

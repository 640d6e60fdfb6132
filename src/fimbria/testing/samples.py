"""Tiny data sets made on the spot, whose answer is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fimbria import tables
from fimbria.data.images import nifti
from fimbria.geometry import Grid

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_SESSION = "ses-M000"
_NAME = "space-MNI152NLin2009cSym_desc-Crop_res-1x1x1_T1w.nii.gz"  # as t1-linear has it
_SKULL, _FLUID, _BRAIN, _LEFT = 0.5, 0.2, 1.0, 0.1
_NOISE = 0.03
_YOUNGEST, _OLDEST = 55.0, 85.0


def known_caps(root: Path, people: int, side: int = 32, seed: int = 0) -> Path:
    """Write people whose heads show what their table says, and nothing else about it.

    A head is a ball within a skull. The ball is the smaller the older somebody is; every second person has lost a spot of
    it. Heads lie a voxel off the middle, in any direction, and have some noise. ``sex`` and ``chance`` cannot be seen.

    Parameters
    ----------
    root
        Where the CAPS will be.
    people
        How many; a person is the same whoever else is made.
    side
        Of the images, voxels of 1 mm.
    seed
        Another one gives other people.

    Returns
    -------
    Path
        The table: ``diagnosis`` (AD, CN), ``age`` in years, ``sex`` and ``chance`` (heads, tails), drawn by lot.
    """
    grid = Grid((side, side, side), np.eye(4))
    rows = []
    for number in range(people):
        rng = np.random.default_rng([seed, number])
        who, diagnosis = f"sub-{number:03d}", "AD" if number % 2 else "CN"
        age = float(rng.uniform(_YOUNGEST, _OLDEST))
        image = _head(rng, side, (age - _YOUNGEST) / (_OLDEST - _YOUNGEST), ill=diagnosis == "AD")
        folder = root / "subjects" / who / _SESSION / "t1_linear"
        nifti.write(folder / f"{who}_{_SESSION}_{_NAME}", image, grid)
        rows.append((who, _SESSION, diagnosis, age, rng.choice(["F", "M"]), rng.choice(["heads", "tails"])))
    columns = ["participant_id", "session_id", "diagnosis", "age", "sex", "chance"]
    table = root / "data.tsv"
    tables.write(pd.DataFrame(rows, columns=columns), table)
    return table


def _head(rng: np.random.Generator, side: int, atrophy: float, *, ill: bool) -> NDArray[np.float32]:
    """Draw a head whose brain has shrunk by a share of what it can."""
    middle = rng.integers(-1, 2, 3).astype(np.float64) + (side - 1) / 2
    image = _SKULL * _ball(side, middle, 0.46 * side)
    image += (_FLUID - _SKULL) * _ball(side, middle, 0.42 * side)
    image += (_BRAIN - _FLUID) * _ball(side, middle, (0.4 - 0.14 * atrophy) * side)
    if ill:
        image *= 1 - (1 - _LEFT) * _ball(side, middle - 0.08 * side, 0.16 * side)
    return (100 * (image + rng.normal(0, _NOISE, image.shape))).astype(np.float32)


def _ball(side: int, middle: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Give 1 inside a ball, 0 outside, and what lies between over the voxel at its border."""
    axes = np.ogrid[:side, :side, :side]
    x, y, z = (np.square(axis - centre) for axis, centre in zip(axes, middle, strict=True))
    inside: NDArray[np.float64] = np.clip(radius + 0.5 - np.sqrt(x + y + z), 0.0, 1.0)
    return inside

"""Synthetic people: the average head, made different for each, with signal lost in one region for those who are ill.

Every second person has the disease; nothing else about a person, neither age nor sex nor shape nor scanner, depends on
it. A network that tells them apart has found the region, and one that does not find it stays at chance.

What is random about a person is drawn first, from (seed, number) alone, and kept in a `Draw`; rendering applies it. A
person is therefore the same whoever else is made, in whatever order, and has the same anatomy at every spacing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import ndimage

from fimbria.data.images import nifti, template
from fimbria.data.images.nifti import Image
from fimbria.data.synthesis import regions
from fimbria.errors import InputError
from fimbria.geometry import bounding_box

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fimbria.geometry import Box, Grid

SESSION = "ses-M000"
COARSEST_MM = 16.0
_WHITE = 255.0  # the brightest grey of the template
_STEP = 0.25  # grey levels are kept in quarters: finer than the noise, exact in float32, and gzip packs them well
_CENTRE_MM = (0.0, -15.5, 11.0)  # heads are scaled and turned around the middle of the cropped template
_KNOTS_MM = (np.arange(-105, 106, 30.0), np.arange(-138, 103, 30.0), np.arange(-87, 124, 30.0))
_KNOT_WIDTH_MM = 21.0
_BIAS_REACH_MM = 100.0
_SLAB = 8  # sagittal planes warped at once: their coordinates stay in the processor's cache


@dataclass(frozen=True)
class Atrophy:
    """A recipe for synthetic people.

    Attributes
    ----------
    region
        Where people with the disease lose signal; one of `fimbria.data.synthesis.regions.REGIONS`.
    degree
        How much of it they lose in the middle of the region, percent, above 0 and up to 100.
    seed
        Another seed gives other people.
    spacing_mm
        Side of the cubic voxels, mm, from 1 (the template's) to 16.

    Raises
    ------
    InputError
        When a value is out of bounds; `ComponentError` when no region has that name.
    """

    region: str = "hippocampus"
    degree: float = 25.0
    seed: int = 0
    spacing_mm: float = 1.0

    def __post_init__(self) -> None:
        regions.find(self.region)
        if not 0 < self.degree <= 100:  # noqa: PLR2004  (percent)
            msg = f"degree {self.degree:g}: the signal lost must be above 0 and at most 100 percent."
            raise InputError(msg)
        if self.seed < 0:
            msg = f"seed {self.seed}: 0 or a positive whole number is needed."
            raise InputError(msg)
        if not 1 <= self.spacing_mm <= COARSEST_MM:
            msg = f"spacing_mm {self.spacing_mm:g}: the template allows 1 to {COARSEST_MM:g} mm."
            raise InputError(msg)

    @property
    def resolution(self) -> str:
        """The voxel's sides as a CAPS file name gives them, for example ``2x2x2``."""
        return "x".join([f"{self.spacing_mm:g}"] * 3)


@dataclass(frozen=True)
class Person:
    """Who a synthetic person is.

    Attributes
    ----------
    number
        From 0; even numbers have the disease.
    participant_id, session_id
        BIDS identifiers, ``sub-ATRO0000`` and ``ses-M000``.
    diagnosis
        AD or CN.
    age
        Years.
    sex
        F or M.
    """

    number: int
    participant_id: str
    session_id: str
    diagnosis: Literal["AD", "CN"]
    age: float
    sex: Literal["F", "M"]


@dataclass(frozen=True, eq=False)
class Draw:
    """Everything random about a person, drawn before anything is applied.

    Attributes
    ----------
    age, sex
        Years; F or M.
    scale, turn_degrees, shear, shift_mm
        How the whole head differs from the average: ``(3,)`` each, along or around x, y, z.
    bend_mm
        Smooth displacement, weights at a grid of knots, ``(3, 8, 9, 8)``, mm. The displacement itself is about 1 mm
        along each axis, up to about 4 mm in all, and folds nothing.
    gamma
        Exponent of the grey levels; above 1 darkens the greys between black and white.
    bias
        Weights of x, y, z, their squares and their products in the logarithm of the bias field, ``(9,)``.
    noise
        Standard deviation of both channels of the Rician noise, as a part of the brightest grey.
    noise_seed
        The noise of each voxel is drawn from it.
    """

    age: float
    sex: Literal["F", "M"]
    scale: NDArray[np.float64]
    turn_degrees: NDArray[np.float64]
    shear: NDArray[np.float64]
    shift_mm: NDArray[np.float64]
    bend_mm: NDArray[np.float64]
    gamma: float
    bias: NDArray[np.float64]
    noise: float
    noise_seed: int


def draw(seed: int, number: int) -> Draw:
    """Draw everything random about a person.

    Parameters
    ----------
    seed
        The recipe's.
    number
        The person's, from 0.

    Raises
    ------
    InputError
        When the number is negative.
    """
    if number < 0:
        msg = f"person {number}: people are counted from 0."
        raise InputError(msg)
    rng = np.random.default_rng([seed, number])
    return Draw(  # the order of these lines is part of what a seed means: new draws go to the end
        age=round(float(np.clip(rng.normal(73, 7), 55, 90)), 1),
        sex="F" if rng.random() < 0.5 else "M",  # noqa: PLR2004  (as many women as men)
        scale=rng.uniform(0.93, 1.07, 3),
        turn_degrees=rng.uniform(-5, 5, 3),
        shear=rng.uniform(-0.02, 0.02, 3),
        shift_mm=rng.uniform(-3, 3, 3),
        bend_mm=rng.uniform(-7, 7, (3, *map(len, _KNOTS_MM))),
        gamma=float(rng.uniform(0.85, 1.15)),
        bias=rng.uniform(-0.08, 0.08, 9),
        noise=float(rng.uniform(0.01, 0.03)),
        noise_seed=int(rng.integers(2**63)),
    )


def person(recipe: Atrophy, number: int) -> Person:
    """Say who a person is, without making the image.

    Raises
    ------
    InputError
        When the number is negative.
    """
    drawn = draw(recipe.seed, number)
    diagnosis: Literal["AD", "CN"] = "CN" if number % 2 else "AD"
    return Person(number, f"sub-ATRO{number:04d}", SESSION, diagnosis, drawn.age, drawn.sex)


def image(recipe: Atrophy, number: int) -> Image:
    """Make the T1-weighted image of a person.

    Parameters
    ----------
    recipe
        What to make.
    number
        The person's, from 0.

    Returns
    -------
    Image
        float32 >= 0, on the cropped template's box, RAS+: ``(169, 208, 179)`` at 1 mm, ``(84, 104, 90)`` at 2 mm.

    Raises
    ------
    InputError
        When the number is negative.
    """
    return render(draw(recipe.seed, number), recipe, ill=number % 2 == 0)


def render(drawn: Draw, recipe: Atrophy, *, ill: bool) -> Image:
    """Apply what was drawn to the template.

    Parameters
    ----------
    drawn
        What is random about the person.
    recipe
        Which region loses how much, and the voxels wanted; its seed is not used.
    ill
        Whether signal is lost.
    """
    grid = grid_of(recipe.spacing_mm)
    source = _with_loss(recipe, drawn.gamma) if ill else _head(recipe.spacing_mm)
    grey = warped(source, grid, drawn)
    grey = _WHITE * (grey / _WHITE) ** np.float32(drawn.gamma)
    grey *= _bias_field(grid, drawn.bias)
    noise = np.random.default_rng(drawn.noise_seed)
    sigma = np.float32(drawn.noise * _WHITE)
    grey += sigma * noise.standard_normal(grid.shape, dtype=np.float32)
    grey = np.hypot(grey, sigma * noise.standard_normal(grid.shape, dtype=np.float32))
    return Image(np.round(grey / np.float32(_STEP)) * np.float32(_STEP), grid)


def write(recipe: Atrophy, number: int, caps: Path) -> Path:
    """Make a person's image and write it where a CAPS keeps the result of t1-linear.

    Parameters
    ----------
    recipe
        What to make.
    number
        The person's, from 0.
    caps
        Root of the CAPS.

    Returns
    -------
    pathlib.Path
        The file, float32, whole or not there at all.

    Raises
    ------
    InputError
        When the number is negative.
    StorageError
        When there is no room or no permission.
    """
    who = person(recipe, number)
    stem = f"{who.participant_id}_{who.session_id}_space-{template.SPACE}_desc-Crop_res-{recipe.resolution}_T1w"
    path = caps / "subjects" / who.participant_id / who.session_id / "t1_linear" / f"{stem}.nii.gz"
    made = image(recipe, number)
    nifti.write(path, made.array, made.grid)
    return path


def table(recipe: Atrophy, people: int) -> pd.DataFrame:
    """List the first people of a recipe.

    Returns
    -------
    pandas.DataFrame
        participant_id, session_id, diagnosis, age_bl (years), sex; one row a person, by number.

    Raises
    ------
    InputError
        When fewer than one is asked for.
    """
    if people < 1:
        msg = f"{people} people: at least 1 is needed."
        raise InputError(msg)
    listed = [person(recipe, number) for number in range(people)]
    return pd.DataFrame(
        {
            "participant_id": [who.participant_id for who in listed],
            "session_id": [who.session_id for who in listed],
            "diagnosis": [who.diagnosis for who in listed],
            "age_bl": [who.age for who in listed],
            "sex": [who.sex for who in listed],
        }
    )


def grid_of(spacing_mm: float) -> Grid:
    """Give the grid of people's images: the cropped template's box in cubic voxels of `spacing_mm`."""
    return template.head().grid.cropped(template.CROP).respaced(spacing_mm)


@lru_cache(maxsize=2)  # one spacing is in use at a time; a head takes 34 MB
def _head(spacing_mm: float) -> NDArray[np.float32]:
    return _low_pass(template.head().array, spacing_mm)


@lru_cache(maxsize=2)
def _region(name: str, spacing_mm: float) -> tuple[Box, NDArray[np.float32]]:
    """Give a region's membership on the template's grid, as blurred as the head, cut to the box it fills."""
    belongs = _low_pass(regions.membership(name, template.head().grid), spacing_mm)
    box = bounding_box(belongs > 0)
    return box, belongs[box].copy()


def _low_pass(array: NDArray[np.float32], spacing_mm: float) -> NDArray[np.float32]:
    """Blur 1 mm voxels as far as voxels of `spacing_mm` see: sampling is then free of aliases."""
    if spacing_mm == 1:
        return array
    sigma = np.sqrt(spacing_mm**2 - 1) / np.sqrt(8 * np.log(2))  # full width at half maximum = the voxel
    blurred = np.asarray(ndimage.gaussian_filter(array, sigma), dtype=np.float32)
    blurred.setflags(write=False)
    return blurred


def _with_loss(recipe: Atrophy, gamma: float) -> NDArray[np.float32]:
    """Darken the region in the template, so that the loss moves with the anatomy.

    The person's gamma comes later and would change the loss; its inverse here makes it `degree` percent after all.
    """
    box, belongs = _region(recipe.region, recipe.spacing_mm)
    head = _head(recipe.spacing_mm).copy()
    head[box] *= (1 - np.float32(recipe.degree / 100) * belongs) ** np.float32(1 / gamma)
    return head


def warped(source: NDArray[np.float32], grid: Grid, drawn: Draw) -> NDArray[np.float32]:
    """Sample an array on the template's grid where each voxel of a person comes from: bent, and moved as a whole."""
    to_voxels = np.linalg.inv(template.head().grid.affine)
    whole = to_voxels @ _pull_back(drawn) @ grid.affine
    first, second, third = (np.arange(side) for side in grid.shape)
    along_x, along_y, along_z = (_bumps(grid, axis) for axis in range(3))
    knots = np.tensordot(to_voxels[:3, :3], drawn.bend_mm, axes=1).astype(np.float32)
    half_bent = along_y @ np.tensordot(along_x, knots, axes=(1, 1))  # (x, 3, y, knots of z)
    sampled = np.empty(grid.shape, dtype=np.float32)
    for start in range(0, grid.shape[0], _SLAB):
        slab = slice(start, start + _SLAB)
        places = np.moveaxis(half_bent[slab] @ along_z.T, 1, 0).copy()
        for axis, (by_x, by_y, by_z, shift) in enumerate(whole[:3]):
            rest = (by_y * second[:, None] + by_z * third + shift).astype(np.float32)
            places[axis] += (by_x * first[slab, None, None]).astype(np.float32) + rest
        # beyond the template its last plane goes on: the neck is not cut off where a head is made smaller
        ndimage.map_coordinates(source, places, output=sampled[slab], order=1, mode="nearest")
    return sampled


def _pull_back(drawn: Draw) -> NDArray[np.float64]:
    """Give the affine from a person's millimetres to the template's, 4 x 4."""
    slant = np.eye(3)
    slant[np.triu_indices(3, 1)] = drawn.shear
    around_x, around_y, around_z = map(float, drawn.turn_degrees)
    forth = np.eye(4)
    forth[:3, :3] = regions.rotation((around_x, around_y, around_z)) @ slant @ np.diag(drawn.scale)
    forth[:3, 3] = _CENTRE_MM + drawn.shift_mm - forth[:3, :3] @ _CENTRE_MM
    return np.asarray(np.linalg.inv(forth), dtype=np.float64)


def _bumps(grid: Grid, axis: int) -> NDArray[np.float32]:
    """Give the weight of each knot at each voxel along an axis, ``(voxels, knots)``; the weights of a voxel sum to 1."""
    millimetres = grid.affine[axis, 3] + grid.affine[axis, axis] * np.arange(grid.shape[axis])
    bumps = np.exp(-0.5 * ((millimetres[:, None] - _KNOTS_MM[axis]) / _KNOT_WIDTH_MM) ** 2)
    return np.asarray(bumps / bumps.sum(axis=1, keepdims=True), dtype=np.float32)


def _bias_field(grid: Grid, weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Give the receiver's uneven gain, ``(x, y, z)``: the exponential of a polynomial of degree 2."""
    shifted = ((grid.affine[axis, 3] - _CENTRE_MM[axis]) / _BIAS_REACH_MM for axis in range(3))
    steps = (grid.affine[axis, axis] / _BIAS_REACH_MM for axis in range(3))
    x, y, z = (
        (start + step * np.arange(side)).astype(np.float32)
        for start, step, side in zip(shifted, steps, grid.shape, strict=True)
    )
    x, y = x[:, None, None], y[:, None]
    by_x, by_y, by_z, by_xx, by_yy, by_zz, by_xy, by_yz, by_zx = weights.astype(np.float32)
    field = (by_x + by_xx * x + by_xy * y) * x + (by_y + by_yy * y + by_yz * z) * y
    bias: NDArray[np.float32] = np.exp(field + (by_z + by_zz * z + by_zx * x) * z)
    return bias

"""What a brain looks like, in 512 numbers: enough to recognise a person under another name.

An image is smoothed and sampled every 4 mm inside the template's brain; each voxel is told by how much it is brighter
than what lies around it, in units of how much brightness varies there, which bias fields, gains and offsets leave as it
is; these are ranked, which curves of contrast leave as they are. Folded onto even and odd parts about the middle, a
mirror image is the same numbers with half of the signs changed. A fixed random sketch makes 512 of them, and what all
people have in common (the template's own direction, and the mean of some real people) is taken out: what is left is the
person. No cohort is needed for that, so three images can be compared as well as 20,000.

A fingerprint identifies a person, as the image does. Keep it beside the images; it belongs in no bundle, log or report.

References
----------
Charikar, M., Chen, K. & Farach-Colton, M. (2004). Finding frequent items in data streams. Theoretical Computer Science
312(1), 3-15. doi:10.1016/S0304-3975(03)00400-6 (the sketch)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import ndimage

from fimbria.data.images import template
from fimbria.errors import ImageError
from fimbria.geometry import Grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

DIMENSIONS = 512
FORMAT = 1  # fingerprints of another format cannot be compared with these
THRESHOLD = 0.5  # equally far from both distributions of `measured`
LEAST_COVERED = 0.6  # of the brain; two images that share less than half of it say little of each other
BINS = tuple(round(edge / 20, 2) for edge in range(-20, 21))

MOST_PAIRS = 100_000

_HALF = DIMENSIONS // 2
_STEP = 4  # mm between the points where an image is looked at
_SMOOTH_MM = 2.0
_AROUND = 2.0  # steps: the width of what "around" a point means
_REACH = 3.0  # widths after which a Gaussian is cut off
_BLOCK_MM = 2.0  # fine voxels are averaged to this side first, which is what makes it fast
_SEED = 20250814
_FLAT = 1e-6  # of the image's own deviation: differences smaller than that are no structure
_ROWS = 1024  # compared at once: with 20,000 others these are 82 MB


@dataclass(frozen=True)
class Distribution:
    """How similar many pairs of images are.

    Attributes
    ----------
    pairs
        How many.
    lowest, highest, mean, deviation
        Of their similarity.
    counts
        Pairs between each two neighbours of `BINS`.
    """

    pairs: int
    lowest: float
    highest: float
    mean: float
    deviation: float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Disguise:
    """How one way of remaking an image does.

    Attributes
    ----------
    name
        What was done to it.
    lowest_same
        The least similarity of a person to themselves, remade.
    highest_other
        The greatest similarity of a person to somebody else, remade.
    """

    name: str
    lowest_same: float
    highest_other: float


@dataclass(frozen=True)
class Measured:
    """What the threshold stands on.

    Attributes
    ----------
    threshold
        Similarity from which two images are taken for one person's.
    rule
        How it follows from the distributions.
    people
        How many there were.
    sources
        The data sets they are from, and their licences.
    disguises
        Each way in which their images were remade.
    same, others
        A person against themselves, remade; a person against somebody else of the same data set, as found and remade.
        What people have in common was taken from the other data set each time.
    """

    threshold: float
    rule: str
    people: int
    sources: tuple[str, ...]
    disguises: tuple[Disguise, ...]
    same: Distribution
    others: Distribution


def fingerprint(array: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
    """Give the fingerprint of an image aligned to MNI152 by an affine.

    Parameters
    ----------
    array
        ``(x, y, z)``, any units, voxels up to about 4 mm. Voxels that are not finite, or zero, or the image's least
        value are taken as unknown: they are what masks, crops and resampling leave behind.
    grid
        Where it lies.

    Returns
    -------
    numpy.ndarray
        ``(2, 512)``, float32: of the image as it lies, and of its mirror image left-right; each of unit length.

    Raises
    ------
    ImageError
        When the image is empty or flat, covers less than `LEAST_COVERED` of the brain, or does not say where it lies.
    """
    [found] = personal(sketch(array, grid)[None], common())
    return np.asarray(found, dtype=np.float32)


def similarity(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compare each of ours with each of theirs.

    Parameters
    ----------
    ours, theirs
        Fingerprints, ``(n, 2, 512)`` and ``(m, 2, 512)``.

    Returns
    -------
    numpy.ndarray
        ``(n, m)``, float32: the larger correlation, direct or mirrored; 1 for the same image.
    """
    direct: NDArray[np.float32] = ours[:, 0] @ theirs[:, 0].T
    mirrored: NDArray[np.float32] = ours[:, 0] @ theirs[:, 1].T
    np.maximum(direct, mirrored, out=direct)
    return direct


def matches(
    prints: NDArray[np.float32], threshold: float = THRESHOLD, most: int = MOST_PAIRS
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the pairs of fingerprints that are more similar than `threshold`.

    Parameters
    ----------
    prints
        ``(n, 2, 512)``.
    threshold
        Pairs above it are given.
    most
        After so many the search ends: copies of one brain, all alike, would be half the square of their number.

    Returns
    -------
    indices : numpy.ndarray
        ``(pairs, 2)``, int64, the smaller first; in order.
    scores : numpy.ndarray
        ``(pairs,)``, float32.
    """
    found, count = [], 0
    for block in _found(prints, threshold):
        found.append(block)
        count += len(block[1])
        if count >= most:
            break
    indices = np.concatenate([np.empty((0, 2), dtype=np.int64), *(pairs for pairs, _ in found)])
    return indices, np.concatenate([np.empty(0, dtype=np.float32), *(scores for _, scores in found)])


@cache
def measured() -> Measured:
    """Give what the threshold stands on, as measured by ``benchmarks/near_duplicates.py``."""
    kept = _shipped()["measured"]
    return Measured(
        threshold=kept["threshold"],
        rule=kept["rule"],
        people=kept["people"],
        sources=tuple(kept["sources"]),
        disguises=tuple(Disguise(**one) for one in kept["disguises"]),
        same=Distribution(**{**kept["same"], "counts": tuple(kept["same"]["counts"])}),
        others=Distribution(**{**kept["others"], "counts": tuple(kept["others"]["counts"])}),
    )


def sketch(array: NDArray[np.float32], grid: Grid) -> NDArray[np.float64]:
    """Give the numbers of an image from which what all people have in common is not yet taken out.

    Parameters
    ----------
    array, grid
        As for `fingerprint`.

    Returns
    -------
    numpy.ndarray
        ``(512,)``: 256 of what is the same left and right, 256 of what differs.

    Raises
    ------
    ImageError
        As `fingerprint`.
    """
    if not np.isfinite(grid.affine).all() or np.linalg.det(grid.affine[:3, :3]) == 0:
        msg = "the image's affine is singular or not finite: it does not say where the voxels lie. Look at its header."
        raise ImageError(msg)
    values, weights = _sampled(array, grid)
    known = (weights > 0.5) & _brain()  # noqa: PLR2004  (more of it seen than not)
    covered = np.count_nonzero(known) / np.count_nonzero(_brain())
    if covered < LEAST_COVERED:
        msg = (
            f"the image ({grid}) shows {covered:.0%} of the brain, where the template has it; {LEAST_COVERED:.0%} are "
            "needed to recognise a person. Align it first, for example with `fimbria preprocess t1-linear`."
        )
        raise ImageError(msg)
    structure = _structure(np.divide(values, weights, out=np.zeros_like(values), where=known), known)
    order = pd.Series(structure[known]).rank().to_numpy()
    ranks = np.zeros(known.shape)
    ranks[known] = order - order.mean()
    length = np.linalg.norm(ranks)
    if length == 0:
        msg = f"the image ({grid}) is flat: every voxel of the brain is as bright as those around it. Look what it is."
        raise ImageError(msg)
    ranks /= length
    mirrored = ranks[::-1]
    bucket, sign = _hash()
    halves = ((ranks + mirrored)[_brain()] / 2, (ranks - mirrored)[_brain()] / 2)
    return np.concatenate([np.bincount(bucket, weights=sign * half, minlength=_HALF) for half in halves])


def personal(sketches: NDArray[np.float64], shared: NDArray[np.float64]) -> NDArray[np.float32]:
    """Take out of sketches what all people have in common.

    Parameters
    ----------
    sketches
        ``(n, 512)``.
    shared
        Directions to take out, ``(k, 256)``, orthonormal: what people share is the same left and right.

    Returns
    -------
    numpy.ndarray
        Fingerprints, ``(n, 2, 512)``.
    """
    even, odd = sketches[:, :_HALF], sketches[:, _HALF:]
    even = even - (even @ shared.T) @ shared
    length = np.sqrt((even**2).sum(axis=1) + (odd**2).sum(axis=1))[:, None]
    even, odd = even / length, odd / length
    both = [np.concatenate([even, odd], axis=1), np.concatenate([even, -odd], axis=1)]
    return np.asarray(np.stack(both, axis=1), dtype=np.float32)


@cache
def common() -> NDArray[np.float64]:
    """Give the directions that all people share, ``(2, 256)``, orthonormal: the template's and some people's mean."""
    directions = np.linalg.qr(np.asarray(_shipped()["common"], dtype=np.float64).T)[0].T
    directions.setflags(write=False)
    return directions


def _found(prints: NDArray[np.float32], threshold: float) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Give the pairs of a block of rows with all that come after them, block by block."""
    for start in range(0, len(prints), _ROWS):
        scores = similarity(prints[start : start + _ROWS], prints[start:])
        ours, theirs = np.nonzero(scores > threshold)
        once = theirs > ours
        ours, theirs = ours[once], theirs[once]
        yield np.stack([ours, theirs], axis=1) + start, scores[ours, theirs]


def _sampled(array: NDArray[np.float32], grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smooth an image and sample it where fingerprints look: sums of known voxels, and how much of each was known."""
    finite = np.isfinite(array)
    least = array.min(where=finite, initial=np.inf)
    known = finite & (array != 0) & (array > least)
    side = np.asarray(grid.spacing_mm)
    block = np.minimum(np.maximum(1, np.floor(_BLOCK_MM / side + 1e-6).astype(int)), array.shape)
    coarse_to_world = grid.affine @ np.diag([*block, 1.0])
    coarse_to_world[:3, 3] += grid.affine[:3, :3] @ ((block - 1) / 2)
    to_coarse = np.linalg.inv(coarse_to_world) @ _grid().affine
    widened = ((side * block) ** 2 - 1) / 12  # mm2: how much a voxel smooths, beyond one of 1 mm
    sigma = np.sqrt(np.maximum(_SMOOTH_MM**2 - widened, 0)) / (side * block)

    def looked_at(fine: NDArray[np.float32]) -> NDArray[np.float64]:
        smooth = ndimage.gaussian_filter(_block_means(fine, block), sigma, mode="constant", truncate=_REACH)
        sampled = ndimage.affine_transform(
            smooth, to_coarse[:3, :3], to_coarse[:3, 3], output_shape=_grid().shape, order=1, mode="grid-constant"
        )
        return np.asarray(sampled, dtype=np.float64)

    return looked_at(np.where(known, array, np.float32(0))), looked_at(known.astype(np.float32))


def _block_means(array: NDArray[np.float32], block: NDArray[np.int_]) -> NDArray[np.float32]:
    """Average blocks of voxels; what is left over at the far sides is dropped."""
    for axis in (2, 1, 0):
        count, width = array.shape[axis] // block[axis], int(block[axis])
        if width > 1:
            before = (slice(None),) * axis
            parts = [array[(*before, slice(first, count * width, width))] for first in range(width)]
            array = sum(parts[1:], start=parts[0]) / np.float32(width)
    return array


def _structure(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Tell how much brighter each known point is than what lies around it, in units of the deviation there."""

    def around(field: NDArray[np.float64]) -> NDArray[np.float64]:
        summed = ndimage.gaussian_filter(field, _AROUND, mode="constant", truncate=_REACH)
        return np.divide(summed, share, out=np.zeros_like(summed), where=known)

    share = ndimage.gaussian_filter(known.astype(np.float64), _AROUND, mode="constant", truncate=_REACH)
    values = values / np.abs(values).max()
    above = np.where(known, values - around(values), 0)
    least = _FLAT * values[known].std()
    if least == 0:
        return np.zeros_like(values)
    deviation: NDArray[np.float64] = np.sqrt(np.maximum(around(above**2), least**2))
    return above / deviation


@cache
def _grid() -> Grid:
    """Give the grid where images are looked at: every fourth voxel of the template, symmetric about the middle."""
    whole = template.brain_mask().grid
    shape = tuple(len(range(0, side, _STEP)) for side in whole.shape)
    return Grid(shape, whole.affine @ np.diag([_STEP, _STEP, _STEP, 1.0]))


@cache
def _brain() -> NDArray[np.bool_]:
    """Give the brain on that grid, without its rim: there images with and without skull differ."""
    mask: NDArray[np.bool_] = ndimage.binary_erosion(template.brain_mask().array[::_STEP, ::_STEP, ::_STEP])
    mask.setflags(write=False)
    return mask


@cache
def _hash() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw which sum each voxel goes to and with which sign; from raw bits, which no release of NumPy changes."""
    bits = np.random.PCG64(_SEED).random_raw(int(np.count_nonzero(_brain())))
    return (bits >> np.uint64(56)).astype(np.int64), 1.0 - 2.0 * (bits & np.uint64(1)).astype(np.float64)


@cache
def _shipped() -> dict[str, Any]:
    kept = resources.files("fimbria.data.audit") / "resources" / "fingerprint.json"
    content: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return content

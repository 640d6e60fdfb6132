"""Regions of interest of any shape, given as masks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from fimbria.data.extraction.extraction import Location, extraction
from fimbria.data.images import nifti
from fimbria.data.images.nifti import Image
from fimbria.data.images.resample import resampled
from fimbria.errors import ImageError, InputError, Problem, listing, refuse
from fimbria.geometry import Box, Grid, bounding_box, enlarged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fimbria.geometry import Shape


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of interest; each is cut as the box around its mask, zero outside the mask.

    Where several regions have boxes of different sizes all are given the largest, so that they can share a batch.

    Attributes
    ----------
    masks
        Name and mask ``(x, y, z)``, bool, of each region, on the images' grid.
    full_frame
        Keep the whole image around the region instead of its box.
    """

    masks: tuple[tuple[str, NDArray[np.bool_]], ...]
    full_frame: bool = False

    def locations(self, shape: Shape) -> list[Location]:
        """Give one part a region, in the order of their names.

        Raises
        ------
        InputError
            When the image has another shape than the masks.
        """
        places = []
        for name, mask in self.masks:
            if mask.shape != shape:
                msg = f"the mask of {name!r} has {mask.shape} voxels, the image {shape}. They must share a grid."
                raise InputError(msg)
            places.append(tuple(slice(0, side) for side in shape) if self.full_frame else bounding_box(mask))
        size = tuple(max(box[axis].stop - box[axis].start for box in places) for axis in range(3))
        boxes: list[Box] = [enlarged(box, size, shape) for box in places]
        return [
            Location(index, box, mask=mask[box], name=name)
            for index, ((name, mask), box) in enumerate(zip(self.masks, boxes, strict=True))
        ]


@extraction("roi")
def regions(
    caps: Path,
    space: str,
    grid: Grid,
    roi: Annotated[tuple[str, ...], Field(min_length=1)],
    full_frame: bool = False,  # noqa: FBT001, FBT002  (an option of the component)
) -> Regions:
    """Cut regions of interest: masks of any shape, found in the CAPS by their names.

    Parameters
    ----------
    caps
        CAPS folder; masks are ``masks/tpl-<space>/tpl-<space>_..._roi-<name>_mask.nii[.gz]``.
    space
        Space of the images.
    grid
        Grid of the images.
    roi
        Names of the regions; their order is the order of the parts.
    full_frame
        Keep the whole image around each region instead of its box.

    Raises
    ------
    ProblemsError
        When a mask is missing, ambiguous, empty, not binary, or on another grid; all at once.
    """
    problems, masks = [], []
    for name in roi:
        try:
            masks.append((name, read_mask(find_mask(caps, space, name, grid), grid)))
        except ImageError as error:
            problems.append(Problem(str(error)))
    refuse("the regions of interest", problems)
    return Regions(tuple(masks), full_frame)


def find_mask(caps: Path, space: str, name: str, grid: Grid) -> Path:
    """Find the mask of a region; of several, the one on the images' grid.

    Raises
    ------
    ImageError
        When there is none, or several on the same grid.
    """
    folder = caps / "masks" / f"tpl-{space}"
    pattern = re.compile(rf"tpl-{re.escape(space)}(_[a-zA-Z0-9-]+)*_roi-{re.escape(name)}_mask\.nii(\.gz)?")
    found = sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name)) if folder.is_dir() else []
    if len(found) > 1:
        found = [path for path in found if _fits(nifti.read_grid(path), grid)] or found[:1]
    if len(found) > 1:
        msg = f"{len(found)} masks of region {name!r} on one grid: {listing([p.name for p in found])}. Keep one."
        raise ImageError(msg)
    if not found:
        known = sorted(
            match[1] for path in folder.glob("*_mask.nii*") if (match := re.search(r"_roi-([^_]+)_", path.name))
        )
        there = f"There is: {listing(known, 20)}." if known else "There is none."
        msg = f"no mask of region {name!r} (tpl-{space}_..._roi-{name}_mask.nii.gz) in {folder}. {there}"
        raise ImageError(msg)
    return found[0]


def _fits(mask: Grid, grid: Grid) -> bool:
    """Tell whether a mask covers the box of the images, with the same voxels or others."""
    return mask.matches(grid) or mask.respaced(grid.spacing_mm[0]).matches(grid)


def read_mask(path: Path, grid: Grid) -> NDArray[np.bool_]:
    """Read a binary mask; one that covers the same box of space with other voxels is resampled.

    Raises
    ------
    ImageError
        When it is empty, not binary, or lies elsewhere.
    """
    image = nifti.read(path)
    values = np.unique(image.array)
    if not np.isin(values, (0, 1)).all():
        msg = f"{path} is not a binary mask: it holds {listing([f'{v:g}' for v in values])}; only 0 and 1 are wanted."
        raise ImageError(msg)
    if not image.grid.matches(grid):
        if not _fits(image.grid, grid):
            msg = f"{path} is on another grid than the images: {image.grid} against {grid}. Resample it onto the images' grid."
            raise ImageError(msg)
        image = Image(resampled(image, grid).array >= 0.5, grid)  # noqa: PLR2004  (half of the voxel)
    mask = image.array > 0
    if not mask.any():
        msg = f"{path} is empty: the mask of a region needs at least one voxel."
        raise ImageError(msg)
    return mask

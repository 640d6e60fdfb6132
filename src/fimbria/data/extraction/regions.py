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
from fimbria.data.images.template import CROP
from fimbria.errors import ImageError, InputError, Problem, listing, refuse
from fimbria.geometry import Box, Grid, bounding_box, enlarged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fimbria.geometry import Shape


_CROPPED_MM = [side.stop - side.start for side in CROP]


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of interest; each is cut as the box around its mask, with nothing of the image outside the mask.

    Where several regions have boxes of different sizes all are given the largest, so that they can share a batch. Where
    all boxes are one voxel thick along one and the same axis, the parts are two-dimensional.

    Attributes
    ----------
    masks
        Name and mask ``(x, y, z)``, bool, of each region, on the images' grid.
    full_frame
        Keep the whole image around the region instead of its box.
    background
        What stands outside the mask once intensities are normalised, in units of the normalised image.
    files
        Names of the masks' files, one a region, where they come from files.
    """

    masks: tuple[tuple[str, NDArray[np.bool_]], ...]
    full_frame: bool = False
    background: float = 0.0
    files: tuple[str, ...] = ()

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
        flat = size.index(1) if 1 in size and not self.full_frame else None
        boxes: list[Box] = [enlarged(box, size, shape) for box in places]
        files = self.files or ("",) * len(boxes)
        return [
            Location(
                index, box, flat=flat, mask=mask[box], name=name, background=self.background, mask_file=files[index]
            )
            for index, ((name, mask), box) in enumerate(zip(self.masks, boxes, strict=True))
        ]

    def gaps(self) -> list[tuple[str, int, int]]:
        """Give region, axis and number of planes wherever a mask is in pieces along an axis (see `gaps`)."""
        return [(name, axis, planes) for name, mask in self.masks for axis, planes in gaps(mask)]


def gaps(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Count the empty planes between the pieces of a mask, along each axis that has some.

    The box of a region keeps such planes, so that its voxels stay where they are to each other; ClinicaDL took them out
    and pushed the pieces together, so that its part of the same region is smaller.

    Returns
    -------
    list of (axis, planes)
    """
    found = []
    for axis in range(mask.ndim):
        filled = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if filled.size and (planes := int(filled[-1] - filled[0]) + 1 - filled.size):
            found.append((axis, planes))
    return found


@extraction("roi")
def regions(  # noqa: PLR0913  (what, where, and how it is cut)
    caps: Path,
    space: str,
    grid: Grid,
    roi: Annotated[tuple[str, ...], Field(min_length=1)],
    *,
    full_frame: bool = False,
    background: Annotated[float, Field(allow_inf_nan=False)] = 0.0,
    template: str = "",
    pattern: str = "",
) -> Regions:
    """Cut regions of interest: masks of any shape, found in the CAPS by their names.

    Parameters
    ----------
    caps
        CAPS folder; masks are ``masks/tpl-<template>/tpl-<template>_..._roi-<name>_mask.nii[.gz]``.
    space
        Space of the images.
    grid
        Grid of the images.
    roi
        Names of the regions; their order is the order of the parts.
    full_frame
        Keep the whole image around each region instead of its box.
    background
        What stands outside a region once intensities are normalised, in units of the normalised image.
    template
        Template of the masks; by default the space of the images. Needed where the pipeline names none.
    pattern
        Text that the names of the masks' files must hold, to choose among several.

    Raises
    ------
    ProblemsError
        When no template is known, or a mask is missing, ambiguous, empty, not binary, or on another grid; all at once.
    """
    problems, masks, files = [], [], []
    called = template or space
    if Path(called).name != called:
        msg = f"--template {called}: the name of a space was wanted, not a path."
        raise InputError(msg)
    if not called:
        what = "the images' pipeline does not say which template they lie on, so no mask can be looked for"
        problems.append(Problem(what, "name the template of the masks: --template, as in masks/tpl-<template>"))
    for name in dict.fromkeys(roi):
        if roi.count(name) > 1:
            problems.append(Problem(f"region {name!r} is named {roi.count(name)} times", "name it once"))
        if not called:
            continue
        try:
            path = find_mask(caps, called, name, grid, pattern)
            masks.append((name, read_mask(path, grid)))
            files.append(path.name)
        except ImageError as error:
            problems.append(Problem(str(error)))
    refuse("the regions of interest", problems)
    return Regions(tuple(masks), full_frame, background, tuple(files))


def find_mask(caps: Path, template: str, name: str, grid: Grid, pattern: str = "") -> Path:
    """Find the mask of a region.

    Of several the one on the images' grid is taken, before one that covers the same box with other voxels; where that
    leaves several, the one that says ``desc-Crop`` if the images are cropped, or the one that does not if they are not.

    Raises
    ------
    ImageError
        When there is none, or several that fit.
    """
    folder = caps / "masks" / f"tpl-{template}"
    ending = re.compile(rf"tpl-{re.escape(template)}(_[a-zA-Z0-9-]+)*_roi-{re.escape(name)}_mask\.nii(\.gz)?")
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [path for path in files if ending.fullmatch(path.name) and pattern in path.name]
    if len(found) > 1:
        found = _fitting(found, grid)
    if len(found) > 1:
        msg = (
            f"{len(found)} masks of region {name!r} on one grid: {listing([p.name for p in found])}. "
            "Keep one, or name a part of its file's name: --pattern."
        )
        raise ImageError(msg)
    if not found:
        known = sorted({match[1] for path in files if (match := re.search(r"_roi-([^_]+)_mask\.nii", path.name))})
        there = f"There is: {listing(known, 20)}." if known else "There is none."
        held = f" whose name holds {pattern!r}" if pattern else ""
        msg = f"no mask of region {name!r} (tpl-{template}_..._roi-{name}_mask.nii.gz){held} in {folder}. {there}"
        raise ImageError(msg)
    return found[0]


def _fitting(masks: list[Path], grid: Grid) -> list[Path]:
    """Give those that fit best; of those that do not fit at all, one, so that the reader can say why."""
    grids = {path: nifti.read_grid(path).upright() for path in masks}
    fits = [path for path in masks if grids[path].matches(grid)] or [path for path in masks if _fits(grids[path], grid)]
    cropped = np.allclose(np.multiply(grid.shape, grid.spacing_mm), _CROPPED_MM, atol=max(grid.spacing_mm))
    alike = [path for path in fits or masks if ("_desc-Crop_" in path.name) == cropped] or fits or masks
    return alike if fits else alike[:1]


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
    image = nifti.read(path).upright()  # as images are decoded
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
        empty = f"{path} is empty" + (f" on the grid of the images ({grid})" if values[-1] else "")
        msg = f"{empty}: the mask of a region needs at least one voxel."
        raise ImageError(msg)
    return mask

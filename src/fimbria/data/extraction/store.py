"""The store: each image is decoded once, then any part of it is read at the cost of that part.

One uncompressed safetensors file an image holds the array ``(x, y, z)``, float32, and in its header the grid, the
statistics and the fingerprint of the source, so that a source that has changed is noticed and decoded again. Parts are
read through the page cache, which all processes share.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fimbria.atomic import write_bytes
from fimbria.data.images import nifti
from fimbria.data.images.resample import resampled
from fimbria.errors import ImageError
from fimbria.geometry import Box, Grid, Shape
from fimbria.provenance import Fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fimbria.data.cohort.cohort import Session

FORMAT = 2


@dataclass(frozen=True)
class Statistics:
    """Intensities of an image.

    Attributes
    ----------
    minimum, maximum, mean, deviation
        Over all its voxels.
    """

    minimum: float
    maximum: float
    mean: float
    deviation: float


@dataclass(frozen=True, eq=False)
class Entry:
    """A decoded image in the store; it reads the box it is asked for and no more.

    Attributes
    ----------
    path
        Its file.
    grid
        Where it lies.
    statistics
        Of all its voxels.
    source
        Fingerprint of the file it was decoded from.
    voxels
        SHA-256 of that file's voxels, whatever its name, header or compression.
    """

    path: Path
    grid: Grid
    statistics: Statistics
    source: Fingerprint
    voxels: str

    def __getitem__(self, box: Box) -> NDArray[np.float32]:
        """Read the voxels of a box."""
        with safe_open(self.path, framework="numpy") as opened:
            part: NDArray[np.float32] = opened.get_slice("image")[box]
        return part

    @property
    def shape(self) -> Shape:
        """Voxels along x, y, z."""
        return self.grid.shape


@dataclass(frozen=True)
class Store:
    """A folder of decoded images.

    Attributes
    ----------
    root
        Its folder.
    pipeline
        Name of what preprocessed the images.
    spacing_mm
        Voxel side that images are resampled to; None keeps theirs.
    """

    root: Path
    pipeline: str
    spacing_mm: float | None = None

    @property
    def folder(self) -> Path:
        """Folder of the images that share pipeline and spacing."""
        spacing = "own-spacing" if self.spacing_mm is None else f"{self.spacing_mm:g}mm"
        return self.root / f"{self.pipeline}_{spacing}"

    def path(self, session: Session, source: Path) -> Path:
        """Give the file of an image; two sources of one session have different names."""
        stem = source.name.removesuffix(".gz").removesuffix(".nii")
        return self.folder / session.participant_id / session.session_id / f"{stem}.safetensors"

    def bytes_needed(self, grid: Grid) -> int:
        """Tell how large the file of an image on this grid will be, about."""
        shape = grid.shape if self.spacing_mm is None else grid.respaced(self.spacing_mm).shape
        return 4 * int(np.prod(shape)) + 4096

    def find(self, session: Session, source: Path) -> Entry | None:
        """Give the entry of an image if it is there and its source has the size and date that it had."""
        entry = read_entry(self.path(session, source))
        return entry if entry and source.is_file() and entry.source.is_dated_as(source) else None

    def prepare(self, session: Session, source: Path) -> Entry:
        """Give the entry of an image, decoded now if it is not there or no longer true.

        Raises
        ------
        ImageError
            When the image cannot be read, holds NaN or infinities, or nothing but one value.
        StorageError
            When the store has no room.
        """
        if entry := self.find(session, source):
            return entry
        if not source.is_file():
            msg = f"there is no image {source}."
            raise ImageError(msg)
        fingerprint = Fingerprint.of(source)
        kept = read_entry(self.path(session, source))
        if kept and kept.source.sha256 == fingerprint.sha256:  # copied or touched: its new date is all there is to keep
            return self._written(replace(kept, source=fingerprint), kept[tuple(map(slice, kept.shape))])
        image = nifti.read(source)
        _refuse_unusable(image.array, source)
        voxels = image.digest()
        if self.spacing_mm is not None:
            image = resampled(image, image.grid.respaced(self.spacing_mm))
        array = np.ascontiguousarray(image.array)
        statistics = Statistics(float(array.min()), float(array.max()), float(array.mean()), float(array.std()))
        return self._written(Entry(self.path(session, source), image.grid, statistics, fingerprint, voxels), array)

    def _written(self, entry: Entry, array: NDArray[np.float32]) -> Entry:
        # safetensors would write the file itself, but calls a full disk by no name that a caller could tell apart
        write_bytes(entry.path, save({"image": array}, metadata={"fimbria": json.dumps(_header(entry))}))
        return entry


def read_entry(path: Path) -> Entry | None:
    """Read the header of an entry; None if there is no whole one of this format."""
    try:
        with safe_open(path, framework="numpy") as opened:
            header = json.loads((opened.metadata() or {}).get("fimbria", "{}"))
    except (FileNotFoundError, SafetensorError, json.JSONDecodeError, OSError):
        return None
    if header.get("format") != FORMAT:
        return None
    grid = Grid(tuple(header["shape"]), np.asarray(header["affine"]))
    return Entry(path, grid, Statistics(**header["statistics"]), Fingerprint(**header["source"]), header["voxels"])


def default_root(data_set: Path, layout: str) -> Path:
    """Give the folder of the store of a data set: inside a CAPS, among the derivatives of a BIDS data set."""
    return data_set / "fimbria-store" if layout == "caps" else data_set / "derivatives" / "fimbria-store"


def _header(entry: Entry) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "shape": entry.grid.shape,
        "affine": entry.grid.affine.tolist(),
        "statistics": vars(entry.statistics),
        "source": entry.source.as_dict(),
        "voxels": entry.voxels,
    }


def _refuse_unusable(array: NDArray[np.float32], path: Path) -> None:
    low, high = float(array.min()), float(array.max())  # NaN if any voxel is
    if not (np.isfinite(low) and np.isfinite(high)):
        count = int(np.count_nonzero(~np.isfinite(array)))
        msg = f"{path} holds NaN or infinity in {count} of {array.size} voxels. Preprocess it again, or leave the session out."
        raise ImageError(msg)
    if low == high:
        msg = f"{path} holds nothing but {low:g}. Preprocess it again, or leave the session out."
        raise ImageError(msg)

"""One decoded image: a safetensors file whose header says where it lies, what it holds and what it was decoded from."""

from __future__ import annotations

import hashlib
import json
import mmap
from dataclasses import asdict, dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fimbria.atomic import write_bytes
from fimbria.data.extraction.store.statistics import Statistics
from fimbria.data.extraction.store.transform import Packing
from fimbria.errors import ImageError
from fimbria.geometry import Box, Grid, Shape
from fimbria.provenance import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = 4


@dataclass(frozen=True, eq=False)
class Entry:
    """A decoded image in the store; it reads the box it is asked for and no more.

    Attributes
    ----------
    path
        Its file.
    grid
        Where it lies; its axes run right, anterior, superior (RAS+), as near as they can.
    statistics, nonzero
        Of all its voxels, and of those that are not zero.
    source
        Fingerprint of the file it was decoded from.
    voxels
        SHA-256 of that file's voxels, whatever its name, header or compression.
    content
        SHA-256 of what is kept.
    name
        What the source is called, without ``.nii.gz``.
    packing
        How intensities are kept as 16-bit numbers; None where they are float32.
    """

    path: Path
    grid: Grid
    statistics: Statistics
    nonzero: Statistics
    source: Fingerprint
    voxels: str
    content: str
    name: str
    packing: Packing | None = None

    def __getitem__(self, box: Box) -> NDArray[np.float32]:
        """Read the voxels of a box, every n-th where it has a step; float32.

        Raises
        ------
        ImageError
            When the file is gone or damaged.
        """
        kind = np.dtype("<f4" if self.packing is None else "<i2")
        count = int(np.prod(self.shape))
        try:
            # mapped by hand: safetensors copies a box run by run, which for an axial slice is voxel by voxel
            with self.path.open("rb", buffering=0) as stream:
                start = 8 + int.from_bytes(stream.read(8), "little")  # after the header, whose length stands first
                mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            whole = np.frombuffer(mapped, kind, count, start).reshape(self.shape)
        except (OSError, ValueError) as error:  # gone, empty, or shorter than it says
            msg = f"{self.path} cannot be read any more ({error}). Was the store pruned or moved? Run the same command again: it decodes {self.name} anew."
            raise ImageError(msg) from error
        return np.array(whole[box]) if self.packing is None else self.packing.unpacked(whole[box])

    @property
    def shape(self) -> Shape:
        """Voxels along x, y, z."""
        return self.grid.shape


def read_entry(path: Path, source: Fingerprint | None = None, name: str = "") -> Entry | None:
    """Read the header of an entry; None if there is no whole one of this format.

    Parameters
    ----------
    path
        Its file.
    source, name
        What is known of its source; the file itself says no more than the content, as sources of one content share it.
    """
    header = read_header(path)
    if header.get("format") != FORMAT:
        return None
    try:
        if not _holds_what_it_says(path, header):
            return None
        return Entry(
            path,
            Grid(tuple(header["shape"]), np.asarray(header["affine"])),
            Statistics(**{**header["statistics"], "quantiles": tuple(header["statistics"]["quantiles"])}),
            Statistics(**{**header["nonzero"], "quantiles": tuple(header["nonzero"]["quantiles"])}),
            source or Fingerprint(header["source"]["size"], 0, header["source"]["sha256"]),
            header["voxels"],
            header["content"],
            name or path.stem,
            Packing(**header["packing"]) if header["packing"] else None,
        )
    except (OSError, KeyError, TypeError, ValueError):  # not written by us
        return None


def _holds_what_it_says(path: Path, header: Mapping[str, Any]) -> bool:
    """Tell whether the numbers in a file are as many as its header makes one read."""
    shape, of_each = header["shape"], 2 if header["packing"] else 4
    if len(shape) != 3 or not all(type(side) is int and side > 0 for side in shape):  # noqa: PLR2004  (axes of space)
        return False
    with path.open("rb") as stream:
        begins = 8 + int.from_bytes(stream.read(8), "little")
    return bool(path.stat().st_size == begins + of_each * prod(shape))


def read_header(path: Path) -> dict[str, Any]:
    """Read what an entry says of itself; empty if it is none, or not whole."""
    try:
        with safe_open(path, framework="numpy") as opened:
            header = json.loads((opened.metadata() or {}).get("fimbria", "{}"))
    except (SafetensorError, json.JSONDecodeError, OSError):
        return {}
    return header if isinstance(header, dict) else {}


def checksum(header: Mapping[str, Any]) -> str:
    """Give the SHA-256 of what an entry says of itself, but for the checksum."""
    said = {name: value for name, value in header.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def write_entry(entry: Entry, array: NDArray[np.float32] | NDArray[np.int16]) -> Entry:
    """Write an image, packed as the entry says, and its header; whole or not at all.

    Raises
    ------
    StorageError
        When there is no room.
    """
    header = {
        "format": FORMAT,
        "shape": entry.grid.shape,
        "affine": entry.grid.affine.tolist(),
        "statistics": asdict(entry.statistics),
        "nonzero": asdict(entry.nonzero),
        "source": {"size": entry.source.size, "sha256": entry.source.sha256},
        "voxels": entry.voxels,
        "content": entry.content,
        "packing": asdict(entry.packing) if entry.packing else None,
    }
    header["checksum"] = checksum(header)
    # safetensors would write the file itself, but calls a full disk by no name that a caller could tell apart
    write_bytes(entry.path, save({"image": array}, metadata={"fimbria": json.dumps(header)}))
    return entry

"""A folder of decoded images, kept by what their source holds and how it was decoded.

Experiments and data sets that read the same image share one file. Whoever writes an entry writes the same voxels, whole or
not at all, so that several processes and machines may fill one store. Parts are read through the page cache, which all
processes of a machine share.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from fimbria.atomic import write_json
from fimbria.data.extraction.store.entry import Entry, read_entry, write_entry
from fimbria.data.extraction.store.statistics import of_image
from fimbria.data.extraction.store.transform import AS_IT_IS, Transform, packed
from fimbria.data.images import nifti
from fimbria.data.images.nifti import Image
from fimbria.errors import ImageError, StorageError
from fimbria.provenance import Fingerprint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Kept: TypeAlias = NDArray[np.float32] | NDArray[np.int16]

Read: TypeAlias = Callable[[Path], Image]


@dataclass(frozen=True)
class Store:
    """A folder of decoded images.

    Attributes
    ----------
    root
        Its folder.
    transform
        How images are decoded.
    read
        Opens a source; ClinicaDL's tensors need another reader than NIfTI.
    """

    root: Path
    transform: Transform = AS_IT_IS
    read: Read = nifti.read

    def find(self, source: Path) -> Entry | None:
        """Give the entry of an image if it is there and its source has the size and date that it had."""
        known = read_note(self._note(source))
        if known is None or not source.is_file() or not known.is_dated_as(source):
            return None
        return read_entry(self.path(known), known, stem(source))

    def prepare(self, source: Path) -> Entry:
        """Give the entry of an image, decoded now if it is not there.

        A source that has changed has another content, and so another entry; one that was only copied or touched has not.

        Raises
        ------
        ImageError
            When the image cannot be read, or not be used.
        StorageError
            When the store has no room.
        """
        if entry := self.find(source):
            return entry
        if not source.is_file():
            msg = f"there is no image {source}."
            raise ImageError(msg)
        fingerprint = Fingerprint.of(source)
        entry = read_entry(self.path(fingerprint), fingerprint, stem(source))
        note = {"path": self._way(source), **fingerprint.as_dict()}
        if entry is None:
            entry, array = self._decoded(source, fingerprint)
            write_json(self._note(source), note)  # first: an entry that no note tells of may be pruned
            return write_entry(entry, array)
        # a store that is filled may be read-only; without its note the source is hashed again the next time
        with suppress(StorageError):
            write_json(self._note(source), note)
        return entry

    def path(self, source: Fingerprint) -> Path:
        """Give the file of what a source holds."""
        return self.root / "images" / self.transform.key / source.sha256[:2] / f"{source.sha256}.safetensors"

    def _note(self, source: Path) -> Path:
        """Give the file that says what a source held when it was decoded; it is called after where the source is."""
        name = hashlib.sha256(self._way(source).encode()).hexdigest()[:32]
        return self.root / "sources" / name[:2] / f"{name}.json"

    def _way(self, source: Path) -> str:
        """Give the way from the store to a source, which is the same wherever both are moved together."""
        return os.path.relpath(source.parent.resolve() / source.name, self.root.resolve())

    def _decoded(self, source: Path, fingerprint: Fingerprint) -> tuple[Entry, Kept]:
        turned = self.read(source).upright()
        image = Image(np.ascontiguousarray(turned.array), turned.grid)  # once, not for each of the steps below
        voxels = image.digest()
        kept = self.transform.apply(image, source)
        array: NDArray[np.float32] = np.ascontiguousarray(kept.array)
        whole, nonzero = of_image(array)
        small, packing = packed(array) if self.transform.compact else (array, None)
        if not fingerprint.is_dated_as(source):
            msg = f"{source} changed while it was read. Run the same command again when nothing writes to it."
            raise ImageError(msg)
        content = voxels if small is array and kept.array is image.array else digest(small)
        entry = Entry(
            self.path(fingerprint), kept.grid, whole, nonzero, fingerprint, voxels, content, stem(source), packing
        )
        return entry, small


def decoded(job: tuple[int, Store, Path]) -> Entry:
    """Prepare one image of many, numbered; it stands here so that a process that only decodes loads no tables."""
    _, store, source = job
    return store.prepare(source)


def default_root(data_set: Path, layout: str) -> Path:
    """Give the folder of the store of a data set: inside a CAPS, among the derivatives of a BIDS data set."""
    return data_set / "fimbria-store" if layout == "caps" else data_set / "derivatives" / "fimbria-store"


def read_note(path: Path) -> Fingerprint | None:
    """Read what a source held when it was decoded; None if that is not known."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        return Fingerprint(note["size"], note["modified_ns"], note["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def digest(array: NDArray[np.float32] | NDArray[np.int16]) -> str:
    """Give the SHA-256 of shape and numbers of an array, as an image's own."""
    taken = hashlib.sha256("x".join(map(str, array.shape)).encode())
    taken.update(array.data)
    return taken.hexdigest()


def stem(source: Path) -> str:
    """Give the name of an image without what its format adds.

    Examples
    --------
    >>> stem(Path("sub-01_T1w.nii.gz"))
    'sub-01_T1w'
    """
    return source.name.removesuffix(".gz").removesuffix(".nii").removesuffix(".pt")

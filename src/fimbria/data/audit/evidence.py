"""What is known of the images themselves: size, grid, a digest of the voxels, and a fingerprint of the brain.

A fingerprint tells who somebody is. It is kept beside the images it was taken from and goes nowhere else.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fimbria.atomic import write_bytes
from fimbria.data.audit import fingerprint as recipe
from fimbria.errors import ImageError
from fimbria.geometry import Grid
from fimbria.provenance import Fingerprint as FileFingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = 1
# What a BIDS sidecar says of the scanner and its protocol.
SIDECAR = (
    "Manufacturer",
    "ManufacturersModelName",
    "MagneticFieldStrength",
    "InstitutionName",
    "StationName",
    "SoftwareVersions",
    "EchoTime",
    "RepetitionTime",
    "InversionTime",
    "FlipAngle",
    "SliceThickness",
)


@dataclass(frozen=True, eq=False)
class ImageFacts:
    """What is known of one image.

    Attributes
    ----------
    file_size
        Bytes of the file as it lies on the disk.
    voxels
        SHA-256 of its voxels, whatever its name, header or compression.
    grid
        Where its voxels lie, if known.
    fingerprint
        ``(2, 512)``, of the brain as it lies and mirrored; None if the image is not aligned to the template.
    acquisition
        What a sidecar tells of the scanner: name -> value.
    """

    file_size: int
    voxels: str
    grid: Grid | None = None
    fingerprint: NDArray[np.float32] | None = None
    acquisition: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of the images of some items.

    Attributes
    ----------
    source
        What was read, in words: a folder and a pipeline.
    images
        Facts by the key that the items have in their column ``image``.
    missing
        Keys whose image could not be looked at, with the reason.
    without_fingerprint
        Why images have no fingerprint, where they have none.
    """

    source: str
    images: Mapping[str, ImageFacts]
    missing: Mapping[str, str] = field(default_factory=dict)
    without_fingerprint: str = ""


def keep(path: Path, facts: ImageFacts, source: FileFingerprint) -> None:
    """Keep the facts of an image beside the images, with what its file was when they were taken.

    Raises
    ------
    StorageError
        When there is no room, or no permission.
    """
    grid = None if facts.grid is None else {"shape": facts.grid.shape, "affine": facts.grid.affine.tolist()}
    header = {
        "format": [FORMAT, recipe.FORMAT],
        "voxels": facts.voxels,
        "grid": grid,
        "acquisition": dict(facts.acquisition),
        "source": asdict(source),
    }
    printed = np.empty((0, 0), dtype=np.float32) if facts.fingerprint is None else facts.fingerprint
    write_bytes(path, save({"fingerprint": printed}, metadata={"fimbria": json.dumps(header)}))


def kept(path: Path, image: Path | None = None) -> ImageFacts | None:
    """Read the facts of an image if they are there and, where its file is given, that has the size and date it had."""
    try:
        with safe_open(path, framework="numpy") as opened:
            header = json.loads((opened.metadata() or {}).get("fimbria", "{}"))
            if header.get("format") != [FORMAT, recipe.FORMAT]:
                return None
            source = FileFingerprint(**header["source"])
            if image and not source.is_dated_as(image):
                return None
            printed: NDArray[np.float32] = opened.get_tensor("fingerprint")
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
    grid = header["grid"] and Grid(tuple(header["grid"]["shape"]), np.asarray(header["grid"]["affine"]))
    return ImageFacts(source.size, header["voxels"], grid, printed if printed.size else None, header["acquisition"])


def acquisition(image: Path) -> dict[str, str | float]:
    """Read what the sidecar of an image tells of the scanner; empty if there is none that can be read."""
    sidecar = image.with_name(image.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    try:
        said = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    told = said if isinstance(said, dict) else {}
    return {name: told[name] for name in SIDECAR if isinstance(told.get(name), str | int | float)}


def within(root: Path, name: str) -> Path | None:
    """Give the image that a list calls `name` if it lies inside `root`; a list leads nowhere else.

    nnU-Net's case ``case_01`` is ``case_01_0000.nii.gz``, in ``imagesTr`` or beside.
    """
    top = root.resolve()
    for written in (name, f"{name}_0000.nii.gz", f"imagesTr/{name}_0000.nii.gz", f"{name}.nii.gz", f"{name}.nii"):
        path = (top / written).resolve()
        if path.is_relative_to(top) and path.is_file():
            return path
    return None


def refuse_empty(evidence: Evidence) -> None:
    """Refuse a folder of images in which none of the items has one.

    Raises
    ------
    ImageError
        With the first name that was looked for.
    """
    if not evidence.images and evidence.missing:
        key, reason = next(iter(evidence.missing.items()))
        msg = f"none of the {len(evidence.missing)} images is in {evidence.source}; the first, {key}: {reason}"
        raise ImageError(msg)

"""What the images themselves tell an audit, and whether they are still what a training has read.

Nothing here knows torch: an audit starts fast.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from fimbria import tables
from fimbria.data.audit.evidence import Evidence, ImageFacts, acquisition, keep, kept, within
from fimbria.data.audit.fingerprint import fingerprint
from fimbria.data.cohort.cohort import IDS, Session
from fimbria.data.extraction.store import Store, default_root
from fimbria.data.images import nifti
from fimbria.data.images.layout import source_of
from fimbria.data.images.template import SPACE
from fimbria.errors import FimbriaError, ImageError, InputError, MapsError, StorageError
from fimbria.execution import executor, run
from fimbria.provenance import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fimbria.data.audit.material import Material
    from fimbria.data.extraction.store import Entry
    from fimbria.data.images.pipelines import Pipeline
    from fimbria.geometry import Grid
    from fimbria.results.maps.maps import Maps
    from fimbria.workflows.show import Show

UNALIGNED = "a fingerprint needs images aligned to the template, such as those of `fimbria preprocess t1-linear`"
UNPRINTED = "fingerprints were not taken yet; `fimbria audit` takes them"
_FEW = 3  # images that are read here rather than by new processes, whose start takes longer


@dataclass(frozen=True)
class _Image:
    """One image that is to be looked at."""

    key: str
    path: Path
    session: Session | None


class _Looking:
    """Looks at one image; a class so that it travels to other processes."""

    def __init__(self, store: Store, *, aligned: bool) -> None:
        self.store, self.aligned = store, aligned

    def __call__(self, image: _Image) -> tuple[ImageFacts, str]:
        """Give the facts of an image, and why it has no fingerprint."""
        place = _place(self.store, image.session, image.path.name) if image.session else None
        if place and (known := kept(place, image.path)) and (known.fingerprint is not None or not self.aligned):
            return known, ""
        entry = self.store.find(image.session, image.path) if image.session and not self.store.spacing_mm else None
        if entry is None:
            read = nifti.read(image.path)
            array, grid, voxels, source = read.array, read.grid, read.digest(), Fingerprint.of(image.path)
        else:
            whole = tuple(slice(0, side) for side in entry.shape)
            array, grid, voxels, source = entry[whole], entry.grid, entry.voxels, entry.source
        aligned = self.aligned or f"space-{SPACE}" in image.path.name
        printed, why = _printed(array, grid) if aligned else (None, UNALIGNED)
        facts = ImageFacts(source.size, voxels, grid, printed, acquisition(image.path))
        if place and self.aligned:  # nothing is written into a data set of raw images
            with suppress(StorageError):  # a data set that may not be written to is looked at again the next time
                keep(place, facts, source)
        return facts, why


def evidence_of(material: Material, images: Path, chosen: Pipeline | None, *, jobs: int, show: Show) -> Evidence:
    """Look at the images of everything that is audited.

    Parameters
    ----------
    material
        Whose images.
    images
        A CAPS or BIDS data set, or the folder that the names in a list start from.
    chosen
        What preprocessed them; None for a folder that is no data set.
    jobs
        Processes.
    show
        Who watches.

    Returns
    -------
    Evidence
        Facts are kept beside the images, so that the next audit of the same images reads kilobytes.
    """
    store = Store(default_root(images, chosen.layout if chosen else "caps"), chosen.name if chosen else "")
    found, missing = _found(material, images, chosen)
    facts: dict[str, ImageFacts] = {}
    reasons: list[str] = []
    looking = _Looking(store, aligned=bool(chosen and chosen.space == SPACE))
    with executor(jobs if len(found) > _FEW else 1) as pool:
        for outcome in show.track(run(looking, found, pool), "looking at images", len(found)):
            if outcome.result is None:
                missing[outcome.item.key] = str(outcome.error)
            else:
                facts[outcome.item.key], why = outcome.result
                reasons += [why] if why else []
    place = images.resolve().name  # not the whole path: a certificate travels
    name = f"{place} ({chosen.name})" if chosen else place
    order = {image.key: facts[image.key] for image in found if image.key in facts}
    return Evidence(name, order, missing, reasons[0] if reasons else "")


def evidence_in(entries: Mapping[Session, Entry], source: Path, chosen: Pipeline) -> Evidence:
    """Give what is known of decoded images without looking at any of them again.

    Fingerprints are there if an audit has taken them before.
    """
    store = Store(default_root(source, chosen.layout), chosen.name)
    aligned = chosen.space == SPACE
    facts = {}
    for session, entry in entries.items():
        known = _known(_place(store, session, entry.path.name), entry) if aligned else None
        facts[str(session)] = ImageFacts(entry.source.size, entry.voxels, entry.grid, known)
    return Evidence(f"{source.name} ({chosen.name})", facts, {}, UNPRINTED if aligned else UNALIGNED)


def fingerprints(entries: Mapping[Session, Entry]) -> pd.DataFrame:
    """List the images that were read: whose, the file's name, its size in bytes, its SHA-256 and that of its voxels."""
    rows = [
        {
            **session._asdict(),
            "file": entry.path.stem,
            "size": entry.source.size,
            "sha256": entry.source.sha256,
            "voxels": entry.voxels,
        }
        for session, entry in entries.items()
    ]
    return pd.DataFrame(rows)


def seen_images(maps: Maps, chosen: Pipeline, data_set: Path) -> dict[str, ImageFacts]:
    """Give what a MAPS keeps of the images that its weights have seen, by session.

    Their fingerprints are those that lie beside the images, where the training found them or in `data_set`.
    """
    frame = _kept(maps)
    places = dict.fromkeys((maps.experiment.data.caps, data_set))
    stores = [Store(default_root(place, chosen.layout), chosen.name) for place in places]
    seen = {}
    columns = [*IDS, "file", "size", "voxels"]
    for *ids, file, size, voxels in frame[columns].itertuples(index=False, name=None):
        session = Session(*ids)
        known = (kept(_place(store, session, file)) for store in stores if chosen.space == SPACE)
        printed = next((facts.fingerprint for facts in known if facts and facts.voxels == voxels), None)
        seen[str(session)] = ImageFacts(size, voxels, fingerprint=printed)
    return seen


def refuse_changed_images(maps: Maps, entries: Mapping[Session, Entry]) -> None:
    """Refuse to go on with images that are no longer what they were when the training began.

    Raises
    ------
    MapsError
        With how many, and one of them.
    """
    now = fingerprints(entries)
    both = _kept(maps).merge(now, how="left", on=list(IDS), suffixes=("", "_now"))
    changed = both.loc[both["sha256"] != both["sha256_now"], "file"]
    if len(changed):
        msg = f"{len(changed)} images have changed since this training began ({changed.iloc[0]}, ...). Bring them back, or train anew."
        raise MapsError(msg)


def _found(material: Material, images: Path, chosen: Pipeline | None) -> tuple[list[_Image], dict[str, str]]:
    """Find the file of every image, by session in a data set, by name in a mere folder."""
    found, missing = [], {}
    source = source_of(images, chosen) if chosen else None
    columns = ["image", "item", "dataset", "participant_id", "session_id"]
    for key, item, *ids in material.items[columns].drop_duplicates("image").itertuples(index=False, name=None):
        if not key:
            continue
        session = Session(*ids)
        try:
            path = source.find(session) if source else within(images, key) or within(images, item)
        except (FimbriaError, OSError, ValueError) as error:  # a list may hold names that no file can have
            missing[key] = str(error)
            continue
        if path is None:
            missing[key] = f"no such image in {images}"
        else:
            found.append(_Image(key, path, session if source else None))
    whose: dict[Path, str] = {}
    for image in found if source else ():
        if (first := whose.setdefault(image.path, image.key)) != image.key:
            msg = f"{image.key} and {first} are one file in {images}; each data set needs a folder of its own: --images NAME=FOLDER."
            raise InputError(msg)
    return found, missing


def _place(store: Store, session: Session, image: str) -> Path:
    """Give where the facts of an image are kept: beside the images, which is where its person's data are."""
    stem = image.removesuffix(".safetensors").removesuffix(".gz").removesuffix(".nii")
    folder = store.root / "fingerprints" / store.pipeline / session.participant_id / session.session_id
    return folder / f"{stem}.safetensors"


def _known(place: Path, entry: Entry) -> NDArray[np.float32] | None:
    """Give the fingerprint of a decoded image, if one was taken of the same voxels."""
    known = kept(place)
    return known.fingerprint if known and known.voxels == entry.voxels else None


def _printed(array: NDArray[np.float32], grid: Grid) -> tuple[NDArray[np.float32] | None, str]:
    try:
        return fingerprint(array, grid), ""
    except ImageError as error:
        return None, str(error)


def _kept(maps: Maps) -> pd.DataFrame:
    frame = tables.read(maps.paths.images, [*IDS, "file", "sha256"], text=IDS)
    return frame.assign(dataset=frame["dataset"].astype("object").fillna(""))

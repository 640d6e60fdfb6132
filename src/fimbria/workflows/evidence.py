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
from fimbria.data.extraction.store.store import stem
from fimbria.data.images import nifti
from fimbria.data.images.layout import source_of
from fimbria.data.images.template import SPACE
from fimbria.errors import FimbriaError, ImageError, InputError, MapsError, StorageError
from fimbria.execution import executor, run
from fimbria.provenance import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fimbria.data.audit.material import Material
    from fimbria.data.extraction.origin import Origin
    from fimbria.data.extraction.store import Entry
    from fimbria.data.images.pipelines import Pipeline
    from fimbria.geometry import Grid
    from fimbria.results.maps.maps import Maps
    from fimbria.workflows.show import Show

UNALIGNED = "a fingerprint needs images aligned to the template, such as those of `fimbria preprocess t1-linear`"
UNPRINTED = "fingerprints were not taken yet; `fimbria audit` takes them"


@dataclass(frozen=True)
class _Image:
    """One image that is to be looked at."""

    key: str
    path: Path
    session: Session | None


class _Looking:
    """Looks at one image; a class so that it travels to other processes."""

    def __init__(self, root: Path, pipeline: str, *, aligned: bool) -> None:
        self.root, self.pipeline, self.aligned = root, pipeline, aligned

    def __call__(self, image: _Image) -> tuple[ImageFacts, str]:
        """Give the facts of an image, and why it has no fingerprint."""
        place = _place(self.root, self.pipeline, image.session, stem(image.path)) if image.session else None
        if place and (known := kept(place, image.path)) and (known.fingerprint is not None or not self.aligned):
            return known, ""
        entry = Store(self.root).find(image.path)
        if entry is None:
            read = nifti.read(image.path).upright()
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


def evidence_of(  # noqa: PLR0913  (of what, where, and how)
    material: Material,
    images: Path,
    chosen: Pipeline | None,
    *,
    store: Path | None = None,
    jobs: int = 1,
    show: Show,
) -> Evidence:
    """Look at the images of everything that is audited.

    Parameters
    ----------
    material
        Whose images.
    images
        A CAPS or BIDS data set, or the folder that the names in a list start from.
    chosen
        What preprocessed them; None for a folder that is no data set.
    store
        Where decoded images and what is known of them are kept; by default in the data set.
    jobs
        Processes.
    show
        Who watches.

    Returns
    -------
    Evidence
        Facts are kept beside the images, so that the next audit of the same images reads kilobytes.
    """
    root = store or default_root(images, chosen.layout if chosen else "caps")
    found, missing = _found(material, images, chosen)
    facts: dict[str, ImageFacts] = {}
    reasons: list[str] = []
    looking = _Looking(root, chosen.name if chosen else "", aligned=bool(chosen and chosen.space == SPACE))
    with executor(jobs, len(found), quick=True) as pool:
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


def evidence_in(entries: Mapping[Session, Entry], origin: Origin) -> Evidence:
    """Give what is known of decoded images without looking at any of them again.

    Fingerprints are there if an audit has taken them before.
    """
    aligned = origin.pipeline.space == SPACE
    facts = {}
    for session, entry in entries.items():
        place = _place(origin.root(session), origin.pipeline.name, session, entry.name)
        known = _known(place, entry) if aligned else None
        facts[str(session)] = ImageFacts(entry.source.size, entry.voxels, entry.grid, known)
    return Evidence(origin.called, facts, {}, UNPRINTED if aligned else UNALIGNED)


def fingerprints(channels: Sequence[Mapping[Session, Entry]]) -> pd.DataFrame:
    """List the images that were read: whose, which channel, the file's name, its size in bytes, its SHA-256 and that of its voxels."""
    rows = [
        {
            **session._asdict(),
            "channel": channel,
            "file": entry.name,
            "size": entry.source.size,
            "sha256": entry.source.sha256,
            "voxels": entry.voxels,
        }
        for channel, entries in enumerate(channels)
        for session, entry in entries.items()
    ]
    return pd.DataFrame(rows)


def seen_images(maps: Maps, now: Origin, then: Origin | None = None) -> dict[str, ImageFacts]:
    """Give what a MAPS keeps of the images that its weights have seen, by session.

    Their fingerprints are those that lie where images are decoded to `now`, or where the training found them `then`.
    """
    frame = _kept(maps)
    frame = frame[frame["channel"] == 0]  # one image tells whose brain it is
    seen = {}
    columns = [*IDS, "file", "size", "voxels"]
    for *ids, file, size, voxels in frame[columns].itertuples(index=False, name=None):
        session = Session(*ids)
        known = (kept(place) for place in _places(session, file, [now, *([then] if then else [])]))
        printed = next((facts.fingerprint for facts in known if facts and facts.voxels == voxels), None)
        seen[str(session)] = ImageFacts(size, voxels, fingerprint=printed)
    return seen


def _places(session: Session, file: str, origins: Sequence[Origin]) -> Iterator[Path]:
    """Give where the facts of an image may lie; a data set that is not at hand has none."""
    for origin in origins:
        if origin.pipeline.space == SPACE:
            with suppress(InputError):
                yield _place(origin.root(session), origin.pipeline.name, session, file)


def refuse_changed_images(maps: Maps, channels: Sequence[Mapping[Session, Entry]]) -> None:
    """Refuse to go on with images that are no longer what they were when the training began.

    Raises
    ------
    MapsError
        With how many, and one of them.
    """
    now = fingerprints(channels)
    both = _kept(maps).merge(now, how="outer", on=[*IDS, "channel"], suffixes=("", "_now"))
    changed = both.loc[both["sha256"] != both["sha256_now"], "file"].fillna("one that was not there")
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


def _place(root: Path, pipeline: str, session: Session, image: str) -> Path:
    """Give where the facts of an image are kept: in the store, which is where its person's decoded images are."""
    folder = root / "fingerprints" / pipeline / session.dataset / session.participant_id / session.session_id
    return folder / f"{image}.safetensors"


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
    channel = frame["channel"] if "channel" in frame.columns else 0  # the first versions knew one
    return frame.assign(dataset=frame["dataset"].astype("object").fillna(""), channel=channel)

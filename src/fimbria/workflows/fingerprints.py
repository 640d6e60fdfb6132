"""Which images were read, by their content: nobody is on two sides under two names, and nothing has changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from fimbria import tables
from fimbria.data.cohort.cohort import IDS
from fimbria.errors import LeakError, MapsError, listing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fimbria.data.cohort.cohort import Cohort, Session
    from fimbria.data.cohort.splits import Split
    from fimbria.data.extraction.store import Entry
    from fimbria.results.maps.maps import Maps


def fingerprints(entries: Mapping[Session, Entry]) -> pd.DataFrame:
    """List the images that were read: whose, the file's name, its size in bytes and its SHA-256."""
    rows = [
        {**session._asdict(), "file": entry.path.stem, "size": entry.source.size, "sha256": entry.source.sha256}
        for session, entry in entries.items()
    ]
    return pd.DataFrame(rows)


def refuse_shared_images(splits: Sequence[Split], entries: Mapping[Session, Entry]) -> None:
    """Refuse splits that hold the same image on both sides, under whatever names.

    Raises
    ------
    LeakError
        With who they are.
    """
    for split in splits:
        train, held = (_by_content(side, entries) for side in (split.train, split.other))
        if shared := [f"{train[digest]} and {held[digest]}" for digest in train if digest in held]:
            msg = (
                f"split-{split.index}: the same image is in {split.train.name} and in {split.other.name}, under two names: "
                f"{listing(shared)}. Leave one of each out."
            )
            raise LeakError(msg)


def refuse_seen_images(maps: Maps, entries: Mapping[Session, Entry]) -> None:
    """Refuse images that the weights of a MAPS have seen, under whatever names.

    Raises
    ------
    LeakError
        With who they are.
    """
    seen = _kept(maps).set_index("sha256")["participant_id"].to_dict()
    if shared := [f"{s} (seen as {seen[e.source.sha256]})" for s, e in entries.items() if e.source.sha256 in seen]:
        msg = f"images that were seen in training or validation of {maps.root}, under other names: {listing(shared)}."
        raise LeakError(msg)


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


def _by_content(side: Cohort, entries: Mapping[Session, Entry]) -> dict[str, Session]:
    return {entries[session].source.sha256: session for session in side.sessions if session in entries}


def _kept(maps: Maps) -> pd.DataFrame:
    frame = tables.read(maps.paths.images, [*IDS, "file", "sha256"], text=IDS)
    return frame.assign(dataset=frame["dataset"].astype("object").fillna(""))

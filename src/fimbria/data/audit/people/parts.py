"""A session, or slices and patches of it, on two sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.material import Crossing, crossings
from fimbria.errors import counted, listing

if TYPE_CHECKING:
    import pandas as pd

    from fimbria.data.audit.material import Material

NAME = "part"
ASKS = "Is a session, or a slice or patch of it, on two sides of a split?"


def look(material: Material) -> Checked:
    """Compare sessions, and the items of which the session is not known, between the sides of every split."""
    items = material.items
    known = (items["person"] != "") & (items["session_id"] != "")
    whole = (items["person"] + " " + items["session_id"]).where(known, items["item"])
    items = items.assign(whole=whole)
    comparable = int((whole != "").sum())
    missing = len(items) - comparable
    unchecked = f"{missing:,} of {len(items):,} items name neither their session nor themselves" if missing else ""
    if not comparable:
        return Checked(NAME, ASKS, unchecked=unchecked)
    # a file may stand under two sessions' names; the numbers of slices and patches (slice-3) are nobody's own
    files = items["item"].where(items["item"].str.contains(r"[./]", regex=True), "")
    found = [*crossings(items, "whole"), *_beyond(crossings(items.assign(file=files), "file"))]
    findings = tuple(
        Finding(
            NAME,
            "leak",
            f"{counted(len(crossing.keys), 'session')} with something in both {' and '.join(crossing.sides)}"
            f"{_amount(crossing.rows)}: {listing(crossing.keys)}",
            crossing.keys,
            crossing.where,
            "certain",
            "split people first, and cut their images into slices or patches afterwards",
        )
        for crossing in found
    )
    sessions = whole[whole != ""].nunique()
    return Checked(NAME, ASKS, f"{sessions:,} sessions or items; every name compared, exactly", findings, unchecked)


def _beyond(files: list[Crossing]) -> list[Crossing]:
    """Keep the files that lie on two sides under two sessions' names: those under one are found by their session."""
    kept = []
    for crossing in files:
        names = crossing.rows.groupby("file")["whole"].nunique()
        rows = crossing.rows[crossing.rows["file"].isin(names.index[names > 1])]
        if len(rows):
            keys = tuple(sorted(set(rows["file"])))
            kept.append(Crossing(crossing.sides, keys, tuple(sorted(set(rows["split"].tolist()))), rows))
    return kept


def _amount(rows: pd.DataFrame) -> str:
    """Say how many parts there are, where an item is a part."""
    parts = rows.drop_duplicates(["whole", "side", "item"])
    return f" ({len(parts):,} parts of them)" if len(parts) > len(rows.drop_duplicates(["whole", "side"])) else ""

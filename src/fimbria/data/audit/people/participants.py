"""A participant on two sides, under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.material import ANONYMOUS, crossings, namesakes
from fimbria.errors import counted, listing

if TYPE_CHECKING:
    from fimbria.data.audit.material import Material

NAME = "participant"
ASKS = "Is a participant on two sides of a split?"


def look(material: Material) -> Checked:
    """Compare participants, scoped by their data set, between the sides of every split."""
    if not material.has_people:
        return Checked(NAME, ASKS, unchecked=ANONYMOUS)
    findings = tuple(
        Finding(
            NAME,
            "leak",
            f"{counted(len(crossing.keys), 'participant')} in both {' and '.join(crossing.sides)}: {listing(crossing.keys)}",
            crossing.keys,
            crossing.where,
            "certain",
            "make the splits by participant: `fimbria cohort kfold` cannot put one on two sides",
        )
        for crossing in crossings(material.items, "person")
    )
    findings += tuple(
        Finding(
            NAME,
            "leak",
            f"{counted(len(crossing.keys), 'name')} in both {' and '.join(crossing.sides)}, on one of them without a data set: "
            f"{listing(crossing.keys)}",
            crossing.keys,
            crossing.where,
            "probable",
            "name the data set on both sides (column dataset), or take them for one person and split again",
        )
        for crossing in namesakes(material.items)
    )
    anonymous = int((material.items["person"] == "").sum())
    unchecked = f"{counted(anonymous, 'item')} without a participant" if anonymous else ""
    return Checked(NAME, ASKS, f"{material.size}; every identifier compared, exactly", findings, unchecked)

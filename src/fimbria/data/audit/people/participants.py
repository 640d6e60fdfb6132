"""A participant on two sides, under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.material import crossings
from fimbria.errors import counted, listing

if TYPE_CHECKING:
    from fimbria.data.audit.material import Material

NAME = "participant"
ASKS = "Is a participant on two sides of a split?"
UNKNOWN = (
    "it is not known whose the items are; say so with --participant COLUMN or --participant-pattern REGEX, "
    "for example --participant-pattern '(P[0-9]+)_'"
)


def look(material: Material) -> Checked:
    """Compare participants, scoped by their data set, between the sides of every split."""
    if not material.has_people:
        return Checked(NAME, ASKS, unchecked=UNKNOWN)
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
    anonymous = int((material.items["person"] == "").sum())
    unchecked = f"{counted(anonymous, 'item')} without a participant" if anonymous else ""
    return Checked(NAME, ASKS, f"{material.size}; every identifier compared, exactly", findings, unchecked)

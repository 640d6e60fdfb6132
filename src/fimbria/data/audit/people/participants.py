"""A participant on two sides, under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

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
    findings += _spellings(material)
    anonymous = int((material.items["person"] == "").sum())
    unchecked = f"{counted(anonymous, 'item')} without a participant" if anonymous else ""
    return Checked(NAME, ASKS, f"{material.size}; every identifier compared, exactly", findings, unchecked)


def _spellings(material: Material) -> tuple[Finding, ...]:
    """Find names on two sides that differ by capitals, leading zeros or a prefix alone."""
    people = material.items.loc[material.items["person"] != "", ["person", "participant_id"]].drop_duplicates("person")
    plain = people["participant_id"].str.lower().str.replace(r"^sub-", "", regex=True)
    plain = plain.str.replace(r"(?<![0-9])0+(?=[0-9])", "", regex=True).str.replace(r"[^a-z0-9]", "", regex=True)
    scope = pd.Series([who.removesuffix(name) for who, name in people.itertuples(index=False)], index=people.index)
    spelt = dict(zip(people["person"], scope + plain, strict=True))
    items = material.items.assign(plain=material.items["person"].map(spelt).fillna(""))
    findings = []
    for crossing in crossings(items, "plain"):
        names = crossing.rows.groupby("plain")["person"].unique()
        alike = tuple(sorted(" ~ ".join(sorted(of)) for of in names if len(of) > 1))
        if alike:
            what = f"{counted(len(alike), 'name')} in {crossing.sides[0]} and, spelt another way, in {crossing.sides[1]}: {listing(alike)}"
            remedy = "find out whether they are one person, and write each name one way"
            findings.append(Finding(NAME, "leak", what, alike, crossing.where, "possible", remedy, "spelling", alike))
    return tuple(findings)

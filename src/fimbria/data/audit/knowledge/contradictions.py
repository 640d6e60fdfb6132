"""The same session or image with two different labels."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.knowledge.labels import UNLABELLED, is_quantity
from fimbria.data.audit.material import Material, as_texts
from fimbria.errors import counted, listing

NAME = "contradiction"
ASKS = "Does the same session have two different labels?"
_SAME = 1e-6  # of its size: quantities closer than this are one value, written twice
_FIXED = re.compile(r"(sex|gender|birth|date_?of_?birth|dob|handedness|ethnicity|race|apoe)", re.IGNORECASE)


def look(material: Material) -> Checked:
    """Compare the labels of every row that is of the same session, and the same item, wherever it stands."""
    label = material.label
    if label is None:
        return Checked(NAME, ASKS, unchecked=UNLABELLED)
    rows = _rows(material, label)
    if rows.empty:
        return Checked(NAME, ASKS, unchecked=f"no item has a label in a column {label!r}; give it with --table")
    values, number = _values(rows[label])
    rows = rows.assign(value=values)
    by_session = _contradicted(rows, ["person", "dataset_alone", "session_id", "item"], number=number)
    findings = [_finding(by_session, label, "certain", "rows of the same session have")] if len(by_session) else []
    findings += _of_images(rows, material, label, number=number)
    findings += _changing(material, rows)
    if _FIXED.match(label):
        findings += _of_people(rows[~rows["person"].isin(by_session["person"])], label, number=number)
    nameless = int((rows["who"] == "").sum())
    return Checked(
        NAME,
        ASKS,
        f"{len(rows):,} rows of {rows['who'].nunique():,} sessions and items, in all splits and the whole table together; "
        f"every label compared, exactly{_notes(material)}",
        tuple(findings),
        f"{nameless:,} rows say neither session nor item" if nameless else "",
    )


def _rows(material: Material, label: str) -> pd.DataFrame:
    """Give the different rows of the splits, and of the whole table, that have a label and say what they are of."""
    keys = ["dataset", "participant_id", "session_id", "item", "image"]
    frames = [material.items] if label in material.items.columns else []
    everybody = material.everybody
    if everybody is not None and label in everybody.columns:
        frames.append(everybody)
    parts = [
        frame[[key for key in keys if key in frame.columns]].assign(**{label: as_texts(frame[label])})
        for frame in frames
    ]
    labelled = [part[part[label] != ""] for part in parts]
    if not labelled or all(part.empty for part in labelled):
        return pd.DataFrame()
    together = pd.concat([part.astype("str").drop_duplicates() for part in labelled]).drop_duplicates()
    rows = Material(material.place, material.kind, together).items.drop_duplicates()
    known = (rows["session_id"] != "") | (rows["item"] != "") | (rows["image"] != "")
    alone = rows["dataset"].where(rows["person"] == "", "")
    who = (rows["person"] + " " + rows["session_id"] + " " + rows["item"]).str.strip()
    who = who.where((rows["session_id"] != "") | (rows["item"] != ""), rows["image"])
    return rows.assign(dataset_alone=alone, who=who.where(known, ""))


def _values(labels: pd.Series) -> tuple[pd.Series, bool]:
    """Give labels as they are compared: quantities as numbers, classes as text."""
    texts = as_texts(labels)
    number = is_quantity(texts, len(texts))
    return (texts.astype(float) if number else texts), number


def _contradicted(rows: pd.DataFrame, key: list[str], *, number: bool) -> pd.DataFrame:
    """Give the rows whose key has more than one value."""
    named = ((rows["session_id"] != "") & (rows["person"] != "")) | (rows["item"] != "")
    known = rows[(rows["who"] != "") & named] if "item" in key else rows
    different = known[[*key, "value"]].drop_duplicates()
    several = different[different.duplicated(key, keep=False)]
    if number and len(several):
        grouped = several.groupby(key)["value"]
        size = np.maximum(1.0, several["value"].abs())
        several = several[(grouped.transform("max") - grouped.transform("min")) > _SAME * size]
    return known.merge(several[key].drop_duplicates(), on=key)


def _finding(rows: pd.DataFrame, label: str, certainty: str, what: str) -> Finding:
    who = tuple(sorted(set(rows["who"])))
    shown = [f"{name} ({', '.join(sorted(set(rows.loc[rows['who'] == name, label])))})" for name in who[:5]]
    more = f" and {len(who) - 5:,} more" if len(who) > 5 else ""  # noqa: PLR2004  (those shown)
    return Finding(
        NAME,
        "leak",
        f"{what} different values of {label!r}: {', '.join(shown)}{more}",
        who,
        "all splits and the table they were made of",
        "certain" if certainty == "certain" else "probable",
        "find out which label is right, and keep one row of each",
    )


def _of_images(rows: pd.DataFrame, material: Material, label: str, *, number: bool) -> list[Finding]:
    """Find one image under two names with two labels; images whose own parts differ in label tell nothing."""
    if material.evidence is None:
        return []
    digests = {key: facts.voxels for key, facts in material.evidence.images.items() if facts.voxels}
    imaged = rows.assign(voxels=rows["image"].map(digests))
    imaged = imaged[imaged["voxels"].notna()]
    inside = set(_contradicted(imaged, ["image"], number=number)["image"])
    copies = _contradicted(imaged[~imaged["image"].isin(inside)], ["voxels"], number=number)
    return [_finding(copies, label, "certain", "copies of one image, voxel by voxel, have")] if len(copies) else []


def _of_people(rows: pd.DataFrame, label: str, *, number: bool) -> list[Finding]:
    """Find people whose label cannot change and does."""
    changed = _contradicted(rows[rows["person"] != ""], ["person"], number=number)
    return [_finding(changed, label, "probable", "one person, who cannot change, has")] if len(changed) else []


def _notes(material: Material) -> str:
    """Say what stands twice without a contradiction."""
    key = ["split", "side", "dataset", "participant_id", "session_id", "item"]
    named = material.items[(material.items["session_id"] != "") | (material.items["item"] != "")]
    twice = int(named.duplicated(key).sum())
    return f"; {twice:,} rows stand on their side more than once" if twice else ""


def _changing(material: Material, rows: pd.DataFrame) -> list[Finding]:
    """Find people in whom something changes that does not: they may be two people under one name."""
    items = material.items[material.items["person"].isin(rows["person"]) & (material.items["person"] != "")]
    findings = []
    for column in (c for c in material.columns if c != material.label and _FIXED.fullmatch(c)):
        told = as_texts(items[column]).str.lower()
        if column.lower() in ("sex", "gender"):
            told = told.str.slice(0, 1)  # F, f and Female are one
        pairs = items.assign(told=told)[["person", "told"]].drop_duplicates()
        pairs = pairs[pairs["told"] != ""]
        people = tuple(sorted(set(pairs.loc[pairs["person"].duplicated(), "person"])))
        if people:
            what = f"{column!r} changes in {counted(len(people), 'person', 'people')}, who may be two under one name: {listing(people)}"
            remedy = "find out who they are, and give two people two names"
            findings.append(Finding(NAME, "risk", what, people, "all sides", "probable", remedy, column))
    return findings

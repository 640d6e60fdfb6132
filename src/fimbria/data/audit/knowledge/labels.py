"""Who has which label, and how each participant is counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from fimbria.data.audit.material import ANONYMOUS, as_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.data.audit.material import Material

CLASSES = 10  # whole numbers with more values than this are a quantity, not codes of classes
UNLABELLED = "it is not known which column is learnt; say so with --label COLUMN"


class Answers(NamedTuple):
    """The items whose label and participant are known.

    Attributes
    ----------
    rows
        Those items, with the column ``answer``: a text, or a number where the label is a quantity.
    number
        Whether the label is a quantity.
    unchecked
        What could not be used, and why.
    """

    rows: pd.DataFrame
    number: bool
    unchecked: str = ""


def answers(material: Material) -> Answers:
    """Give the items whose label and participant are known."""
    return answered(material.items, material.label)


def answered(items: pd.DataFrame, label: str | None) -> Answers:
    """Give those rows, with a column ``person``, whose label and participant are known."""
    nothing = items.head(0).assign(answer="")
    if label is None:
        return Answers(nothing, number=False, unchecked=UNLABELLED)
    if label not in items.columns:
        return Answers(nothing, number=False, unchecked=f"the items have no column {label!r}; give it with --table")
    if not (items["person"] != "").any():
        return Answers(nothing, number=False, unchecked=ANONYMOUS)
    told = as_texts(items[label])
    known = told != ""
    usable = known & (items["person"] != "")
    rows = items[usable]
    texts = told[usable]
    number = is_quantity(texts, rows["person"].nunique())
    lost = int((~usable).sum())
    unchecked = f"{lost:,} items have no label or name no participant" if lost else ""
    return Answers(rows.assign(answer=texts.astype(float) if number else texts), number, unchecked)


def is_quantity(texts: pd.Series, people: int) -> bool:
    """Tell whether a label, given as text, is a quantity such as age, and not the name or code of a class."""
    values = pd.to_numeric(texts.drop_duplicates(), errors="coerce")
    if values.isna().any() or not len(values):
        return False
    whole = bool((values == values.round()).all())
    return not whole or len(values) > CLASSES or (2 * len(values) > CLASSES and 3 * len(values) > people)


def one_each(rows: pd.DataFrame, by: Sequence[str] = ("person",)) -> pd.DataFrame:
    """Draw one row of each participant, the same rows each time; the first would always be the baseline, or an edge."""
    order = np.random.default_rng(0).permutation(len(rows))
    first = ~rows[list(by)].iloc[order].duplicated().to_numpy()
    return rows.iloc[np.sort(order[first])]


def drawn(people: pd.DataFrame, most: int) -> pd.DataFrame:
    """Draw so many people at most, the same each time; the first so many may all have one label."""
    if len(people) <= most:
        return people
    return people.iloc[np.sort(np.random.default_rng(0).permutation(len(people))[:most])]

"""What is audited: every item on its side of its split, whoever made the split, and all that is known around it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from fimbria.errors import InputError, Problem, counted, listing, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from fimbria.data.audit.evidence import Evidence
    from fimbria.data.cohort.cohort import Cohort, Step

PLACE = ("split", "side", "dataset", "participant_id", "session_id", "item", "image")
ANONYMOUS = (
    "it is not known whose the items are; say so with --participant COLUMN or --participant-pattern REGEX, "
    "for example --participant-pattern '(P[0-9]+)_'"
)
_ORDER = {"train": 0, "validation": 1, "test": 2}


class Fitted(NamedTuple):
    """Something that was computed from people's images: a template, an intensity scale.

    Attributes
    ----------
    what
        What it is called.
    people
        Whom it was computed from, ``(dataset, participant_id)``.
    split
        The split it serves; None for all.
    """

    what: str
    people: frozenset[tuple[str, str]]
    split: int | None = None


class Look(NamedTuple):
    """One time that held-out people were scored.

    Attributes
    ----------
    group
        What they were called.
    candidate
        Which weights scored them; other weights are another candidate.
    people
        Who they were, ``(dataset, participant_id)``.
    date
        When, ISO 8601.
    """

    group: str
    candidate: str
    people: frozenset[tuple[str, str]]
    date: str = ""


@dataclass(frozen=True, eq=False)
class Material:
    """Everything an audit looks at.

    Attributes
    ----------
    place
        What was audited, as the user named it.
    kind
        What it is, in words: ``splits``, ``nnU-Net splits``, ``MAPS``.
    items
        One row an item on a side of a split. ``split`` (int), ``side`` (``train``, ``validation``, ``test`` or another
        name of a held-out side), ``dataset``, ``participant_id``, ``session_id``, ``item`` (its name, where it has one:
        a file, a slice), ``image`` (key of its image in `evidence`); texts, empty where unknown. A test side that is
        held out of every split has its rows in each. Any other columns are the table's own.
    label
        The column that is learnt, if known.
    inputs
        Columns of the table that the model reads beside the image.
    groups
        Columns whose values belong on one side, beside those that are known by their name (``family_id``).
    everybody
        The cohort the splits were made of, with columns `label` and ids, where it is known (``--table``).
    flow
        Who left that cohort before, and why.
    fitted
        What was computed from people's images before the training; None where nobody looked for it.
    pretrained
        Whom the weights of every split had seen before this training, ``(dataset, participant_id)``; None if that is
        not known.
    pretrained_of
        Whom those of one split had seen beside them, by the number of the split.
    looks
        Times that held-out people were scored; None where nobody counts them.
    evidence
        What is known of the images; None if they were not looked at.
    pipeline
        What preprocessed the images, if known.
    notes
        What of `place` could not be read, and why.
    """

    place: str
    kind: str
    items: pd.DataFrame
    label: str | None = None
    inputs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    everybody: pd.DataFrame | None = None
    flow: tuple[Step, ...] = ()
    fitted: tuple[Fitted, ...] | None = None
    pretrained: frozenset[tuple[str, str]] | None = None
    pretrained_of: Mapping[int, frozenset[tuple[str, str]]] = field(default_factory=dict)
    looks: tuple[Look, ...] | None = None
    evidence: Evidence | None = None
    pipeline: str | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        """Complete the columns that say where an item lies, and put them first."""
        frame = self.items.reset_index(drop=True)
        for column in PLACE:
            if column == "split":
                frame[column] = frame[column].astype(int) if column in frame.columns else 0
            else:
                given = frame[column] if column in frame.columns else pd.Series("", index=frame.index)
                frame[column] = given.astype("object").where(given.notna(), "").astype(str)
        own = [column for column in frame.columns if column not in PLACE]
        object.__setattr__(self, "items", frame[[*PLACE, *own]].assign(person=_people(frame)))

    def with_facts(self, **facts: Any) -> Self:  # noqa: ANN401  (any attribute)
        """Give the same material with more known around it."""
        return replace(self, **{"items": self.items.drop(columns="person"), **facts})

    @property
    def columns(self) -> list[str]:
        """Columns of the table itself."""
        return [column for column in self.items.columns if column not in {*PLACE, "person"}]

    @property
    def size(self) -> str:
        """How much there is, in words."""
        people, splits = self.items.loc[self.items["person"] != "", "person"].nunique(), self.items["split"].nunique()
        rows = len(self.items.drop_duplicates(["dataset", "participant_id", "session_id", "item"]))
        return f"{counted(people, 'participant')}, {counted(rows, 'item')}, {counted(splits, 'split')}"

    @property
    def held_out(self) -> pd.DataFrame:
        """The items of every side but train."""
        return self.items[self.items["side"] != "train"]

    @property
    def has_people(self) -> bool:
        """Whether it is known whose the items are."""
        return bool((self.items["person"] != "").any())


class Crossing(NamedTuple):
    """Keys that lie on both of two sides of a split.

    Attributes
    ----------
    sides
        The two sides.
    keys
        What lies on both.
    splits
        Where that is so.
    rows
        Their items on those two sides.
    """

    sides: tuple[str, str]
    keys: tuple[str, ...]
    splits: tuple[int, ...]
    rows: pd.DataFrame

    @property
    def where(self) -> str:
        """Say it in words."""
        return where(self.sides, self.splits)


def where(sides: Iterable[str], splits: Iterable[int]) -> str:
    """Name sides and splits.

    Examples
    --------
    >>> where(["train", "test"], [0, 2])
    'train and test of split-0, split-2'
    """
    return f"{' and '.join(sides)} of {listing([f'split-{split}' for split in sorted(set(splits))], 10)}"


def crossings(items: pd.DataFrame, key: str) -> list[Crossing]:
    """Find what lies on two sides of one split.

    Parameters
    ----------
    items
        As in `Material`.
    key
        Column that says what is one and the same; empty texts and missing values are nothing.

    Returns
    -------
    list of Crossing
        One for each pair of sides, in the order train, validation, test, others.
    """
    named = items[items[key].notna() & (items[key].astype(str) != "")]
    placed = named[["split", "side", key]].drop_duplicates()
    placed = placed[placed.duplicated(["split", key], keep=False)]
    found = []
    for pair in combinations(sorted(set(placed["side"]), key=rank), 2):
        if not any(map(_decides, pair)):
            continue  # two groups that are only scored may share people: it says so of itself
        both = placed[placed["side"].isin(pair)]
        both = both.loc[both.duplicated(["split", key], keep="first"), ["split", key]]
        if len(both):
            rows = named[named["side"].isin(pair)].merge(both, on=["split", key])
            keys = tuple(sorted(map(str, set(both[key]))))
            found.append(Crossing(pair, keys, tuple(sorted(set(both["split"].tolist()))), rows))
    return found


def namesakes(items: pd.DataFrame) -> list[Crossing]:
    """Find participants of one name on two sides of a split, where one of the sides does not name their data set.

    They may be one person: better one question too many than a leak. Who is on both sides in any case is left out.
    """
    found = []
    for crossing in crossings(items, "participant_id"):
        rows = crossing.rows
        unscoped = set(rows.loc[rows["dataset"] == "", "participant_id"])
        sides = rows[["split", "side", "person", "participant_id"]].drop_duplicates()
        certain = set(sides.loc[sides.duplicated(["split", "person"]), "participant_id"])
        keys = tuple(key for key in crossing.keys if key in unscoped - certain)
        if keys:
            rows = rows[rows["participant_id"].isin(keys)]
            found.append(Crossing(crossing.sides, keys, tuple(sorted(set(rows["split"].tolist()))), rows))
    return found


def rank(side: str) -> tuple[int, str]:
    """Order sides as they are told: train, validation, test, others."""
    return _ORDER.get(side, 3), side


def _decides(side: str) -> bool:
    """Tell whether a side has a say in the weights: what is learnt from, and what chooses."""
    return side == "train" or "validation" in side


def session_keys(frame: pd.DataFrame) -> pd.Series:
    """Name the session of every row as `Session` does; empty where participant or session is not known.

    Examples
    --------
    >>> frame = pd.DataFrame({"dataset": ["", "A"], "participant_id": ["sub-01"] * 2, "session_id": ["ses-M000"] * 2})
    >>> session_keys(frame).tolist()
    ['sub-01 ses-M000', 'A: sub-01 ses-M000']
    """
    scope = frame["dataset"].where(frame["dataset"] == "", frame["dataset"] + ": ")
    keys = scope + frame["participant_id"] + " " + frame["session_id"]
    return keys.where((frame["participant_id"] != "") & (frame["session_id"] != ""), "")


def of_sides(sides: Iterable[tuple[int, str, Cohort]]) -> pd.DataFrame:
    """Give the items of cohorts, each with its split and the name of its side."""
    frames = [cohort.frame.assign(split=split, side=side) for split, side, cohort in sides]
    items = pd.concat(frames, ignore_index=True)
    return items.assign(image=session_keys(items), item="")


def joined(material: Material, table: pd.DataFrame, name: str) -> Material:
    """Add what a cohort's table says of the people, and who else was in that cohort.

    Parameters
    ----------
    material
        What is audited.
    table
        ``participant_id``, optionally ``dataset`` and ``session_id``, and columns; one row a session.
    name
        What to call the table in messages.

    Raises
    ------
    ProblemsError
        When the table and the lists say different things of the same session; with who, and what.
    InputError
        When it is not known whose the items are.
    """
    ids = ["dataset", "participant_id", "session_id"]
    blank = {c: table[c].astype("object").where(table[c].notna(), "") if c in table.columns else "" for c in ids}
    everybody = table.assign(**blank)
    known = material.items.loc[material.items["person"] != "", ids]
    keys = [c for c in ids if (everybody[c] != "").any() and (known[c] != "").any()]
    if "participant_id" not in keys:
        msg = f"{name} cannot be joined to {material.place}: it is not known whose the items are. Say so with --participant COLUMN or --participant-pattern REGEX."
        raise InputError(msg)
    if not known.merge(everybody[keys].drop_duplicates(), on=keys).shape[0]:
        msg = f"{name} knows nobody of {material.place}: not one {' '.join(keys)} stands in both. Give the cohort that these splits were made of."
        raise InputError(msg)
    more = everybody.drop_duplicates(keys).drop(columns=[c for c in ids if c not in keys])
    items = material.items.drop(columns="person").merge(more, on=keys, how="left", suffixes=("", "_table"))
    shared = [c for c in material.columns if f"{c}_table" in items.columns]
    refuse(
        f"{material.place} and {name}",
        [
            Problem(
                f"they disagree on {column} of {listing(who)}", f"mend {name} or the lists; both should say one thing"
            )
            for column in shared
            if (who := _disagreeing(items, column))
        ],
    )
    items = items.drop(columns=[f"{c}_table" for c in shared])
    return material.with_facts(items=items, everybody=everybody)


def _disagreeing(items: pd.DataFrame, column: str) -> list[str]:
    ours, theirs = items[column], items[f"{column}_table"]
    differ = ours.notna() & theirs.notna() & (as_texts(ours) != as_texts(theirs))
    if is_numeric_dtype(ours) and is_numeric_dtype(theirs):
        differ &= (ours - theirs).abs() > 1e-9  # noqa: PLR2004  (the last digits of a number written twice)
    told = items.loc[differ].drop_duplicates(["participant_id", "session_id"])
    rows = told[["participant_id", "session_id", column, f"{column}_table"]]
    return [f"{who} {when}".strip() + f" ({a}, {b})" for who, when, a, b in rows.itertuples(index=False, name=None)]


def column_called(material: Material, names: Iterable[str]) -> list[str]:
    """Give the table's columns that have one of these names, however they are spelt; empty ones tell nothing."""
    wanted = {_letters(name) for name in names}
    return [c for c in material.columns if _letters(str(c)) in wanted and material.items[c].notna().any()]


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def scoped(items: pd.DataFrame, column: str) -> pd.Series:
    """Give the identifiers of a column as texts, scoped by data set; empty where there is none."""
    texts = as_texts(items[column])
    return texts.where((texts == "") | (items["dataset"] == ""), items["dataset"] + ": " + texts)


def as_texts(values: pd.Series) -> pd.Series:
    """Give identifiers or labels as they are compared: without spaces around, whole numbers without a fraction.

    pandas reads 1 as 1.0 where another row of the file has none; both are one family, one class.

    Examples
    --------
    >>> as_texts(pd.Series([1.0, None, 2.5])).tolist(), as_texts(pd.Series([" F1", "01"])).tolist()
    (['1', '', '2.5'], ['F1', '01'])
    """
    codes, different = pd.factorize(values)
    words = [re.sub(r"^(-?\d+)\.0$", r"\1", str(value).strip()) for value in different]
    return pd.Series(np.array([*words, ""], dtype="object")[codes], index=values.index, dtype="object")


def _people(frame: pd.DataFrame) -> pd.Series:
    """Say who each item is of: participant, scoped by data set."""
    names = frame["participant_id"]
    return names.where((names == "") | (frame["dataset"] == ""), frame["dataset"] + ": " + names)


def named(people: Mapping[tuple[str, str], Any] | Iterable[tuple[str, str]]) -> list[str]:
    """Name people as items do: ``dataset: sub-01``, or ``sub-01`` where the data set has no name."""
    return sorted(f"{dataset}: {who}" if dataset else who for dataset, who in people)

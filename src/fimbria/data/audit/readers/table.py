"""Any table with a column that says on which side, or in which fold, each row lies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fimbria.data.audit.material import Material
from fimbria.data.audit.readers import gandlf, identity, lists, sides
from fimbria.errors import InputError, did_you_mean, listing

if TYPE_CHECKING:
    from pathlib import Path

    from fimbria.data.audit.readers.identity import Naming

_NAMES = re.compile(r"(data|cv|k)?(split|partition|fold|folds|set|subset|phase|usage)(id|name|number|index)?")
_YES_NO = re.compile(r"is(?P<side>train|training|val|valid|validation|test|testing)")
_YES, _NO = {"true", "1", "1.0", "yes"}, {"false", "0", "0.0", "no"}
_MOST_SIDES = 20  # a column with more different words names something else than sides
_MOST_FOLDS = 200


def read(
    path: Path, naming: Naming, partition: str | None = None, label: str | None = None, *, whole: bool = False
) -> Material:
    """Read a table with a column of sides or folds.

    Parameters
    ----------
    path
        Separated by commas or tabs.
    naming
        How to tell whose an item is.
    partition
        The column: words such as ``train``, ``dev``, ``test``, or the number of a fold, each of which is held out once.
        By default the one that looks so; columns alike but for a number (``split_0``, ``split_1``) are one split each.
    label
        The column that is learnt.
    whole
        Take all rows as the training side where there is no such column, since the held-out lists are given apart.

    Raises
    ------
    InputError
        When there is no such column, several, or one that does not say what is learnt from.
    """
    names = lists.columns(path)
    if partition is not None and partition not in names:
        hint = did_you_mean(partition, names).replace("there is:", "it has:")
        msg = f"--partition {partition}: {path} has no such column; {hint}."
        raise InputError(msg)
    if partition is not None and partition in {naming.participant, naming.session}:
        msg = f"--partition {partition}: that column of {path} is to say whose a row is too; another was wanted."
        raise InputError(msg)
    apart = () if partition is None else (partition,)
    frame = lists.read_table(path, identity.roles(names, naming, path, apart).all)
    said = list(apart) or _partitions(frame, path, naming)
    found = identity.roles(list(frame.columns), naming, path, said)
    rows, notes = identity.identify(frame.drop(columns=said), found, naming, path)
    kind = "GaNDLF list" if gandlf.is_list(names) else "table"
    if not said and whole:
        return Material(str(path), kind, rows.assign(split=0, side="train"), label, notes=notes)
    if not said:
        msg = f"{path} has no column that says on which side its rows lie (it has: {listing(names, 12)}). Name it with --partition, or give the held-out lists with --test."
        raise InputError(msg)
    parts = [_placed(rows, frame[column], column, path) for column in said]
    items = [part.assign(split=place) if len(parts) > 1 else part for place, (part, _) in enumerate(parts)]
    told = tuple(note for _, of in parts for note in of)
    if partition is None:
        told = (f"the sides were read from column {listing(said, 10)}.", *told)
    return Material(str(path), kind, pd.concat(items, ignore_index=True), label, notes=(*notes, *told))


def _partitions(frame: pd.DataFrame, path: Path, naming: Naming) -> list[str]:
    """Find the column that says the sides, or several that differ in a number."""
    named = {naming.participant, naming.session}
    found = [column for column in frame.columns if column not in named and _is_partition(frame[column], column)]
    stems = {re.sub(r"\d+$", "", column) for column in found}
    if len(found) > 1 and not (len(stems) == 1 and all(column[-1].isdigit() for column in found)):
        msg = f"several columns of {path} could say the sides: {listing(found)}. Name one with --partition."
        raise InputError(msg)
    if len(found) > 1:
        return sorted(found, key=lambda column: int(re.findall(r"\d+$", column)[0]))
    return found


def _is_partition(values: pd.Series, name: str) -> bool:
    different = values.dropna().unique()
    plain = re.sub(r"[^a-z]", "", name.lower())
    if not 1 < len(different) <= _MOST_FOLDS:
        return False
    words = {str(value).lower() for value in different}
    if _YES_NO.fullmatch(plain) and words <= _YES | _NO:
        return True
    known = {sides.side_of(word) for word in words}
    if "train" in known and (None not in known or _NAMES.fullmatch(plain)):
        return True
    return bool(_NAMES.fullmatch(plain)) and all(re.fullmatch(r"-?\d+(\.0)?", word) for word in words)


def _placed(rows: pd.DataFrame, values: pd.Series, column: str, path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Put rows on the sides that a column says; rows of which it says nothing are left out, with a note."""
    place = f"column {column} of {path}"
    gone = values.isna()
    notes = (f"{int(gone.sum()):,} rows have no value in column {column} and were left out.",) if gone.any() else ()
    rows, values = rows[~gone].reset_index(drop=True), values[~gone].astype(str).reset_index(drop=True)
    numbers = pd.to_numeric(values, errors="coerce")
    if match := _YES_NO.fullmatch(re.sub(r"[^a-z]", "", column.lower())):
        return _by_yes_and_no(rows, values, sides.side_of(match["side"]) or "", place), notes
    if numbers.notna().any():
        return _by_folds(rows, values, numbers, place), notes
    unused = values.map(sides.is_unused)
    if unused.any():
        said = listing([repr(word) for word in values[unused].unique()])
        notes = (*notes, f"{int(unused.sum()):,} rows are on no side ({said} in column {column}) and were left out.")
        rows, values = rows[~unused].reset_index(drop=True), values[~unused].reset_index(drop=True)
    different = values.unique()
    known = {word: sides.side_of(word) for word in different}
    strange = [word for word, side in known.items() if side is None]
    if "train" not in known.values() or len(strange) > _MOST_SIDES:
        msg = f"{place} does not say what is learnt from: it holds {listing([repr(word) for word in different], 6)}; train, validation, test, or numbers of folds were wanted."
        raise InputError(msg)
    if strange:
        notes = (*notes, f"{listing(strange)} of column {column}: taken for held-out sides of their own.")
    return rows.assign(split=0, side=values.map({word: side or word for word, side in known.items()})), notes


def _by_yes_and_no(rows: pd.DataFrame, values: pd.Series, side: str, place: str) -> pd.DataFrame:
    words = values.str.lower()
    if strange := sorted(set(words) - _YES - _NO):
        msg = f"{place} holds {listing([repr(word) for word in strange])}; yes or no were wanted, as true and false or 1 and 0."
        raise InputError(msg)
    other = "validation" if side == "train" else "train"
    return rows.assign(split=0, side=np.where(words.isin(_YES), side, other))


def _by_folds(rows: pd.DataFrame, values: pd.Series, numbers: pd.Series, place: str) -> pd.DataFrame:
    """Hold each fold out once; rows that bear the word of a side instead of a number lie there in every split."""
    words = values.where(numbers.isna()).map(sides.side_of, na_action="ignore")
    wrong = values[(numbers.isna() & words.isna()) | sides.unfit(numbers)]
    if len(wrong):
        msg = f"{place} holds {wrong.iloc[0]!r} among numbers of folds; a whole number from 0, or train, validation, test were wanted."
        raise InputError(msg)
    if numbers.nunique() > _MOST_FOLDS:
        msg = f"{place} holds {numbers.nunique():,} different numbers; they are not taken for folds, of which at most {_MOST_FOLDS} are laid out."
        raise InputError(msg)
    among = numbers.notna() | (words == "train")
    splits = sides.folded(rows[among], numbers[among], place)
    return sides.everywhere(splits, {side: rows[~among & (words == side)] for side in ("validation", "test")})

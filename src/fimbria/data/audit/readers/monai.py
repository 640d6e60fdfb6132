"""MONAI's datalist: a JSON with lists of items, ``training``, ``validation``, ``test``, whose items may bear a fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from fimbria.data.audit.material import Material
from fimbria.data.audit.readers import identity, sides
from fimbria.errors import InputError, listing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fimbria.data.audit.readers.identity import Naming

WANTED = "{'training': [{'image': ..., 'label': ..., 'fold': 0}, ...], 'validation': [...], 'test': [...]} was wanted"


def is_datalist(plain: Any) -> bool:  # noqa: ANN401  (what a JSON file held)
    """Tell whether a JSON is meant as a datalist: it has a list of a side, or its one group of lists does."""
    return isinstance(plain, dict) and bool(_lists(plain))


def read(path: Path, plain: Mapping[str, Any], naming: Naming, label: str | None = None) -> Material:
    """Read a datalist.

    Parameters
    ----------
    path
        The file, for messages.
    plain
        What it holds. Where items of the training list bear a fold, each fold is held out once, as validation.
    naming
        How to tell whose an item is; by default from keys such as ``subject_id``, else from BIDS names.
    label
        The key that is learnt.

    Raises
    ------
    InputError
        When it is not as MONAI reads it.
    """
    found = _lists(plain)
    if not found:
        msg = f"{path} is no datalist as MONAI reads it: {WANTED}."
        raise InputError(msg)
    lengths = {name: len(entries) for name, entries in found.items()}
    whole = pd.concat([_frame(entries, f"{path}: {name!r}") for name, entries in found.items()], ignore_index=True)
    side = pd.Series([name for name, length in lengths.items() for _ in range(length)], dtype="object")
    side = side.map({name: sides.side_of(name) for name in found})
    own = whole.drop(columns=["fold"], errors="ignore")
    rows, notes = identity.identify(own, identity.roles(list(own.columns), naming, path), naming, path)
    rows = rows.infer_objects()
    training = side == "train"
    folds = _folds(whole.loc[training, "fold"], path) if "fold" in whole else pd.Series(dtype=float)
    splits = rows[training].assign(split=0, side="train")
    if folds.notna().any():
        splits = sides.folded(rows[training], folds, str(path))
    others = {str(name): rows[side == name] for name in dict.fromkeys(side[~training])}
    if unread := [name for name, value in plain.items() if isinstance(value, list) and value and name not in found]:
        notes = (*notes, f"{listing(unread)}: not read, it is no side that MONAI's tools know.")
    return Material(str(path), "MONAI datalist", sides.everywhere(splits, others), label, notes=notes)


def _lists(plain: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Give the lists of items by their names; they may lie one level down, under ``partitions``."""
    found = {name: value for name, value in plain.items() if isinstance(value, list) and sides.side_of(name)}
    inner = plain.get("partitions")
    if not found and isinstance(inner, dict):
        found = {name: value for name, value in inner.items() if isinstance(value, list) and sides.side_of(name)}
    return found


def _frame(entries: list[Any], place: str) -> pd.DataFrame:
    """Lay items out as rows: names of files alone, ``[image, label]``, or names and values."""
    kinds = {type(entry) for entry in entries}
    if kinds <= {str}:
        return pd.DataFrame({"image": entries}, dtype="object")
    if kinds <= {list} and all(entry for entry in entries):
        pairs = [{"image": entry[0], **({"label": entry[1]} if len(entry) > 1 else {})} for entry in entries]
        return _flat(pd.DataFrame(pairs, dtype="object"))
    if kinds <= {dict}:
        return _flat(pd.DataFrame(entries, dtype="object"))
    msg = f"{place} holds items that cannot be read ({listing(sorted(kind.__name__ for kind in kinds))}); {WANTED}."
    raise InputError(msg)


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Name an image of several channels by the first; write any other value that is no single one as text."""
    frame = frame.rename(columns=str)
    for column in frame.columns:
        nested = frame[column].map(lambda value: isinstance(value, list | dict))
        if nested.any():
            plain = frame.loc[nested, column].map(
                lambda value: str(value[0] if isinstance(value, list) and value else value)
            )
            frame[column] = frame[column].where(~nested, plain)
    return frame


def _folds(given: pd.Series, path: Path) -> pd.Series:
    numbers = pd.to_numeric(given, errors="coerce")
    wrong = given[(numbers.isna() & given.notna()) | sides.unfit(numbers)]
    if len(wrong):
        msg = f"{path}: an item has 'fold': {str(wrong.iloc[0])!r}; a whole number from 0 was wanted."
        raise InputError(msg)
    return numbers

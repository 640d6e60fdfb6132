"""On which side of which split an item lies: from words, from numbers of folds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fimbria.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS = {
    "train": re.compile(r"tr|trn|train(ing)?(set|split|data|list)?"),
    "validation": re.compile(r"(val|valid|validation|dev)(set|split|data|list)?"),
    "test": re.compile(r"(te|tst|testing|test|holdout|heldout)(set|split|data|list)?"),
}
_UNUSED = re.compile(r"excluded?|exclusion|unused|notused|ignored?|drop(ped)?|discard(ed)?|removed?|none|na|leftout")
MOST_ROWS = 5_000_000  # of all splits together: half a gigabyte


def side_of(word: str) -> str | None:
    """Give the side that a word means: ``train``, ``validation``, ``test``; None if it means none.

    Examples
    --------
    >>> side_of("Training"), side_of("val"), side_of("hold-out"), side_of("trainee")
    ('train', 'validation', 'test', None)
    """
    letters = re.sub(r"[^a-z]", "", word.lower())
    return next((side for side, pattern in _WORDS.items() if pattern.fullmatch(letters)), None)


def is_unused(word: str) -> bool:
    """Tell whether a word says that an item is on no side at all.

    Examples
    --------
    >>> is_unused("Excluded"), is_unused("not used"), is_unused("external")
    (True, True, False)
    """
    return bool(_UNUSED.fullmatch(re.sub(r"[^a-z]", "", word.lower())))


def unfit(numbers: pd.Series) -> pd.Series:
    """Tell which numbers cannot be those of folds; a missing one is none.

    Examples
    --------
    >>> unfit(pd.Series([0, 3, -1, 0.5, float("inf"), None])).tolist()
    [False, False, True, True, True, False]
    """
    return numbers.notna() & ~((numbers >= 0) & (numbers < 2**31) & (numbers % 1 == 0))


def folded(rows: pd.DataFrame, folds: pd.Series, place: str) -> pd.DataFrame:
    """Hold each fold out once: fold ``k`` is the validation side of split ``k``, all others its train side.

    Parameters
    ----------
    rows
        One a row an item.
    folds
        The fold of each, a number; rows without one are learnt from in every split.
    place
        What they were read from, for messages.

    Raises
    ------
    InputError
        When there is one fold alone, or there are so many that all splits together would not fit in memory.
    """
    numbers = sorted(int(fold) for fold in folds.dropna().unique())
    if len(numbers) < 2:  # noqa: PLR2004  (one fold holds out everybody)
        msg = f"{place} has one fold only ({numbers[0] if numbers else 'none'}); each fold is held out once, so at least 2 are wanted."
        raise InputError(msg)
    if len(numbers) * len(rows) > MOST_ROWS:
        msg = f"{place} has {len(numbers):,} folds of {len(rows):,} rows, too many to lay out; audit some of the folds at a time."
        raise InputError(msg)
    held = folds.to_numpy(dtype=float)
    splits = [rows.assign(split=number, side=np.where(held == number, "validation", "train")) for number in numbers]
    return pd.concat(splits, ignore_index=True)


def everywhere(splits: pd.DataFrame, more: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Add rows to every split.

    Parameters
    ----------
    splits
        Rows with ``split`` and ``side``.
    more
        Side -> rows that lie there in every split.
    """
    numbers = sorted(set(splits["split"])) if len(splits) else [0]
    added = [rows.assign(split=number, side=side) for side, rows in more.items() if len(rows) for number in numbers]
    return pd.concat([splits, *added], ignore_index=True) if added else splits

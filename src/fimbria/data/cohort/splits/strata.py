"""Strata: participants who are alike in the columns to stratify on; words by value, numbers by quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_BINS, FEW_VALUES = 10, 10
_NAMES = frozenset({"dataset", "family_id", "site", "sex"})  # numbers in these columns are names


@dataclass(frozen=True, eq=False)
class Levels:
    """A column told by levels.

    Attributes
    ----------
    column
        Its name.
    codes
        Which level each participant has, ``(participants,)``.
    names
        What the levels are called.
    ordered
        Whether neighbours are alike: bins of numbers.
    """

    column: str
    codes: np.ndarray
    names: tuple[str, ...]
    ordered: bool = False


def is_measured(values: pd.Series) -> bool:
    """Tell whether a column holds measurements: numbers of more values than one would call levels."""
    if values.name in _NAMES or is_bool_dtype(values) or not is_numeric_dtype(values):
        return False
    return values.nunique() > min(FEW_VALUES, max(2, len(values) // 4))


def missing(values: pd.Series) -> np.ndarray:
    """Tell which values are not known, or not finite, ``(participants,)``, bool."""
    gone = values.isna().to_numpy()
    return gone | ~np.isfinite(values.to_numpy(float, na_value=np.nan)) if is_numeric_dtype(values) else gone


def levels(values: pd.Series, parts: int) -> Levels:
    """Tell a column by levels.

    Parameters
    ----------
    values
        One a participant; none is missing.
    parts
        Over how many sides they will be spread: a bin of numbers has two participants a side at least, where it can.
    """
    name = str(values.name)
    if not is_measured(values):
        words = values if is_numeric_dtype(values) else values.astype(str)
        codes, known = pd.factorize(words, sort=True)
        return Levels(name, codes, tuple(f"{word}" for word in known))
    numbers = values.to_numpy(float)
    bins = int(np.clip(len(numbers) // (2 * parts), 2, MOST_BINS))
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, bins + 1)[1:-1]))
    used, codes = np.unique(np.searchsorted(edges, numbers, side="right"), return_inverse=True)
    bounds = [f"{edge:.4g}" for edge in edges]
    names = [
        f"below {bounds[0]}",
        *(f"{a} to {b}" for a, b in pairwise(bounds)),
        f"{bounds[-1]} and above",
    ]
    return Levels(name, codes, tuple(names[i] for i in used), ordered=True)


def strata(columns: Sequence[Levels], count: int, rng: np.random.Generator) -> np.ndarray:
    """Give the strata numbers such that those of one value of the first column are neighbours, then of the second, and so on.

    Dealing in this order spreads a stratum that is too small for every side over the sides that its neighbours leave
    out. Which words are neighbours is drawn anew within each stratum of the columns before, so that no word always
    falls to the same side.

    Returns
    -------
    numpy.ndarray
        The stratum of each participant, ``(count,)``.
    """
    found = np.zeros(count, dtype=int)
    for column in columns:
        pairs, where = np.unique(found * len(column.names) + column.codes, return_inverse=True)
        before, level = np.divmod(pairs, len(column.names))
        place = np.empty(len(pairs), dtype=int)
        place[np.lexsort((level if column.ordered else rng.random(len(pairs)), before))] = np.arange(len(pairs))
        found = place[where]
    return found

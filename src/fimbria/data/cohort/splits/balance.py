"""Balance: how alike the sides of splits are.

The standardised difference of a variable is the difference between the means of a held-out side and of the rest,
divided by the standard deviation over all participants, each at the first session; of a word, one difference a level,
of its share. Everybody's standard deviation serves for every side, so that differences of splits can be compared.

References
----------
Austin, Statistics in Medicine 28 (2009) 3083-3107, https://doi.org/10.1002/sim.3697
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fimbria.data.cohort.splits.strata import is_measured, missing
from fimbria.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_LEVELS = 100


@dataclass(frozen=True, eq=False)
class Variables:
    """What the sides are compared in.

    Attributes
    ----------
    columns, levels
        Column and level of each variable; the level is empty for numbers.
    measures
        Standardised over all participants, ``(participants, variables)``: mean 0, standard deviation 1, or 0 throughout.
    notes
        What was filled in.
    """

    columns: tuple[str, ...]
    levels: tuple[str, ...]
    measures: np.ndarray
    notes: tuple[str, ...] = ()


def variables(first: pd.DataFrame, columns: Sequence[str]) -> Variables:
    """Make variables of columns: a measurement is one, a word one a level; a missing value is the mean, and a variable."""
    told: list[tuple[str, str, np.ndarray]] = []
    notes = []
    for column in dict.fromkeys(columns):
        values = first[column]
        gone = missing(values)
        if is_measured(values):
            numbers = values.to_numpy(float)
            told.append((column, "", np.where(gone, numbers[~gone].mean(), numbers)))
        else:
            words = values[~gone]
            told += [(column, str(word), (values == word).to_numpy(float)) for word in sorted(set(words), key=str)]
        if gone.any():
            told.append((column, "missing", gone.astype(float)))
            filled = "taken for the mean" if is_measured(values) else "no level"
            notes.append(
                f"{column} is missing for {gone.sum()} participants: {filled}, and balanced as missing or not."
            )
    stacked = np.stack([values for _, _, values in told], axis=-1) if told else np.zeros((len(first), 0))
    return Variables(
        tuple(c for c, _, _ in told), tuple(level for _, level, _ in told), standardised(stacked), tuple(notes)
    )


def balance_problems(first: pd.DataFrame, columns: Sequence[str]) -> list[Problem]:
    """Say which columns cannot be balanced: words that nearly everybody has alone, or nothing at all."""
    problems = []
    for column in dict.fromkeys(columns):
        count = first.loc[~missing(first[column]), column].nunique()
        if not count:
            problems.append(Problem(f"{column} has no value to balance on", "leave it out of --balance"))
        elif count > MOST_LEVELS and not is_measured(first[column]):
            problems.append(
                Problem(f"{column} has {count} different words to balance on", f"at most {MOST_LEVELS} are wanted")
            )
    return problems


def differences(values: np.ndarray, sizes: np.ndarray, side: np.ndarray, sides: int) -> np.ndarray:
    """Give the standardised difference between each side and the rest.

    Parameters
    ----------
    values
        Sums of standardised variables by unit, ``(units, variables)``.
    sizes
        Participants of each unit, ``(units,)``.
    side
        Where each unit is, ``(units,)``.
    sides
        How many there are.

    Returns
    -------
    numpy.ndarray
        ``(sides, variables)``.
    """
    return scaled(tally(values, side, sides), np.bincount(side, sizes, sides)[:, None], sizes.sum())


def tally(values: np.ndarray, side: np.ndarray, sides: int) -> np.ndarray:
    """Add up what units have by side, ``(sides, variables)``."""
    sums = [np.bincount(side, column, sides) for column in values.T]
    return np.stack(sums, axis=-1) if sums else np.zeros((sides, 0))


def scaled(sums: np.ndarray, counts: np.ndarray, total: float) -> np.ndarray:
    """Make differences from the rest of sums of variables that are 0 over everybody, whatever the shape."""
    return sums * (total / (counts * (total - counts)))


def table(told: Variables, before: np.ndarray, achieved: np.ndarray, first_index: int = 0) -> pd.DataFrame:
    """Give the absolute differences of each split as rows: ``split, variable, level, before, achieved``."""
    splits, count = before.shape
    return pd.DataFrame(
        {
            "split": np.repeat(np.arange(splits) + first_index, count),
            "variable": list(told.columns) * splits,
            "level": list(told.levels) * splits,
            "before": np.abs(before).ravel().round(6),
            "achieved": np.abs(achieved).ravel().round(6),
        }
    )


def standardised(values: np.ndarray) -> np.ndarray:
    """Give mean 0 and standard deviation 1 over all participants; 0 throughout where nobody differs."""
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    same = spread < 1e-12 * np.maximum(1.0, np.abs(values).max(axis=0, initial=0.0))
    return np.where(same, 0.0, centred / np.where(same, 1.0, spread))

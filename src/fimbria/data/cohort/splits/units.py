"""Who goes together: a participant, or a family, a site, of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fimbria.data.cohort.cohort import IDS, Session
from fimbria.data.cohort.splits.strata import missing
from fimbria.errors import Problem, TableError, listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.data.cohort.cohort import Cohort

_WHO = list(IDS[:2])


@dataclass(frozen=True, eq=False)
class Units:
    """The participants of a cohort in the order of their names, and which of them go together.

    Attributes
    ----------
    first
        The first session of each participant, ``(participants, columns)``.
    person
        Which participant a session is of, ``(sessions,)``, in the order of the cohort's rows.
    unit
        Which unit a participant belongs to, ``(participants,)``.
    sizes
        How many participants a unit has, ``(units,)``.
    """

    first: pd.DataFrame
    person: np.ndarray
    unit: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, cohort: Cohort, group: Sequence[str] = ()) -> Units:
        """Find who goes together: those who share a value of any of the columns, through others if need be.

        A participant whose data set has no name goes with all those of the same name: they may be one person.
        """
        first, person = _participants(cohort)
        codes = [pd.factorize(first[column].astype(str))[0] for column in group]
        unnamed = first.loc[first["dataset"] == "", "participant_id"]
        if 0 < len(unnamed) < len(first):
            alone = np.arange(len(first)) + len(first)
            names = pd.factorize(first["participant_id"])[0]
            codes.append(np.where(first["participant_id"].isin(set(unnamed)), names, alone))
        unit = _joined(len(first), codes)
        return cls(first, person, unit, np.bincount(unit))

    @property
    def single(self) -> bool:
        """Tell whether every unit is one participant."""
        return len(self.sizes) == len(self.unit)

    def totals(self, values: np.ndarray) -> np.ndarray:
        """Add up what participants have, ``(participants, k)``, by unit, ``(units, k)``."""
        if self.single:
            return values
        return np.stack(
            [np.bincount(self.unit, column, len(self.sizes)) for column in values.T] or [self.sizes[:0]], axis=-1
        ).reshape(len(self.sizes), values.shape[1])


def column_problems(cohort: Cohort, columns: Sequence[str]) -> list[Problem]:
    """Say which columns a cohort lacks."""
    problems = []
    for column in dict.fromkeys(columns):
        try:
            cohort.column(column)
        except TableError as error:
            problems.append(Problem(str(error)))
    return problems


def gaps(first: pd.DataFrame, column: str, remedy: str) -> list[Problem]:
    """Say whose first session has no value in a column."""
    lacking = first.loc[missing(first[column]), list(IDS)]
    names = [str(Session(*row)) for row in lacking.itertuples(index=False, name=None)]
    return [Problem(f"{column} is missing for {listing(names)}", remedy)] if names else []


def group_problems(cohort: Cohort, column: str) -> list[Problem]:
    """Say whose value of a column to group by is missing, or differs between sessions."""
    values, (first, person) = cohort.column(column), _participants(cohort)
    names = (
        first["dataset"].where(first["dataset"] == "", first["dataset"] + ": ") + first["participant_id"]
    ).to_numpy()
    problems = []
    if len(unknown := np.unique(person[values.isna().to_numpy()])):
        problems.append(
            Problem(
                f"{column} is missing for {listing(names[unknown].tolist())}",
                "fill it in (who has nobody else there may have a name of their own, such as their participant_id), or leave them out",
            )
        )
    several = values.astype(str).where(values.notna()).groupby(person).nunique().to_numpy() > 1
    if several.any():
        problems.append(
            Problem(
                f"{column} differs between sessions of {listing(names[several].tolist())}",
                "one value a participant is wanted to group by",
            )
        )
    return problems


def _participants(cohort: Cohort) -> tuple[pd.DataFrame, np.ndarray]:
    """Give the first session of each participant, sorted by identity, and which of them each session is of."""
    first = cohort.frame[cohort.is_baseline()].sort_values(_WHO, ignore_index=True)
    known = pd.MultiIndex.from_frame(first[_WHO])
    return first, known.get_indexer(pd.MultiIndex.from_frame(cohort.frame[_WHO]))


def _joined(count: int, codes: Sequence[np.ndarray]) -> np.ndarray:
    """Give the units numbers: those that share a code of any kind are one; each passes its lowest number on until all have it."""
    unit = np.arange(count)
    while True:
        before = unit
        for code in codes:
            unit = pd.Series(unit).groupby(code).transform("min").to_numpy()
        if np.array_equal(unit, before):
            return np.unique(unit, return_inverse=True)[1]

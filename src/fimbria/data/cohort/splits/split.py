"""A split: two sides that share nobody; and several of them, with what is to be said of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from fimbria.data.cohort.cohort import Cohort, shared_participants
from fimbria.errors import LeakError, listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from fimbria.errors import Problem


@dataclass(frozen=True, eq=False)
class Split:
    """One partition of a cohort into sides; nobody can be on two of them.

    Attributes
    ----------
    index
        Its number, as in ``split-0``.
    train, other
        The side that is learnt from, and the one that is held out.
    name
        What the held-out side is called: ``validation``, ``test``.
    group_by
        Columns whose values cannot be on both sides either: a family, a site. Values are compared as they stand,
        whatever the data set: one question too many is better than a leak.
    held_out
        Which value is held out, where one is: ``site = Lyon``.
    repeat
        Which deal of a repeated k-fold it belongs to.

    Raises
    ------
    LeakError
        When a participant, or a value of a column to group by, is on both sides.
    TableError
        When a side lacks a column to group by.
    """

    index: int
    train: Cohort
    other: Cohort
    name: str = "validation"
    group_by: tuple[str, ...] = ()
    held_out: str = ""
    repeat: int = 0

    def __post_init__(self) -> None:
        """Refuse a leak."""
        if shared := shared_participants(self.train, self.other):
            msg = (
                f"{listing(shared)} in {self.train.name} and in {self.other.name}: what is learnt from a participant "
                "would be scored on the same participant. Make splits with `fimbria cohort kfold`, they cannot overlap."
            )
            raise LeakError(msg)
        for column in self.group_by:
            one, other = (set(side.column(column).dropna().astype(str)) for side in (self.train, self.other))
            if both := sorted(one & other):
                msg = (
                    f"{column} {listing(both)} in {self.train.name} and in {self.other.name}: what is learnt from a "
                    f"{column} would be scored on the same {column}. Make splits with `fimbria cohort kfold --group {column}`."
                )
                raise LeakError(msg)


@dataclass(frozen=True, eq=False)
class Splits:
    """Splits of one cohort, made together.

    Attributes
    ----------
    splits
        In the order of their numbers.
    balance
        How alike the sides are: ``split``, ``variable``, ``level`` (empty for numbers), ``before`` and ``achieved``,
        standardised differences between the held-out side and the rest, before and after the optimisation.
    notes
        What there is to say of them, as sentences.
    inner
        Splits of each split's training side, where they are nested.
    """

    splits: tuple[Split, ...]
    balance: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()
    inner: tuple[Splits, ...] = ()

    def __iter__(self) -> Iterator[Split]:
        """Go through the splits."""
        return iter(self.splits)

    def __len__(self) -> int:
        """Count the splits."""
        return len(self.splits)

    def __getitem__(self, place: int) -> Split:
        """Give a split by its place."""
        return self.splits[place]

    def largest(self) -> pd.DataFrame:
        """Give the largest difference of each variable over all splits and levels: ``variable, before, achieved``."""
        if self.balance.empty:
            return self.balance
        return self.balance.groupby("variable", sort=False)[["before", "achieved"]].max().reset_index()


class Splitter(Protocol):
    """A way to make splits."""

    def problems(self, cohort: Cohort) -> list[Problem]:
        """Say everything that keeps a cohort from being split so."""
        ...

    def split(self, cohort: Cohort, rng: np.random.Generator) -> Splits:
        """Give the splits of a cohort; the same generator gives the same splits, whatever the order of the rows."""
        ...

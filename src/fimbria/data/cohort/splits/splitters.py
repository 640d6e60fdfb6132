"""The ways to make splits: hold-out, k-fold, repeated, nested, and leave one group out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fimbria.data.cohort.cohort import Cohort, begun
from fimbria.data.cohort.splits.balance import balance_problems, table
from fimbria.data.cohort.splits.deal import deal
from fimbria.data.cohort.splits.split import Split, Splits
from fimbria.data.cohort.splits.strata import is_measured
from fimbria.data.cohort.splits.units import Units, column_problems, gaps, group_problems
from fimbria.errors import Problem, ProblemsError, listing, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.data.cohort.splits.split import Splitter


@dataclass(frozen=True)
class HoldOut:
    """Hold some participants out.

    Attributes
    ----------
    size
        Number of participants to hold out; below 1, their share.
    stratify
        Columns whose values (of the first session) are spread evenly over both sides; numbers by quantiles.
    balance
        Columns whose means and shares (at the first session) are made alike on both sides.
    group
        Columns whose values stay whole on one side.
    name
        What to call the side that is held out.
    """

    size: float
    stratify: tuple[str, ...] = ()
    balance: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    name: str = "test"

    def problems(self, cohort: Cohort) -> list[Problem]:
        """Say everything that keeps a cohort from being split so."""
        people, wanted = cohort.participant_count, self._wanted(cohort)
        problems = []
        if self.size >= 1 and math.isfinite(self.size) and wanted != self.size:
            problems.append(
                Problem(f"--{self.name} {self.size:g}: a whole number of participants was wanted, or a share below 1")
            )
        elif not 0 < wanted < people:
            what = f"--{self.name} {self.size:g} would hold out {wanted} of {people} participants"
            problems.append(Problem(what, "at least one is wanted on each side"))
        found = _column_problems(cohort, self.stratify, self.balance, self.group)
        together = self.group or len(set(cohort.frame["dataset"])) > 1
        if together and not found and len(Units.of(cohort, self.group).sizes) == 1 < people:
            found = [
                Problem(
                    f"everybody is of one {_joint(self.group) or 'participant_id'}", "two are wanted to hold one out"
                )
            ]
        return [*problems, *found]

    def split(self, cohort: Cohort, rng: np.random.Generator) -> Splits:
        """Give the one split.

        Raises
        ------
        ProblemsError
            When nobody, or everybody, would be held out, or a column cannot be used; all at once.
        """
        refuse(f"a hold-out of {cohort.name}", self.problems(cohort))
        units, wanted = Units.of(cohort, self.group), self._wanted(cohort)
        dealt = deal(units, np.array([len(units.unit) - wanted, wanted]), self.stratify, self.balance, rng)
        held = dealt.side == 1
        notes = dealt.notes
        if held.sum() != wanted:
            whole = f"each {_joint(self.group) or 'participant'} stays whole"
            notes = (*notes, f"{held.sum()} participants are held out where {wanted} were wanted: {whole}.")
        split = _parted(cohort, held[units.person], name=self.name, group_by=self.group)
        return Splits((split,), table(dealt.told, dealt.before[1:], dealt.achieved[1:]), notes)

    def _wanted(self, cohort: Cohort) -> int:
        if not math.isfinite(self.size):
            return 0
        return round(self.size * cohort.participant_count) if self.size < 1 else int(self.size)


@dataclass(frozen=True)
class KFold:
    """Deal the participants into folds; each fold is held out once.

    Attributes
    ----------
    folds
        How many.
    stratify, balance, group, name
        As in `HoldOut`.
    """

    folds: int
    stratify: tuple[str, ...] = ()
    balance: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    name: str = "validation"

    def problems(self, cohort: Cohort) -> list[Problem]:
        """Say everything that keeps a cohort from being dealt so."""
        problems = []
        if self.folds < 2:  # noqa: PLR2004  (one fold holds out everybody)
            problems.append(Problem(f"--folds {self.folds}", "at least 2 are needed"))
        if found := _column_problems(cohort, self.stratify, self.balance, self.group):
            return [*problems, *found]
        units = Units.of(cohort, self.group)
        if (count := len(units.sizes)) < self.folds:
            of = f"groups of {_joint(self.group)}" if self.group else "participants"
            problems.append(Problem(f"--folds {self.folds}, and only {count} {of}", f"at most {count} folds"))
        return [*problems, *_lone_labels(units, self.stratify[:1], _joint(self.group) or "participant")]

    def split(self, cohort: Cohort, rng: np.random.Generator) -> Splits:
        """Give one split a fold.

        Raises
        ------
        ProblemsError
            When there are fewer than two folds or fewer groups than folds, a value of the first column to stratify on
            cannot be on every training side, or a column cannot be used; all at once.
        """
        refuse(f"{self.folds} folds of {cohort.name}", self.problems(cohort))
        units = Units.of(cohort, self.group)
        wanted = np.full(self.folds, len(units.unit) / self.folds)
        dealt = deal(units, wanted, self.stratify, self.balance, rng)
        fold = dealt.side[units.person]
        splits = [_parted(cohort, fold == i, i, self.name, self.group) for i in range(self.folds)]
        return Splits(tuple(splits), table(dealt.told, dealt.before, dealt.achieved), dealt.notes)


MOST_SPLITS = 1000  # of repeated folds


@dataclass(frozen=True)
class RepeatedKFold:
    """Deal the participants into folds again and again, each time otherwise; splits are numbered through.

    Attributes
    ----------
    fold
        How they are dealt each time.
    repeats
        How often. More repeats leave the first ones as they were.
    """

    fold: KFold
    repeats: int

    def problems(self, cohort: Cohort) -> list[Problem]:
        """Say everything that keeps a cohort from being dealt so."""
        few = [] if self.repeats > 0 else [Problem(f"--repeats {self.repeats}", "at least 1 is wanted")]
        if (many := self.repeats * self.fold.folds) > MOST_SPLITS:
            few.append(
                Problem(f"--repeats {self.repeats} would make {many:,} splits", f"at most {MOST_SPLITS:,} are made")
            )
        return [*few, *self.fold.problems(cohort)]

    def split(self, cohort: Cohort, rng: np.random.Generator) -> Splits:
        """Give one split a fold and repeat.

        Raises
        ------
        ProblemsError
            As `KFold.split`.
        """
        refuse(f"{self.repeats} times {self.fold.folds} folds of {cohort.name}", self.problems(cohort))
        made = [self.fold.split(cohort, child) for child in rng.spawn(self.repeats)]
        splits = [
            replace(split, index=repeat * self.fold.folds + split.index, repeat=repeat)
            for repeat, one in enumerate(made)
            for split in one
        ]
        tables = [one.balance.assign(split=one.balance["split"] + i * self.fold.folds) for i, one in enumerate(made)]
        notes = dict.fromkeys(note for one in made for note in one.notes)
        return Splits(tuple(splits), pd.concat(tables, ignore_index=True), tuple(notes))


MOST_LEFT_OUT = 200  # values of a column, each a split of its own


@dataclass(frozen=True)
class LeaveGroupOut:
    """Hold out each value of a column once: a site, a scanner.

    Attributes
    ----------
    column
        Which column.
    group
        Columns whose values stay whole on one side as well.
    name
        What to call the side that is held out.
    """

    column: str
    group: tuple[str, ...] = ()
    name: str = "validation"

    def problems(self, cohort: Cohort) -> list[Problem]:
        """Say everything that keeps a cohort from being split so."""
        columns = tuple(dict.fromkeys((self.column, *self.group)))
        if found := _column_problems(cohort, (), (), columns):
            return found
        units = Units.of(cohort, self.group)
        values = units.first[self.column].astype(str)
        if (count := values.nunique()) < 2:  # noqa: PLR2004  (nobody would be left)
            return [
                Problem(f"{self.column} has only {count} value ({values.iloc[0]})", "two are wanted to leave one out")
            ]
        if count > MOST_LEFT_OUT:
            what = f"{self.column} has {count:,} values, which would be as many splits"
            return [
                Problem(
                    what,
                    f"at most {MOST_LEFT_OUT} are left out one by one; deal folds: --folds K --group {self.column}",
                )
            ]
        across = values.groupby(units.unit).transform("nunique") > 1
        who = units.first.loc[across, "participant_id"].tolist()
        what = f"{listing(who)} go together by {_joint(self.group) or 'name'} and are of several {self.column}"
        return [Problem(what, f"leave them out, or do not leave out by {self.column}")] if who else []

    def split(self, cohort: Cohort, rng: np.random.Generator) -> Splits:  # noqa: ARG002  (nothing is drawn)
        """Give one split a value, in the order of the values.

        Raises
        ------
        ProblemsError
            When there is one value only, or somebody has none or several.
        """
        refuse(f"leaving each {self.column} of {cohort.name} out", self.problems(cohort))
        values = cohort.column(self.column)
        whole = tuple(dict.fromkeys((self.column, *self.group)))
        splits = []
        for index, value in enumerate(sorted(set(values))):
            split = _parted(cohort, (values == value).to_numpy(), index, self.name, whole)
            splits.append(replace(split, held_out=f"{self.column} = {value}"))
        return Splits(tuple(splits))


@dataclass(frozen=True)
class Nested:
    """Split, and deal each training side into folds: the outer side is scored, the inner ones choose.

    Attributes
    ----------
    outer, inner
        How each is done.
    """

    outer: Splitter
    inner: KFold

    def problems(self, cohort: Cohort) -> list[Problem]:
        """Say what keeps a cohort from being split so; of the inner folds, what is known before the outer are dealt."""
        return list(dict.fromkeys([*self.outer.problems(cohort), *self.inner.problems(cohort)]))

    def split(self, cohort: Cohort, rng: np.random.Generator) -> Splits:
        """Give the outer splits with their inner ones.

        Raises
        ------
        ProblemsError
            When the cohort, or a training side, cannot be split so; all at once.
        """
        refuse(f"nested splits of {cohort.name}", self.problems(cohort))
        made = self.outer.split(cohort, rng)
        inner, problems = [], list[Problem]()
        for split, child in zip(made, rng.spawn(len(made)), strict=True):
            try:
                inner.append(self.inner.split(split.train, child))
            except ProblemsError as error:
                problems += [
                    Problem(f"in the training side of split {split.index}: {p.what}", p.remedy) for p in error.problems
                ]
        refuse(f"nested splits of {cohort.name}", problems)
        return replace(made, inner=tuple(inner))


def _parted(cohort: Cohort, held: np.ndarray, index: int = 0, name: str = "", group_by: tuple[str, ...] = ()) -> Split:
    """Part the sessions of a cohort, ``(sessions,)``, in the order of its rows."""
    return Split(index, begun(cohort.named("train"), ~held), begun(cohort.named(name), held), name, group_by)


def _column_problems(
    cohort: Cohort, stratify: Sequence[str], balanced: Sequence[str], group: Sequence[str]
) -> list[Problem]:
    """Say which columns are not there, have gaps where none can be, or are asked for two things that cannot both be."""
    problems = [
        Problem(f"--group {column} and --{other} {column}", f"a {column} that stays whole cannot be spread as well")
        for other, columns in (("stratify", stratify), ("balance", balanced))
        for column in dict.fromkeys(columns)
        if column in group
    ]
    if lacking := column_problems(cohort, [*stratify, *balanced, *group]):
        return [*problems, *lacking]
    first = Units.of(cohort).first
    for column in dict.fromkeys(group):
        problems += group_problems(cohort, column)
    for column in dict.fromkeys(stratify):
        problems += gaps(first, column, "fill it in, or do not stratify on it")
    return [*problems, *balance_problems(first, balanced)]


def _lone_labels(units: Units, columns: Sequence[str], kind: str) -> list[Problem]:
    """Say which values are of one unit only: when it is held out, nobody is left to learn them from."""
    problems = []
    for column in columns:
        values = units.first[column]
        if is_measured(values):
            continue
        of = values.astype(str).groupby(units.unit).unique().explode().value_counts()
        lone = sorted(of.index[of == 1])
        if lone and len(units.sizes) > 1:
            what = f"{column} {listing(lone)}: of one {kind} only, so it cannot be on every training side"
            problems.append(Problem(what, "leave it out of the cohort, or do not stratify on it first"))
    return problems


def _joint(columns: Sequence[str]) -> str:
    return " or ".join(columns)

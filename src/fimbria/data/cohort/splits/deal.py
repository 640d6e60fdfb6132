"""Dealing units to sides: evenly by stratum where a unit is one participant, as evenly as can be where it is several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fimbria.data.cohort.splits import balance
from fimbria.data.cohort.splits.exchange import exchanged, rearranged
from fimbria.data.cohort.splits.strata import Levels, levels, strata
from fimbria.errors import listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.data.cohort.splits.units import Units


@dataclass(frozen=True, eq=False)
class Dealt:
    """Who is on which side.

    Attributes
    ----------
    side
        Of each participant, ``(participants,)``, in the order of `Units`.
    told
        What the sides were compared in.
    before, achieved
        Standardised differences between each side and the rest, ``(sides, variables)``.
    notes
        What there is to say.
    """

    side: np.ndarray
    told: balance.Variables
    before: np.ndarray
    achieved: np.ndarray
    notes: tuple[str, ...]


def deal(
    units: Units,
    wanted: np.ndarray,
    stratify: Sequence[str],
    balanced: Sequence[str],
    rng: np.random.Generator,
) -> Dealt:
    """Deal units to sides, stratified, then make the sides alike in the variables to balance.

    Parameters
    ----------
    units
        Who goes together.
    wanted
        Participants that each side should have, ``(sides,)``; they add up to everybody. Two sides of different size are
        a hold-out, whose second side is held out; otherwise the sides are folds.
    stratify, balanced
        Columns.
    rng
        The same generator gives the same deal.
    """
    people, sides = len(units.unit), len(wanted)
    parts = max(sides, round(people / max(1, wanted.min())))
    columns = [levels(units.first[column], parts) for column in stratify]
    kinds = strata(columns, people, rng)
    told = balance.variables(units.first, [*balanced, *stratify])
    free = told.measures[:, : sum(column in balanced for column in told.columns)]
    if units.single:
        begun = _evenly(kinds, wanted, rng)
        ended = exchanged(begun, free, kinds, sides, rng) if balanced else begun
    else:
        marks = _marks(columns, people)
        start = _by_size(units.totals(marks), units.sizes, wanted, rng)
        every = np.hstack([free, balance.standardised(marks)])
        ended = rearranged(start, units.totals(every), units.sizes, wanted, rng)[units.unit]
        begun = start[units.unit]
        if _alone(columns, ended) - _alone(columns, begun):  # nobody would be left to learn a label from
            ended = begun
    alone = np.ones(people)
    before, achieved = (balance.differences(told.measures, alone, side, sides) for side in (begun, ended))
    notes = (*told.notes, *_thin(columns, kinds, ended, wanted))
    return Dealt(ended, told, before, achieved, notes)


def _evenly(kinds: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Deal single participants in the order of their strata: each side gets its share of each to within one.

    Folds are dealt one by one in turn; what is held out is a systematic sample with a random start.
    """
    people = len(kinds)
    order = np.lexsort((rng.random(people), kinds))
    side = np.empty(people, dtype=int)
    if len(wanted) == 2 and wanted[0] != wanted[1]:  # noqa: PLR2004  (two sides: a hold-out)
        places = np.arange(people + 1) * int(wanted[1]) + rng.integers(0, people)
        side[order] = np.diff(places // people)
    else:
        side[order] = np.arange(people) % len(wanted)
    return side


def _by_size(marks: np.ndarray, sizes: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Deal units of several participants, the largest first, each to the side that lacks its like most.

    Parameters
    ----------
    marks
        Participants of each unit at each level, ``(units, levels)``.
    """
    share = wanted / wanted.sum()
    have = np.column_stack([marks, sizes])
    goal = share[:, None] * have.sum(axis=0)
    filled = np.zeros_like(goal)
    side = np.empty(len(sizes), dtype=int)
    for unit in np.lexsort((rng.random(len(sizes)), -sizes)).tolist():
        cost = ((2 * filled + have[unit]) * have[unit] / np.maximum(goal, 1e-9)).sum(axis=1)
        side[unit] = cost.argmin()
        filled[side[unit]] += have[unit]
    for empty in np.flatnonzero(np.bincount(side, minlength=len(wanted)) == 0).tolist():
        spare = np.bincount(side, minlength=len(wanted))[side] > 1
        side[np.where(spare, sizes, sizes.max() + 1).argmin()] = empty
    return side


def _marks(columns: Sequence[Levels], people: int) -> np.ndarray:
    """Give one column of 0 and 1 a level, ``(participants, levels)``."""
    return np.hstack([np.zeros((people, 0)), *(np.eye(len(one.names))[one.codes] for one in columns)])


def _alone(columns: Sequence[Levels], side: np.ndarray) -> set[int]:
    """Give the levels of the first column that are on one side only."""
    codes = [column.codes for column in columns[:1]]
    return {level for of in codes for level in np.unique(of).tolist() if len(np.unique(side[of == level])) == 1}


def _thin(columns: Sequence[Levels], kinds: np.ndarray, side: np.ndarray, wanted: np.ndarray) -> list[str]:
    """Say which levels are not on every side, and how many strata are too small for that."""
    sides, notes = len(wanted), []
    for column in columns:
        there = np.bincount(column.codes * sides + side, minlength=len(column.names) * sides).reshape(-1, sides) > 0
        lacking = [name for name, on in zip(column.names, there, strict=True) if not on.all()]
        if lacking:
            notes.append(f"{column.column} {listing(lacking)}: too few to be on every side.")
    small = np.bincount(kinds)
    if len(columns) > 1 and (thin := int(((small < sides) & (small > 0)).sum())):
        joint = " x ".join(column.column for column in columns)
        notes.append(
            f"{thin} of {len(small)} strata of {joint} have fewer participants than there are sides; they were dealt as evenly as can be."
        )
    return notes

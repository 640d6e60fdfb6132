"""The history of every participant in the order of months, and diagnoses that can be told from their neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.labels.definition import word
from fimbria.errors import Problem, TableError, did_you_mean, listing, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fimbria.data.cohort.labels.definition import Definition

MISSING = -1
_MONTH = r"^ses-M([0-9]{1,5})$"


@dataclass(frozen=True, eq=False)
class Timeline:
    """Sessions in the order of participants and months, each with its state.

    Attributes
    ----------
    cohort
        The sessions, in this order.
    who
        Number of the participant, ``(sessions,)``; not decreasing.
    month
        Month of the session, ``(sessions,)``; increasing within a participant.
    state
        Code of the state, ``(sessions,)``; `MISSING` where nothing is known.
    first
        State of the participant's first session, ``(sessions,)``, whether or not that session is still here.
    names
        State of each code: those of the definition, then values that it does not list, as they stand in the table.
    """

    cohort: Cohort
    who: NDArray[np.int64]
    month: NDArray[np.int64]
    state: NDArray[np.int64]
    first: NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Count the sessions."""
        return len(self.who)

    def keep(self, kept: NDArray[np.bool_], rule: str, reasons: Sequence[str] | None = None) -> Timeline:
        """Keep some sessions and write the others into the flow.

        Raises
        ------
        ProblemsError
            When no session is left.
        """
        return self.at(self.cohort.keep(kept, rule, reasons), kept)

    def at(self, cohort: Cohort, kept: NDArray[np.bool_]) -> Timeline:
        """Give the history of a cohort that some sessions of this one were kept for."""
        return replace(
            self,
            cohort=cohort,
            who=self.who[kept],
            month=self.month[kept],
            state=self.state[kept],
            first=self.first[kept],
        )

    def named(self, codes: NDArray[np.int64]) -> list[str]:
        """Give the names of codes; ``unknown`` where nothing is known."""
        return [self.names[code] if code != MISSING else "unknown" for code in codes.tolist()]


def with_months(cohort: Cohort) -> tuple[Cohort, NDArray[np.int64]]:
    """Keep sessions whose name says a month, sorted by participant and month.

    Returns
    -------
    Cohort
        ``ses-M012`` stays; what is not of that form leaves.
    numpy.ndarray
        Months, ``(sessions,)``.

    Raises
    ------
    ProblemsError
        When a participant has a month twice (``ses-M0`` and ``ses-M000``), or no session stays.
    """
    months = cohort.column("session_id").astype(str).str.extract(_MONTH, expand=False)
    kept = months.notna().to_numpy()
    reasons = [f"{name} says no month" for name in cohort.column("session_id")]
    cohort = cohort.keep(kept, "the session's name says a month (ses-M012)", reasons)
    month = months[kept].to_numpy(dtype=np.int64)
    keys = [pd.factorize(cohort.frame[name], sort=True)[0] for name in ("dataset", "participant_id")]
    order = np.lexsort((month, keys[1], keys[0]))
    frame, key = cohort.frame.iloc[order], np.stack([*keys, month])[:, order]
    again = np.flatnonzero((key[:, 1:] == key[:, :-1]).all(axis=0)) + 1
    names = [f"{row.participant_id} {row.session_id}" for row in frame.iloc[again].itertuples()]
    what = f"months that a participant has more than once, under several names: {listing(names)}"
    refuse(cohort.name, [Problem(what, "keep one row of each month")] if names else [])
    return Cohort(frame, cohort.name, cohort.flow), month[order]


def column_of(cohort: Cohort, definition: Definition) -> tuple[str, str]:
    """Choose the column of the state, and say in a sentence which was taken.

    Raises
    ------
    TableError
        When there is none.
    """
    columns = [column for column in cohort.frame.columns if isinstance(column, str)]
    there = [name for name in definition.column if name in columns]
    if not there and definition.find:
        near = [column for column in columns if definition.find.lower() in column.lower()]
        there = sorted(near, key=len)
    if not there:
        wanted = " or ".join(map(repr, definition.column))
        hint = did_you_mean(definition.column[0], columns).replace("there is:", "it has:")
        msg = f"{cohort.name} has no column {wanted}; {hint}. Name yours in a definition's `column`."
        raise TableError(msg)
    passed = f" (not {listing([repr(name) for name in there[1:]])})" if there[1:] else ""
    return there[0], f"read from {there[0]!r}{passed}"


def timeline(cohort: Cohort, month: NDArray[np.int64], definition: Definition) -> Timeline:
    """Read the states of a cohort that is sorted by participant and month.

    Parameters
    ----------
    cohort, month
        As `with_months` gives them.
    definition
        Which column, which values, which other columns fill in.

    Raises
    ------
    TableError
        When there is no such column.
    """
    column, said = column_of(cohort, definition)
    code = {state: number for number, state in enumerate(definition.states)}
    meaning = {value: code[state] for state, values in definition.states.items() for value in values}
    state, unlisted = _codes(cohort.column(column), meaning, len(code), {*definition.missing, ""})
    for fill in definition.fill:
        if fill.column not in cohort.frame.columns:
            continue
        filling = {value: code[name] for name, values in fill.states.items() for value in values}
        told, _ = _codes(cohort.column(fill.column), filling, len(code))
        filled = (state == MISSING) & (told != MISSING)
        state = np.where(filled, told, state)
        said += f", filled from {fill.column!r} in {filled.sum()} sessions"
    cohort = cohort.keep(np.ones(len(cohort), dtype=bool), f"{definition.output} is {said}")
    pairs = cohort.frame[["dataset", "participant_id"]]
    who = pairs.ne(pairs.shift()).any(axis=1).cumsum().to_numpy() - 1
    first = state[np.searchsorted(who, who)]
    return Timeline(cohort, who, month, state, first, (*definition.states, *unlisted))


def interpolated(line: Timeline, what: str) -> Timeline:
    """Give a session without state that of its neighbours in time, where both have the same; the others leave.

    Parameters
    ----------
    line
        The history.
    what
        What to call the state in the flow.

    Raises
    ------
    ProblemsError
        When no session stays.
    """
    known = line.state != MISSING
    place = np.arange(len(line))
    before = np.maximum.accumulate(np.where(known, place, 0))
    after = np.minimum.accumulate(np.where(known, place, len(line) - 1)[::-1])[::-1]
    has_before = known[before] & (line.who[before] == line.who)
    has_after = known[after] & (line.who[after] == line.who)
    agreed = has_before & has_after & (line.state[before] == line.state[after])
    reasons = [""] * len(line)
    for at in np.flatnonzero(~agreed).tolist():
        if not has_before[at]:
            reasons[at] = f"no {what}, and none before it"
        elif not has_after[at]:
            reasons[at] = f"no {what}, and none after it"
        else:
            around = line.named(line.state[[before[at], after[at]]])
            reasons[at] = f"no {what}, {around[0]} before and {around[1]} after"
    line = replace(line, state=np.where(agreed, line.state[before], MISSING))
    return line.keep(agreed, f"{what} is known, or the same before and after", reasons)


def _codes(
    column: pd.Series, meaning: Mapping[str, int], own: int, silent: set[str] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Translate a column into codes; if `silent` ones are named, others without meaning get codes from `own` on."""
    places, values = pd.factorize(column)
    words = [word(value) for value in values]
    unlisted = [
        text for text in dict.fromkeys(words) if silent is not None and text not in meaning and text not in silent
    ]
    code = {**meaning, **{text: own + number for number, text in enumerate(unlisted)}}
    codes = np.array([*(code.get(text, MISSING) for text in words), MISSING], dtype=np.int64)
    return codes[places], tuple(unlisted)

"""Which session gets which label, and if none, at which question it failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fimbria.data.cohort.labels.criteria import Criterion
from fimbria.data.cohort.labels.outlook import WORDS, Outlook, outlook, outlook_at_last

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fimbria.data.cohort.labels.definition import Definition, Rule
    from fimbria.data.cohort.labels.timeline import Timeline

STATE, FIRST, STEADY, OUTCOME, LAST = range(5)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What one label's rule says of each session.

    Attributes
    ----------
    reached
        Number of questions that a session passed one after the other, ``(sessions,)``; 5 gets the label.
    decided
        Month of the session that decided, ``(sessions,)``.
    why
        For each question, the reason why a session at a place failed it.
    """

    reached: NDArray[np.int64]
    decided: NDArray[np.int64]
    why: tuple[Callable[[int], str], ...]


def labelled(line: Timeline, definition: Definition) -> tuple[NDArray[np.object_], NDArray[np.int64], list[Criterion]]:
    """Give each session its label, or the question at which it failed.

    Parameters
    ----------
    line
        The whole history; every state known.
    definition
        The labels that are kept, and their rules.

    Returns
    -------
    numpy.ndarray
        Labels, ``(sessions,)``; empty where there is none.
    numpy.ndarray
        Months of the sessions that decided them, ``(sessions,)``.
    list of Criterion
        The questions, in the order in which they are asked.
    """
    verdicts = [_verdict(line, definition, definition.labels[name]) for name in definition.keep]
    reached = np.stack([verdict.reached for verdict in verdicts])
    best = reached.argmax(axis=0)  # the rule that a session came furthest with speaks for it
    furthest = reached.max(axis=0)
    labels = np.where(furthest > LAST, np.array(definition.keep, dtype=object)[best], "")
    decided = np.stack([verdict.decided for verdict in verdicts])[best, np.arange(len(line))]
    criteria = []
    for question, rule in _questions(definition):
        told = [""] * len(line)
        for place in np.flatnonzero(furthest == question).tolist():
            told[place] = verdicts[best[place]].why[question](place)
        criteria.append(Criterion(rule, furthest != question, told))
    return labels, decided, criteria


def _questions(definition: Definition) -> list[tuple[int, str]]:
    """Name the questions that some kept label asks."""
    rules = [definition.labels[name] for name in definition.keep]
    what, kept = definition.output, ", ".join(definition.keep)
    months = f" ({definition.horizon} months)" if any(rule.stability == "horizon" for rule in rules) else ""
    questions = [
        (STATE, True, f"{what} is one that is labelled ({kept})"),
        (FIRST, any(_asks_first(rule) for rule in rules), f"{what} at the first session is the label's too"),
        (STEADY, any(_asks_steady(rule) for rule in rules), f"{what} is as steady as its label asks"),
        (OUTCOME, any(rule.looks_ahead for rule in rules), f"what follows gives a label{months}"),
        (LAST, any(rule.not_last for rule in rules), f"what follows the last such session agrees{months}"),
    ]
    return [(question, text) for question, asked, text in questions if asked]


def _asks_first(rule: Rule) -> bool:
    return rule.first or rule.stability == "constant"


def _asks_steady(rule: Rule) -> bool:
    return rule.stability == "constant" or rule.changes is not None


def _verdict(line: Timeline, definition: Definition, rule: Rule) -> Verdict:
    codes = [line.names.index(state) for state in rule.state]
    has = np.isin(line.state, codes)
    _, person = np.unique(line.who, return_inverse=True)
    everybody = np.ones(len(line), dtype=bool)
    first = np.isin(line.first, codes) if _asks_first(rule) else everybody
    steady, unsteady = _steady(line, rule, has, person, definition.output)
    ahead = _ahead(line, definition, rule)
    wanted = [WORDS.index(outcome) for outcome in rule.outcomes]
    follows = np.isin(ahead.outcome, wanted) if rule.looks_ahead else everybody
    last = _last_of(person, has)[person]  # only read where the session itself has the state, so that there is one
    agrees = ~np.isin(ahead.outcome[last], [WORDS.index(outcome) for outcome in rule.not_last])
    passed = np.stack([has, first, steady, follows, agrees])
    what, when = definition.output, _when(definition, rule)
    states, beginnings, sessions = line.named(line.state), line.named(line.first), line.cohort.frame["session_id"]
    why = (
        lambda place: f"{what} is {states[place]}",
        lambda place: f"{what} is {beginnings[place]} at the first session",
        unsteady,
        lambda place: f"{WORDS[ahead.outcome[place]]} {when}",
        lambda place: f"{WORDS[ahead.outcome[last[place]]]} {when} {sessions.iloc[last[place]]}, the last such session",
    )
    return Verdict(np.cumprod(passed, axis=0).sum(axis=0), ahead.decided, why)


def _steady(
    line: Timeline, rule: Rule, has: NDArray[np.bool_], person: NDArray[np.int64], what: str
) -> tuple[NDArray[np.bool_], Callable[[int], str]]:
    """Tell whose states change more than the rule allows, and how to say it."""
    if rule.stability == "constant":
        other = np.full(len(line), -1)
        places = np.flatnonzero(~has)[::-1]
        other[person[places]] = places  # by person: the first session of another state
        sessions, states = line.cohort.frame["session_id"], line.named(line.state)
        return other[
            person
        ] < 0, lambda place: f"{what} is {states[other[person[place]]]} at {sessions.iloc[other[person[place]]]}"
    change = (line.who[1:] == line.who[:-1]) & (line.state[1:] != line.state[:-1])
    count = np.bincount(person[1:], weights=change, minlength=len(line)).astype(np.int64)[person]
    steady = np.ones(len(line), dtype=bool) if rule.changes is None else count <= rule.changes
    return steady, lambda place: f"{what} changes {count[place]} times, at most {rule.changes} allowed"


def _ahead(line: Timeline, definition: Definition, rule: Rule) -> Outlook:
    """Give what follows each session, and the month at which the rule has seen enough."""
    if rule.stability == "horizon":
        return outlook(line, definition.ranks, definition.horizon)
    if rule.stability == "last":
        return outlook_at_last(line, definition.ranks)
    decided = line.month
    if rule.stability == "constant":  # every session was asked, the last one too
        decided = line.month[np.searchsorted(line.who, line.who, side="right") - 1]
    return Outlook(np.zeros(len(line), dtype=np.int64), decided)


def _last_of(person: NDArray[np.int64], has: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give for each participant the place of the last session that has the state; 0 where there is none."""
    last = np.zeros(len(person), dtype=np.int64)
    places = np.flatnonzero(has)
    last[person[places]] = places
    return last


def _when(definition: Definition, rule: Rule) -> str:
    return f"{definition.horizon} months after" if rule.stability == "horizon" else "at the last session"

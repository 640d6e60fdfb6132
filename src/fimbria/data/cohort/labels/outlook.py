"""What becomes of a participant some months after a session: better, worse, the same, or nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fimbria.data.cohort.labels.timeline import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fimbria.data.cohort.labels.timeline import Timeline

UNKNOWN, REGRESSED, STABLE, PROGRESSED = 0, 1, 2, 3
WORDS = ("unknown", "regressed", "stable", "progressed")


class Outlook(NamedTuple):
    """What follows each session.

    Attributes
    ----------
    outcome
        `UNKNOWN`, `REGRESSED`, `STABLE` or `PROGRESSED`, ``(sessions,)``.
    decided
        Month of the session that decided it, ``(sessions,)``.
    """

    outcome: NDArray[np.int64]
    decided: NDArray[np.int64]


def ranks_of(line: Timeline, ranks: Mapping[str, int]) -> NDArray[np.float64]:
    """Give the rank of each session's state, ``(sessions,)``; NaN where it has none."""
    known = [float(ranks.get(name, np.nan)) for name in line.names]
    return np.array([*known, np.nan])[np.where(line.state == MISSING, -1, line.state)]


def outlook(
    line: Timeline, ranks: Mapping[str, int], horizon: int, *, short: int = UNKNOWN, later_change: int | None = UNKNOWN
) -> Outlook:
    """Compare each session with what the participant is at the horizon.

    A session at the horizon decides. Where the horizon lies beyond the last session, a change by then decides. Where
    it lies between two sessions, a change at the one before decides, or else the one after.

    Parameters
    ----------
    line
        The history; every state known.
    ranks
        State -> rank; higher is worse. A state without rank makes an outcome unknown.
    horizon
        Months ahead.
    short
        Outcome where nothing has changed at the last session and the horizon lies beyond it.
    later_change
        Outcome where nothing has changed at the session before the horizon and something has at the one after: it may
        have happened on either side. None: the change's own.

    Returns
    -------
    Outlook
        Outcomes and the months at which they were decided.
    """
    rank = ranks_of(line, ranks)
    key = line.who * (int(line.month.max()) + horizon + 1) + line.month
    before = np.searchsorted(key, key + horizon, side="right") - 1
    after = np.minimum(before + 1, len(line) - 1)
    exact = line.month[before] == line.month + horizon
    followed = (after > before) & (line.who[after] == line.who)
    by_then, later = _compared(rank, rank[before]), _compared(rank, rank[after])
    open_ended = ~exact & ~followed & (by_then == STABLE)
    turns = ~exact & followed & (by_then == STABLE)
    if later_change is not None:
        later = np.where(later == STABLE, STABLE, later_change)
    outcome = np.where(open_ended, short, np.where(turns, later, by_then))
    return Outlook(outcome, np.where(turns, line.month[after], line.month[before]))


def outlook_at_last(line: Timeline, ranks: Mapping[str, int]) -> Outlook:
    """Compare each session with the participant's last."""
    return outlook(line, ranks, int(line.month.max()) + 1, short=STABLE)


def _compared(here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.int64]:
    change = np.sign(there - here)
    return np.where(np.isnan(change), UNKNOWN, np.nan_to_num(change) + STABLE).astype(np.int64)

"""Stable, progressive, regressive, unstable or unknown: what follows each session within a horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.labels.outlook import PROGRESSED, REGRESSED, STABLE, UNKNOWN, outlook, ranks_of
from fimbria.data.cohort.labels.timeline import interpolated, timeline, with_months
from fimbria.errors import Problem, refuse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fimbria.data.cohort.labels.definition import Definition
    from fimbria.data.cohort.labels.timeline import Timeline

COLUMN, DECIDED = "progression", "progression_month"
_CODES = np.array(["uk", "r", "s", "p"], dtype=object)  # in the order of outlook's outcomes
_UNSTABLE = "us"


def progression(cohort: Cohort, definition: Definition, *, as_clinicadl: bool = False) -> Cohort:
    """Write what follows each session beside it.

    Column ``progression`` has ``s`` (the same rank at the horizon), ``p`` (higher), ``r`` (lower), ``us`` (the
    participant goes both ways) or ``uk`` (not known: the last session, or nothing changed and nobody was seen as late
    as the horizon); ``progression_month`` has the month of the session that decided it.

    Parameters
    ----------
    cohort
        One row a session.
    definition
        Which column, which values mean which state, their ranks, and the horizon.
    as_clinicadl
        Give ``s`` also where the follow-up is shorter than the horizon, as ClinicaDL 1.6 did.

    Returns
    -------
    Cohort
        The sessions whose state is known and ranked, by participant and month.

    Raises
    ------
    ProblemsError
        When the definition has no ranks and horizon, or no session stays.
    TableError
        When the column of the state is missing.
    """
    needs_ahead(definition)
    what = definition.output
    line = interpolated(timeline(*with_months(cohort), definition), what)
    ranked = ~np.isnan(ranks_of(line, definition.ranks))
    reasons = [f"{what} is {name}, which has no rank" for name in line.named(line.state)]
    line = line.keep(ranked, f"{what} has a rank", reasons)
    words, decided = _directions(line, definition, as_clinicadl=as_clinicadl)
    manner = ", s without follow-up as ClinicaDL 1.6" if as_clinicadl else ""
    chosen = line.cohort.keep(ranked[ranked], f"compared with {definition.horizon} months later{manner}")
    return Cohort(chosen.frame.assign(**{COLUMN: words, DECIDED: decided}), chosen.name, chosen.flow)


def needs_ahead(definition: Definition) -> None:
    """Refuse a definition that cannot look ahead.

    Raises
    ------
    ProblemsError
        When it has no ranks and horizon.
    """
    missing = Problem("[ahead] is needed for a progression", "give `horizon` in months and `ranks` of the states")
    refuse(definition.name or "the definition of the cohort", [] if definition.ahead else [missing])


def _directions(
    line: Timeline, definition: Definition, *, as_clinicadl: bool
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    short = STABLE if as_clinicadl else UNKNOWN
    outcome, decided = outlook(line, definition.ranks, definition.horizon, short=short, later_change=None)
    last = np.append(line.who[1:] != line.who[:-1], [True])
    words = _CODES[np.where(last, UNKNOWN, outcome)]
    moves = np.flatnonzero((outcome == PROGRESSED) | (outcome == REGRESSED))
    one, other = moves[:-1], moves[1:]
    turning = line.who[one[(line.who[one] == line.who[other]) & (outcome[one] != outcome[other])]]
    words[np.isin(line.who, turning)] = _UNSTABLE
    return words, decided

"""Rules that keep some sessions of a cohort: conditions, lists, verdicts of quality checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fimbria import tables
from fimbria.data.cohort.cohort import IDS, Cohort
from fimbria.data.cohort.condition import Condition, contradictions
from fimbria.data.cohort.joining import keys, match, strangers
from fimbria.errors import InputError, Problem, TableError, listing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_VERDICTS = {
    "true": 1.0,
    "1": 1.0,
    "1.0": 1.0,
    "pass": 1.0,
    "yes": 1.0,
    "false": 0.0,
    "0": 0.0,
    "0.0": 0.0,
    "fail": 0.0,
    "no": 0.0,
}


@dataclass(frozen=True, eq=False)
class Rule:
    """What is asked of each session.

    Attributes
    ----------
    text
        As the flow calls it.
    kept
        The answer of each session, ``(sessions,)``, bool.
    reasons
        Why it leaves, one a session; read only where the answer is no.
    notes
        Sentences on what the rule met and did not decide.
    """

    text: str
    kept: NDArray[np.bool_]
    reasons: list[str]
    notes: tuple[str, ...] = ()


def conditions(cohort: Cohort, texts: Sequence[str]) -> tuple[list[Rule], list[Problem]]:
    """Read conditions and ask them; give what they say and everything that is wrong with them."""
    rules: list[Rule] = []
    problems: list[Problem] = []
    read: list[Condition] = []
    for text in texts:
        try:
            condition = Condition.parse(text)
            read.append(condition)
            rules.append(Rule(str(condition), condition.holds(cohort), condition.reasons(cohort)))
        except InputError as error:
            problems.append(Problem(str(error)))
    return rules, [*problems, *contradictions(read)]


def listed(cohort: Cohort, path: Path, *, wanted: bool) -> Rule:
    """Keep those who are in a list, or those who are not.

    Parameters
    ----------
    cohort
        Whose sessions are asked.
    path
        TSV with ``participant_id``, and ``session_id`` where sessions are meant.
    wanted
        Keep those in the list; else the others.

    Raises
    ------
    TableError
        When the list cannot be used.
    """
    frame = tables.read(path, ["participant_id"], text=IDS)
    frame = frame.drop_duplicates([column for column in IDS if column in frame.columns], ignore_index=True)
    rows = match(cohort, frame, str(path))
    word = "is in" if wanted else "is not in"
    away = "is not in" if wanted else "is in"
    unknown = strangers(frame, rows)
    notes = (f"In {path.name}, not in {cohort.name}: {listing(unknown)}.",) if unknown else ()
    kept = rows >= 0 if wanted else rows < 0
    return Rule(f"{word} {path.name}", kept, [f"{away} {path.name}"] * len(cohort), notes)


def judged(cohort: Cohort, path: Path, *, threshold: float | None = None, judged_only: bool = False) -> Rule:
    """Keep those who did not fail a quality check.

    Parameters
    ----------
    cohort
        Whose sessions are asked.
    path
        A table of `fimbria quality` or of ClinicaDL: with the column ``pass``, or a list of those who passed.
    threshold
        Judge by ``pass_probability`` instead: passed is what lies above.
    judged_only
        Sessions without a verdict leave too.

    Raises
    ------
    TableError
        When the table cannot be used, holds no verdict, or two different ones of a session.
    """
    frame = tables.read(path, ["participant_id"], text=IDS)
    if threshold is None and path.name == "QC_metrics.tsv":
        msg = f"{path} has measures and no verdict. Give the list of those who passed, pass_step-3.tsv, that lies beside it."
        raise TableError(msg)
    if threshold is None and "pass" not in frame.columns:
        return listed(cohort, path, wanted=True)
    verdicts = _verdicts(frame, path, threshold)
    frame = frame.assign(verdict=verdicts)
    shared = keys(cohort, frame, str(path))
    both = frame.dropna(subset=["verdict"]).groupby(shared)["verdict"].nunique()
    if torn := [" ".join(map(str, np.atleast_1d(np.asarray(who, dtype=object)))) for who in both.index[both > 1]]:
        msg = f"{path} has different verdicts of {listing(torn)}. Keep one of each."
        raise TableError(msg)
    once = frame.sort_values("verdict", kind="stable").drop_duplicates(shared, ignore_index=True)
    rows = match(cohort, once, str(path))
    verdict = np.where(rows >= 0, once["verdict"].to_numpy(np.float64)[rows], np.nan)
    unjudged = np.isnan(verdict)
    names = [str(session) for session in Cohort(cohort.frame[unjudged]).sessions] if unjudged.any() else []
    fate = "they leave" if judged_only else "they stay"
    notes = (f"Without a verdict in {path.name}, {fate} ({len(names)}): {listing(names)}.",) if names else ()
    reasons = np.where(unjudged, f"has no verdict in {path.name}", f"failed in {path.name}").tolist()
    kept = (verdict == 1) | (unjudged & (not judged_only))
    return Rule(f"passed in {path.name}{'' if threshold is None else f' (above {threshold:g})'}", kept, reasons, notes)


def _verdicts(frame: pd.DataFrame, path: Path, threshold: float | None) -> pd.Series:
    """Give each row's verdict: 1 passed, 0 failed, NaN none."""
    if threshold is None:
        verdicts = frame["pass"].astype("str").str.strip().str.casefold().map(_VERDICTS).astype(float)
        unread = verdicts.isna() & frame["pass"].notna()
        wanted, column = "True or False", "pass"
    else:
        tables.need(frame, ["pass_probability"], str(path))
        numbers = pd.Series(pd.to_numeric(frame["pass_probability"].astype("str"), errors="coerce"), index=frame.index)
        verdicts = (numbers > threshold).astype(float).where(numbers.notna())
        unread = numbers.isna() & frame["pass_probability"].notna()
        wanted, column = "a number", "pass_probability"
    if unread.any():
        row = frame[unread].iloc[0]
        msg = f"{path}: {column} is {row[column]!r} for {row['participant_id']} ({int(unread.sum())} rows); {wanted} was wanted."
        raise TableError(msg)
    return verdicts.astype(float)

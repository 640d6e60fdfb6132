"""Another table beside a cohort: whose rows are whose, and its columns joined on; nothing is renamed in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from fimbria import tables
from fimbria.data.cohort.cohort import IDS, Cohort
from fimbria.errors import Problem, TableError, listing, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def keys(cohort: Cohort, frame: pd.DataFrame, where: str) -> list[str]:
    """Give the identifying columns that a cohort and another table both have.

    Parameters
    ----------
    cohort
        Whose sessions are looked for.
    frame
        Has ``participant_id``; ``session_id`` and ``dataset`` where it tells sessions and data sets apart.
    where
        What to call `frame` in messages.

    Raises
    ------
    TableError
        When participants or sessions are not named in each row, or the same name is of several data sets on one side
        and the other does not say which.
    """
    tables.need(frame, ["participant_id"], where)
    shared = [column for column in IDS[1:] if column in frame.columns]
    for column in shared:
        if (gone := np.flatnonzero(frame[column].isna().to_numpy())).size:
            msg = f"{where}: {column} is missing in row {gone[0] + 1}. Every row needs one."
            raise TableError(msg)
    named = (cohort.frame["dataset"] != "").any()
    names = "dataset" in frame.columns and frame["dataset"].notna().any()
    if named and names:
        return ["dataset", *shared]
    for told, of, other in ((named, cohort.frame, where), (names, frame, cohort.name)):
        if told:
            datasets = of.groupby("participant_id")["dataset"].nunique()
            if several := datasets.index[datasets > 1].tolist():
                msg = f"{listing(several)} are of several data sets, and {other} does not say which: add the column 'dataset' to it."
                raise TableError(msg)
    return shared


def match(cohort: Cohort, frame: pd.DataFrame, where: str) -> NDArray[np.int64]:
    """Give the row of another table for each session, ``(sessions,)``; -1 where it has none.

    A table without ``session_id`` speaks of all sessions of a participant.

    Raises
    ------
    TableError
        When its identifiers cannot be used, or stand there more than once.
    """
    shared = keys(cohort, frame, where)
    index = pd.MultiIndex.from_frame(frame[shared].astype("str"))
    if (double := index[index.duplicated()]).size:
        who = listing([" ".join(one) for one in dict.fromkeys(double)])
        msg = f"{where} has more than one row for {who}. Keep one of each."
        raise TableError(msg)
    asked = pd.MultiIndex.from_frame(cohort.frame[shared].astype("str"))
    return np.asarray(index.get_indexer(asked), dtype=np.int64)


def strangers(frame: pd.DataFrame, rows: NDArray[np.int64]) -> list[str]:
    """Name the rows of another table that no session was matched with."""
    gone = np.setdiff1d(np.arange(len(frame)), rows)
    columns = [column for column in IDS[1:] if column in frame.columns]
    return [" ".join(map(str, row)) for row in frame[columns].iloc[gone].itertuples(index=False, name=None)]


def join(cohort: Cohort, frame: pd.DataFrame, where: str, columns: Sequence[str] | None = None) -> Cohort:
    """Add the columns of another table; sessions that it does not know have them missing.

    Parameters
    ----------
    cohort
        Every session stays, in its order.
    frame
        One row a session, or a participant where it has no ``session_id``.
    where
        What to call it in messages.
    columns
        Which to add; all by default. One that the cohort has already must say the same, and fills what is missing.

    Raises
    ------
    ProblemsError
        When a column is missing, a row stands there twice, nobody is known, or both say different things of somebody;
        all at once.
    """
    frame = frame.reset_index(drop=True)
    chosen = (
        [column for column in frame.columns if column not in IDS] if columns is None else list(dict.fromkeys(columns))
    )
    problems = [_absent(frame, column, where) for column in chosen if column not in frame.columns]
    try:
        rows = match(cohort, frame, where)
    except TableError as error:
        refuse(f"{cohort.name} and {where}", [*problems, Problem(str(error))])
        raise
    if not chosen and not problems:
        problems.append(Problem(f"{where} has no column but identifiers", "there is nothing to add"))
    if (rows < 0).all():
        examples = " and ".join(map(str, (cohort.sessions[0], *strangers(frame, rows)[:1])))
        problems.append(Problem(f"no session of {cohort.name} is in {where}", f"are they written alike? {examples}"))
    added = {}
    for column in (name for name in chosen if name in frame.columns):
        new = frame[column].reindex(rows).set_axis(cohort.frame.index)
        if column in cohort.frame.columns:
            old = cohort.frame[column]
            problems += _disagreements(cohort, old, new, where)
            new = old.where(old.notna(), new) if old.notna().any() else new
        added[column] = new
    refuse(f"{cohort.name} and {where}", problems)
    return Cohort(cohort.frame.assign(**added), cohort.name, cohort.flow)


def _absent(frame: pd.DataFrame, column: str, where: str) -> Problem:
    try:
        tables.need(frame, [column], where)
    except TableError as error:
        return Problem(str(error))
    return Problem(f"{column} identifies sessions", "it is joined on, not added")


def _disagreements(cohort: Cohort, old: pd.Series, new: pd.Series, where: str) -> list[Problem]:
    """Say for whom two tables have different values of one column."""
    if _is_number(old) and _is_number(new):
        same = np.isclose(old.to_numpy(np.float64), new.to_numpy(np.float64), rtol=1e-9, atol=0)
    else:
        same = (old.astype("str") == new.astype("str")).to_numpy()
    differ = np.flatnonzero(~same & old.notna().to_numpy() & new.notna().to_numpy())
    if not differ.size:
        return []
    sessions = cohort.sessions
    who = listing([f"{sessions[i]} ({_shown(old.iloc[i])} and {_shown(new.iloc[i])})" for i in differ.tolist()], 3)
    return [
        Problem(
            f"{old.name} is not the same in {cohort.name} and in {where} for {who}",
            "correct one of them, or name the columns to add",
        )
    ]


def _is_number(values: pd.Series) -> bool:
    return is_numeric_dtype(values) and not is_bool_dtype(values)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)

"""A cohort: a frozen, checked table of sessions that remembers who was left out, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from fimbria import tables
from fimbria.errors import Problem, counted, listing, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

IDS = ("dataset", "participant_id", "session_id")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9+_-]|\.(?!\.))*"  # what can be part of a file's name, and leads nowhere else
_CLOCKS = {"acq_time": "by date", "age": "by age", "number": "by the number in its name"}


class Session(NamedTuple):
    """One session of one participant of one data set; the data set's name is empty where only one is spoken of."""

    dataset: str
    participant_id: str
    session_id: str

    @property
    def participant(self) -> tuple[str, str]:
        """Who it is: data set and participant."""
        return self.dataset, self.participant_id

    def __str__(self) -> str:
        """Give participant and session, with the data set if it has a name."""
        scope = f"{self.dataset}: " if self.dataset else ""
        return f"{scope}{self.participant_id} {self.session_id}"


@dataclass(frozen=True)
class Step:
    """One step of a cohort's flow.

    Attributes
    ----------
    rule
        What was asked of a session.
    participants, sessions
        How many remain.
    left
        Who left, with the reason.
    """

    rule: str
    participants: int
    sessions: int
    left: tuple[tuple[Session, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Cohort:
    """A checked table of sessions.

    Parameters
    ----------
    frame
        One row a session: ``participant_id``, ``session_id``, optionally ``dataset``, and any other columns.
    name
        What to call it in messages: a file, a side of a split.
    flow
        How it came to be.

    Raises
    ------
    ProblemsError
        When an identifier is missing, padded with spaces or malformed, or a session stands there twice.
    """

    frame: pd.DataFrame
    name: str = "cohort"
    flow: tuple[Step, ...] = field(default=())

    def __post_init__(self) -> None:
        """Check the identifiers, put them first, and sort nothing: the order is the file's."""
        frame = self.frame.reset_index(drop=True)
        tables.need(frame, IDS[1:], self.name)
        if "dataset" not in frame.columns:
            frame = frame.assign(dataset="")
        frame = frame.assign(dataset=frame["dataset"].astype("object").where(frame["dataset"].notna(), "").astype(str))
        refuse(self.name, _problems(frame))
        others = [column for column in frame.columns if column not in IDS]
        object.__setattr__(self, "frame", frame[[*IDS, *others]])
        if not self.flow:
            start = Step(f"in {self.name}", self.participant_count, len(frame))
            object.__setattr__(self, "flow", (start,))

    @classmethod
    def read(cls, path: Path, needed: Sequence[str] = ()) -> Cohort:
        """Read a table of sessions.

        Raises
        ------
        TableError
            When it cannot be read or lacks a column.
        ProblemsError
            When its identifiers are unfit.
        """
        return cls(tables.read(path, [*IDS[1:], *needed], text=IDS), name=str(path))

    def write(self, path: Path) -> None:
        """Write the table; the data set's column only if it says something."""
        tables.write(self.plain(), path)

    def plain(self) -> pd.DataFrame:
        """Give the table as it is written: without the data set's column if no data set has a name."""
        return self.frame if (self.frame["dataset"] != "").any() else self.frame.drop(columns="dataset")

    def __len__(self) -> int:
        """Count the sessions."""
        return len(self.frame)

    @property
    def sessions(self) -> list[Session]:
        """Every session, in the table's order."""
        return [Session(*row) for row in zip(*(self.frame[name] for name in IDS), strict=True)]

    @property
    def participants(self) -> list[tuple[str, str]]:
        """Every participant once, ``(dataset, participant_id)``, in order of appearance."""
        return list(dict.fromkeys(zip(self.frame["dataset"], self.frame["participant_id"], strict=True)))

    @property
    def participant_count(self) -> int:
        """Count the participants."""
        return len(self.frame[["dataset", "participant_id"]].drop_duplicates())

    def column(self, name: str) -> pd.Series:
        """Give a column.

        Raises
        ------
        TableError
            When there is none of that name; with those there are.
        """
        tables.need(self.frame, [name], f"cohort {self.name!r}")
        return self.frame[name]

    def named(self, name: str) -> Cohort:
        """Give the same cohort under another name."""
        return _checked(self.frame, name, self.flow)

    def keep(self, kept: Sequence[bool] | np.ndarray, rule: str, reasons: Sequence[str] | None = None) -> Cohort:
        """Keep some sessions and write the others into the flow.

        Parameters
        ----------
        kept
            One truth a session.
        rule
            What was asked of a session.
        reasons
            One a session; read only for those that leave. By default the rule itself.

        Raises
        ------
        ProblemsError
            When no session is left; with the rule, and the first who left.
        """
        mask = np.asarray(kept, dtype=bool)
        sessions = self.sessions
        left = tuple((sessions[i], reasons[i] if reasons else rule) for i in np.flatnonzero(~mask).tolist())
        if not mask.any():
            first, reason = left[0]
            refuse(self.name, [Problem(f"no session passes: {rule}", f"the first of {len(left)}, {first}: {reason}")])
        frame = self.frame[mask].reset_index(drop=True)
        people = len(frame[["dataset", "participant_id"]].drop_duplicates())
        return _checked(frame, self.name, (*self.flow, Step(rule, people, len(frame), left)))

    def of_participants(self, people: set[tuple[str, str]]) -> Cohort:
        """Give the sessions of some participants; the flow begins anew, nobody was excluded."""
        whose = zip(self.frame["dataset"], self.frame["participant_id"], strict=True)
        return begun(self, [who in people for who in whose])

    def baseline(self) -> Cohort:
        """Give the first session of each participant.

        The first is the earliest by ``acq_time``, then by ``age``, then by the number in the session's name. A date or
        an age counts for participants whose sessions all have it. Names are never sorted as text.
        """
        return begun(self, self.is_baseline())

    def is_baseline(self) -> np.ndarray:
        """Tell for each session whether it is its participant's first, ``(sessions,)``, bool."""
        frame, clocks = _clocked(self.frame)
        first = frame.sort_values([*clocks, "place"]).drop_duplicates(["dataset", "participant_id"])
        return np.isin(np.arange(len(frame)), first["place"].to_numpy())

    def told_baseline(self) -> str:
        """Say by what the first of several sessions was found, and of how many participants.

        Examples
        --------
        >>> frame = pd.DataFrame({"participant_id": ["sub-01"] * 2, "session_id": ["ses-M012", "ses-M000"]})
        >>> Cohort(frame).told_baseline()
        'first session: by the number in its name (1 participant)'
        """
        frame, clocks = _clocked(self.frame)
        who = [frame["dataset"], frame["participant_id"]]
        several = frame.groupby(who)["place"].transform("size") > 1
        if not several.any():
            return "one session a participant"
        told = pd.Series("", index=frame.index)
        for clock in clocks:  # the first clock that tells a participant's sessions apart
            apart = frame.groupby(who)[clock].transform("nunique") > 1
            told = told.mask(several & (told == "") & apart, _CLOCKS[clock])
        told = told.mask(several & (told == ""), "in the order of the table, for nothing else tells")
        counts = told[several & ~frame.duplicated(["dataset", "participant_id"])].value_counts()
        return "first session: " + ", ".join(f"{by} ({counted(count, 'participant')})" for by, count in counts.items())


def begun(cohort: Cohort, mask: Sequence[bool] | np.ndarray) -> Cohort:
    """Give some rows of a cohort, whose flow begins anew; none at all are refused as they are of any table."""
    frame = cohort.frame[np.asarray(mask, dtype=bool)].reset_index(drop=True)
    if not len(frame):
        return Cohort(frame, cohort.name)
    people = len(frame[["dataset", "participant_id"]].drop_duplicates())
    return _checked(frame, cohort.name, (Step(f"in {cohort.name}", people, len(frame)),))


def _checked(frame: pd.DataFrame, name: str, flow: tuple[Step, ...]) -> Cohort:
    """Give rows of a cohort as one; they were checked when it was made."""
    cohort = object.__new__(Cohort)
    for attribute, value in (("frame", frame), ("name", name), ("flow", flow)):
        object.__setattr__(cohort, attribute, value)
    return cohort


def _clocked(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Give the sessions with everything that tells their order, and its columns, most trusted first."""
    frame = table[list(IDS)].copy()
    frame["place"] = np.arange(len(frame))
    clocks: dict[str, pd.Series] = {}
    if "acq_time" in table.columns:
        times = _dates(table["acq_time"])
        clocks["acq_time"] = times.astype("int64").astype(float).where(times.notna())
    if "age" in table.columns:
        clocks["age"] = pd.to_numeric(table["age"], errors="coerce")
    who = [frame["dataset"], frame["participant_id"]]
    for name, clock in clocks.items():  # a clock that some session of a participant lacks tells nothing of them
        frame[name] = clock.where(clock.notna().groupby(who).transform("all"), 0.0)
    frame["number"] = frame["session_id"].str.extract(r"(\d+)", expand=False).astype(float).fillna(np.inf)
    return frame, [*clocks, "number"]


def _dates(values: pd.Series) -> pd.Series:
    """Read dates; what is none becomes missing."""
    return pd.to_datetime(values, errors="coerce", format="ISO8601", utc=True)


def shared_participants(one: Cohort, other: Cohort) -> list[str]:
    """Name the participants of one cohort who are, or may be, in another.

    Identity is data set and participant. Where one side does not name its data set, the same ``participant_id`` counts
    as the same person: better one question too many than a leak.
    """
    found = []
    exact = set(other.participants)
    unnamed = {participant for dataset, participant in exact if not dataset}
    any_dataset = {participant for _, participant in exact}
    for dataset, participant in one.participants:
        if (dataset, participant) in exact or participant in unnamed or (not dataset and participant in any_dataset):
            found.append(participant)
    return sorted(set(found))


def _problems(frame: pd.DataFrame) -> list[Problem]:
    problems = []
    for column, prefix in (("participant_id", "sub-"), ("session_id", "ses-")):
        values = frame[column]
        missing = np.flatnonzero(values.isna().to_numpy())[:3]
        problems += [Problem(f"{column} is missing in row {line + 1}", "every row needs one") for line in missing]
        texts = values.dropna().astype(str)
        padded = texts[texts != texts.str.strip()]
        for line, value in zip(padded.index[:3].tolist(), padded, strict=False):
            problems.append(
                Problem(f"{column} is {value!r} in row {line + 1}", f"remove the spaces: {value.strip()!r}")
            )
        unlike = texts[~texts.str.strip().str.startswith(prefix)]
        if len(unlike):
            example = str(unlike.iloc[0])
            problems.append(
                Problem(
                    f"{column} does not begin with {prefix!r} in {len(unlike)} rows ({example!r})",
                    f"BIDS writes {prefix}{example}",
                )
            )
        odd = texts[texts.str.startswith(prefix) & ~texts.str.strip().str.fullmatch(prefix + _LABEL)]
        if len(odd):
            what = f"{column} cannot be part of a file's name in {len(odd)} rows ({str(odd.iloc[0])!r})"
            problems.append(Problem(what, "letters, digits, '-', '_', '.' and '+' are wanted"))
    if "acq_time" in frame.columns:
        undated = frame["acq_time"].notna() & _dates(frame["acq_time"]).isna()
        who = [str(Session(*map(str, row))) for row in frame.loc[undated, list(IDS)].itertuples(index=False)]
        if who:
            value = frame.loc[undated, "acq_time"].iloc[0]
            remedy = "2019-03-01 or 2019-03-01T09:30:00 is wanted, or n/a"
            problems.append(Problem(f"acq_time is no date for {listing(who)} ({value!r})", remedy))
    twice = frame[frame.duplicated(list(IDS), keep="first")]
    if len(twice):
        remedy = (
            "keep one row of each; or, where they are of several data sets, say in a column `dataset` whose is whose"
        )
        names = [str(Session(*map(str, row))) for row in twice[list(IDS)].drop_duplicates().itertuples(index=False)]
        problems.append(Problem(f"sessions that stand there more than once: {listing(names)}", remedy))
    if not len(frame):
        problems.append(Problem("there is no session in it", "a table with at least one row is wanted"))
    return problems


def clean_labels(cohort: Cohort, column: str) -> list[Problem]:
    """Look for missing values and stray spaces in a column that will be learnt.

    Raises
    ------
    TableError
        When there is no such column.
    """
    values = cohort.column(column)
    problems = []
    missing = [str(session) for session, value in zip(cohort.sessions, values, strict=True) if pd.isna(value)]
    if missing:
        problems.append(
            Problem(f"{column} is missing for {listing(missing)} in {cohort.name}", "fill it in, or leave them out")
        )
    texts = values.dropna()
    padded = texts[texts.map(lambda v: isinstance(v, str) and v != v.strip())]
    for line, value in zip(padded.index[:3].tolist(), padded, strict=False):
        problems.append(Problem(f"{column} is {value!r} in {cohort.name}, row {line + 1}", f"{value.strip()!r}?"))
    return problems


def label_text(value: object) -> str:
    """Give a label as text: 1.0 and 1 are the same class.

    Examples
    --------
    >>> label_text(1.0), label_text("AD")
    ('1', 'AD')
    """
    return str(int(value)) if isinstance(value, (float, np.floating)) and float(value).is_integer() else str(value)

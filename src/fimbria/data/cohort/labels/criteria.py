"""What is asked of a session besides its diagnosis: an image, a place on a list, a condition, a second visit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from fimbria import tables
from fimbria.data.cohort.cohort import IDS, Cohort
from fimbria.data.cohort.condition import Condition
from fimbria.data.cohort.labels.definition import word
from fimbria.errors import InputError, Problem, TableError, did_you_mean, listing, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fimbria.data.cohort.labels.definition import Definition
    from fimbria.data.cohort.labels.timeline import Timeline

_MONTH = "ses-M([0-9]{1,5})"


class Criterion(NamedTuple):
    """One question to every session.

    Attributes
    ----------
    rule
        The question, as the flow says it.
    passed
        The answers, ``(sessions,)``.
    reasons
        Why not, one a session; read only where the answer is no.
    """

    rule: str
    passed: NDArray[np.bool_]
    reasons: Sequence[str]


def sieve(cohort: Cohort, criteria: Sequence[Criterion]) -> tuple[Cohort, NDArray[np.bool_]]:
    """Ask one question after the other.

    Returns
    -------
    Cohort
        Who passed them all; one step of the flow for each.
    numpy.ndarray
        Which sessions of the first cohort these are, ``(sessions,)``, bool.

    Raises
    ------
    ProblemsError
        When nobody is left.
    """
    here = np.ones(len(cohort), dtype=bool)
    for criterion in criteria:
        reasons = [criterion.reasons[place] for place in np.flatnonzero(here).tolist()]
        cohort = cohort.keep(criterion.passed[here], criterion.rule, reasons)
        here &= criterion.passed
    return cohort, here


def excluded(cohort: Cohort, definition: Definition) -> list[Criterion]:
    """Ask whether a session is one of those that the definition leaves out."""
    criteria = []
    for exclusion in definition.exclusions:
        if exclusion.name in definition.admit:
            continue
        told = [""] * len(cohort)
        known = [name for name in exclusion.columns if name in cohort.frame.columns]
        for column in known:
            for place, value in enumerate(cohort.frame[column]):
                if word(value) in exclusion.equal_to:
                    told[place] = told[place] or f"{exclusion.reason or exclusion.name}: {column} is {word(value)}"
        passed = np.array([not reason for reason in told])
        rule = f"not {exclusion.name}: {', '.join(exclusion.equal_to)}"
        asked = "" if known else f" (not asked: there is no column {' or '.join(exclusion.columns)})"
        criteria.append(Criterion(rule + asked, passed, told))
    return criteria


def visits(line: Timeline, definition: Definition) -> list[Criterion]:
    """Ask whether a participant has the first session, and the number of them, that the definition wants."""
    criteria = []
    _, starts, person, counts = np.unique(line.who, return_index=True, return_inverse=True, return_counts=True)
    if (wanted := definition.baseline_month) is not None:
        begins = line.month[starts][person]
        reasons = [f"the first session is of month {month}" for month in begins.tolist()]
        criteria.append(Criterion(f"the participant's first session is of month {wanted}", begins == wanted, reasons))
    if definition.remove_unique_session:
        several = counts[person] > 1
        only = ["the participant's only session"] * len(line)
        criteria.append(Criterion("the participant has several sessions", several, only))
    return criteria


def met(cohort: Cohort, conditions: Sequence[str]) -> list[Criterion]:
    """Ask whether a session meets each condition.

    Raises
    ------
    TableError
        When a column is missing.
    """
    criteria = []
    for condition in map(Condition.parse, conditions):
        passed = condition.holds(cohort)
        values = cohort.column(condition.column)
        reasons = [f"{condition.column} is {'missing' if pd.isna(value) else word(value)}" for value in values]
        criteria.append(Criterion(str(condition), passed, reasons))
    return criteria


def listed(line: Timeline, path: Path) -> Criterion:
    """Ask whether a session stands exactly once in a list of participants and sessions.

    Sessions are compared by month: ``ses-M00`` of a list is ``ses-M000`` of a table.

    Raises
    ------
    InputError
        When the list cannot be read, or names no data set where the cohort has several.
    """
    rows = tables.read(path, IDS[1:], text=IDS)
    scoped = "dataset" in rows.columns
    if not scoped:
        _one_dataset(line.cohort, f"{path}")
    rows = rows.assign(month=pd.to_numeric(rows["session_id"].str.extract(f"^{_MONTH}$", expand=False)))
    keys = ["dataset", "participant_id", "month"] if scoped else ["participant_id", "month"]
    times = _looked_up(line, rows.dropna(subset=keys).groupby(keys).size())
    reasons = [f"not in {path.name}" if count == 0 else f"in {path.name} {count:g} times" for count in times.tolist()]
    return Criterion(f"stands once in {path.name}", times == 1, reasons)


def with_image(line: Timeline, folder: Path, modality: str) -> Criterion:
    """Ask whether a session has an image, by the tables of Clinica's ``check-missing-modalities``.

    Parameters
    ----------
    line
        The sessions.
    folder
        Tables ``<prefix>_<session>.tsv``: ``participant_id``, and one column a modality with 1 (there) or 0.
    modality
        The column.

    Raises
    ------
    InputError
        When there is no such folder, table or column, or a participant stands twice in a session's tables.
    """
    _one_dataset(line.cohort, f"{folder}")
    frames, seen = [], set[str]()
    for path in sorted(folder.glob("*.tsv")):
        if match := re.fullmatch(_MONTH, path.stem.rpartition("_")[2]):
            frame = tables.read(path, ["participant_id"], text=["participant_id"])
            seen |= set(frame.columns) - {"participant_id"}
            there = pd.to_numeric(frame[modality], errors="coerce") == 1 if modality in frame.columns else False
            frames.append(
                pd.DataFrame({"participant_id": frame["participant_id"], "month": int(match[1]), "there": there})
            )
    if not frames:
        msg = f"there is no table <prefix>_ses-M<month>.tsv in {folder}. Make them with `clinica iotools check-missing-modalities`."
        raise TableError(msg)
    if modality not in seen:
        hint = did_you_mean(modality, seen).replace("there is:", "they have:")
        msg = f"no table in {folder} has a column {modality!r}; {hint}. Name another with --modality."
        raise TableError(msg)
    told = pd.concat(frames, ignore_index=True).dropna(subset=["participant_id"])
    again = told[told.duplicated(["participant_id", "month"])]
    names = [f"{row.participant_id} at month {row.month}" for row in again.itertuples()]
    twice = Problem(f"participants that stand there twice for a session: {listing(names)}", "keep one row of each")
    refuse(f"{folder}", [twice] if names else [])
    there = _looked_up(line, told.set_index(["participant_id", "month"])["there"].astype(float)) == 1
    return Criterion(f"has an image {modality} ({folder.name})", there, [f"no image {modality}"] * len(line))


def _looked_up(line: Timeline, values: pd.Series) -> NDArray[np.float64]:
    """Give what a table says of each session; 0 where it says nothing."""
    frame = line.cohort.frame.assign(month=line.month)
    wanted = pd.MultiIndex.from_frame(frame[list(values.index.names)])
    return values.reindex(wanted, fill_value=0).to_numpy(dtype=np.float64)


def _one_dataset(cohort: Cohort, where: str) -> None:
    """Refuse to look a participant up by name where the same name may be two people."""
    names = sorted(set(cohort.frame["dataset"]))
    if len(names) > 1:
        msg = f"{where} does not say of which data set its participants are, and {cohort.name} has several ({listing(names)}). Label each by itself."
        raise InputError(msg)

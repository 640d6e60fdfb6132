"""Tables of sessions made from tables: restricted, joined with others, adapted from ClinicaDL <= 1.1.1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimbria import tables
from fimbria.atomic import building
from fimbria.data.cohort import clinicadl, flow, restriction
from fimbria.data.cohort.cohort import IDS, Cohort, Step
from fimbria.data.cohort.joining import join, match, strangers
from fimbria.errors import InputError, Problem, counted, listing, refuse
from fimbria.workflows.cohorts import kept, read_with_flow, several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.data.cohort.restriction import Rule


@dataclass(frozen=True, eq=False)
class Made:
    """A table that was made.

    Attributes
    ----------
    cohort
        Who is in it, with its flow.
    notes
        Sentences on what the step met and did not decide.
    """

    cohort: Cohort
    notes: tuple[str, ...] = ()


def restrict_cohort(  # noqa: PLR0913  (the rules, by kind)
    table: str | Path,
    out: str | Path,
    *,
    where: Sequence[str] = (),
    only: str | Path | None = None,
    without: str | Path | None = None,
    quality: Sequence[str | Path] = (),
    threshold: float | None = None,
    judged_only: bool = False,
) -> Made:
    """Keep the sessions that pass every rule, and write who left, at which rule, and why.

    Parameters
    ----------
    table
        The cohort (TSV).
    out
        Where to write the restricted cohort (TSV); its flow goes beside it and continues that of `table`.
    where
        Conditions such as ``age >= 62``, ``diagnosis in AD, CN``, ``acq_time < 2020-01-31``, ``sex is known``.
    only, without
        Lists (TSV) of the participants or sessions to keep, or to leave out.
    quality
        Verdicts of quality checks (TSV): who failed leaves.
    threshold
        Judge by ``pass_probability`` above it, instead of the verdict in the tables.
    judged_only
        Sessions without a verdict leave too.

    Raises
    ------
    InputError
        When a rule cannot be read or asked, rules contradict each other, nobody is left, or there is no rule.
    """
    table, out = Path(table), Path(out)
    where, quality = several(where), several(quality)
    cohort = read_with_flow(table)
    rules, problems = restriction.conditions(cohort, where)
    lists = ((only, True), (without, False))
    asked = [partial(restriction.listed, cohort, Path(path), wanted=of) for path, of in lists if path is not None]
    verdicts = partial(restriction.judged, cohort, threshold=threshold, judged_only=judged_only)
    asked += [partial(verdicts, Path(path)) for path in quality]
    for ask in asked:
        try:
            rules.append(ask())
        except InputError as error:
            problems.append(Problem(str(error)))
    if not quality and (threshold is not None or judged_only):
        flag = "--judged-only" if threshold is None else f"--threshold {threshold:g}"
        problems.append(Problem(f"{flag} decides nothing without verdicts", "add --quality QC.tsv"))
    if not rules and not problems:
        problems.append(Problem("there is no rule", "add --where, --only, --without or --quality"))
    refuse(f"the rules for {table}", problems)
    return Made(kept(_restricted(cohort, rules), out), tuple(note for rule in rules for note in rule.notes))


def join_metadata(
    table: str | Path, other: str | Path, out: str | Path, *, columns: Sequence[str] | None = None
) -> Made:
    """Add the columns of another table to a cohort.

    Parameters
    ----------
    table
        The cohort (TSV).
    other
        A table (TSV) of sessions, or of participants where it has no ``session_id``.
    out
        Where to write the joined cohort (TSV); its flow goes beside it.
    columns
        Which to add; all by default.

    Raises
    ------
    InputError
        When the tables disagree, a row of `other` stands there twice, or nobody is in both; all at once.
    """
    table, other, out = Path(table), Path(other), Path(out)
    cohort = read_with_flow(table)
    frame = tables.read(other, ["participant_id"], text=IDS)
    joined = join(cohort, frame, str(other), None if columns is None else several(columns))
    rows = match(cohort, frame, str(other))
    notes = []
    if alone := [str(session) for session, row in zip(cohort.sessions, rows.tolist(), strict=True) if row < 0]:
        notes.append(f"Not in {other.name}, new columns n/a ({len(alone)} sessions): {listing(alone)}.")
    if unknown := strangers(frame, rows):
        notes.append(f"In {other.name}, not in {table.name} ({counted(len(unknown), 'row')}): {listing(unknown)}.")
    added = [column for column in joined.frame.columns if column not in cohort.frame.columns]
    rule = f"joined with {other.name} ({', '.join(added) or 'no new column'})"
    step = Step(rule, joined.participant_count, len(joined))
    return Made(kept(replace(joined, flow=(*cohort.flow, step)), out), tuple(notes))


def adapt_clinicadl(
    old: str | Path, new: str | Path, *, labels: Sequence[str] | None = None, pad_sessions: bool = False
) -> dict[str, Cohort]:
    """Bring a folder of labels of ClinicaDL <= 1.1.1 into today's layout.

    Parameters
    ----------
    old
        Folder with ``<LABEL>.tsv``, ``train/``, ``<subset>/``, ``train_splits-<k>/split-<i>/``, ...
    new
        Where to write ``labels.tsv``, ``train.tsv``, ``<subset>_baseline.tsv``, ``<k>_fold/split-<i>/``, ...; empty or new.
    labels
        Which to take; all by default.
    pad_sessions
        Write ``ses-M00`` as ``ses-M000``, as newer data sets do.

    Returns
    -------
    dict
        Each list that was written, by its path in `new`.

    Raises
    ------
    InputError
        When the folder does not hold together, or something stands at `new`.
    """
    old, new = Path(old), Path(new)
    if new.exists() and (not new.is_dir() or any(new.iterdir())):
        msg = f"{new} holds something already; nothing is ever written over. Choose another folder."
        raise InputError(msg)
    lists = clinicadl.read(old, None if labels is None else several(labels), pad_sessions=pad_sessions)
    with building(new) as place:
        for path, cohort in lists.items():
            cohort.write(place / path)
            if "/" not in path:
                flow.write(cohort.flow, flow.beside(place / path))
    return lists


def _restricted(cohort: Cohort, rules: Sequence[Rule]) -> Cohort:
    """Apply the rules in their order; each is told only of those who are still there."""
    here = np.arange(len(cohort))
    for rule in rules:
        kept = rule.kept[here]
        cohort = cohort.keep(kept, rule.text, [rule.reasons[i] for i in here.tolist()])
        here = here[kept]
    return cohort

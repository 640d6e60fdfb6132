"""From a table of sessions to a labelled cohort, each step in its flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.data.cohort.cohort import IDS, Cohort
from fimbria.data.cohort.labels.criteria import excluded, listed, met, sieve, visits, with_image
from fimbria.data.cohort.labels.definition import DECIDED
from fimbria.data.cohort.labels.rules import labelled
from fimbria.data.cohort.labels.timeline import interpolated, timeline, with_months

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fimbria.data.cohort.labels.definition import Definition


def label(
    cohort: Cohort,
    definition: Definition,
    *,
    missing_mods: Path | None = None,
    restriction: Path | None = None,
    columns: Sequence[str] = (),
) -> Cohort:
    """Give every session its label; who gets none leaves, with the rule and the reason.

    In this order: sessions that say a month; exclusions; the diagnosis is read, and filled in from other columns; the
    first session and the number of them; a missing diagnosis is taken from its neighbours in time; labels by their
    rules, over the whole history; then, only of labelled sessions, an image, the list, the conditions of inclusion.
    A visit that is not used can so still tell what became of a participant.

    Parameters
    ----------
    cohort
        One row a session, merged from whatever tables there are.
    definition
        What a label means.
    missing_mods
        Folder of tables of which images a session has; the definition's ``modality`` is wanted.
    restriction
        List of the only sessions to keep (TSV).
    columns
        Columns to write beside identifiers and label; empty for all.

    Returns
    -------
    Cohort
        Sorted by participant and month, with the label in the definition's ``output`` column and ``label_month``, the
        month of the session whose diagnosis decided the label.

    Raises
    ------
    InputError
        When a table, column or file cannot be used, or nobody is left.
    """
    for column in columns:
        cohort.column(column)
    cohort, month = with_months(cohort)
    cohort, here = sieve(cohort, excluded(cohort, definition))
    line = timeline(cohort, month[here], definition)
    line = line.at(*sieve(line.cohort, visits(line, definition)))
    line = interpolated(line, definition.output)
    labels, decided, criteria = labelled(line, definition)
    if missing_mods is not None:
        criteria.append(with_image(line, missing_mods, definition.modality))
    if restriction is not None:
        criteria.append(listed(line, restriction))
    criteria += met(line.cohort, definition.inclusion)
    chosen, kept = sieve(line.cohort, criteria)
    frame = chosen.frame.assign(**{definition.output: labels[kept], DECIDED: decided[kept]})
    if columns:
        frame = frame[list(dict.fromkeys([*IDS, definition.output, DECIDED, *columns]))]
    return Cohort(frame, chosen.name, chosen.flow)

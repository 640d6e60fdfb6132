"""``fimbria cohort restrict``, ``metadata``, ``adapt`` and ``summary``: tables of sessions made from tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from fimbria.cli.screen import print_flow, print_rows, say

if TYPE_CHECKING:
    from fimbria.workflows.restrict import Made

_Several = Parameter(consume_multiple=True)


def register(parent: App) -> None:
    """Hang the commands into the program."""
    for command in (restrict, metadata, adapt, summary):
        parent.command(command)


def restrict(
    table: Path,
    out: Path,
    *,
    where: Annotated[list[str] | None, _Several] = None,
    only: Path | None = None,
    without: Path | None = None,
    quality: Annotated[list[Path] | None, _Several] = None,
    threshold: float | None = None,
    judged_only: bool = False,
) -> None:
    """Keep the sessions that pass every rule; who leaves, at which rule and why, is written beside the table.

    Example: fimbria cohort restrict cohort.tsv older.tsv --where "age >= 62" "diagnosis in AD, CN"

    Example: fimbria cohort restrict cohort.tsv passed.tsv --quality QC.tsv --without withdrawn.tsv

    Parameters
    ----------
    table
        The cohort (TSV).
    out
        Where to write the restricted cohort (TSV).
    where
        Conditions: COLUMN >= VALUE (or <=, >, <, ==, !=), COLUMN in A, B, COLUMN not in A, B, COLUMN is missing,
        COLUMN is known. Dates are written 2020-01-31; quotes hold names with spaces together.
    only
        A list (TSV) of the participants, or sessions, to keep.
    without
        A list (TSV) of the participants, or sessions, to leave out.
    quality
        Verdicts of quality checks (TSV with the column pass, or a list of those who passed): who failed leaves.
    threshold
        Judge by pass_probability above it, instead of the verdict in the tables.
    judged_only
        Sessions without a verdict leave too.
    """
    from fimbria.workflows.restrict import restrict_cohort

    made = restrict_cohort(
        table,
        out,
        where=where or (),
        only=only,
        without=without,
        quality=quality or (),
        threshold=threshold,
        judged_only=judged_only,
    )
    _tell(made, out)


def metadata(table: Path, other: Path, out: Path, *, columns: Annotated[list[str] | None, _Several] = None) -> None:
    """Add the columns of another table; two tables that disagree are refused, and nobody leaves.

    Example: fimbria cohort metadata labels.tsv merged.tsv described.tsv --columns MMSE apoe4

    Parameters
    ----------
    table
        The cohort (TSV).
    other
        A table (TSV) of sessions, or of participants where it has no session_id.
    out
        Where to write the joined cohort (TSV).
    columns
        Which to add; all by default.
    """
    from fimbria.workflows.restrict import join_metadata

    _tell(join_metadata(table, other, out, columns=columns), out)


def adapt(
    old: Path, new: Path, *, labels: Annotated[list[str] | None, _Several] = None, pad_sessions: bool = False
) -> None:
    """Bring a folder of labels of ClinicaDL <= 1.1.1 (AD.tsv, CN.tsv, train/, ...) into today's layout.

    Example: fimbria cohort adapt labels_lists labels --labels AD CN

    Parameters
    ----------
    old
        Folder with one table a label, and folders of its splits.
    new
        Folder for labels.tsv, train.tsv, validation_baseline.tsv, 5_fold/split-0/, ...
    labels
        Which to take; all by default.
    pad_sessions
        Write ses-M00 as ses-M000, as newer data sets do.
    """
    from fimbria.workflows.restrict import adapt_clinicadl

    lists = adapt_clinicadl(old, new, labels=labels, pad_sessions=pad_sessions)
    print_rows(
        [
            {"list": path, "participants": cohort.participant_count, "sessions": len(cohort)}
            for path, cohort in lists.items()
        ]
    )
    say(f"Kept in {new}.")


def summary(
    table: Path,
    *,
    columns: Annotated[list[str] | None, _Several] = None,
    by: str | None = None,
    codes: Annotated[list[str] | None, _Several] = None,
    out: Path | None = None,
    flow: Path | None = None,
) -> None:
    """Describe the participants, overall and by group, missing values counted; draw who came in and who left.

    Example: fimbria cohort summary cohort.tsv --by diagnosis --out table1.html --flow flow.svg

    Parameters
    ----------
    table
        The cohort (TSV).
    columns
        What to describe; by default all columns but identifiers and free text.
    by
        Column whose values (of the first session) are the groups to compare.
    codes
        Columns whose numbers are names of categories.
    out
        Where to write the table: .tsv (every digit, for programs), .md or .html.
    flow
        Where to draw the flow that lies beside the table: .svg, .png or .html.
    """
    from fimbria.data.cohort.table_one import as_text
    from fimbria.workflows.summary import summarize_cohort

    made = summarize_cohort(table, columns=columns, by=by, codes=codes or (), out=out, flow=flow)
    say(as_text(made))
    for note in made.notes:
        say(note)
    for path in (out, flow):
        if path is not None:
            say(f"Kept in {path}.")


def _tell(made: Made, table: Path) -> None:
    """Show the flow of a table that was made, and what there is to know."""
    print_flow(made.cohort.flow)
    for note in made.notes:
        say(note)
    say(f"Kept in {table}.")

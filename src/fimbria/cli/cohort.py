"""``fimbria cohort``: tables of sessions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from fimbria.cli import labels, splits
from fimbria.cli.screen import print_flow, print_rows, say
from fimbria.cli.values import pairs

if TYPE_CHECKING:
    from fimbria.data.cohort.cohort import Cohort
    from fimbria.workflows.restrict import Made

_Several = Parameter(consume_multiple=True)
app = App(name="cohort", help="Who is studied: tables of sessions, and splits that cannot leak.")


def register(parent: App) -> None:
    """Hang the commands into the program."""
    for group in (labels, splits):
        group.register(app)
    parent.command(app)


@app.command
def from_bids(bids: Path, table: Path, *, suffix: str = "T1w", dataset: str = "") -> None:
    """List the sessions of a BIDS data set that have an image, with what its tables say of them.

    Example: fimbria cohort from-bids my-bids cohort.tsv

    Parameters
    ----------
    bids
        Folder of the data set; one without session folders gets the session ses-M000.
    table
        Where to write the cohort (TSV). Its flow, who was left out and why, goes beside it.
    suffix
        The image that a session must have.
    dataset
        Name of the data set, where several will be put together.
    """
    from fimbria.workflows.cohorts import cohort_from_bids

    _tell(cohort_from_bids(bids, table, suffix=suffix, dataset=dataset), table)


@app.command
def from_caps(
    caps: Path, table: Path, *, pipeline: str = "t1-linear", option: list[str] | None = None, dataset: str = ""
) -> None:
    """List the sessions of a CAPS, or of other derivatives, that have an image of a pipeline.

    Example: fimbria cohort from-caps my-caps cohort.tsv

    Parameters
    ----------
    caps
        CAPS folder; that of the derivatives for fmriprep, cat12 and deepmriprep.
    table
        Where to write the cohort (TSV).
    pipeline
        What preprocessed the images: `fimbria list pipelines`, or a TOML file of your own.
    option
        Option of the pipeline, NAME=VALUE, such as tracer=18FFDG; repeat it for several.
    dataset
        Name of the data set, where several will be put together.
    """
    from fimbria.workflows.cohorts import cohort_from_caps

    chosen = pairs(option or (), "--option")
    _tell(cohort_from_caps(caps, table, pipeline_name=pipeline, pipeline_options=chosen, dataset=dataset), table)


@app.command
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
    _tell_made(made, out)


@app.command
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

    _tell_made(join_metadata(table, other, out, columns=columns), out)


@app.command
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


@app.command
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


def _tell(cohort: Cohort, table: Path) -> None:
    """Show the flow of a new cohort."""
    print_flow(cohort.flow, 5)
    say(f"Baseline, {cohort.told_baseline()}.")
    say(f"Kept in {table}.")


def _tell_made(made: Made, table: Path) -> None:
    """Show the flow of a table that was made, and what there is to know."""
    print_flow(made.cohort.flow)
    for note in made.notes:
        say(note)
    say(f"Kept in {table}.")

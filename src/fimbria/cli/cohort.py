"""``fimbria cohort``: tables of sessions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from fimbria.cli import labels, splits, tables
from fimbria.cli.screen import print_flow, say
from fimbria.cli.values import pairs

if TYPE_CHECKING:
    from fimbria.data.cohort.cohort import Cohort

app = App(name="cohort", help="Who is studied: tables of sessions, and splits that cannot leak.")


def register(parent: App) -> None:
    """Hang the commands into the program."""
    for group in (labels, tables, splits):
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


def _tell(cohort: Cohort, table: Path) -> None:
    """Show the flow of a new cohort."""
    print_flow(cohort.flow, 5)
    say(f"Baseline, {cohort.told_baseline()}.")
    say(f"Kept in {table}.")

"""``fimbria cohort``: tables of sessions and their splits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from fimbria.cli.screen import print_rows, say

if TYPE_CHECKING:
    from fimbria.data.cohort.cohort import Cohort

app = App(name="cohort", help="Who is studied: tables of sessions, and splits that cannot leak.")


def register(parent: App) -> None:
    """Hang the commands into the program."""
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
def from_caps(caps: Path, table: Path, *, pipeline: str = "t1-linear", dataset: str = "") -> None:
    """List the sessions of a CAPS that have an image of a pipeline.

    Example: fimbria cohort from-caps my-caps cohort.tsv

    Parameters
    ----------
    caps
        CAPS folder.
    table
        Where to write the cohort (TSV).
    pipeline
        What preprocessed the images.
    dataset
        Name of the data set, where several will be put together.
    """
    from fimbria.workflows.cohorts import cohort_from_caps

    _tell(cohort_from_caps(caps, table, pipeline_name=pipeline, dataset=dataset), table)


@app.command
def split(
    table: Path,
    out: Path,
    *,
    test: float,
    stratify: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    seed: int = 0,
    name: str = "test",
) -> None:
    """Hold some participants out of a cohort; nobody can be on both sides.

    Example: fimbria cohort split cohort.tsv labels --test 20 --stratify diagnosis --seed 1

    Parameters
    ----------
    table
        The cohort (TSV).
    out
        Folder for train.tsv, test.tsv, their baseline lists and split.json.
    test
        Number of participants to hold out; below 1, their share.
    stratify
        Columns to spread evenly over both sides.
    seed
        The same seed gives the same split.
    name
        What to call the side that is held out; "validation" for a single split to train on.
    """
    from fimbria.workflows.cohorts import split_cohort

    made = split_cohort(table, out, test=test, stratify=stratify or (), seed=seed, name=name)
    print_rows(
        [
            {"side": side.name, "participants": side.participant_count, "sessions": len(side)}
            for side in (made.train, made.other)
        ]
    )
    say(f"Kept in {out}.")


@app.command
def kfold(
    table: Path,
    out: Path,
    *,
    folds: int = 5,
    stratify: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    seed: int = 0,
) -> None:
    """Deal the participants of a cohort into folds; each is validated once, and nobody is on two sides.

    Example: fimbria cohort kfold labels/train.tsv folds --folds 5 --stratify diagnosis --seed 1

    Parameters
    ----------
    table
        The cohort (TSV).
    out
        Folder for split-0/, split-1/, ... and kfold.json.
    folds
        How many.
    stratify
        Columns to spread evenly over the folds.
    seed
        The same seed gives the same folds.
    """
    from fimbria.workflows.cohorts import kfold_cohort

    made = kfold_cohort(table, out, folds=folds, stratify=stratify or (), seed=seed)
    print_rows(
        [
            {
                "split": one.index,
                "train": f"{one.train.participant_count} participants, {len(one.train)} sessions",
                "validation": f"{one.other.participant_count} participants, {len(one.other)} sessions",
            }
            for one in made
        ]
    )
    say(f"Kept in {out}.")


def _tell(cohort: Cohort, table: Path) -> None:
    """Show the flow of a new cohort."""
    print_rows(
        [
            {"step": step.rule, "participants": step.participants, "sessions": step.sessions, "left": len(step.left)}
            for step in cohort.flow
        ]
    )
    for step in cohort.flow:
        for session, reason in step.left[:5]:
            say(f"  left: {session} ({reason})")
    say(f"Kept in {table}.")

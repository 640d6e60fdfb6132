"""Tables of sessions from data sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimbria import tables
from fimbria.data.cohort import flow
from fimbria.data.cohort.cohort import Cohort
from fimbria.data.images import bids, caps
from fimbria.data.images.pipelines import Pipeline, pipeline
from fimbria.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def cohort_from_bids(data_set: str | Path, table: str | Path, *, suffix: str = "T1w", dataset: str = "") -> Cohort:
    """List the sessions of a BIDS data set that have an image, with what its tables say of them.

    Parameters
    ----------
    data_set
        Folder of the data set.
    table
        Where to write the cohort (TSV); its flow goes beside it.
    suffix
        The image that a session must have.
    dataset
        Name of the data set, where several will be put together: identity is data set and participant.

    Raises
    ------
    InputError
        When the folder is no BIDS data set, or its tables cannot be used.
    """
    return kept(bids.cohort(Path(data_set), pipeline.build("raw", {"suffix": suffix}), dataset), Path(table))


def cohort_from_caps(
    data_set: str | Path,
    table: str | Path,
    *,
    pipeline_name: str = "t1-linear",
    pipeline_options: Mapping[str, Any] | None = None,
    dataset: str = "",
) -> Cohort:
    """List the sessions of a data set that have an image of a pipeline.

    Parameters
    ----------
    data_set
        CAPS folder; the folder of BIDS derivatives for a pipeline that leaves its images there (fmriprep, cat12, ...).
    table
        Where to write the cohort (TSV); its flow goes beside it.
    pipeline_name, pipeline_options
        What preprocessed the images, and its options.
    dataset
        Name of the data set, where several will be put together: identity is data set and participant.

    Raises
    ------
    InputError
        When the folder is no data set of the pipeline's kind, or an option does not fit.
    """
    made = pipeline.build(pipeline_name, pipeline_options)
    return kept(listed_cohort(Path(data_set), made, dataset), Path(table))


def listed_cohort(data_set: Path, made: Pipeline, dataset: str = "") -> Cohort:
    """List the sessions of a data set of whatever kind that have an image of a pipeline."""
    lister = caps.cohort if made.layout == "caps" else bids.cohort
    return lister(data_set, made, dataset)


def several(names: str | Path | Sequence[str | Path]) -> tuple[str, ...]:
    """Give names as texts, one or several."""
    return (str(names),) if isinstance(names, str | Path) else tuple(map(str, names))


def read_with_flow(table: Path) -> Cohort:
    """Read a table with the flow that brought it here; one that was changed since begins anew from there."""
    cohort = Cohort.read(table)
    steps = flow.read(flow.beside(table))
    if not steps:
        return cohort
    same = (steps[-1].participants, steps[-1].sessions) == (cohort.participant_count, len(cohort))
    return replace(
        cohort, flow=steps if same else (*steps, replace(cohort.flow[0], rule=f"in {table}, changed by hand"))
    )


def kept(cohort: Cohort, table: Path) -> Cohort:
    """Write a cohort and its flow; what stands there already must say the same."""
    if table.exists() and (not table.is_file() or table.read_bytes() != tables.text(cohort.plain()).encode()):
        msg = f"{table} is there already and says something else; nothing is ever written over. Choose another name."
        raise InputError(msg)
    if table.is_file() and flow.read(flow.beside(table)) not in ((), cohort.flow):
        msg = f"{flow.beside(table)} tells of another way to the same table; nothing is ever written over. Choose another name."
        raise InputError(msg)
    cohort.write(table)
    flow.write(cohort.flow, flow.beside(table))
    return cohort

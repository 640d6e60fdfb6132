"""From raw scans to images on a common grid."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from fimbria import tables
from fimbria.atomic import write_json
from fimbria.data.images import bids, caps
from fimbria.data.images.layout import source_of
from fimbria.data.images.pipelines import pipeline
from fimbria.data.preprocessing.t1_linear import Alignment, T1LinearFiles, t1_linear
from fimbria.errors import ImageError, InputError, Problem, refuse
from fimbria.execution import executor, run
from fimbria.workflows.show import Show, quiet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.data.cohort.cohort import Session


@dataclass(frozen=True)
class Preprocessed:
    """What came of preprocessing a data set.

    Attributes
    ----------
    alignments
        How each image came to lie on the template.
    failed
        Sessions whose image could not be preprocessed, with the reason.
    skipped
        How many had been preprocessed before.
    """

    alignments: dict[Session, Alignment]
    failed: dict[Session, str]
    skipped: int


def preprocess_t1_linear(data_set: str | Path, out: str | Path, *, jobs: int = 1, show: Show = quiet) -> Preprocessed:
    """Correct the bias of every T1w image of a BIDS data set and align it to MNI152NLin2009cSym.

    Parameters
    ----------
    data_set
        BIDS folder.
    out
        CAPS folder; images that are there already are left as they are, so that a broken run goes on.
    jobs
        Processes.
    show
        Who watches.

    Returns
    -------
    Preprocessed
        Also written to ``t1-linear.tsv`` in the CAPS.

    Raises
    ------
    ProblemsError
        When a session has several T1w images; before anything is computed.
    """
    data_set, out = Path(data_set), Path(out)
    raw = pipeline.build("raw")
    cohort = bids.cohort(data_set, raw)
    source = source_of(data_set, raw)
    scans, problems = {}, []
    for session in cohort.sessions:
        try:
            scans[session] = source.find(session)
        except ImageError as error:
            problems.append(Problem(str(error)))
    refuse(str(data_set), problems)
    if data_set.resolve() == out.resolve():
        msg = f"{out} is the BIDS data set itself; choose another folder for the CAPS."
        raise InputError(msg)
    todo = [(session, raw, files_of(out, session, raw)) for session, raw in scans.items()]
    waiting = [job for job in todo if not alignment_file(job[2]).is_file()]
    done: dict[Session, Alignment] = {}
    failed: dict[Session, str] = {}
    with executor(jobs, len(waiting)) as pool:
        for outcome in show.track(run(_preprocess, waiting, pool), "t1-linear", len(waiting)):
            session = outcome.item[0]
            if isinstance(outcome.error, ImageError):
                failed[session] = str(outcome.error)
            elif outcome.error is not None:
                raise outcome.error
            elif outcome.result is not None:
                done[session] = outcome.result
    _write_table(out, [(session, files) for session, _, files in todo])
    return Preprocessed(done, failed, len(todo) - len(waiting))


def files_of(out: Path, session: Session, scan: Path) -> T1LinearFiles:
    """Give Clinica's names for the images of a session; ``ses-M000`` is added where BIDS has no session."""
    stem = scan.name.removesuffix(".gz").removesuffix(".nii").removesuffix("_T1w")
    whose = f"{session.participant_id}_{session.session_id}"
    entities = stem if stem.startswith(whose) else whose + stem.removeprefix(session.participant_id)
    return T1LinearFiles.of(caps.session_folder(out, session) / "t1_linear", entities)


def alignment_file(files: T1LinearFiles) -> Path:
    """Give the file that says how well an image lies on the template; it is written last, so it says that all are there."""
    return files.transform.with_name(files.transform.name.replace("_affine.mat", "_alignment.json"))


def _preprocess(job: tuple[Session, Path, T1LinearFiles]) -> Alignment:
    _, scan, files = job
    alignment = t1_linear(scan, files)
    write_json(alignment_file(files), {**asdict(alignment), "alarms": list(alignment.alarms)})
    return alignment


def _write_table(out: Path, images: Sequence[tuple[Session, T1LinearFiles]]) -> None:
    """Gather how each image was aligned, now or in earlier runs."""
    rows = []
    for session, files in images:
        if (path := alignment_file(files)).is_file():
            kept = json.loads(path.read_text(encoding="utf-8"))
            who = {"participant_id": session.participant_id, "session_id": session.session_id}
            rows.append({**who, **kept, "alarms": "; ".join(kept["alarms"])})
    if rows:
        tables.write(pd.DataFrame(rows), out / "t1-linear.tsv")

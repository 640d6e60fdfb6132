"""CAPS folders: preprocessed images by participant and session, named as Clinica does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from fimbria.data.cohort.cohort import IDS, Cohort, Session
from fimbria.data.images.bids import folders
from fimbria.data.images.listing import listed
from fimbria.errors import InputError, Problem, refuse

if TYPE_CHECKING:
    from pathlib import Path

    from fimbria.data.images.pipelines import Pipeline


def session_folder(root: Path, session: Session) -> Path:
    """Give the folder of a session."""
    return root / "subjects" / session.participant_id / session.session_id


def check(root: Path) -> None:
    """Refuse a folder that is no CAPS.

    Raises
    ------
    InputError
        When it does not exist, holds no ``subjects``, or is a BIDS data set.
    """
    if not root.is_dir():
        msg = f"there is no folder {root}; a CAPS was wanted. `fimbria preprocess` or `fimbria generate` makes one; if it has moved, say where to (--caps, --data.caps)."
        raise InputError(msg)
    if not (root / "subjects").is_dir():
        bids = bool(folders(root, "sub-"))
        hint = " It looks like a BIDS data set: run `fimbria preprocess t1-linear` on it first." if bids else ""
        msg = f"{root} holds no folder 'subjects', so it is no CAPS.{hint}"
        raise InputError(msg)


def cohort(root: Path, pipeline: Pipeline, dataset: str = "") -> Cohort:
    """List the sessions of a CAPS that have an image of the pipeline; the flow says who left.

    Raises
    ------
    InputError
        When the folder is no CAPS, or empty.
    """
    check(root)
    subjects = root / "subjects"
    sessions = [
        Session(dataset, person, name)
        for person in folders(subjects, "sub-")
        for name in folders(subjects / person, "ses-")
    ]
    refuse(
        str(root),
        [] if sessions else [Problem("it holds no sub-*/ses-* folder", "preprocess or generate images first")],
    )
    listed_ones = Cohort(pd.DataFrame(sessions, columns=list(IDS)), dataset or root.name)
    images = listed(root, pipeline)
    gone = [f"no {pipeline.name} image"] * len(sessions)
    return listed_ones.keep([images.has(session) for session in sessions], f"has a {pipeline.name} image", gone)

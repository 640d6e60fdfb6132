"""CAPS folders: preprocessed images by participant and session, named as Clinica does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from fimbria.data.cohort.cohort import IDS, Cohort, Session
from fimbria.data.images.bids import folders, matching
from fimbria.data.images.source import only
from fimbria.errors import InputError, Problem, refuse

if TYPE_CHECKING:
    from pathlib import Path

    from fimbria.data.images.pipelines import Pipeline


@dataclass(frozen=True)
class Caps:
    """A CAPS folder.

    Attributes
    ----------
    root
        Its folder, which holds ``subjects``.
    pipeline
        Which of its images are wanted.
    """

    root: Path
    pipeline: Pipeline

    def find(self, session: Session) -> Path:
        """Give the one image of a session.

        Raises
        ------
        ImageError
            When there is none, or several.
        """
        folder = session_folder(self.root, session) / self.pipeline.folder
        remedy = f"Looked in {folder}. Make it with `fimbria preprocess {self.pipeline.name}`."
        return only(matching(folder, self.pipeline, session), f"{self.pipeline.name} image", session, remedy)


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
        msg = f"there is no folder {root}; a CAPS was wanted. `fimbria preprocess` or `fimbria generate` makes one; if it has moved, `fimbria predict --caps` says where to."
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
    people = folders(root / "subjects", "sub-")
    sessions = [Session(dataset, person.name, folder.name) for person in people for folder in folders(person, "ses-")]
    refuse(
        str(root),
        [] if sessions else [Problem("it holds no sub-*/ses-* folder", "preprocess or generate images first")],
    )
    listed = Cohort(pd.DataFrame([tuple(s) for s in sessions], columns=list(IDS)), dataset or root.name)
    present = [bool(matching(session_folder(root, s) / pipeline.folder, pipeline, s)) for s in listed.sessions]
    gone = [f"no {pipeline.name} image"] * len(listed)
    return listed.keep(present, f"has a {pipeline.name} image", gone)

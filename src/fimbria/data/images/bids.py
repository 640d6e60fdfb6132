"""BIDS data sets: who is in them, and where their images are.

A data set without session folders is given the session ``ses-M000``, as Clinica does.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from fimbria import tables
from fimbria.data.cohort.cohort import IDS, Cohort, Session, Step
from fimbria.data.images.source import only
from fimbria.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fimbria.data.images.pipelines import Pipeline

ONLY_SESSION = "ses-M000"


@dataclass(frozen=True)
class Bids:
    """A BIDS data set.

    Attributes
    ----------
    root
        Its folder.
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
        what = f"{self.pipeline.name} image"
        return only(matching(folder, self.pipeline, session), what, session, f"Looked in {folder}.")


def matching(folder: Path, pipeline: Pipeline, session: Session) -> list[Path]:
    """Give the files of a folder that are the pipeline's for this session, sorted."""
    pattern = pipeline.names(session)
    try:
        with os.scandir(folder) as entries:
            return sorted(folder / entry.name for entry in entries if pattern.fullmatch(entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def session_folder(root: Path, session: Session) -> Path:
    """Give the folder of a session; that of the participant where there are no session folders."""
    person = root / session.participant_id
    nested = person / session.session_id
    return person if session.session_id == ONLY_SESSION and not nested.is_dir() else nested


def folders(root: Path, prefix: str) -> list[Path]:
    """Give the folders whose name begins with `prefix`, sorted."""
    with os.scandir(root) as entries:
        return sorted(root / entry.name for entry in entries if entry.name.startswith(prefix) and entry.is_dir())


def cohort(root: Path, pipeline: Pipeline, dataset: str = "") -> Cohort:
    """List the sessions of a BIDS data set with everything its tables say of them.

    Parameters
    ----------
    root
        Folder of the data set.
    pipeline
        The image that a session must have to stay.
    dataset
        Name of the data set, where several will be put together.

    Returns
    -------
    Cohort
        Columns of ``participants.tsv``, ``*_sessions.tsv`` and ``acq_time`` of ``*_scans.tsv``, where they exist.
        Its flow says who left: people of the table without a folder, sessions without an image.

    Raises
    ------
    InputError
        When the folder is no BIDS data set.
    """
    people = _people(root)
    sessions = [session for person in people for session in _sessions(person, dataset)]
    frame = pd.DataFrame([tuple(session) for session in sessions], columns=list(IDS))
    frame = _joined(frame, root / "participants.tsv", ["participant_id"])
    dated = pd.DataFrame(
        [row for session in sessions for row in _dates(root, session)],
        columns=["participant_id", "session_id", "acq_time"],
    )
    per_session = [
        tables.read(path, ["session_id"], text=IDS).assign(participant_id=person.name)
        for person in people
        if (path := person / f"{person.name}_sessions.tsv").is_file()
    ]
    for more in (pd.concat(per_session) if per_session else None, dated if len(dated) else None):
        if more is not None:
            new = [column for column in more.columns if column not in frame.columns]
            keys = ["participant_id", "session_id"]
            frame = frame.merge(more[[*keys, *new]].drop_duplicates(keys), on=keys, how="left")
    name = dataset or root.name
    listed = Cohort(frame, name, _start(root, people, sessions, dataset))
    present = [bool(matching(session_folder(root, s) / pipeline.folder, pipeline, s)) for s in listed.sessions]
    gone = [f"no {pipeline.name} image in {pipeline.folder}"] * len(listed)
    return listed.keep(present, f"has a {pipeline.name} image in {pipeline.folder}", gone)


def _people(root: Path) -> list[Path]:
    if not root.is_dir():
        msg = f"there is no folder {root}; a BIDS data set was wanted."
        raise InputError(msg)
    people = folders(root, "sub-")
    if not people:
        hint = (
            " It holds a folder 'subjects': is it a CAPS? Then use `fimbria cohort from-caps`."
            if (root / "subjects").is_dir()
            else ""
        )
        msg = f"{root} holds no sub-* folder, so it is no BIDS data set.{hint}"
        raise InputError(msg)
    return people


def _sessions(person: Path, dataset: str) -> list[Session]:
    nested = [folder.name for folder in folders(person, "ses-")]
    return [Session(dataset, person.name, name) for name in nested or [ONLY_SESSION]]


def _start(root: Path, people: list[Path], sessions: list[Session], dataset: str) -> tuple[Step, ...]:
    """Begin the flow with the people that the table names, also those without a folder."""
    table = root / "participants.tsv"
    standing = {person.name for person in people}
    named = set(tables.read(table, ["participant_id"], text=IDS)["participant_id"]) if table.is_file() else set()
    gone = tuple(
        (Session(dataset, who, ""), "in participants.tsv, without a folder") for who in sorted(named - standing)
    )
    first = Step(f"in {root.name}", len(standing | named), len(sessions))
    return (first, Step("has a folder", len(standing), len(sessions), gone)) if gone else (first,)


def _joined(frame: pd.DataFrame, table: Path, keys: list[str]) -> pd.DataFrame:
    if not table.is_file():
        return frame
    more = tables.read(table, keys, text=IDS)
    twice = more[more.duplicated(keys)]
    if len(twice):
        msg = f"{table} names {twice[keys[0]].iloc[0]} more than once. Keep one row of each participant."
        raise InputError(msg)
    return frame.merge(
        more.drop(columns=[c for c in more.columns if c in frame.columns and c not in keys]), on=keys, how="left"
    )


def _dates(root: Path, session: Session) -> Iterator[tuple[str, str, str]]:
    """Read when the first scan of a session was made, if ``scans.tsv`` says so."""
    folder = session_folder(root, session)
    for name in (f"{session.participant_id}_{session.session_id}_scans.tsv", f"{session.participant_id}_scans.tsv"):
        if (path := folder / name).is_file():
            scans = tables.read(path, ["filename"])
            if "acq_time" in scans.columns and scans["acq_time"].notna().any():
                yield session.participant_id, session.session_id, str(scans["acq_time"].dropna().min())
            return

"""BIDS data sets: who is in them, and where their images are.

A data set without session folders is given the session ``ses-M000``, as Clinica does.
"""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from fimbria import tables
from fimbria.data.cohort.cohort import IDS, Cohort, Session, Step
from fimbria.data.images.listing import listed
from fimbria.data.images.pipelines.pattern import ONLY_SESSION
from fimbria.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fimbria.data.images.listing import Listing
    from fimbria.data.images.pipelines import Pipeline


def folders(root: Path, prefix: str) -> list[str]:
    """Give the names of the folders that begin with `prefix`, sorted; none where there is no such place.

    Raises
    ------
    InputError
        When the folder cannot be read.
    """
    try:
        with os.scandir(root) as entries:
            return sorted(entry.name for entry in entries if entry.name.startswith(prefix) and entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        msg = f"the folder {root} cannot be read ({error.strerror}). Ask its owner to let you read it."
        raise InputError(msg) from error


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
    images = listed(root, pipeline)
    people = _people(root, images)
    nested = {person: folders(root / person, "ses-") for person in people}
    sessions = _sessions(people, nested, images, dataset)
    frame = pd.DataFrame(sessions, columns=list(IDS))
    frame = _joined(frame, root / "participants.tsv", ["participant_id"])
    dated = pd.DataFrame(
        [row for session in sessions for row in _dates(root, session, nested[session.participant_id])],
        columns=["participant_id", "session_id", "acq_time"],
    )
    visits = _visits(root, people)
    for more in (visits, dated if len(dated) else None):
        if more is not None:
            new = [column for column in more.columns if column not in frame.columns]
            keys = ["participant_id", "session_id"]
            frame = frame.merge(more[[*keys, *new]].drop_duplicates(keys), on=keys, how="left")
    standing = Cohort(frame, dataset or root.name, _start(root, people, sessions, dataset))
    what = f"{pipeline.name} image{_where(pipeline)}"
    present = [images.has(session) for session in standing.sessions]
    return standing.keep(present, f"has a {what}", [f"no {what}"] * len(standing))


def _where(pipeline: Pipeline) -> str:
    """Name the folder of a session that holds the images, if there is but one."""
    inner = pipeline.folder("sub-", "ses-").rpartition("/")[2]
    return "" if inner in ("", "sub-", "ses-") else f" in {inner}"


def _people(root: Path, images: Listing) -> list[str]:
    if not root.is_dir():
        msg = f"there is no folder {root}; a BIDS data set was wanted."
        raise InputError(msg)
    people = sorted({*folders(root, "sub-"), *(person for person, _ in images.files)})
    if not people:
        hint = (
            " It holds a folder 'subjects': is it a CAPS? Then use `fimbria cohort from-caps`."
            if (root / "subjects").is_dir()
            else ""
        )
        msg = f"{root} holds no sub-* folder, so it is no BIDS data set.{hint}"
        raise InputError(msg)
    return people


def _sessions(people: Sequence[str], nested: dict[str, list[str]], images: Listing, dataset: str) -> list[Session]:
    """Give the sessions that have a folder or an image."""
    pictured: dict[str, list[str]] = {}
    for person, name in images.files:
        pictured.setdefault(person, []).append(name)
    return [
        Session(dataset, person, name)
        for person in people
        for name in sorted({*nested[person], *pictured.get(person, ())}) or [ONLY_SESSION]
    ]


def _start(root: Path, people: Sequence[str], sessions: Sequence[Session], dataset: str) -> tuple[Step, ...]:
    """Begin the flow with the people that the table names, also those without a folder."""
    table = root / "participants.tsv"
    standing = set(people)
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


def _visits(root: Path, people: Sequence[str]) -> pd.DataFrame | None:
    """Read everybody's ``*_sessions.tsv``; those that are plain and have the same columns in one go."""
    alike: dict[str, list[str]] = {}
    read = []
    for person in people:
        path = root / person / f"{person}_sessions.tsv"
        if not path.is_file():
            continue
        header, *rows = path.read_bytes().decode("utf-8", "replace").rstrip("\n").split("\n")
        columns = header.split("\t")
        if _plain(columns, rows):
            alike.setdefault(header, []).extend(f"{person}\t{row}" for row in rows)
        else:
            read.append(tables.read(path, ["session_id"], text=IDS).assign(participant_id=person))
    for header, rows in alike.items():
        text = "\n".join([f"participant_id\t{header}", *rows])
        missing = list(tables.MISSING)
        read.append(
            pd.read_csv(
                StringIO(text), sep="\t", na_values=missing, keep_default_na=False, dtype=dict.fromkeys(IDS, "str")
            )
        )
    return pd.concat(read) if read else None


def _plain(columns: Sequence[str], rows: Sequence[str]) -> bool:
    """Tell whether a table can be read together with others: any doubt, and it is read alone, to be told of by name."""
    signs = set('\r"\ufffd\ufeff')
    named = "session_id" in columns and "participant_id" not in columns and len(set(columns)) == len(columns)
    even = all(row.count("\t") == len(columns) - 1 for row in rows)
    return bool(rows) and named and even and not any(signs & set(line) for line in (*columns, *rows))


def _dates(root: Path, session: Session, nested: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Read when the first scan of a session was made, if ``scans.tsv`` says so."""
    _, person, name = session
    folder = f"{root}/{person}/{name}" if name in nested else f"{root}/{person}"
    for table in (f"{folder}/{person}_{name}_scans.tsv", f"{folder}/{person}_scans.tsv"):
        if os.path.isfile(table):  # noqa: PTH113  (asked for every session: paths as text are several times faster)
            scans = tables.read(Path(table), ["filename"])
            if "acq_time" in scans.columns and scans["acq_time"].notna().any():
                yield person, name, str(scans["acq_time"].dropna().min())
            return

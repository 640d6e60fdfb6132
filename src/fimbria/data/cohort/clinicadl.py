"""Label folders as ClinicaDL wrote them up to 1.1.1: one table a label, in folders a side and a split."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from fimbria.data.cohort.cohort import IDS, Cohort, Session, shared_participants
from fimbria.errors import InputError, Problem, ProblemsError, did_you_mean, listing, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_DEALT = re.compile(r"(?P<side>.+)_splits-(?P<count>\d+)")
_SPLIT = re.compile(r"split-\d+")
_BASELINE = "_baseline"
_PARTS = {"sMCI", "pMCI"}  # made of the same people as MCI


@dataclass(frozen=True)
class Place:
    """A folder of one table a label, and where it goes.

    Attributes
    ----------
    folder
        Where the tables lie.
    target
        Folder they go to, relative to the new one.
    name
        What they become: ``labels``, ``train``, ``validation``, ...
    """

    folder: Path
    target: str
    name: str


def read(old: Path, labels: Sequence[str] | None = None, *, pad_sessions: bool = False) -> dict[str, Cohort]:
    """Put the tables of each label together.

    Parameters
    ----------
    old
        Folder with ``<LABEL>.tsv``, ``train/``, ``<subset>/``, ``train_splits-<k>/split-<i>/``, ...
    labels
        Which to take; all by default.
    pad_sessions
        Write ``ses-M00`` as ``ses-M000``.

    Returns
    -------
    dict
        Path in the new folder (``labels.tsv``, ``5_fold/split-0/train.tsv``) -> who is listed there.

    Raises
    ------
    ProblemsError
        When there is nothing of the kind, a label is missing somewhere, a session has two labels, or somebody is on two
        sides; all at once.
    """
    if not old.is_dir():
        msg = f"there is no folder {old}; one with a table a label (AD.tsv, CN.tsv, train/, ...) was wanted."
        raise InputError(msg)
    places = sorted(_places(old, ""), key=lambda place: (place.target, place.name))
    chosen = _chosen(old, places, labels)
    problems = []
    lists: dict[str, Cohort] = {}
    for place in places:
        for ending in ("", _BASELINE):
            try:
                cohort = _together(place, chosen, ending, old, pad_sessions=pad_sessions)
            except ProblemsError as error:
                problems += [Problem(f"{error.about}: {problem.what}", problem.remedy) for problem in error.problems]
                continue
            except InputError as error:
                problems.append(Problem(str(error)))
                continue
            if cohort is not None:
                lists[_below(place.target, f"{place.name}{ending}.tsv")] = cohort
    problems += _leaks(lists)
    refuse(str(old), problems)
    return lists


def _chosen(old: Path, places: Sequence[Place], labels: Sequence[str] | None) -> tuple[str, ...]:
    """Give the labels to take; refuse those that are not there, and those that are made of the same people."""
    known = sorted({path.stem.removesuffix(_BASELINE) for place in places for path in place.folder.glob("*.tsv")})
    if not known:
        msg = f"there is no table of a label in {old}; the layout of ClinicaDL 1.1.1 (AD.tsv, CN.tsv, train/, ...) was wanted."
        raise InputError(msg)
    chosen = tuple(dict.fromkeys(labels)) if labels else tuple(known)
    problems = [
        Problem(f"no table of label {label} in {old}", did_you_mean(label, known))
        for label in chosen
        if label not in known
    ]
    if "MCI" in chosen and (parts := sorted(_PARTS & set(chosen))):
        others = [label for label in chosen if label not in {"MCI", *_PARTS}]
        ways = [f"--labels {' '.join([*others, *those])}" for those in (["MCI"], parts)]
        problems.append(
            Problem(
                f"MCI holds the people of {' and '.join(parts)} too, and a session has one label",
                f"choose {' or '.join(ways)}",
            )
        )
    refuse(str(old), problems)
    return chosen


def _places(folder: Path, target: str) -> Iterator[Place]:
    """Find the folders of tables below one, with where they go."""
    if not target and any(folder.glob("*.tsv")):
        yield Place(folder, "", "labels")
    for child in sorted(path for path in folder.iterdir() if path.is_dir()):
        if dealt := _DEALT.fullmatch(child.name):
            for split in sorted(path for path in child.iterdir() if path.is_dir() and _SPLIT.fullmatch(path.name)):
                yield Place(split, _below(target, f"{dealt['count']}_fold/{split.name}"), dealt["side"])
        elif any(child.glob("*.tsv")):
            yield Place(child, target, child.name)
            yield from _places(child, _below(target, child.name))


def _below(target: str, name: str) -> str:
    return f"{target}/{name}" if target else name


def _together(place: Place, labels: Sequence[str], ending: str, old: Path, *, pad_sessions: bool) -> Cohort | None:
    """Put the labels of one list together; None where no label has such a list."""
    paths = {label: place.folder / f"{label}{ending}.tsv" for label in labels}
    there = {label: path for label, path in paths.items() if path.is_file()}
    where = place.folder.relative_to(old.parent)
    if not there:
        return None
    if gone := [path.name for path in paths.values() if not path.is_file()]:
        msg = f"{where} has {listing([path.name for path in there.values()])}, but no {listing(gone)}; name what to take with --labels"
        raise InputError(msg)
    frames = [_labelled(path, label, pad_sessions=pad_sessions) for label, path in there.items()]
    frame = pd.concat(frames, ignore_index=True)
    scope = [column for column in IDS if column in frame.columns]
    double = frame[frame.duplicated(scope, keep=False)]
    twice = (
        double.groupby(scope, sort=False)["diagnosis"].agg(lambda own: " and ".join(dict.fromkeys(own))).reset_index()
    )
    if clashes := [f"{' '.join(row[:-1])} ({row[-1]})" for row in twice.to_numpy().tolist() if " and " in row[-1]]:
        msg = (
            f"{where}: sessions with two labels: {listing(clashes)}; keep one, or name the labels to take with --labels"
        )
        raise InputError(msg)
    months = frame["session_id"].str.extract(r"(\d+)", expand=False).astype(float)
    order = frame.assign(month=months).sort_values(["participant_id", "month", "session_id"], kind="stable").index
    return Cohort(frame.loc[order], name=f"{where}/{{{','.join(there)}}}{ending}.tsv")


def _labelled(path: Path, label: str, *, pad_sessions: bool) -> pd.DataFrame:
    """Read the table of a label; its name is the diagnosis."""
    frame = Cohort.read(path).plain()
    if "diagnosis" not in frame.columns:
        frame = frame.assign(diagnosis=label)
    others = frame[frame["diagnosis"].astype("str") != label]
    if len(others):
        row = others.iloc[0]
        who = Session("", row["participant_id"], row["session_id"])
        msg = f"{path} is the table of {label}, but diagnosis is {row['diagnosis']!r} for {who} ({len(others)} rows); name the labels to take with --labels"
        raise InputError(msg)
    if pad_sessions:
        padded = frame["session_id"].str.replace(
            r"^ses-M(\d{1,2})$", lambda found: f"ses-M{int(found[1]):03d}", regex=True
        )
        frame = frame.assign(session_id=padded)
    return frame


def _leaks(lists: dict[str, Cohort]) -> Iterable[Problem]:
    """Find who is in the train list of a folder and in another list beside it."""
    for path, cohort in lists.items():
        folder, _, name = path.rpartition("/")
        train = lists.get(_below(folder, "train.tsv"), lists.get(_below(folder, "train_baseline.tsv")))
        if train is None or name.startswith(("train", "labels")):
            continue
        if shared := shared_participants(train, cohort):
            yield Problem(
                f"{listing(shared)} in {train.name} and in {cohort.name}",
                "what is learnt from a participant would be scored on the same one: make these splits again",
            )

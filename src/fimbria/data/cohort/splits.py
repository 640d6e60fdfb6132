"""Splits that cannot hold a participant on two sides, the ways to make them, and their files."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pandas.api.types import is_numeric_dtype

from fimbria import tables
from fimbria.atomic import write_json
from fimbria.data.cohort import flow
from fimbria.data.cohort.cohort import Cohort, shared_participants
from fimbria.errors import InputError, LeakError, Problem, TableError, listing, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from fimbria.data.cohort.cohort import Step

_FOLDER = re.compile(r"split-(\d+)")


@dataclass(frozen=True, eq=False)
class Split:
    """One partition of a cohort into sides; nobody can be on two of them.

    Attributes
    ----------
    index
        Its number, as in ``split-0``.
    train, other
        The side that is learnt from, and the one that is held out.
    name
        What the held-out side is called: ``validation``, ``test``.

    Raises
    ------
    LeakError
        When a participant is on both sides.
    """

    index: int
    train: Cohort
    other: Cohort
    name: str = "validation"

    def __post_init__(self) -> None:
        """Refuse a leak."""
        if shared := shared_participants(self.train, self.other):
            msg = (
                f"{listing(shared)} in {self.train.name} and in {self.other.name}: what is learnt from a participant "
                "would be scored on the same participant. Make splits with `fimbria cohort kfold`, they cannot overlap."
            )
            raise LeakError(msg)


class Splitter(Protocol):
    """A way to make splits."""

    def split(self, cohort: Cohort, rng: np.random.Generator) -> Iterator[Split]:
        """Give the splits of a cohort; the same generator gives the same splits."""
        ...


@dataclass(frozen=True)
class HoldOut:
    """Hold some participants out, stratified.

    Attributes
    ----------
    size
        Number of participants to hold out; below 1, their share.
    stratify
        Columns whose values (of the first session) are spread evenly over both sides.
    name
        What to call the side that is held out.
    """

    size: float
    stratify: tuple[str, ...] = ()
    name: str = "test"

    def split(self, cohort: Cohort, rng: np.random.Generator) -> Iterator[Split]:
        """Give the one split.

        Raises
        ------
        InputError
            When nobody, or everybody, would be held out.
        """
        people = cohort.participants
        wanted = round(self.size * len(people)) if self.size < 1 else int(self.size)
        if self.size >= 1 and wanted != self.size:
            msg = f"--{self.name} {self.size:g}: a whole number of participants was wanted, or a share below 1."
            raise InputError(msg)
        if not 0 < wanted < len(people):
            msg = f"--{self.name} {self.size:g} would hold out {wanted} of {len(people)} participants of {cohort.name}; at least one is wanted on each side."
            raise InputError(msg)
        # A systematic sample of the people in the order of their strata: every stratum, and every value of the first
        # column, gives its share to within one person; the generator settles the rest.
        ordered = [members[i] for members in _strata(cohort, self.stratify, rng) for i in rng.permutation(len(members))]
        start, step = rng.random(), len(ordered) / wanted
        held = {ordered[int((start + place) * step)] for place in range(wanted)}
        yield _split(cohort, held, 0, self.name)


@dataclass(frozen=True)
class KFold:
    """Deal the participants into folds, stratified; each fold is held out once.

    Attributes
    ----------
    folds
        How many.
    stratify
        Columns whose values (of the first session) are spread evenly over the folds.
    """

    folds: int
    stratify: tuple[str, ...] = ()
    name = "validation"

    def split(self, cohort: Cohort, rng: np.random.Generator) -> Iterator[Split]:
        """Give one split a fold.

        Raises
        ------
        ProblemsError
            When there are fewer than two folds, or fewer participants of some stratum than folds.
        """
        if self.folds < 2:  # noqa: PLR2004  (one fold holds out everybody)
            msg = f"--folds {self.folds}: at least 2 are needed."
            raise InputError(msg)
        strata = _strata(cohort, self.stratify)
        small = [members for members in strata if len(members) < self.folds]
        refuse(
            f"{self.folds} folds of {cohort.name}",
            [
                Problem(
                    f"only {len(members)} participants like {members[0][1]} ({', '.join(self.stratify) or 'all'})",
                    f"at most {len(members)} folds, or stratify on less",
                )
                for members in small
            ],
        )
        dealt: list[set[tuple[str, str]]] = [set() for _ in range(self.folds)]
        place = 0  # goes on from stratum to stratum, so that the folds differ by one participant at most
        for members in strata:
            for i in rng.permutation(len(members)):
                dealt[place % self.folds].add(members[i])
                place += 1
        for index, held in enumerate(dealt):
            yield _split(cohort, held, index, self.name)


def write_split(split: Split, folder: Path) -> dict[str, str]:
    """Write the lists of a split as ClinicaDL names them: all sessions and baseline sessions of each side.

    Returns
    -------
    dict
        SHA-256 of each list by file name, for the manifest.
    """
    digests = {}
    for side, cohort in (("train", split.train), (split.name, split.other)):
        for name, content in ((f"{side}.tsv", cohort), (f"{side}_baseline.tsv", cohort.baseline())):
            content.write(folder / name)
            digests[name] = hashlib.sha256(tables.text(content.plain()).encode()).hexdigest()
    return digests


def write_manifest(path: Path, rule: Mapping[str, Any], steps: Sequence[Step], digests: Mapping[str, str]) -> None:
    """Write the rule of the splits with their seed, the cohort's flow, and the SHA-256 of every list, beside them."""
    write_json(path, {**rule, "flow": flow.as_plain(steps), "sha256": dict(digests)})


def read_flow(folder: Path) -> tuple[Step, ...]:
    """Read the flow of the cohort that the splits of a folder were made of; empty if it is not known."""
    for manifest in _manifests(folder):
        try:
            return flow.from_plain(json.loads(manifest.read_text(encoding="utf-8")).get("flow", []))
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            msg = f"the flow in {manifest} cannot be read. Make the splits again, or remove that file."
            raise TableError(msg) from error
    return ()


def _manifests(folder: Path) -> list[Path]:
    return [path for path in (folder / "kfold.json", folder / "split.json") if path.is_file()]


def read_splits(folder: Path, needed: Sequence[str] = ()) -> list[Split]:
    """Read the splits of a folder: ``split-<i>/`` folders, or one split that lies there directly.

    Lists are taken whole (``train.tsv``); where only the baseline list exists (``train_baseline.tsv``) it is taken.
    A list whose SHA-256 is not the one its manifest has is refused.

    Raises
    ------
    ProblemsError, TableError, LeakError
        When there is no split, a list cannot be used or was changed, or a participant is on two sides; all at once.
    """
    if not folder.is_dir():
        msg = f"there is no folder of splits {folder}. Make one with `fimbria cohort kfold`."
        raise TableError(msg)
    numbered = {int(match[1]): path for path in folder.iterdir() if (match := _FOLDER.fullmatch(path.name))}
    places = sorted(numbered.items()) if numbered else [(0, folder)]
    splits, problems = [], _changed_lists(folder)
    for index, place in places:
        try:
            train = _side(place, "train", needed)
            other = _side(place, "validation", needed)
            splits.append(Split(index, train, other))
        except InputError as error:
            problems.append(Problem(str(error)))
    refuse(str(folder), problems)
    return splits


def _side(folder: Path, side: str, needed: Sequence[str]) -> Cohort:
    for name in (f"{side}.tsv", f"{side}_baseline.tsv"):
        if (folder / name).is_file():
            return Cohort.read(folder / name, needed)
    hint = ""
    if side == "validation" and (folder / "test.tsv").is_file():
        hint = f" test.tsv is kept for prediction; to train, split {folder / 'train.tsv'} further with `fimbria cohort kfold`."
    msg = f"there is no {side}.tsv (nor {side}_baseline.tsv) in {folder}.{hint}"
    raise TableError(msg)


def _changed_lists(folder: Path) -> list[Problem]:
    problems = []
    for manifest in _manifests(folder):
        try:
            recorded = dict(json.loads(manifest.read_text(encoding="utf-8")).get("sha256", {}))
        except (ValueError, AttributeError, TypeError):
            problems.append(Problem(f"{manifest} cannot be read as JSON", "make the splits again"))
            continue
        for name, digest in recorded.items():
            path = folder / name
            if not path.is_file() and path.parent.is_dir():
                problems.append(Problem(f"{path} was made and is gone", "make the splits again"))
            elif path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                problems.append(
                    Problem(
                        f"{path} is not the list that was made (its SHA-256 differs)",
                        "make the splits again",
                    )
                )
    return problems


def _strata(
    cohort: Cohort, columns: Sequence[str], rng: np.random.Generator | None = None
) -> list[list[tuple[str, str]]]:
    """Group participants by the values of their first session; numbers in their order, words in that of the generator."""
    first = cohort.baseline()
    problems = [
        Problem(f"{column} is missing for {listing(missing)}", "fill it in, or do not stratify on it")
        for column in columns
        if (missing := [str(s) for s, gone in zip(first.sessions, first.column(column).isna(), strict=True) if gone])
    ]
    refuse(cohort.name, problems)
    values = [first.column(column) for column in columns]
    told = [of if is_numeric_dtype(of) else _lots(of.astype(str), rng) for of in values]
    keys = list(zip(*told, strict=True))
    groups: dict[tuple[Any, ...], list[tuple[str, str]]] = {}
    for session, key in sorted(zip(first.sessions, keys or [()] * len(first), strict=True)):
        groups.setdefault(key, []).append(session.participant)
    return [groups[key] for key in sorted(groups)]


def _lots(words: pd.Series, rng: np.random.Generator | None) -> pd.Series:
    """Give each different word a number, drawn by lot."""
    if rng is None:
        return words
    known = sorted(set(words))
    return words.map(dict(zip(known, rng.permutation(len(known)).tolist(), strict=True)))


def _split(cohort: Cohort, held: set[tuple[str, str]], index: int, name: str) -> Split:
    kept = set(cohort.participants) - held
    train = cohort.of_participants(kept).named("train")
    return Split(index, train, cohort.of_participants(held).named(name), name)

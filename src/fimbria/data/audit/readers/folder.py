"""Folders of lists: which lists make a split, and what is held out of the folds inside. Each list is read once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from fimbria.data.audit.readers import identity
from fimbria.errors import InputError, listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from fimbria.data.audit.readers.identity import Naming

    Sides = Mapping[str, Sequence[Path]]

NUMBERED = re.compile(r"(?:split|fold)-(\d+)")


@dataclass(frozen=True)
class Leaf:
    """The lists of one split.

    Attributes
    ----------
    name
        Its place in the folder; empty for the folder itself.
    sides
        Side -> its lists, those of all sessions before those of baseline sessions.
    inner
        Splits that were made of its training side.
    """

    name: str
    sides: Mapping[str, tuple[Path, ...]]
    inner: tuple[Leaf, ...] = field(default=())


class Found(NamedTuple):
    """What a folder of lists holds.

    Attributes
    ----------
    items
        Rows as `identity.identify` gives them, with ``split`` and ``side``.
    notes
        What there is to say of how they were read.
    """

    items: pd.DataFrame
    notes: tuple[str, ...]


def held_out(sides: Mapping[str, tuple[Path, ...]]) -> dict[str, tuple[Path, ...]]:
    """Give the sides of a split that stay held out of the splits made of its training side."""
    return {
        ("outer " if side == "validation" else "") + side: lists for side, lists in sides.items() if side != "train"
    }


def number(leaves: Sequence[Leaf]) -> tuple[list[int], tuple[str, ...]]:
    """Give splits their numbers, as their folders do; others, with a note, where two would have one."""
    found = [NUMBERED.fullmatch(leaf.name) for leaf in leaves]
    own = [int(match[1]) for match in found if match]
    if len(leaves) == 1 and not own:
        return [0], ()
    if len(own) == len(leaves) == len(set(own)):
        return own, ()
    names = [f"split-{place} is {leaf.name or 'the folder itself'}" for place, leaf in enumerate(leaves)]
    return list(range(len(leaves))), (f"the splits are numbered anew: {listing(names, 30)}.",)


def assemble(root: Path, leaves: Iterable[Leaf], read: Callable[[Path], pd.DataFrame]) -> Found:
    """Put the lists of all splits together.

    Parameters
    ----------
    root
        The folder, for messages.
    leaves
        As the folder lays them out; one with inner splits counts by itself only if it trains on people that no inner
        split has.
    read
        Reads one list; asked once for each.

    Raises
    ------
    InputError
        When there is no split with two sides; when a list cannot be read.
    """
    known: dict[Path, pd.DataFrame] = {}

    def rows(lists: Iterable[Path]) -> pd.DataFrame:
        parts: list[pd.DataFrame] = []
        for path in lists:
            if path not in known:
                known[path] = read(path)
            part = known[path]
            if path.stem.endswith("_baseline") and parts:  # its sessions are in the other list too, or should be
                part = part[~_keys(part).isin(set(pd.concat([_keys(other) for other in parts])))]
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    kept: list[Leaf] = []
    for leaf in leaves:
        kept += leaf.inner
        if not leaf.inner or (leaf.sides.keys() > {"train"} and _left_out(leaf, rows)):
            kept.append(leaf)
    if not kept:
        msg = f"{root} holds no list of a split."
        raise InputError(msg)
    numbers, notes = number(kept)
    alone = [leaf.name or root.name for leaf in kept if len(leaf.sides) == 1]
    if alone:
        notes = (*notes, f"there is one side only in {listing(alone)}.")
    items = pd.concat(
        [
            rows(lists).assign(split=place, side=side)
            for place, leaf in zip(numbers, kept, strict=True)
            for side, lists in leaf.sides.items()
        ],
        ignore_index=True,
    )
    return Found(items, notes)


def reader(naming: Naming, notes: list[str]) -> Callable[[Path], pd.DataFrame]:
    """Give what reads one list; what it could not tell goes into `notes`."""

    def read(path: Path) -> pd.DataFrame:
        frame, told = identity.read(path, naming)
        notes.extend(told)
        return frame

    return read


def _left_out(leaf: Leaf, rows: Callable[[Iterable[Path]], pd.DataFrame]) -> bool:
    """Tell whether a split trains on somebody whom no split made of its training side has."""
    inside: set[str] = set()
    for inner in leaf.inner:
        for side in inner.sides.keys() & {"train", "validation"}:
            inside |= set(_people(rows(inner.sides[side])))
    return not set(_people(rows(leaf.sides["train"]))) <= inside


def _people(frame: pd.DataFrame) -> pd.Series:
    return frame["dataset"] + "\n" + frame["participant_id"]


def _keys(frame: pd.DataFrame) -> pd.Series:
    return _people(frame) + "\n" + frame["session_id"] + "\n" + frame["item"]

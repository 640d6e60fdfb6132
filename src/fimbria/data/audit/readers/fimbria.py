"""Splits as `fimbria cohort` writes them, and as ClinicaDL's tsvtools do: lists in folders, with a manifest beside."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from fimbria.data.audit.material import Material
from fimbria.data.audit.readers import folder, lists
from fimbria.data.audit.readers.folder import Leaf
from fimbria.data.cohort import flow
from fimbria.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fimbria.data.audit.readers.identity import Naming
    from fimbria.data.cohort.cohort import Step

MANIFESTS = ("kfold.json", "split.json")
_INNER = re.compile(r"(?:split|fold|repeat)-\d+|split(?:_\d+)?|\d+_fold(?:_\d+)?")
_DEEPEST = 5  # folders of a study of splits of splits; nobody nests further


def is_folder(root: Path) -> bool:
    """Tell whether a folder holds lists as `fimbria cohort` and ClinicaDL's tsvtools lay them out."""
    return root.is_dir() and next(_leaves(root, root, {}), None) is not None


def is_ours(root: Path) -> bool:
    """Tell whether a manifest of ours lies in a folder, or in a folder of splits inside it."""
    return any("sha256" in manifest for place in (root, *_inner(root)) for manifest in _manifests(place).values())


def read(root: Path, naming: Naming, label: str | None = None) -> Material:
    """Read a folder of splits.

    Parameters
    ----------
    root
        Holds ``train.tsv`` and lists of held-out sides, or folders ``split-<i>`` that do, at any depth. A side that is
        held out beside folders of splits is held out of each of these; so is a test list of the folder above.
    naming
        How to tell whose an item is.
    label
        The column that is learnt.

    Raises
    ------
    InputError
        When a list cannot be read.
    """
    notes: list[str] = []
    above = _above(root, notes)
    found = folder.assemble(root, _leaves(root, root, above), folder.reader(naming, notes))
    ours = is_ours(root)
    notes += [*found.notes, *_unread(root), *_changed(root)]
    label = label or _label(root)
    kind = "splits" if ours else "ClinicaDL splits"
    return Material(str(root), kind, found.items, label, flow=_flow(root), notes=tuple(notes))


def _leaves(root: Path, place: Path, above: Mapping[str, tuple[Path, ...]], depth: int = 0) -> Iterator[Leaf]:
    sides = _sides(place)
    held = {**above, **folder.held_out(sides)}
    inner = tuple(
        leaf for within in _inner(place) if depth < _DEEPEST for leaf in _leaves(root, within, held, depth + 1)
    )
    name = "" if place == root else place.relative_to(root).as_posix()
    whole = Leaf(name, {**above, **sides}, inner)
    if "train" in sides or (sides and not inner):
        yield whole
    else:
        yield from inner


def _sides(place: Path) -> dict[str, tuple[Path, ...]]:
    """Give the lists that lie in a folder, by their side."""
    named = ["train", "validation", "test"]
    for manifest in _manifests(place).values():
        subset = manifest.get("subset_name")
        if isinstance(subset, str) and re.fullmatch(r"[\w.+-]{1,100}", subset) and subset not in named:
            named.append(subset)
    found = {side: tuple(place / f"{side}{which}.tsv" for which in ("", "_baseline")) for side in named}
    there = {side: tuple(path for path in paths if path.is_file()) for side, paths in found.items()}
    return {side: paths for side, paths in there.items() if paths}


def _inner(place: Path) -> list[Path]:
    """Give the folders of splits inside a folder, in the order of their numbers."""
    if not place.is_dir():
        return []
    inside = [
        path
        for path in place.iterdir()
        if path.is_dir() and (_INNER.fullmatch(path.name) or any((path / name).is_file() for name in MANIFESTS))
    ]
    return sorted(inside, key=lambda path: [int(part) if part.isdigit() else part for part in _words(path.name)])


def _words(name: str) -> list[str]:
    """Cut a name into words and numbers, beginning with a word, so that names can be compared."""
    return re.split(r"(\d+)", name)


def _above(root: Path, notes: list[str]) -> dict[str, tuple[Path, ...]]:
    """Find a test side that the folder above holds out of the splits that were made of its training side."""
    parent = root.absolute().parent
    if not (parent / "split.json").is_file() or folder.NUMBERED.fullmatch(root.name):
        return {}
    held = {side: paths for side, paths in folder.held_out(_sides(parent)).items() if side == "test"}
    notes += [f"{paths[0].name} of the folder above, {parent.name}, is held out too." for paths in held.values()]
    return held


def _manifests(place: Path) -> dict[Path, dict[str, Any]]:
    """Read what a folder says of its lists; a manifest that is none says nothing."""
    found = {}
    for path in (place / name for name in MANIFESTS):
        if path.is_file():
            try:
                plain = lists.read_json(path)
            except InputError:
                plain = None
            found[path] = plain if isinstance(plain, dict) else {}
    return found


def _places(root: Path, depth: int = 0) -> Iterator[Path]:
    yield root
    for within in _inner(root) if depth < _DEEPEST else []:
        yield from _places(within, depth + 1)


def _unread(root: Path) -> Iterator[str]:
    """Name the lists, by the baseline list beside them, that are of no side anybody said."""
    for place in _places(root):
        known = {path.name for paths in _sides(place).values() for path in paths}
        for path in sorted(place.glob("*_baseline.tsv")):
            if path.name not in known:
                yield f"{path.relative_to(root)} was not read: no split.json says which side it is; give it with --test."


def _changed(root: Path) -> Iterator[str]:
    """Name the lists that are not those that a manifest of ours says were made."""
    for place in _places(root):
        for manifest, plain in _manifests(place).items():
            if not plain:
                yield f"{manifest.relative_to(root)} cannot be read; whether the lists are those that were made is not known."
            recorded = plain.get("sha256", {})
            for name, digest in recorded.items() if isinstance(recorded, dict) else ():
                path = place / str(name)
                if ".." in path.parts or not path.is_file():
                    yield f"{manifest.relative_to(root)} tells of {name}, which is not there."
                elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                    yield f"{path.relative_to(root)} is not the list that was made (its SHA-256 differs)."


def _label(root: Path) -> str | None:
    """Give the column that is to be learnt, where a manifest tells and the lists have it."""
    told = next((plain["label"] for plain in _manifests(root).values() if isinstance(plain.get("label"), str)), None)
    return told or None


def _flow(root: Path) -> tuple[Step, ...]:
    """Read who left the cohort before it was split, where a manifest tells."""
    for plain in _manifests(root).values():
        try:
            return flow.from_plain(plain.get("flow", []))
        except (KeyError, TypeError, ValueError, json.JSONDecodeError):
            continue
    return ()

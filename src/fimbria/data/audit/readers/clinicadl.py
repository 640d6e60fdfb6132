"""What ClinicaDL 1.x leaves behind: its older lists, one a label, and its MAPS. Newer lists are as `fimbria` reads ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from fimbria.data.audit.material import Material
from fimbria.data.audit.readers import folder, lists, sides
from fimbria.data.audit.readers.folder import Leaf
from fimbria.errors import InputError, listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fimbria.data.audit.readers.identity import Naming

SEEN = "train+validation"
_FOLDS = re.compile(r"(?P<side>.+)_splits-(?P<count>\d+)")
_ALONE = "single"  # the name that ClinicaDL gives the data set where there is one alone


def is_maps(root: Path) -> bool:
    """Tell whether a folder is a MAPS of ClinicaDL 1.x, with ``maps.json`` or at least the lists of its training."""
    return root.is_dir() and ((root / "maps.json").is_file() or bool(_groups_of(root, "train")))


def is_older(root: Path) -> bool:
    """Tell whether a folder holds lists as ClinicaDL 1.1 laid them out: one TSV a label, one folder a side."""
    return root.is_dir() and next(_leaves(root, root, {}), None) is not None


def read_older(root: Path, naming: Naming, label: str | None = None) -> Material:
    """Read lists as ClinicaDL 1.1 laid them out.

    Parameters
    ----------
    root
        Holds ``train/<LABEL>.tsv`` and ``<side>/<LABEL>_baseline.tsv``, or ``train_splits-<k>/split-<i>/<LABEL>.tsv`` and
        so on. The labels of a side are put together; ``diagnosis`` is the label where a list has no such column.

    Raises
    ------
    InputError
        When a list cannot be read.
    """
    notes: list[str] = []
    plainly = folder.reader(naming, notes)

    def read(path: Path) -> pd.DataFrame:
        frame = plainly(path)
        return frame if "diagnosis" in frame else frame.assign(diagnosis=path.stem.removesuffix("_baseline"))

    found = folder.assemble(root, _leaves(root, root, {}), read)
    return Material(str(root), "ClinicaDL 1.1 splits", found.items, label, notes=(*notes, *found.notes))


def read_maps(root: Path, naming: Naming, label: str | None = None) -> Material:
    """Read the people of a MAPS of ClinicaDL 1.x.

    Returns
    -------
    Material
        Each split's train and validation side; every other group is held out of each, under its own name. Who stands in
        ``groups/train+validation.tsv`` and in no split was seen in a training before.

    Raises
    ------
    InputError
        When it has no lists of its training, or one cannot be read.
    """
    notes: list[str] = []
    record = _record(root, notes)
    read = _scoped(naming, notes)
    trained = _groups_of(root, "train")
    if not trained:
        msg = f"{root} has no groups/train/split-<i>/data.tsv, which say whom a MAPS was trained on."
        raise InputError(msg)
    items, validated = [], _groups_of(root, "validation")
    for split, path in trained.items():
        items.append(read(path).assign(split=split, side="train"))
        if split in validated:
            items.append(read(validated[split]).assign(split=split, side="validation"))
    if lacking := sorted(trained.keys() - validated.keys()):
        notes.append(f"split {listing(lacking)} has no groups/validation/split-<i>/data.tsv.")
    own = pd.concat(items, ignore_index=True)
    others = {
        path.parent.name: read(path)
        for path in sorted((root / "groups").glob("*/data.tsv"))
        if path.parent.name not in {"train", "validation"}
    }
    learnt = label if label is not None else record.get("label")
    return Material(
        str(root),
        "ClinicaDL MAPS",
        sides.everywhere(own, others),
        learnt if isinstance(learnt, str) else None,
        pretrained=_pretrained(root, own, read, record, notes),
        pipeline=_pipeline(record),
        notes=tuple(notes),
    )


def _scoped(naming: Naming, notes: list[str]) -> Any:  # noqa: ANN401  (what reads one list)
    plainly = folder.reader(naming, notes)

    def read(path: Path) -> pd.DataFrame:
        frame = plainly(path)
        alone = frame["dataset"] == _ALONE
        images = frame["image"].where(~alone, frame["image"].str.removeprefix(f"{_ALONE}: "))
        return frame.assign(dataset=frame["dataset"].where(~alone, ""), image=images)

    return read


def _record(root: Path, notes: list[str]) -> Mapping[str, Any]:
    path = root / "maps.json"
    if not path.is_file():
        notes.append("there is no maps.json, so it is not known which column was learnt.")
        return {}
    record = lists.read_json(path)
    if not isinstance(record, dict):
        msg = f"{path} is not the record of a MAPS: names and values in braces were wanted."
        raise InputError(msg)
    return record


def _groups_of(root: Path, side: str) -> dict[int, Path]:
    """Give the list of a side in each split, by the split's number."""
    found = {}
    for path in (root / "groups" / side).glob("*/data.tsv"):
        if match := folder.NUMBERED.fullmatch(path.parent.name):
            found[int(match[1])] = path
    return dict(sorted(found.items()))


def _pretrained(
    root: Path,
    own: pd.DataFrame,
    read: Any,  # noqa: ANN401  (what reads one list)
    record: Mapping[str, Any],
    notes: list[str],
) -> frozenset[tuple[str, str]] | None:
    """Give whom the weights had seen before; None if that is not known."""
    path = root / "groups" / f"{SEEN}.tsv"
    if not path.is_file():
        notes.append(f"there is no groups/{SEEN}.tsv, so it is not known whom the weights had seen before.")
        return None
    seen = read(path)
    before = set(zip(seen["dataset"], seen["participant_id"], strict=True))
    before -= set(zip(own["dataset"], own["participant_id"], strict=True))
    source = record.get("transfer_path")
    if source and not before:
        notes.append("the weights were trained before, on people who cannot be told from those of this training.")
        return None
    return frozenset(before)


def _pipeline(record: Mapping[str, Any]) -> str | None:
    described = record.get("preprocessing_dict")
    name = described.get("preprocessing") if isinstance(described, dict) else record.get("preprocessing")
    return name if isinstance(name, str) else None


def _leaves(root: Path, place: Path, above: Mapping[str, tuple[Path, ...]], depth: int = 0) -> Iterator[Leaf]:
    """Find the splits of an older folder; those made of a training side lie inside its folder."""
    folders = {path.name: path for path in sorted(place.iterdir()) if path.is_dir()} if place.is_dir() else {}
    beside = {name: _lists(path) for name, path in folders.items() if not _FOLDS.fullmatch(name)}
    found = {name: paths for name, paths in beside.items() if paths and (name == "train" or "train" in beside)}
    if "train" in found and len(found) > 1:
        held = {**above, **folder.held_out(found)}
        inner = tuple(_leaves(root, place / "train", held, depth + 1)) if depth < 2 else ()  # noqa: PLR2004  (split, then folds)
        yield Leaf(_name(root, place), {**above, **found}, inner)
    counts = sorted({int(match["count"]) for name in folders if (match := _FOLDS.fullmatch(name))})
    for count in counts:
        names = [name for name in folders if (match := _FOLDS.fullmatch(name)) and int(match["count"]) == count]
        yield from _folds(root, place, names, above)


def _folds(root: Path, place: Path, names: list[str], above: Mapping[str, tuple[Path, ...]]) -> Iterator[Leaf]:
    """Give one split for each ``<side>_splits-<k>/split-<i>``."""
    splits: dict[int, dict[str, tuple[Path, ...]]] = {}
    for name in names:
        for path in (place / name).iterdir():
            if (match := folder.NUMBERED.fullmatch(path.name)) and (found := _lists(path)):
                splits.setdefault(int(match[1]), {})[name.partition("_splits-")[0]] = found
    prefix = f"{_name(root, place)}/" if place != root else ""
    for split, held in sorted(splits.items()):
        if "train" in held:
            yield Leaf(f"{prefix}split-{split}", {**above, **held})


def _lists(place: Path) -> tuple[Path, ...]:
    """Give the lists of all labels, those of all sessions before those of baseline sessions."""
    found = [path for path in place.glob("*.tsv") if path.is_file()]
    return tuple(sorted(found, key=lambda path: (path.stem.endswith("_baseline"), path.name)))


def _name(root: Path, place: Path) -> str:
    return "" if place == root else place.relative_to(root).as_posix()

"""Splits as files: lists named as ClinicaDL names them, and a manifest that says how they were made."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from fimbria import tables
from fimbria.atomic import write_json, write_text
from fimbria.data.cohort import flow
from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.splits.split import Split
from fimbria.errors import InputError, Problem, TableError, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fimbria.data.cohort.cohort import Step
    from fimbria.data.cohort.splits.split import Splits

_FOLDER = re.compile(r"split-(\d+)")


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
            text = tables.text(content.plain())
            write_text(folder / name, text)
            digests[name] = hashlib.sha256(text.encode()).hexdigest()
    return digests


def write_manifest(
    path: Path,
    rule: Mapping[str, Any],
    steps: Sequence[Step],
    digests: Mapping[str, str],
    splits: Splits | None = None,
) -> None:
    """Write the rule of the splits with their seed, how alike their sides are, the flow, and the SHA-256 of every list.

    With `splits`, what each split holds, the notes, and the largest standardised difference of each variable are
    written too, and all differences as ``balance.tsv`` beside it.
    """
    told: dict[str, Any] = {}
    if splits is not None:
        told = {"splits": [_told(split) for split in splits], "notes": list(splits.notes)}
        if not splits.balance.empty:
            told["balance"] = splits.largest().to_dict("records")
            tables.write(splits.balance, path.with_name("balance.tsv"))
    write_json(path, {**rule, **told, "flow": flow.as_plain(steps), "sha256": dict(digests)})


def _told(split: Split) -> dict[str, Any]:
    counts = {
        side: {"participants": cohort.participant_count, "sessions": len(cohort)}
        for side, cohort in (("train", split.train), (split.name, split.other))
    }
    held = {"held_out": split.held_out} if split.held_out else {}
    return {"split": split.index, "repeat": split.repeat, **held, **counts}


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
    A list whose SHA-256 is not the one its manifest has is refused. What the manifest says was kept whole on one side,
    a family or a site, may not be on two.

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
    group_by, problems = _checked(folder)
    splits = []
    for index, place in places:
        try:
            train = _side(place, "train", needed)
            other = _side(place, "validation", needed)
            splits.append(Split(index, train, other, group_by=group_by))
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
        inner = sorted(folder.glob("*_fold"))
        further = (
            f"its folds are in {inner[0]}"
            if inner
            else f"split {folder / 'train.tsv'} further with `fimbria cohort kfold`"
        )
        hint = f" test.tsv is kept for prediction; to train, {further}."
    msg = f"there is no {side}.tsv (nor {side}_baseline.tsv) in {folder}.{hint}"
    raise TableError(msg)


def _checked(folder: Path) -> tuple[tuple[str, ...], list[Problem]]:
    """Give what the manifests of a folder say stays whole, and every list that is not as they say."""
    group_by: list[str] = []
    problems = []
    for manifest in _manifests(folder):
        try:
            content = json.loads(manifest.read_text(encoding="utf-8"))
            recorded = dict(content.get("sha256", {}))
            group_by += map(str, content.get("group", []))
        except (ValueError, AttributeError, TypeError):
            problems.append(Problem(f"{manifest} cannot be read as JSON", "make the splits again"))
            continue
        for name, digest in recorded.items():
            path = folder / name
            if not path.is_file() and path.parent.is_dir():
                problems.append(Problem(f"{path} was made and is gone", "make the splits again"))
            elif path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                problems.append(
                    Problem(f"{path} is not the list that was made (its SHA-256 differs)", "make the splits again")
                )
    return tuple(dict.fromkeys(group_by)), problems

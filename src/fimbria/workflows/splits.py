"""Splits of a cohort, written with how they were made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fimbria.atomic import building
from fimbria.data.audit import page
from fimbria.data.cohort import flow
from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.splits import (
    HoldOut,
    KFold,
    LeaveGroupOut,
    Nested,
    RepeatedKFold,
    Splits,
    write_manifest,
    write_split,
)
from fimbria.data.cohort.splits.exports import export, export_problems
from fimbria.data.images.layout import source_of
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import FimbriaError, ImageError, Problem, ProblemsError, refuse
from fimbria.provenance import sha256
from fimbria.workflows.certify import certify_splits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.data.cohort.cohort import Session, Step
    from fimbria.data.cohort.splits import Splitter

FOLDS = 5


class _Exports(NamedTuple):
    """What is written for other tools."""

    tools: tuple[str, ...]
    label: str | None
    images: Path | None
    pipeline: str


def split_cohort(  # noqa: PLR0913  (the rule of the split)
    table: str | Path,
    folder: str | Path,
    *,
    test: float,
    stratify: str | Sequence[str] = (),
    balance: str | Sequence[str] = (),
    group: str | Sequence[str] = (),
    seed: int = 0,
    name: str = "test",
    export: str | Sequence[str] = (),
    label: str | None = None,
    images: str | Path | None = None,
    pipeline_name: str = "t1-linear",
) -> Splits:
    """Hold some participants out of a cohort, stratified and balanced, and write both sides.

    Parameters
    ----------
    table
        The cohort (TSV).
    folder
        Where to write ``train.tsv``, ``<name>.tsv``, their baseline lists, ``balance.tsv`` and ``split.json``; empty or
        new.
    test
        Number of participants to hold out; below 1, their share.
    stratify
        Columns to spread evenly over both sides; numbers by quantiles.
    balance
        Columns to make alike on both sides, whatever their kind.
    group
        Columns whose values stay whole on one side: ``family_id``, ``site``.
    seed
        The same seed gives the same split.
    name
        What to call the side that is held out: ``test``, or ``validation`` for a split to train on.
    export
        Other tools to write it for as well: ``nnunet``, ``monai``, ``gandlf``, ``csv``; into ``export-<tool>/``.
    label
        Column that these tools shall predict; by default the first to stratify on.
    images, pipeline_name
        CAPS folder, and which of its images to name in the exports; without it, case identifiers stand there.

    Returns
    -------
    Splits
        The one split, how alike its sides are, and what there is to say of it.

    Raises
    ------
    InputError
        When the cohort cannot be split so; everything that is wrong at once.
    """
    by = _columns(stratify, balance, group)
    splitter = HoldOut(test, **by, name=name)
    problems = []
    if name not in ("test", "validation"):
        what = f"--name {name}: the side that is held out is called test, or validation for a split to train on"
        problems.append(Problem(what))
    rule = {"rule": "hold-out", "n_test": test, "subset_name": name, **_lists(by), "seed": seed}
    asked = _asked(export, label, by["stratify"], images, pipeline_name)
    return _made(Path(table), Path(folder), splitter, rule, asked, problems)


def kfold_cohort(  # noqa: PLR0913  (the rule of the splits)
    table: str | Path,
    folder: str | Path,
    *,
    folds: int | None = None,
    repeats: int | None = None,
    inner: int | None = None,
    leave_out: str | None = None,
    stratify: str | Sequence[str] = (),
    balance: str | Sequence[str] = (),
    group: str | Sequence[str] = (),
    seed: int = 0,
    export: str | Sequence[str] = (),
    label: str | None = None,
    images: str | Path | None = None,
    pipeline_name: str = "t1-linear",
) -> Splits:
    """Deal the participants of a cohort into folds, stratified and balanced, and write a split for each.

    Parameters
    ----------
    table
        The cohort (TSV).
    folder
        Where to write ``split-<i>/{train,validation}[_baseline].tsv``, ``balance.tsv`` and ``kfold.json``; empty or new.
    folds
        How many; 5 by default.
    repeats
        Deal so many times, each time otherwise; splits are numbered through.
    inner
        Deal the training side of each split into so many folds of its own, in ``split-<i>/<inner>_fold/``; the held-out
        side of the outer split is then called ``test``.
    leave_out
        Instead of folds: hold out each value of this column once.
    stratify, balance, group, seed, export, label, images, pipeline_name
        As in `split_cohort`.

    Returns
    -------
    Splits
        The splits, how alike their sides are, and what there is to say of them.

    Raises
    ------
    InputError
        When the cohort cannot be dealt so; everything that is wrong at once.
    """
    by = _columns(stratify, balance, group)
    name = "validation" if inner is None else "test"
    dealt: Splitter = KFold(FOLDS if folds is None else folds, **by, name=name)
    rule: dict[str, Any] = {"rule": "k-fold", "n_splits": FOLDS if folds is None else folds, "subset_name": name}
    problems = []
    if leave_out is not None:
        drawn = {"folds": folds, "repeats": repeats}
        if inner is None:
            drawn |= {"stratify": by["stratify"], "balance": by["balance"]}
        for option in (option for option, given in drawn.items() if given):
            what = f"--leave-out {leave_out} and --{option}"
            problems.append(Problem(what, f"each {leave_out} is held out once, nothing is dealt: give one of them"))
        dealt = LeaveGroupOut(leave_out, by["group"], name)
        rule = {"rule": "leave-one-out", "leave_out": leave_out, "subset_name": name}
    elif repeats is not None:
        dealt = RepeatedKFold(KFold(FOLDS if folds is None else folds, **by, name=name), repeats)
        rule["repeats"] = repeats
    if inner is not None:
        dealt = Nested(dealt, KFold(inner, **by))
        rule |= {"inner": inner, "inner_group": list(by["group"])}
    if leave_out is not None:
        by["group"] = tuple(dict.fromkeys((leave_out, *by["group"])))
    asked = _asked(export, label, by["stratify"], images, pipeline_name)
    return _made(Path(table), Path(folder), dealt, {**rule, **_lists(by), "seed": seed}, asked, problems)


def _columns(stratify: str | Sequence[str], balance: str | Sequence[str], group: str | Sequence[str]) -> dict[str, Any]:
    """Give each once, one name or several."""
    given = {"stratify": stratify, "balance": balance, "group": group}
    return {kind: (of,) if isinstance(of, str) else tuple(dict.fromkeys(of)) for kind, of in given.items()}


def _lists(by: dict[str, Any]) -> dict[str, list[str]]:
    return {"stratify": list(by["stratify"]), "balance_on": list(by["balance"]), "group": list(by["group"])}


def _asked(
    tools: str | Sequence[str],
    label: str | None,
    stratify: tuple[str, ...],
    images: str | Path | None,
    pipeline_name: str,
) -> _Exports:
    chosen = (tools,) if isinstance(tools, str) else tuple(dict.fromkeys(tools))
    first = next(iter(stratify), None) if label is None else label
    return _Exports(chosen, first if chosen else label, None if images is None else Path(images), pipeline_name)


def _made(  # noqa: PLR0913, PLR0917  (what the two functions share)
    table: Path, folder: Path, splitter: Splitter, rule: dict[str, Any], asked: _Exports, problems: list[Problem]
) -> Splits:
    """Check everything, split, and write all of it or nothing."""
    cohort = Cohort.read(table)
    seed = int(rule["seed"])
    if seed < 0:
        problems.append(Problem(f"--seed {seed}", "0 or a positive whole number is wanted"))
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        what = f"{folder} holds something already; splits are never written over"
        problems.append(Problem(what, "choose another folder"))
    found, missing = _images(cohort, asked)
    try:
        splits = splitter.split(cohort, np.random.default_rng(abs(seed)))
    except ProblemsError as error:
        problems += error.problems
    refuse(f"splits of {table}", [*problems, *export_problems(cohort, asked.tools, asked.label), *missing])
    rule["cohort"] = {"name": table.name, "sha256": sha256(table)}
    if asked.label:
        rule["label"] = asked.label
    steps = flow.read(flow.beside(table))
    label = asked.label or "diagnosis"
    certificate = certify_splits(folder.resolve().name, splits, steps, label, cohort)
    with building(folder) as place:
        _keep(splits, place, rule, steps, asked, found)
        page.write(certificate, place)
    return splits


def _images(cohort: Cohort, asked: _Exports) -> tuple[dict[Session, str] | None, list[Problem]]:
    """Find the images that the exports name, relative to the CAPS, and say which are not there."""
    if asked.images is None:
        return None, []
    if not asked.tools:
        return None, [Problem(f"--images {asked.images} without --export", "say which tool they are for")]
    found: dict[Session, str] = {}
    problems = list[Problem]()
    try:
        source = source_of(asked.images, pipeline.build(asked.pipeline))
    except FimbriaError as error:
        return None, [Problem(str(error))]
    whose: dict[str, Session] = {}
    for session in cohort.sessions:
        try:
            found[session] = source.find(session).relative_to(asked.images).as_posix()
        except ImageError as error:
            problems.append(Problem(str(error)))
            continue
        if (first := whose.setdefault(found[session], session)) != session:
            what = f"{session} and {first} would be one image: {found[session]}"
            problems.append(Problem(what, "a CAPS is of one data set; export the data sets one by one"))
    return found, problems


def _keep(  # noqa: PLR0913, PLR0917  (everything a folder of splits is made of)
    splits: Splits,
    place: Path,
    rule: dict[str, Any],
    steps: Sequence[Step],
    asked: _Exports,
    images: dict[Session, str] | None,
) -> dict[str, str]:
    """Write splits, those inside them, the manifest and the exports; give the SHA-256 of every list by its place."""
    digests = dict[str, str]()
    alone = rule["rule"] == "hold-out"
    for number, split in enumerate(splits):
        name = "" if alone else f"split-{split.index}/"
        digests |= {f"{name}{file}": digest for file, digest in write_split(split, place / name).items()}
        if not alone and not splits.inner:
            continue
        which = "a split" if alone else f"split {split.index}"
        told = {
            side.name: [*steps, replace(side.flow[0], rule=f"{side.name} of {which} (seed {rule['seed']})")]
            for side in (split.train, split.other)
        }
        for side, flow_of in told.items():
            flow.write(flow_of, flow.beside(place / name / f"{side}.tsv"))
        if splits.inner:
            inside = f"{name}{rule['inner']}_fold"
            kept = _keep(splits.inner[number], place / inside, _inner(rule, split.index), told["train"], asked, images)
            digests |= {f"{inside}/{file}": digest for file, digest in kept.items()}
    write_manifest(place / ("split.json" if alone else "kfold.json"), rule, steps, digests, splits)
    export(splits, asked.tools, place, asked.label, images)
    return digests


def _inner(rule: dict[str, Any], outside: int) -> dict[str, Any]:
    """Give the rule of the folds inside a split."""
    of = {key: rule[key] for key in ("stratify", "balance_on", "seed", "cohort")}
    folds = {"rule": "k-fold", "n_splits": rule["inner"], "subset_name": "validation", "inside": f"split-{outside}"}
    return {**folds, **of, "group": rule["inner_group"]}

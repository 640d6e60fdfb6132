"""Tables of sessions from data sets, and their splits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimbria import tables
from fimbria.atomic import building
from fimbria.data.cohort import flow
from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.splits import HoldOut, KFold, Split, write_manifest, write_split
from fimbria.data.images import bids, caps
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


def cohort_from_bids(data_set: str | Path, table: str | Path, *, suffix: str = "T1w", dataset: str = "") -> Cohort:
    """List the sessions of a BIDS data set that have an image, with what its tables say of them.

    Parameters
    ----------
    data_set
        Folder of the data set.
    table
        Where to write the cohort (TSV); its flow goes beside it.
    suffix
        The image that a session must have.
    dataset
        Name of the data set, where several will be put together: identity is data set and participant.

    Raises
    ------
    InputError
        When the folder is no BIDS data set, or its tables cannot be used.
    """
    return _written(bids.cohort(Path(data_set), pipeline.build("raw", {"suffix": suffix}), dataset), Path(table))


def cohort_from_caps(
    data_set: str | Path, table: str | Path, *, pipeline_name: str = "t1-linear", dataset: str = ""
) -> Cohort:
    """List the sessions of a CAPS that have an image of a pipeline.

    Raises
    ------
    InputError
        When the folder is no CAPS.
    """
    return _written(caps.cohort(Path(data_set), pipeline.build(pipeline_name), dataset), Path(table))


def split_cohort(  # noqa: PLR0913  (the rule of the split)
    table: str | Path,
    folder: str | Path,
    *,
    test: float,
    stratify: Sequence[str] = (),
    seed: int = 0,
    name: str = "test",
) -> Split:
    """Hold some participants out of a cohort, stratified, and write both sides.

    Parameters
    ----------
    table
        The cohort (TSV).
    folder
        Where to write ``train.tsv``, ``<name>.tsv``, their baseline lists and ``split.json``; empty or new.
    test
        Number of participants to hold out; below 1, their share.
    stratify
        Columns to spread evenly.
    seed
        The same seed gives the same split.
    name
        What to call the side that is held out: ``test``, or ``validation`` for a split to train on.

    Raises
    ------
    InputError
        When the cohort cannot be split so.
    """
    table, folder = Path(table), Path(folder)
    if name not in ("test", "validation"):
        msg = f"--name {name}: the side that is held out is called test, or validation for a split to train on."
        raise InputError(msg)
    stratify = (stratify,) if isinstance(stratify, str) else tuple(stratify)
    cohort = _ready(table, folder, stratify, seed)
    splitter = HoldOut(test, stratify, name)
    split = next(splitter.split(cohort, np.random.default_rng(seed)))
    steps = flow.read(flow.beside(table))
    rule = {"rule": "hold-out", "n_test": test, "subset_name": name, "stratify": list(stratify), "seed": seed}
    with building(folder) as place:
        write_manifest(place / "split.json", rule, steps, write_split(split, place))
        for side in (split.train, split.other):
            step = replace(side.flow[0], rule=f"{side.name} of a split (seed {seed})")
            flow.write([*steps, step], flow.beside(place / f"{side.name}.tsv"))
    return split


def kfold_cohort(
    table: str | Path, folder: str | Path, *, folds: int = 5, stratify: Sequence[str] = (), seed: int = 0
) -> list[Split]:
    """Deal the participants of a cohort into folds, stratified, and write a split for each.

    Parameters
    ----------
    table
        The cohort (TSV).
    folder
        Where to write ``split-<i>/{train,validation}[_baseline].tsv`` and ``kfold.json``; empty or new.
    folds
        How many.
    stratify
        Columns to spread evenly.
    seed
        The same seed gives the same folds.

    Raises
    ------
    InputError
        When the cohort cannot be dealt so.
    """
    table, folder = Path(table), Path(folder)
    stratify = (stratify,) if isinstance(stratify, str) else tuple(stratify)
    cohort = _ready(table, folder, stratify, seed)
    splits = list(KFold(folds, stratify).split(cohort, np.random.default_rng(seed)))
    rule = {"rule": "k-fold", "n_splits": folds, "subset_name": "validation", "stratify": list(stratify), "seed": seed}
    steps, digests = flow.read(flow.beside(table)), dict[str, str]()
    with building(folder) as place:
        for split in splits:
            name = f"split-{split.index}"
            digests |= {f"{name}/{file}": digest for file, digest in write_split(split, place / name).items()}
        write_manifest(place / "kfold.json", rule, steps, digests)
    return splits


def _written(cohort: Cohort, table: Path) -> Cohort:
    if table.is_file() and table.read_text(encoding="utf-8") != tables.text(cohort.plain()):
        msg = f"{table} is there already and says something else; nothing is ever written over. Choose another name."
        raise InputError(msg)
    cohort.write(table)
    flow.write(cohort.flow, flow.beside(table))
    return cohort


def _ready(table: Path, folder: Path, stratify: Sequence[str], seed: int) -> Cohort:
    """Read a cohort, and refuse a folder that holds splits: a study has one, made once."""
    if seed < 0:
        msg = f"--seed {seed}: 0 or a positive whole number is wanted."
        raise InputError(msg)
    cohort = Cohort.read(table, needed=stratify)
    if folder.is_dir() and any(folder.iterdir()):
        msg = f"{folder} holds something already; splits are never written over. Choose another folder."
        raise InputError(msg)
    return cohort

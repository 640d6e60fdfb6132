"""nnU-Net's ``splits_final.json``: a list of folds, each with the cases it trains on and those it holds out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from fimbria.data.audit.material import Material
from fimbria.data.audit.readers import identity
from fimbria.data.audit.readers.sides import side_of
from fimbria.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from fimbria.data.audit.readers.identity import Naming

NAME = "splits_final.json"
WANTED = "a list of folds such as [{'train': ['case_01', ...], 'val': ['case_02', ...]}, ...] was wanted"


def is_splits(plain: Any) -> bool:  # noqa: ANN401  (what a JSON file held)
    """Tell whether a JSON is meant as nnU-Net's: a list whose first entry has a training side."""
    return isinstance(plain, list) and bool(plain) and isinstance(plain[0], dict) and "train" in plain[0]


def read(path: Path, plain: Any, naming: Naming, label: str | None = None) -> Material:  # noqa: ANN401  (likewise)
    """Read nnU-Net's splits.

    Parameters
    ----------
    path
        The file, for messages.
    plain
        What it holds.
    naming
        How to tell whose a case is; by default from BIDS names.
    label
        The column that is learnt.

    Raises
    ------
    InputError
        When it is not as nnU-Net writes it.
    """
    if not is_splits(plain):
        msg = f"{path} is not as nnU-Net writes it: {WANTED}."
        raise InputError(msg)
    parts, notes = [], set[str]()
    for split, fold in enumerate(plain):
        if not isinstance(fold, dict) or not {"train", "val"} <= fold.keys():
            msg = f"{path}: fold {split} has not both 'train' and 'val'; {WANTED}."
            raise InputError(msg)
        for name, cases in fold.items():
            side = side_of(name)
            if side is None or not isinstance(cases, list) or any(not isinstance(case, str | int) for case in cases):
                msg = f"{path}: {name!r} of fold {split} is no list of cases of a side; {WANTED}."
                raise InputError(msg)
            parts.append(
                pd.DataFrame({"case": [str(case) for case in cases]}, dtype="object").assign(split=split, side=side)
            )
    rows = pd.concat(parts, ignore_index=True)
    named, told = identity.identify(rows[["case"]], identity.Roles(None, None, None, "case", ()), naming, path)
    notes |= set(told)
    items = named.assign(split=rows["split"], side=rows["side"])
    return Material(str(path), "nnU-Net splits", items, label, notes=tuple(sorted(notes)))

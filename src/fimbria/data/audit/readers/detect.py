"""What was given to be audited: which tool's it is, and its reader."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from fimbria.data.audit.readers import clinicadl, fimbria, gandlf, identity, lists, monai, nnunet, sides, table
from fimbria.data.audit.readers.identity import Naming
from fimbria.errors import InputError, MapsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fimbria.data.audit.material import Material

_OURS = r"(?:^|/)(?:(?P<dataset>[^/_]+)_)?(?P<participant>sub-[^_/]+)(?:_(?P<session>ses-[^_/.]+))?(?=[_.]|$)"
KINDS = (
    "a folder of splits of `fimbria cohort` or of ClinicaDL's tsvtools (train.tsv, validation.tsv, split-<i>/), "
    "a MAPS, nnU-Net's splits_final.json, a MONAI datalist (JSON), a folder of CSVs named after sides as GaNDLF writes "
    "them (training_0.csv, testing_0.csv), a CSV or TSV with a column of sides or folds"
)


def read(  # noqa: PLR0913  (what the command takes)
    what: Path,
    *,
    participant: str | None = None,
    partition: str | None = None,
    pattern: str | None = None,
    session: str | None = None,
    label: str | None = None,
    test: Sequence[Path] = (),
) -> Material:
    """Read what is to be audited, whoever made it.

    Parameters
    ----------
    what
        A file or folder; `KINDS` says of what kind. No image is opened, and no path that a file names is followed.
    participant, session
        Columns, or keys of a datalist, that say whose an item is; by default found by their names, then from BIDS names.
    partition
        The column of a table that says the sides or folds.
    pattern
        A regular expression that finds the participant in names.
    label
        The column that is learnt.
    test
        More tables, held out of every split.

    Raises
    ------
    InputError
        When it is of no known kind, or not as its kind should be, or holds nobody out; with the file and what was wanted.
    """
    naming = Naming(participant, session, pattern or (_OURS if _is_our_export(what) else None))
    try:
        material = _read(what, naming, partition, label, apart=bool(test))
        if test:
            more = [identity.read(_table(path), naming) for path in test]
            rows = pd.concat([frame for frame, _ in more], ignore_index=True)
            items = sides.everywhere(material.items.drop(columns="person"), {"test": rows})
            notes = (*material.notes, *(note for _, told in more for note in told))
            material = replace(material, items=items, notes=notes)
    except OSError as error:
        msg = f"{error.filename or what} cannot be read: {error.strerror or error}."
        raise InputError(msg) from error
    if material.items["side"].nunique() < 2:  # noqa: PLR2004  (nothing crosses from one side to itself)
        only = next(iter(material.items["side"]), "no")
        msg = f"{what} has one side only ({only}), so nothing can be on two. Give the lists that are held out with --test."
        raise InputError(msg)
    return material


def _is_our_export(what: Path) -> bool:
    """Tell whether a list was written by `fimbria cohort ... --export`: there a name may begin with its data set."""
    places = (what, *what.parents[:2])
    return any(place.name.startswith("export-") and fimbria.is_ours(place.parent) for place in places)


def is_fimbria_maps(path: Path) -> bool:
    """Tell whether a folder is a MAPS of Fimbria: its record bears the version of its schema."""
    if not (path / "maps.json").is_file():
        return False
    try:
        record = lists.read_json(path / "maps.json")
    except InputError:
        return False
    return isinstance(record, dict) and isinstance(record.get("schema_version"), int)


def _read(what: Path, naming: Naming, partition: str | None, label: str | None, *, apart: bool) -> Material:
    if what.is_dir():
        material = _folder(what, naming, label)
    elif not what.is_file():
        msg = f"there is no file or folder {what}."
        raise InputError(msg)
    elif what.suffix.lower() in lists.SHEETS:
        return table.read(what, naming, partition, label, whole=apart)
    elif what.suffix.lower() == ".json":
        material = _json(what, naming, label)
    else:
        msg = f"{what} is of no kind that is known. What can be audited: {KINDS}."
        raise InputError(msg)
    if partition is not None:
        msg = (
            f"--partition {partition} names a column of a table, and {what} is read as: {material.kind}. Leave it out."
        )
        raise InputError(msg)
    return material


def _folder(root: Path, naming: Naming, label: str | None) -> Material:
    if is_fimbria_maps(root):
        msg = f"{root} is a MAPS of Fimbria, not a list of somebody else's; read it as one."
        raise MapsError(msg)
    if clinicadl.is_maps(root):
        return clinicadl.read_maps(root, naming, label)
    if fimbria.is_folder(root):
        return fimbria.read(root, naming, label)
    if (root / nnunet.NAME).is_file():
        return _json(root / nnunet.NAME, naming, label)
    if clinicadl.is_older(root):
        return clinicadl.read_older(root, naming, label)
    if gandlf.is_folder(root):
        return gandlf.read(root, naming, label)
    msg = f"{root} holds nothing that is known. What can be audited: {KINDS}."
    raise InputError(msg)


def _json(path: Path, naming: Naming, label: str | None) -> Material:
    plain = lists.read_json(path)
    if nnunet.is_splits(plain) or path.name == nnunet.NAME:
        return nnunet.read(path, plain, naming, label)
    if monai.is_datalist(plain):
        return monai.read(path, plain, naming, label)
    msg = f"{path} is neither nnU-Net's ({nnunet.WANTED}) nor a MONAI datalist ({monai.WANTED})."
    raise InputError(msg)


def _table(path: Path) -> Path:
    if not path.is_file():
        msg = f"--test {path}: there is no such file."
        raise InputError(msg)
    if path.suffix.lower() not in lists.SHEETS:
        msg = f"--test {path}: a CSV or TSV was wanted."
        raise InputError(msg)
    return path

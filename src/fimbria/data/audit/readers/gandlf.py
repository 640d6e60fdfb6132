"""GaNDLF's lists: CSVs with a subject and its channels, one a side, as ``gandlf split-csv`` writes them; and lists alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fimbria.data.audit.material import Material
from fimbria.data.audit.readers import folder, lists
from fimbria.data.audit.readers.folder import Leaf
from fimbria.data.audit.readers.sides import side_of
from fimbria.errors import InputError, listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from fimbria.data.audit.readers.identity import Naming

    Named = Mapping[str, Mapping[int | None, Path]]

_SPLIT_CSV = re.compile(r"(training|validation|testing)_\d+")
_RUN = re.compile(r"(testing|validation)_\d+")  # folders of a nested training


def is_list(columns: Sequence[str]) -> bool:
    """Tell whether a table's columns are those of GaNDLF: a subject, and channels.

    Examples
    --------
    >>> is_list(["subjectid", "CHANNEL_0", "Label"]), is_list(["participant_id", "session_id"])
    (True, False)
    """
    lower = [column.lower() for column in columns]
    return any("subject" in name or "patient" in name for name in lower) and any("channel_" in name for name in lower)


def is_folder(root: Path) -> bool:
    """Tell whether a folder holds tables named after sides: ``training_0.csv``, ``data_validation.csv``, ``test.csv``."""
    return root.is_dir() and next(_leaves(root, root, {}, []), None) is not None


def read(root: Path, naming: Naming, label: str | None = None) -> Material:
    """Read a folder of tables named after sides.

    Parameters
    ----------
    root
        Its tables with one number are one split. ``gandlf split-csv`` keeps the training and validation lists of the
        first test fold alone, so ``testing_0.csv`` is held out of all of them; the other test lists are left out, with a
        note. In folders ``testing_<i>/validation_<j>`` every split has its own.
    naming
        How to tell whose an item is.
    label
        The column that is learnt.

    Raises
    ------
    InputError
        When a list cannot be read, or two lists of one split bear the same side.
    """
    notes: list[str] = []
    leaves = list(_leaves(root, root, {}, notes))
    found = folder.assemble(root, leaves, folder.reader(naming, notes))
    theirs = is_list(lists.columns(next(iter(leaves[0].sides.values()))[0]))
    kind = "GaNDLF splits" if theirs else "lists named after sides"
    return Material(str(root), kind, found.items, label, notes=(*notes, *found.notes))


def _leaves(root: Path, place: Path, above: Mapping[str, tuple[Path, ...]], notes: list[str]) -> Iterator[Leaf]:
    named = _named(place)
    training, validation, test = (named.get(side, {}) for side in ("train", "validation", "test"))
    within = sorted(path for path in place.iterdir() if path.is_dir() and _RUN.fullmatch(path.name))
    if within:
        held = {**above, "test": tuple(test.values())} if test else above
        for path in within:
            yield from _leaves(root, path, held, notes)
    prefix = "" if place == root else f"{place.relative_to(root).as_posix()}/"
    numbers = sorted({*training, *validation}, key=lambda number: -1 if number is None else number)
    for number in [number for number in numbers if number is not None] or numbers:
        sides = {
            side: (of.get(number) or of.get(None),) for side, of in (("train", training), ("validation", validation))
        }
        own = {side: tuple(path for path in paths if path is not None) for side, paths in sides.items()}
        own["test"] = _tests(test, number, prefix, notes if number in (numbers[0], None) else [])
        name = f"split-{number}" if number is not None else prefix.rstrip("/")
        leaf = Leaf(name, {**above, **{side: paths for side, paths in own.items() if paths}})
        if training and leaf.sides.keys() - {"train"}:
            yield leaf


def _tests(test: Mapping[int | None, Path], number: int | None, prefix: str, notes: list[str]) -> tuple[Path, ...]:
    """Give the test lists of a split."""
    if None in test or number is None:
        return tuple(test.values())
    if not test or not all(_SPLIT_CSV.fullmatch(path.stem) for path in test.values()):
        return (test[number],) if number in test else ()
    first, *others = sorted(place for place in test if place is not None)
    if others:
        names = listing([f"{prefix}{test[place].name}" for place in others])
        notes.append(
            f"{names}: not read; `gandlf split-csv` keeps the training lists of its first test fold alone, and "
            f"{test[first].name} is that fold."
        )
    return (test[first],)


def _named(place: Path) -> dict[str, dict[int | None, Path]]:
    """Give the tables of a folder by the side and the number in their names.

    Raises
    ------
    InputError
        When two have the same.
    """
    found: dict[str, dict[int | None, Path]] = {}
    for path in sorted(place.iterdir()):
        if path.suffix.lower() not in lists.SHEETS or not path.is_file():
            continue
        words = [word for word in re.split(r"[^A-Za-z0-9]+|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", path.stem) if word]
        sides = {side for word in words if (side := side_of(word))}
        numbers = [int(word) for word in words if word.isdigit()]
        if len(sides) != 1:
            continue
        side = sides.pop()
        of = found.setdefault(side, {})
        number = numbers[-1] if numbers else None
        if number in of:
            msg = f"{of[number]} and {path.name} could both be the {side} list of one split; move one of them away."
            raise InputError(msg)
        of[number] = path
    return found

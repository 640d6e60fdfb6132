"""Lists of whom something was computed from: Clinica's of a group template, and any ``*fitted_on.tsv``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria import tables
from fimbria.data.audit.material import Fitted
from fimbria.errors import FimbriaError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TEMPLATES = ("*subjects_visits_list.tsv",)  # of whose images Clinica made a group's template
FITTED = ("*fitted_on.tsv",)


def fitted_in(
    folder: Path, lists: Sequence[str], split: int | None = None, dataset: str = ""
) -> tuple[tuple[Fitted, ...], tuple[str, ...]]:
    """Find what was computed from people's images, where a list beside it says whose.

    Parameters
    ----------
    folder
        A CAPS or the folder of a training; it and its ``groups`` are looked through.
    lists
        How the lists are called: `TEMPLATES`, `FITTED`.
    split
        The split it serves; None for all.
    dataset
        Whose folder it is, for lists that do not say it.

    Returns
    -------
    fitted
        One for each ``*subjects_visits_list.tsv`` (Clinica's list of a DARTEL template) and ``*fitted_on.tsv``.
    notes
        Lists that could not be read.
    """
    found, notes = [], []
    for pattern in lists:
        for path in sorted({*folder.glob(pattern), *(folder / "groups").rglob(pattern)}):
            try:
                people = tables.read(path, ["participant_id"], text=("dataset", "participant_id", "session_id"))
            except FimbriaError as error:
                notes.append(str(error))
                continue
            scope = people["dataset"].fillna("") if "dataset" in people.columns else [dataset] * len(people)
            whom = frozenset(zip(scope, people["participant_id"].dropna(), strict=False))
            found.append(Fitted(f"{path.parent.name}/{path.name}", whom, split))
    return tuple(found), tuple(notes)

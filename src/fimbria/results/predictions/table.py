"""PredictionTable: what a network said of every part of every image, checked once and then trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fimbria import tables
from fimbria.errors import TableError, listing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

PERSON = ("dataset", "participant_id")
IMAGE = (*PERSON, "session_id")
SMALLEST = 1e-12  # probabilities are clipped here before their logarithm is taken
_TOLERANCE = 1e-3  # of a sum of probabilities: they may come from half precision


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """One row a part of an image: whose it is, its true label when known, and the probability of each class.

    Parameters
    ----------
    frame
        Columns, put in this order: ``dataset`` (empty text when there is none), ``participant_id``, ``session_id``,
        ``<part>_id`` (integer), ``true_label`` (when known), ``predicted_label``, ``p_<class>`` for every class (they
        sum to 1), ``loss`` (optional); any others come last. Labels and classes are text.
    part
        What a row is of: ``image``, ``patch``, ``slice``, ``roi``, or the name of a custom extraction's part.

    Raises
    ------
    TableError
        When a column is missing, a row is there twice, an identifier or a probability is missing, probabilities do
        not sum to 1, or a label is none of the classes.
    """

    frame: pd.DataFrame
    part: str

    def __post_init__(self) -> None:
        where = f"the table of predictions (level: {self.part})"
        tables.need(self.frame, (*IMAGE, self.part_id, "predicted_label"), where)
        given = self.frame.reset_index(drop=True)
        numbers = [column for column in given if column == "loss" or str(column).startswith("p_")]
        frame = given.assign(
            dataset=given["dataset"].astype("object").fillna("").astype("str"),
            **{str(name): pd.to_numeric(given[name], errors="coerce").astype(np.float64) for name in numbers},
        )
        first = [*IMAGE, self.part_id, "true_label", "predicted_label", *(n for n in numbers if n != "loss"), "loss"]
        order = [name for name in first if name in frame] + [name for name in frame if name not in first]
        object.__setattr__(self, "frame", frame[order])
        if complaint := next(_complaints(self), None):
            msg = f"{where} {complaint}"
            raise TableError(msg)

    @classmethod
    def read(cls, path: Path, part: str) -> PredictionTable:
        """Read a TSV; identifiers and labels stay text whatever they look like.

        Raises
        ------
        TableError
            When the file is not there or not such a table.
        """
        needed = (*IMAGE, f"{part}_id", "predicted_label")
        frame = tables.read(path, needed=needed, text=(*IMAGE, "true_label", "predicted_label"))
        try:
            return cls(frame, part)
        except TableError as error:
            msg = f"{path}: {error}"
            raise TableError(msg) from error

    def write(self, path: Path) -> None:
        """Write a TSV in canonical order: the same predictions give the same bytes."""
        frame = self.sorted().frame
        tables.write(frame.assign(dataset=frame["dataset"].replace("", "n/a")), path)

    @property
    def part_id(self) -> str:
        """Name of the column that tells the parts of an image from each other."""
        return f"{self.part}_id"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the columns."""
        return tuple(str(name)[2:] for name in self.frame if str(name).startswith("p_"))

    @property
    def labelled(self) -> bool:
        """Whether the true label of every row is known."""
        return bool((self.truth() >= 0).all())

    @property
    def participants(self) -> int:
        """Number of participants; ``sub-01`` of two data sets is two people."""
        return len(self.frame.drop_duplicates(list(PERSON)))

    @property
    def sessions(self) -> int:
        """Number of sessions, which is the number of images."""
        return len(self.frame.drop_duplicates(list(IMAGE)))

    def people(self) -> NDArray[np.int64]:
        """Give each row the number of its participant, from 0 in the order of the ids: shape ``(rows,)``."""
        return _numbered(self, PERSON)

    def images(self) -> NDArray[np.int64]:
        """Give each row the number of its image, from 0 in the order of the ids: shape ``(rows,)``."""
        return _numbered(self, IMAGE)

    def probabilities(self) -> NDArray[np.float64]:
        """Give the probability of each class: shape ``(rows, classes)``, float64."""
        return self.frame[[f"p_{name}" for name in self.classes]].to_numpy(np.float64)

    def truth(self) -> NDArray[np.int64]:
        """Give the position of the true label among the classes, -1 where it is not known: shape ``(rows,)``."""
        if "true_label" not in self.frame:
            return np.full(len(self.frame), -1, dtype=np.int64)
        return _codes(self, "true_label")

    def predicted(self) -> NDArray[np.int64]:
        """Give the position of the predicted label among the classes: shape ``(rows,)``."""
        return _codes(self, "predicted_label")

    def losses(self) -> NDArray[np.float64]:
        """Give the ``loss`` column where it is there and complete, else the log loss: shape ``(rows,)``."""
        if "loss" in self.frame and bool(self.frame["loss"].notna().all()):
            return self.frame["loss"].to_numpy(np.float64)
        return log_loss(self.probabilities(), self.truth())

    def sorted(self) -> PredictionTable:
        """Put the rows in canonical order: by dataset, participant, session, part."""
        return PredictionTable(self.frame.sort_values([*IMAGE, self.part_id], kind="stable"), self.part)


def log_loss(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give minus the logarithm of the probability of the true class.

    Parameters
    ----------
    probabilities
        Shape ``(rows, classes)``.
    truth
        Position of the true class, -1 where it is not known: shape ``(rows,)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(rows,)``; NaN where the true class is not known. Probabilities below 1e-12 count as 1e-12.
    """
    of_truth = np.take_along_axis(probabilities, np.maximum(truth, 0)[:, None], axis=1)[:, 0]
    return np.where(truth >= 0, -np.log(np.clip(of_truth, SMALLEST, 1)), np.nan)


def _codes(table: PredictionTable, column: str) -> NDArray[np.int64]:
    return pd.Index(table.classes).get_indexer(pd.Index(table.frame[column])).astype(np.int64)


def _numbered(table: PredictionTable, columns: tuple[str, ...]) -> NDArray[np.int64]:
    return np.asarray(table.frame.groupby(list(columns), sort=True).ngroup(), dtype=np.int64)


def _complaints(table: PredictionTable) -> Iterator[str]:
    """Say what is wrong, one sentence at a time; each check may lean on those before it."""
    frame = table.frame
    if frame.empty:
        yield "has no rows."
    for column in ("participant_id", "session_id", "predicted_label"):
        if missing := int(frame[column].isna().sum()):
            yield f"has {missing} of {len(frame)} rows without {column}."
    if not pd.api.types.is_integer_dtype(frame[table.part_id]):
        yield f"has a column {table.part_id!r} that does not hold whole numbers."
    keys = [*IMAGE, table.part_id]
    if (twice := frame.duplicated(keys)).any():
        yield f"has {_first(table, twice)} more than once ({int(twice.sum())} rows too many)."
    yield from _complaints_about_classes(table)


def _complaints_about_classes(table: PredictionTable) -> Iterator[str]:
    classes = table.classes
    if len(classes) < 2:  # noqa: PLR2004  (to classify is to choose between at least two)
        yield f"needs a column p_<class> for each of at least two classes; it has: {listing(list(table.frame), 12)}."
    if unreadable := [name for name in classes if name in tables.MISSING]:
        yield f"has a class called {unreadable[0]!r}, which a table takes for a missing value. Rename the class."
    probabilities = table.probabilities()
    if (bad := ~((probabilities >= 0) & (probabilities <= 1 + _TOLERANCE)).all(axis=1)).any():
        yield f"has probabilities that are missing or outside 0 to 1, first for {_first(table, bad)}."
    if (bad := np.abs(probabilities.sum(axis=1) - 1) > _TOLERANCE).any():
        yield f"has probabilities that do not sum to 1, first for {_first(table, bad)}."
    for column in ("true_label", "predicted_label"):
        if column in table.frame:
            unknown = table.frame[column].notna() & (_codes(table, column) < 0)
            if unknown.any():
                label = table.frame.loc[unknown, column].iloc[0]
                yield f"has {column} {label!r} for {_first(table, unknown)}; the classes are {', '.join(classes)}."


def _first(table: PredictionTable, rows: Any) -> str:  # noqa: ANN401  (a mask, of pandas or NumPy)
    row = table.frame[np.asarray(rows)].iloc[0]
    return f"{row['participant_id']} {row['session_id']} {table.part} {row[table.part_id]}"

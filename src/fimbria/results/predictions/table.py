"""PredictionTable: what a network said of every part of every image, checked once and then trusted.

A row may hold a class, a value, measures of a reconstruction, or several of them where a task learns several things.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fimbria import tables
from fimbria.errors import TableError, listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

PERSON = ("dataset", "participant_id")
IMAGE = (*PERSON, "session_id")
MEASURES = ("mse", "mae", "psnr", "ssim", "lncc")  # of a reconstruction against its image
_VALUES = ("true_value", "predicted_value")
SMALLEST = 1e-12  # probabilities are clipped here before their logarithm is taken
_TOLERANCE = 1e-3  # of a sum of probabilities: they may come from half precision


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """One row a part of an image: whose it is, what is true where it is known, and what a network says.

    Parameters
    ----------
    frame
        Columns, put in this order: ``dataset`` (empty text when there is none), ``participant_id``, ``session_id``,
        ``<part>_id`` (integer); of a class ``true_label`` (when known), ``predicted_label`` and ``p_<class>`` for every
        class (they sum to 1); of a value ``true_value`` (when known) and ``predicted_value``, in the label's own unit;
        of a reconstruction those of ``mse``, ``mae``, ``psnr`` (dB), ``ssim`` and ``lncc`` that were computed; ``loss``
        (optional); any others come last. Labels and classes are text.
    part
        What a row is of: ``image``, ``patch``, ``slice``, ``roi``, or the name of a custom extraction's part.

    Raises
    ------
    TableError
        When a column is missing, a row is there twice, an identifier, a probability or a predicted value is missing,
        probabilities do not sum to 1, or a label is none of the classes.
    """

    frame: pd.DataFrame
    part: str

    def __post_init__(self) -> None:
        where = f"the table of predictions (level: {self.part})"
        tables.need(self.frame, (*IMAGE, self.part_id), where)
        given = self.frame.reset_index(drop=True)
        named = ["true_label", "predicted_label", *(c for c in given if str(c).startswith("p_"))]
        numbers = [name for name in (*named[2:], *_VALUES, *MEASURES, "loss") if name in given]
        frame = given.assign(
            dataset=given["dataset"].astype("object").fillna("").astype("str"),
            **{str(name): pd.to_numeric(given[name], errors="coerce").astype(np.float64) for name in numbers},
        )
        first = [*IMAGE, self.part_id, *named, *_VALUES, *MEASURES, "loss"]
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
        needed = (*IMAGE, f"{part}_id")
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
    def classified(self) -> bool:
        """Whether a row holds a class."""
        return "predicted_label" in self.frame

    @property
    def valued(self) -> bool:
        """Whether a row holds a value."""
        return "predicted_value" in self.frame

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the measures of a reconstruction that a row holds."""
        return tuple(name for name in MEASURES if name in self.frame)

    @property
    def labelled(self) -> bool:
        """Whether all that is true is known, so that every row can be scored; an image is its reconstruction's truth."""
        of_classes = not self.classified or bool((self.truth() >= 0).all())
        return of_classes and (not self.valued or not np.isnan(self.numbers("true_value")).any())

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

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Give a column of numbers, NaN where there is none: ``true_value``, ``predicted_value``, a measure; ``(rows,)``."""
        if column not in self.frame:
            return np.full(len(self.frame), np.nan)
        return self.frame[column].to_numpy(np.float64)

    def losses(self) -> NDArray[np.float64]:
        """Give the ``loss`` column where it is there and complete, else the log loss of the classes: shape ``(rows,)``."""
        if "loss" in self.frame and bool(self.frame["loss"].notna().all()):
            return self.frame["loss"].to_numpy(np.float64)
        return log_loss(self.probabilities(), self.truth()) if self.classified else np.full(len(self.frame), np.nan)

    def known(self) -> PredictionTable | None:
        """Keep the rows whose truth is known; None if it is of no row."""
        if self.labelled:
            return self
        of_class = self.truth() >= 0 if self.classified else np.ones(len(self.frame), dtype=bool)
        known = of_class & ~np.isnan(self.numbers("true_value")) if self.valued else of_class
        return PredictionTable(self.frame[known], self.part) if known.any() else None

    def sorted(self) -> PredictionTable:
        """Put the rows in canonical order: by dataset, participant, session, part."""
        return PredictionTable(self.frame.sort_values([*IMAGE, self.part_id], kind="stable"), self.part)


def together(tables_of_parts: Sequence[PredictionTable]) -> PredictionTable:
    """Put tables of different parts, or people, under one another, in canonical order."""
    if len(tables_of_parts) == 1:
        return tables_of_parts[0]
    frames = [table.frame for table in tables_of_parts]
    return PredictionTable(pd.concat(frames, ignore_index=True), tables_of_parts[0].part).sorted()


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
    said = [name for name in ("predicted_label", "predicted_value", *MEASURES, "loss") if name in frame]
    if not said:
        yield f"says nothing of its images: predicted_label, predicted_value or measures are wanted; it has: {listing(list(frame), 12)}."
    for column in ("participant_id", "session_id", *(name for name in said if name.startswith("predicted"))):
        if missing := int(frame[column].isna().sum()):
            yield f"has {missing} of {len(frame)} rows without {column}."
    if not pd.api.types.is_integer_dtype(frame[table.part_id]):
        yield f"has a column {table.part_id!r} that does not hold whole numbers."
    keys = [*IMAGE, table.part_id]
    if (twice := frame.duplicated(keys)).any():
        yield f"has {_first(table, twice)} more than once ({int(twice.sum())} rows too many)."
    if table.classified or table.classes:
        yield from _complaints_about_classes(table)


def _complaints_about_classes(table: PredictionTable) -> Iterator[str]:
    classes = table.classes
    tables.need(table.frame, ["predicted_label"], f"the table of predictions (level: {table.part})")
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

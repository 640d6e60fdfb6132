"""TSV in and out. A table that cannot be used is refused with the file, the line, the column and the value."""

from __future__ import annotations

import csv
import difflib
import warnings
from typing import TYPE_CHECKING

import pandas as pd

from fimbria.atomic import write_text
from fimbria.errors import TableError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MISSING = ("", "n/a", "N/A", "NA", "NaN", "nan")


def read(path: Path, needed: Sequence[str] = (), text: Sequence[str] = ()) -> pd.DataFrame:
    """Read a tab-separated table.

    Parameters
    ----------
    path
        A ``.tsv`` file, UTF-8, with a header line.
    needed
        Columns that must be there.
    text
        Columns kept as text whatever they look like (identifiers such as ``001``).

    Returns
    -------
    pandas.DataFrame
        Missing values (empty, ``n/a``, ``NaN``) are NaN; numbers are numbers.

    Raises
    ------
    TableError
        When there is no such file, or it is empty, not UTF-8, separated by commas, has rows longer than its header
        line or a column twice, or lacks a column.
    """
    if not path.is_file():
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.tsv")], n=1)
        hint = f" Did you mean {path.parent / near[0]}?" if near else ""
        msg = f"there is no table {path}.{hint}"
        raise TableError(msg)
    try:
        with warnings.catch_warnings(record=True) as cut:  # pandas only warns where it drops the cells of long rows
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep="\t",
                na_values=list(MISSING),
                keep_default_na=False,
                dtype=dict.fromkeys(text, "str"),
                encoding="utf-8-sig",
                index_col=False,
            )
    except pd.errors.EmptyDataError as error:
        msg = f"{path} is empty; a table with a header line was wanted."
        raise TableError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path} is not UTF-8 text (byte {error.start}). Save it again as UTF-8, tab-separated."
        raise TableError(msg) from error
    except (pd.errors.ParserError, ValueError) as error:
        msg = f"{path} cannot be read as a tab-separated table: {str(error).strip()}."
        raise TableError(msg) from error
    if twice := _twice(path):
        msg = f"{path} has more than one column {twice!r}. Keep one, or name them apart."
        raise TableError(msg)
    if cut:
        msg = f"{path} has rows with more cells than its header line has names. Name every column, or remove the cells."
        raise TableError(msg)
    if len(frame.columns) == 1 and "," in frame.columns[0]:
        msg = f"{path} is separated by commas; tabs were wanted. Save it again as a tab-separated (.tsv) file."
        raise TableError(msg)
    need(frame, needed, f"{path}")
    return frame


def need(frame: pd.DataFrame, columns: Iterable[str], where: str) -> None:
    """Refuse a table that lacks a column, naming those it has.

    Raises
    ------
    TableError
        With the nearest name.
    """
    for column in columns:
        if column not in frame.columns:
            hint = did_you_mean(column, map(str, frame.columns)).replace("there is:", "it has:")
            msg = f"{where} has no column {column!r}; {hint}."
            raise TableError(msg)


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a tab-separated table, whole or not at all; missing values become ``n/a``."""
    write_text(path, text(frame))


def text(frame: pd.DataFrame) -> str:
    """Give a table as tab-separated text: the same table gives the same bytes."""
    written = str(frame.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n"))
    if "\r" in written:  # a reader would take it for the end of a row, unless it stands between quotes
        written = str(
            frame.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        )
    return written


def _twice(path: Path) -> str | None:
    """Give the first name that stands twice in the header line; pandas would number it in silence."""
    with path.open(encoding="utf-8-sig") as stream:
        names = stream.readline().rstrip("\r\n").split("\t")
    return next((name for name in names if names.count(name) > 1), None)

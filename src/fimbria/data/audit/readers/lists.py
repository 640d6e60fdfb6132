"""Files in: a table with commas or tabs, a JSON. One that cannot be used is refused in one sentence that names it."""

from __future__ import annotations

import csv
import json
import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd

from fimbria import tables
from fimbria.errors import InputError, TableError, listing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SHEETS = (".csv", ".tsv", ".txt")


def columns(path: Path) -> list[str]:
    """Give the names in the header line of a table; a nameless column is not among them.

    Raises
    ------
    TableError
        When there is no such file, or it is empty, no UTF-8 text, separated by semicolons, or names a column twice.
    """
    return [name for name in _header(path)[1] if name.strip()]


def read_table(path: Path, text: Iterable[str] = ()) -> pd.DataFrame:
    """Read a table as it is: duplicate rows and unfit identifiers stay, they are what an audit looks for.

    Parameters
    ----------
    path
        Separated by commas or tabs, UTF-8, with a header line.
    text
        Columns kept as text whatever they look like (identifiers such as ``001``).

    Returns
    -------
    pandas.DataFrame
        Missing values (empty, ``n/a``, ``NaN``) are NaN; a nameless column, which pandas writes for its index, is left out.

    Raises
    ------
    TableError
        When it cannot be read.
    """
    separator, names = _header(path)
    frame = tables.read(path, text=tuple(text)) if separator == "\t" else _commas(path, text)
    nameless = [column for column, name in zip(frame.columns, names, strict=True) if not name.strip()]
    return frame.drop(columns=nameless)


def read_json(path: Path) -> Any:  # noqa: ANN401  (JSON holds anything)
    """Read a JSON file.

    Raises
    ------
    InputError
        When it cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        msg = f"{path} is no JSON: {error.msg} in line {error.lineno}."
        raise InputError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path} is no JSON: it is not UTF-8 text (byte {error.start})."
        raise InputError(msg) from error
    except (RecursionError, ValueError) as error:  # brackets a thousand deep, numbers of ten thousand digits
        msg = f"{path} is no JSON that can be read: it is nested too deep, or holds a number that is too long."
        raise InputError(msg) from error
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}."
        raise InputError(msg) from error


def _header(path: Path) -> tuple[str, list[str]]:
    """Give what separates the columns of a table, and their names."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            line = stream.readline()
            separator = "\t" if "\t" in line else ","
            stream.seek(0)
            names = next(csv.reader(stream, delimiter=separator), [])
    except UnicodeDecodeError as error:
        msg = f"{path} is not UTF-8 text (byte {error.start}). Save it again as UTF-8, separated by commas or tabs."
        raise TableError(msg) from error
    except (OSError, csv.Error) as error:
        msg = f"{path} cannot be read as a table: {getattr(error, 'strerror', None) or error}."
        raise TableError(msg) from error
    if not any(name.strip() for name in names):
        msg = f"{path} is empty; a table with a header line was wanted."
        raise TableError(msg)
    if len(names) == 1 and ";" in names[0]:
        msg = f"{path} is separated by semicolons; commas or tabs were wanted. Save it again as CSV with commas, or as TSV."
        raise TableError(msg)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        msg = (
            f"{path} has more than one column {listing([repr(name) for name in twice])}. Keep one, or name them apart."
        )
        raise TableError(msg)
    return separator, names


def _commas(path: Path, text: Iterable[str]) -> pd.DataFrame:
    try:
        with warnings.catch_warnings(record=True) as cut:  # pandas only warns where it drops the cells of long rows
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                na_values=list(tables.MISSING),
                keep_default_na=False,
                dtype=dict.fromkeys(text, "str"),
                encoding="utf-8-sig",
                index_col=False,
            )
    except UnicodeDecodeError as error:
        msg = f"{path} is not UTF-8 text (byte {error.start}). Save it again as UTF-8, separated by commas or tabs."
        raise TableError(msg) from error
    except (pd.errors.ParserError, ValueError, OverflowError) as error:
        msg = f"{path} cannot be read as a table separated by commas: {str(error).strip()}."
        raise TableError(msg) from error
    if cut:
        msg = f"{path} has rows with more cells than its header line has names. Name every column, or remove the cells."
        raise TableError(msg)
    return frame

"""Conditions on a cohort's columns, such as ``age >= 62``: read from words, never run as code."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from fimbria import tables
from fimbria.errors import InputError, Problem, TableError, listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fimbria.data.cohort.cohort import Cohort

_ORDER = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_OPPOSITE = {">=": "<", "<=": ">", ">": "<=", "<": ">="}
_EQUAL = ("==", "in")
_MISSING, _KNOWN = "is missing", "is known"
_PLAIN = r"[^\s,'\"<>=!]+"
_WORD = rf"(?:{_PLAIN}|'[^']*'|\"[^\"]*\")"
_CONDITION = re.compile(
    rf"\s*(?P<column>{_WORD})\s*(?:(?P<state>\sis\s+(?:missing|known))"
    rf"|(?P<several>\s(?:not\s+)?in\s)\s*(?P<list>{_WORD}(?:\s*,\s*{_WORD})*)"
    rf"|(?P<operator>>=|<=|==|!=|=|>|<)\s*(?P<value>{_WORD}))\s*"
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?P<time>[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_EXAMPLES = (
    "What can be read: age >= 62; diagnosis == AD; diagnosis in AD, CN; site not in 3, 4; acq_time < 2020-01-31; "
    "'MMSE score' is known; sex is missing"
)
_DAY_US = 86_400_000_000


class Value(NamedTuple):
    """What a column is compared with.

    Attributes
    ----------
    text
        As it was written, without its quotes.
    literal
        Stood between quotes although it looks like a number or a date: means the text.
    """

    text: str
    literal: bool = False

    @property
    def span(self) -> tuple[str, float, float] | None:
        """Give the kind and the first and last point it means: a number is one point, a date without a time a day.

        Dates are in microseconds since 1970 (UTC). None for a text.
        """
        if self.literal:
            return None
        if _NUMBER.fullmatch(self.text) and math.isfinite(number := float(self.text)):
            return "number", number, number
        if match := _DATE.fullmatch(self.text):
            start = _instant(self.text)
            return None if start is None else ("date", start, start + (0 if match["time"] else _DAY_US - 1))
        return None

    def __str__(self) -> str:
        """Give it as it can be read back."""
        if self.literal or not re.fullmatch(_PLAIN, self.text):
            return _quoted(self.text)
        return self.text


@dataclass(frozen=True)
class Condition:
    """A question that each session of a cohort answers with yes or no; make one with `Condition.parse`.

    Attributes
    ----------
    column
        Whose values are asked.
    operator
        ``>=  <=  >  <  ==  !=``, ``in``, ``not in``, ``is missing``, ``is known``.
    wanted
        What the column is compared with; none for the last two.
    """

    column: str
    operator: str
    wanted: tuple[Value, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read a condition.

        Parameters
        ----------
        text
            ``COLUMN OPERATOR VALUE`` with ``>=  <=  >  <  ==  !=``; ``COLUMN in A, B``; ``COLUMN not in A, B``;
            ``COLUMN is missing``; ``COLUMN is known``. Quotes hold names and values with spaces together, and keep a
            number or a date as text.

        Raises
        ------
        InputError
            When it cannot be read, or orders by a text; with examples of what can.

        Examples
        --------
        >>> str(Condition.parse("age>=62.0")), str(Condition.parse("site not in Paris , 'New York'"))
        ('age >= 62', "site not in Paris, 'New York'")
        """
        match = _CONDITION.fullmatch(text)
        if match is None:
            msg = f"the condition {text!r} cannot be read. {_EXAMPLES}."
            raise InputError(msg)
        written = match["column"]  # a name, also where it looks like a number: 007 is not 7
        column = written[1:-1] if written[0] in "'\"" else written
        if match["state"]:
            return cls(column, " ".join(match["state"].split()))
        if match["several"]:
            values = tuple(_word(word) for word in re.findall(_WORD, match["list"]))
            found = cls(column, " ".join(match["several"].split()), values)
        else:
            sign = "==" if match["operator"] == "=" else match["operator"]
            found = cls(column, sign, (_word(match["value"]),))
        found._check(text)
        return found

    def _check(self, text: str) -> None:
        for value in self.wanted:
            if value.text in tables.MISSING:
                state = _MISSING if self.operator in _EQUAL else _KNOWN
                msg = f"the condition {text!r} compares with a missing value. Write: {_name(self.column)} {state}."
            elif not value.literal and _DATE.fullmatch(value.text) and value.span is None:
                msg = f"the condition {text!r}: {value.text} is no date. Dates are written 2020-01-31 or 2020-01-31T10:20:00."
            elif self.operator in _ORDER and value.span is None:
                msg = (
                    f"the condition {text!r}: {value} is neither a number nor a date such as 2020-01-31, so nothing is "
                    "above or below it. Texts are compared with ==, !=, in and not in."
                )
            else:
                continue
            raise InputError(msg)

    def holds(self, cohort: Cohort) -> NDArray[np.bool_]:
        """Answer for each session, ``(sessions,)``.

        A comparison with a missing value does not hold. Numbers are compared as numbers, and dates as dates (UTC where
        no zone is written); a date without a time means the whole day.

        Raises
        ------
        TableError
            When the column is missing, or holds what is no number, or no date, where one is wanted; with the sessions.
        """
        cells = _texts(cohort, self.column)
        known = cells.notna().to_numpy()
        if self.operator in {_MISSING, _KNOWN}:
            return known if self.operator == _KNOWN else ~known
        if self.operator in _ORDER:
            kind, low, high = _span(self.wanted[0])
            points = self._points(cohort, cells, kind)
            edge = low if self.operator in {">=", "<"} else high
            passed: NDArray[np.bool_] = _ORDER[self.operator](points, edge)
            return known & passed
        equal = self._equal(cohort, cells)
        return known & (equal if self.operator in _EQUAL else ~equal)

    def reasons(self, cohort: Cohort) -> list[str]:
        """Say for each session why it leaves if the condition does not hold; few different sentences, to be counted.

        Raises
        ------
        TableError
            When the column is missing.
        """
        cells = _texts(cohort, self.column)
        if self.operator in _ORDER:
            opposite = f"{_name(self.column)} {_OPPOSITE[self.operator]} {self.wanted[0]}"
            return [f"{self.column} is missing" if gone else opposite for gone in cells.isna()]
        if is_numeric_dtype(cohort.column(self.column)):
            cells = cells.str.removesuffix(".0")
        return [f"{self.column} is {cell}" for cell in cells.fillna("missing")]

    def __str__(self) -> str:
        """Give it so that it can be read back."""
        values = f" {', '.join(map(str, self.wanted))}" if self.wanted else ""
        return f"{_name(self.column)} {self.operator}{values}"

    def _equal(self, cohort: Cohort, cells: pd.Series) -> NDArray[np.bool_]:
        spans = [value.span for value in self.wanted]
        if all(span is not None and span[0] == "date" for span in spans):
            points = self._points(cohort, cells, "date")
            inside = [(points >= span[1]) & (points <= span[2]) for span in spans if span is not None]
            return np.asarray(np.any(inside, axis=0), dtype=bool)
        column = cohort.column(self.column)
        as_numbers = is_numeric_dtype(column) and not is_bool_dtype(column)
        folded = bool(column.dropna().map(lambda cell: isinstance(cell, (bool, np.bool_))).all())
        texts = {value.text.casefold() if folded else value.text for value in self.wanted}
        numbers = [
            float(value.text)
            for value in self.wanted
            if (as_numbers or not value.literal) and _NUMBER.fullmatch(value.text)
        ]
        equal = (cells.str.casefold() if folded else cells).isin(texts).to_numpy()
        return np.asarray(equal | np.isin(_numbers(cells), numbers), dtype=bool)

    def _points(self, cohort: Cohort, cells: pd.Series, kind: str) -> NDArray[np.float64]:
        """Give each cell as a number, or as microseconds of its date; NaN where it is missing."""
        points = _numbers(cells) if kind == "number" else microseconds(cells)
        if (wrong := np.flatnonzero(cells.notna().to_numpy() & np.isnan(points))).size:
            sessions = cohort.sessions
            who = listing([f"{sessions[i]} ({cells.iloc[i]!r})" for i in wrong.tolist()])
            wanted = "number" if kind == "number" else "date such as 2020-01-31"
            msg = f"{self} needs a {wanted}, but {self.column} is none in {cohort.name} for {who}. Correct it, or empty it."
            raise TableError(msg)
        return points


def contradictions(conditions: Sequence[Condition]) -> list[Problem]:
    """Find conditions on one column that nobody could meet together, such as ``age >= 62`` and ``age < 60``.

    Returns
    -------
    list of Problem
        One a column at most; empty when the conditions may hold together.
    """
    columns = dict.fromkeys(condition.column for condition in conditions)
    own = [[condition for condition in conditions if condition.column == column] for column in columns]
    found = [_contradiction(together) for together in own]
    return [
        Problem(f"nobody could pass {' and '.join(map(str, those))}", "drop or change one") for those in found if those
    ]


def _contradiction(conditions: Sequence[Condition]) -> list[Condition]:
    """Give those of one column's conditions that exclude each other, if any."""
    absent = [condition for condition in conditions if condition.operator == _MISSING]
    present = [condition for condition in conditions if condition.operator != _MISSING]
    if absent:
        return [absent[0], present[0]] if present else []
    ordered = [condition for condition in present if condition.operator in _ORDER]
    if ordered:
        first = _span(ordered[0].wanted[0])[0]
        if other := [condition for condition in ordered if _span(condition.wanted[0])[0] != first]:
            return [ordered[0], other[0]]
        ranges = [_range(condition) for condition in ordered]
        lowest = max(range(len(ordered)), key=lambda i: ranges[i][0])
        highest = min(range(len(ordered)), key=lambda i: ranges[i][1])
        bounds = [ordered[i] for i in sorted({lowest, highest})]
        low, high = ranges[lowest][0], ranges[highest][1]
        if low > high:
            return bounds
        for condition in present:  # what is left between the bounds may be just what another condition leaves out
            if condition.operator in ("!=", "not in") and any(
                span is not None and span[0] == first and span[1] <= low and high <= span[2]
                for span in (Value(value.text).span for value in condition.wanted)
            ):
                return [*bounds, condition]
    for condition in present:
        others = [other for other in present if other is not condition]
        if condition.operator in _EQUAL and not any(
            all(_may_meet(value, other) for other in others) for value in condition.wanted
        ):
            return list(present)
    return []


def _range(condition: Condition) -> tuple[float, float]:
    """Give the first and the last point that an ordering lets through."""
    kind, low, high = _span(condition.wanted[0])
    if condition.operator == ">=":
        return low, math.inf
    if condition.operator == "<=":
        return -math.inf, high
    if condition.operator == ">":
        return (high + 1 if kind == "date" else math.nextafter(high, math.inf)), math.inf
    return -math.inf, (low - 1 if kind == "date" else math.nextafter(low, -math.inf))


def _may_meet(value: Value, condition: Condition) -> bool:
    """Tell whether something that equals `value` can meet a condition."""
    if condition.operator == _KNOWN:
        return True
    if condition.operator in _ORDER:
        span = Value(value.text).span  # a quoted number is a number where the column holds numbers
        if span is None or span[0] != _span(condition.wanted[0])[0]:
            return False
        low, high = _range(condition)
        return span[1] <= high and low <= span[2]
    same = any(_overlap(value, other) for other in condition.wanted)
    if condition.operator in _EQUAL:
        return same
    return not any(_within(value, other) for other in condition.wanted)


def _overlap(one: Value, other: Value) -> bool:
    first, second = Value(one.text).span, Value(other.text).span
    if first is None or second is None or first[0] != second[0]:
        return one.text == other.text
    return first[1] <= second[2] and second[1] <= first[2]


def _within(one: Value, other: Value) -> bool:
    first, second = one.span, other.span
    if first is None or second is None or first[0] != second[0]:
        return one == other
    return second[1] <= first[1] and first[2] <= second[2]


def _word(written: str) -> Value:
    """Read a name or a value; quotes matter where the text would mean something else without them."""
    if written[0] in "'\"":
        text = written[1:-1]
        return Value(text, literal=Value(text).span is not None)
    if _NUMBER.fullmatch(written) and math.isfinite(number := float(written)):
        return Value(f"{number:.0f}" if number.is_integer() and abs(number) < 2**53 else repr(number))
    return Value(written)


def _name(column: str) -> str:
    return column if re.fullmatch(_PLAIN, column) else _quoted(column)


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


def _span(value: Value) -> tuple[str, float, float]:
    """Give the span of a value that is known to have one."""
    span = value.span
    if span is None:
        msg = f"{value} is neither a number nor a date"
        raise InputError(msg)
    return span


def _texts(cohort: Cohort, column: str) -> pd.Series:
    """Give a column as text, missing where it is missing or says nothing."""
    cells = cohort.column(column)
    texts = cells.astype("str")
    return texts.where(cells.notna() & (texts != ""))


def _instant(text: str) -> float | None:
    point = microseconds(pd.Series([text], dtype="str"))[0]
    return None if np.isnan(point) else float(point)


def _numbers(cells: pd.Series) -> NDArray[np.float64]:
    """Give texts as numbers, ``(cells,)``; NaN for what is none."""
    return np.asarray(pd.to_numeric(cells, errors="coerce"), dtype=np.float64)


def microseconds(cells: pd.Series) -> NDArray[np.float64]:
    """Give dates as microseconds since 1970, ``(cells,)``; NaN for what is no ISO date.

    Parameters
    ----------
    cells
        Texts such as ``2020-01-31`` or ``2020-01-31T10:20:00+01:00``; UTC where no zone is written.
    """
    shaped = cells.where(cells.str.fullmatch(_DATE.pattern).fillna(value=False).astype(bool))
    times = pd.to_datetime(shaped, errors="coerce", format="ISO8601", utc=True)
    points = times.astype("datetime64[us, UTC]").astype("int64").to_numpy(np.float64)
    return np.where(times.notna().to_numpy(), points, np.nan)

"""Who is in a cohort, as the first table of a paper tells it: each variable, overall and by group, missing counted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from fimbria.data.cohort.cohort import IDS
from fimbria.data.cohort.condition import microseconds
from fimbria.errors import InputError, Problem, TableError, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from fimbria.data.cohort.cohort import Cohort

    Groups = Mapping[str, NDArray[np.bool_]]

COLUMNS = (
    "variable", "kind", "level", "group", "n", "missing", "count", "percent",
    "mean", "sd", "median", "q1", "q3", "min", "max", "smd",
)  # fmt: skip
SCANS = "sessions per participant"
_IDENTIFIERS = {*IDS, "family_id", "source_participant_id", "filename"}
_PLUMBING = ("label_month", "label_date", "label_age", "progression_month")  # when a label was decided
_MOST_LEVELS = 20  # more different texts than this are not categories but free text
_MOST_GROUPS = 20
_STATISTICS = ("mean", "sd", "median", "q1", "q3", "min", "max")


@dataclass(frozen=True, eq=False)
class Summary:
    """A cohort in numbers.

    Attributes
    ----------
    table
        Tidy: one row a variable, level and group, with the columns `COLUMNS`. `n` are participants whose value is
        known; `percent` is of those. Numbers have mean, standard deviation (n - 1), quartiles and range, dates have
        their median, quartiles and range as days, categories a row a level with count and percent. `smd` is that of the variable.
    groups
        The name of the whole cohort first, then the groups.
    by
        The column that the groups come from; None without groups.
    notes
        Sentences on how to read it.
    """

    table: pd.DataFrame
    groups: tuple[str, ...]
    by: str | None
    notes: tuple[str, ...]


def summarize(
    cohort: Cohort, columns: Sequence[str] | None = None, by: str | None = None, codes: Sequence[str] = ()
) -> Summary:
    """Describe the participants of a cohort, each by the first session.

    Parameters
    ----------
    cohort
        Any; several sessions a participant are welcome.
    columns
        What to describe, in this order. By default all columns but identifiers and free text (more than 20 texts).
    by
        Column whose values (of the first session) are the groups to compare.
    codes
        Columns whose numbers are names of categories. Numbers that are all 0 or 1 always are.

    Raises
    ------
    ProblemsError
        When columns are missing or empty of sense, or there are more than 20 groups; all at once.

    References
    ----------
    Austin, P. C. (2009). Balance diagnostics for comparing the distribution of baseline covariates between treatment
    groups in propensity-score matched samples. Statistics in Medicine 28, 3083-3107. doi:10.1002/sim.3697

    Yang, D. & Dalton, J. E. (2012). A unified approach to measuring the effect size between two groups using SAS.
    SAS Global Forum 2012, paper 335.
    """
    refuse(cohort.name, _problems(cohort, [*(columns or ()), *codes, *([by] if by else [])]))
    sizes = cohort.frame.groupby(["dataset", "participant_id"], sort=False).size().rename(SCANS)
    first = cohort.frame[cohort.is_baseline()].merge(sizes.reset_index(), on=["dataset", "participant_id"])
    labels = _as_text(first[by]) if by else None
    groups = _groups(first, labels, by, cohort.name)
    chosen = list(dict.fromkeys(columns)) if columns is not None else _usual(first, by)
    scans = first[SCANS]
    rows = [
        *_counted("participants", "participants", {name: int(mask.sum()) for name, mask in groups.items()}),
        *_counted("sessions", "sessions", {name: int(scans[mask].sum()) for name, mask in groups.items()}),
        *_measured(SCANS, "number", scans.to_numpy(np.float64), groups),
    ]
    for column in chosen:
        rows += _rows(column, first[column], groups, code=column in codes)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"n": "int64", "missing": "int64", "count": "Int64"})
    notes = _notes(cohort, labels, by, len(groups) - 1)
    if columns is None and (aside := [str(name) for name in cohort.frame if name not in {*IDS, *chosen, by}]):
        notes.append(f"Left out as identifiers or free text: {', '.join(aside)}.")
    return Summary(table, tuple(groups), by, tuple(notes))


def difference_of_means(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Give the standardised difference of two samples of numbers: Cohen's d with the root of the mean variance.

    Parameters
    ----------
    one, other
        Known values, ``(n,)``.

    Returns
    -------
    float
        Not negative; infinite where two constants differ, NaN with fewer than two values on a side.

    Examples
    --------
    >>> round(difference_of_means(np.array([1.0, 3.0]), np.array([3.0, 5.0])), 4)
    1.4142
    """
    if min(len(one), len(other)) < 2:  # noqa: PLR2004  (one value has no spread)
        return float("nan")
    gap = abs(float(one.mean() - other.mean()))
    spread = float(np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2))
    if spread == 0:
        return 0.0 if gap == 0 else float("inf")
    return gap / spread


def difference_of_shares(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Give the standardised difference of two samples of categories: their Mahalanobis distance (Yang & Dalton 2012).

    Parameters
    ----------
    one, other
        How many there are of each level, ``(levels,)``.

    Returns
    -------
    float
        Not negative; infinite where a level tells the samples apart for certain, NaN where one is empty.

    Examples
    --------
    >>> round(difference_of_shares(np.array([5, 5]), np.array([8, 2])), 4)
    0.6626
    """
    if not one.sum() or not other.sum():
        return float("nan")
    shares = [counts / counts.sum() for counts in (one, other)]
    gap = shares[0] - shares[1]
    covariance = sum(np.diag(share) - np.outer(share, share) for share in shares) / 2
    inverse = np.linalg.pinv(covariance, rcond=1e-12, hermitian=True)
    # what lies outside the reach of the covariance does not vary within the samples, and yet differs between them
    if np.abs(gap - covariance @ inverse @ gap).max() > 1e-9:  # noqa: PLR2004  (rounding)
        return float("inf")
    return float(np.sqrt(max(gap @ inverse @ gap, 0.0)))


def _problems(cohort: Cohort, wanted: Sequence[str]) -> list[Problem]:
    found = []
    for column in dict.fromkeys(wanted):
        try:
            cohort.column(column)
        except TableError as error:
            found.append(Problem(str(error)))
    return found


def _groups(first: pd.DataFrame, labels: pd.Series | None, by: str | None, name: str) -> dict[str, NDArray[np.bool_]]:
    names = [] if labels is None else _levels(first[by], labels)
    if labels is not None and not names:
        msg = f"{by} is missing for everybody in {name}, so there are no groups to compare."
        raise InputError(msg)
    if len(names) > _MOST_GROUPS:
        msg = f"{by} has {len(names)} different values in {name}; at most {_MOST_GROUPS} groups can be compared. Group it first."
        raise InputError(msg)
    whole = next(word for word in ("all", "everybody", "the whole cohort") if word not in names)
    return {whole: np.ones(len(first), dtype=bool)} | {
        group: (labels == group).to_numpy(bool) for group in names if labels is not None
    }


def _usual(first: pd.DataFrame, by: str | None) -> list[str]:
    """Give the columns that are neither identifiers nor free text."""
    columns = [column for column in first.columns if column not in {*_IDENTIFIERS, *_PLUMBING, SCANS, by}]
    return [column for column in columns if _kind(first[column], code=False) != "text"]


def _kind(values: pd.Series, *, code: bool) -> str:
    """Tell numbers, dates, categories and free text apart."""
    known = values.dropna()
    if is_numeric_dtype(values) and not is_bool_dtype(values) and not code:
        return "category" if len(known) and known.isin([0, 1]).all() else "number"
    texts = _as_text(known)
    if len(texts) and not np.isnan(microseconds(texts)).any():
        return "date"
    return "category" if texts.nunique() <= _MOST_LEVELS else "text"


def _rows(variable: str, values: pd.Series, groups: Groups, *, code: bool) -> list[dict[str, Any]]:
    kind = _kind(values, code=code)
    if kind == "number":
        numbers = values.to_numpy(np.float64)
        return _measured(variable, kind, np.where(np.isfinite(numbers), numbers, np.nan), groups)
    if kind == "date":
        rows = _measured(variable, kind, microseconds(_as_text(values)), groups)
        return [row | {name: _day(name, row[name]) for name in _STATISTICS} for row in rows]
    return _levelled(variable, values, groups)


def _measured(variable: str, kind: str, values: NDArray[np.float64], groups: Groups) -> list[dict[str, Any]]:
    """Give a row a group of a variable that is measured."""
    known = {name: values[mask & ~np.isnan(values)] for name, mask in groups.items()}
    smd = _largest(list(known.values())[1:], difference_of_means)
    return [
        {
            "variable": variable,
            "kind": kind,
            "group": name,
            "n": len(own),
            "missing": int(groups[name].sum()) - len(own),
            **dict(zip(_STATISTICS, _statistics(own), strict=True)),
            "smd": smd,
        }
        for name, own in known.items()
    ]


def _statistics(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Give mean, standard deviation, median, quartiles, least and largest."""
    if not len(values):
        return (float("nan"),) * len(_STATISTICS)
    sd = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    low, q1, median, q3, high = np.percentile(values, [0, 25, 50, 75, 100]).tolist()
    return float(values.mean()), sd, median, q1, q3, low, high


def _levelled(variable: str, values: pd.Series, groups: Groups) -> list[dict[str, Any]]:
    """Give a row a level and group of a variable that is counted."""
    texts = _as_text(values)
    levels = _levels(values, texts)
    codes = pd.Categorical(texts, categories=levels).codes
    counts = {name: np.bincount(codes[mask & (codes >= 0)], minlength=len(levels)) for name, mask in groups.items()}
    smd = _largest(list(counts.values())[1:], difference_of_shares)
    rows = []
    for place, level in enumerate(levels or [None]):
        for name, own in counts.items():
            n = int(own.sum())
            row: dict[str, Any] = {"variable": variable, "kind": "category", "level": level, "group": name, "n": n}
            row |= {"missing": int(groups[name].sum()) - n, "count": int(own[place]) if levels else 0, "smd": smd}
            rows.append(row | {"percent": 100 * float(own[place]) / n if n else None})
    return rows


def _counted(variable: str, kind: str, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {"variable": variable, "kind": kind, "group": name, "n": count, "missing": 0, "count": count}
        for name, count in counts.items()
    ]


def _largest(samples: Sequence[NDArray[Any]], difference: Callable[[NDArray[Any], NDArray[Any]], float]) -> float:
    """Give the largest difference of any two samples; NaN where there are not two to compare."""
    found = [difference(one, other) for one, other in combinations(samples, 2)]
    known = [value for value in found if not np.isnan(value)]
    return max(known, default=float("nan"))


def _as_text(values: pd.Series) -> pd.Series:
    """Give values as the names of categories: whole numbers without their point; missing stays missing."""
    texts = values.astype("str")
    if is_numeric_dtype(values):
        texts = texts.str.removesuffix(".0")
    return texts.where(values.notna() & (texts != ""))


def _levels(values: pd.Series, texts: pd.Series) -> list[str]:
    """Give the different texts, numbers in the order of numbers."""
    keys = values if is_numeric_dtype(values) else texts
    ordered = pd.DataFrame({"key": keys, "text": texts}).dropna().sort_values(["key", "text"], kind="stable")
    return list(dict.fromkeys(ordered["text"].tolist()))


def _day(statistic: str, point: float) -> str | None:
    """Give a point in microseconds as its day; a date has no mean that means anything."""
    if statistic in {"mean", "sd"} or np.isnan(point):
        return None
    return str(np.datetime64(int(point), "us").astype("datetime64[D]"))


def _notes(cohort: Cohort, labels: pd.Series | None, by: str | None, groups: int) -> list[str]:
    notes = ["Each participant counts once, as at the first session; shares, means and quartiles are of known values."]
    if labels is None or by is None:
        return notes
    if groups > 1:
        pairs = ", the largest of all pairs of groups" if groups > 2 else ""  # noqa: PLR2004  (two are one pair)
        notes.append(
            f"SMD: standardised mean difference{pairs} (numbers: Austin 2009, doi:10.1002/sim.3697; categories: Yang & "
            "Dalton 2012). It does not depend on how many people there are; above 0.1 groups are often called unbalanced."
        )
    if gone := int(labels.isna().sum()):
        notes.append(f"{by} is missing for {gone} participants at the first session: they are in no group.")
    every = cohort.frame[["dataset", "participant_id", by]].dropna()
    kinds = every.groupby(["dataset", "participant_id"], sort=False)[by].nunique()
    if changed := int((kinds > 1).sum()):
        notes.append(f"{by} changes from session to session for {changed} participants: the first counts.")
    return notes

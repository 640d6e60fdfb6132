"""Visits from the future: after the label was decided, or learnt from before an earlier visit is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.material import Crossing, crossings, where
from fimbria.errors import listing

if TYPE_CHECKING:
    from fimbria.data.audit.material import Material

NAME = "time"
ASKS = "Does anything come from after the label was decided, or from the future of a person who is scored?"
UNDECIDED = (
    "it is not known when the labels were decided; a column label_date (beside acq_time), label_age (beside age) or "
    "label_month (beside sessions named like ses-M012) would tell"
)
_SHIFTED = pd.Timestamp("1925-01-01")  # BIDS moves dates before this day to hide them; the distance stays, the day not
_FINEST = 3  # decimals that are told apart; finer clocks are compared as they are
_ORDERED = {"acq_time": "certain", "age": "certain", "session_id": "probable"}


def look(material: Material) -> Checked:
    """Compare every visit with the day its label was decided, and every person's visits across the sides."""
    items = material.items
    compared, findings, unchecked = [], [], []
    for decided, clock, visits, decisions in _decisions(items):
        both = visits.notna() & decisions.notna()
        if both.any():
            compared.append(f"{int(both.sum()):,} of {len(items):,} rows have {clock} and {decided}")
        if not both.all():
            unchecked.append(
                f"{int((~both).sum()):,} rows lack, or do not give in a form that is read, {clock} or {decided}"
            )
        late = both & (visits > decisions + _tolerance(visits, decisions))
        findings += _late(items[late], decided, clock)
    if not compared and not unchecked:
        unchecked.append(UNDECIDED)
    future, told, unordered = _future(items)
    compared += told
    return Checked(NAME, ASKS, "; ".join(compared), (*findings, *future), "; ".join([*unchecked, *unordered]))


def _decisions(items: pd.DataFrame) -> list[tuple[str, str, pd.Series, pd.Series]]:
    """Give each pair of a column that says when the label was decided, and of the clock that it is compared with."""
    clocks = {
        "label_date": ("acq_time", _days),
        "label_age": ("age", _numbers),
        "label_month": ("session_id", _months),
    }
    pairs = []
    for decided, (clock, read) in clocks.items():
        if decided in items.columns:
            visits = read(items[clock]) if clock in items.columns else pd.Series(np.nan, index=items.index)
            decisions = _days(items[decided]) if decided == "label_date" else _numbers(items[decided])
            pairs.append((decided, clock, visits, decisions))
    return pairs


def _days(cells: pd.Series) -> pd.Series:
    """Give days since 1970, as written on the spot; NaN for what is no ISO date, or was moved to hide it."""
    days = pd.to_datetime(cells.astype("str").str[:10], errors="coerce", format="%Y-%m-%d")
    return ((days - pd.Timestamp(0)) / pd.Timedelta(days=1)).where(days >= _SHIFTED)


def _instants(cells: pd.Series) -> pd.Series:
    """Give days since 1970 with their hours; dates of one person are moved together, so that their order stays."""
    times = pd.to_datetime(cells.astype("str"), errors="coerce", format="ISO8601", utc=True)
    return (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)


def _numbers(cells: pd.Series) -> pd.Series:
    return pd.to_numeric(cells, errors="coerce").astype(float)


def _months(sessions: pd.Series) -> pd.Series:
    return sessions.str.extract(r"[Mm](\d+)", expand=False).astype(float)


def _ordinals(sessions: pd.Series) -> pd.Series:
    """Give the number in a session's name."""
    return sessions.str.extract(r"(\d+)", expand=False).astype(float)


def _tolerance(one: pd.Series, other: pd.Series) -> float:
    """Give how far a coarser clock may be behind a finer one: 70 years may be 70.4."""
    coarse, fine = sorted((_decimals(one), _decimals(other)))
    return 0.0 if coarse == fine else 10.0**-coarse


def _decimals(clock: pd.Series) -> int:
    known = clock.dropna()
    return next((d for d in range(_FINEST) if np.allclose(known, known.round(d), rtol=0, atol=1e-9)), _FINEST)


def _late(rows: pd.DataFrame, decided: str, clock: str) -> list[Finding]:
    findings = []
    for side in sorted(set(rows["side"])):
        there = rows[rows["side"] == side]
        who = _sessions(there)
        findings.append(
            Finding(
                NAME,
                "leak",
                f"{len(who):,} visits in {side} are from after their label was decided ({clock} later than {decided}): "
                f"{listing(who)}",
                who,
                where([side], there["split"]),
                "certain",
                "keep only the visits up to the decision; what is to be predicted has already happened in the others",
            )
        )
    return findings


def _sessions(rows: pd.DataFrame) -> tuple[str, ...]:
    whose = rows["person"].where(rows["person"] != "", rows["item"])
    return tuple(sorted(set((whose + " " + rows["session_id"]).str.strip())))


def _future(items: pd.DataFrame) -> tuple[list[Finding], list[str], list[str]]:
    """Find people whose later visit is learnt from, or chooses, where an earlier one is scored."""
    if not (items["person"] != "").any():
        return [], [], ["whose visits these are is not known; say so with --participant COLUMN"]
    findings, unordered = [], set()
    for crossing in crossings(items, "person"):
        if crossing.sides[0] not in {"train", "validation"}:
            continue
        found, unknown = _reversed(crossing)
        findings += found
        unordered |= unknown
    told = [f"{items.loc[items['person'] != '', 'person'].nunique():,} people's visits compared across sides"]
    missing = f"no clock orders the visits of {listing(sorted(unordered))} (acq_time, age, a number in session_id)"
    return findings, told, [missing] if unordered else []


def _reversed(crossing: Crossing) -> tuple[list[Finding], set[str]]:
    """Tell who of a crossing is learnt from later than scored, and who has no clock."""
    first, second = crossing.sides
    rows, findings = crossing.rows, []
    clocks = {"session_id": _ordinals(rows["session_id"])}
    if "age" in rows.columns:
        clocks = {"age": _numbers(rows["age"]), **clocks}
    if "acq_time" in rows.columns:
        clocks = {"acq_time": _instants(rows["acq_time"]), **clocks}
    waiting = pd.Series(data=True, index=rows.index)
    keys = [rows["split"], rows["person"]]
    for name, clock in clocks.items():
        usable = waiting & clock.notna().groupby(keys).transform("all")
        waiting &= ~usable
        latest = clock.where(usable & (rows["side"] == first)).groupby(keys).transform("max")
        earliest = clock.where(usable & (rows["side"] == second)).groupby(keys).transform("min")
        late = rows[usable & (latest > earliest)]
        if late.empty:
            continue
        who = tuple(sorted(set(late["person"])))
        verb = "is learnt from" if first == "train" else "chooses the weights"
        findings.append(
            Finding(
                NAME,
                "leak",
                f"a later visit of {len(who):,} people in {first} {verb}, where an earlier one in {second} is scored "
                f"(by {name}): {listing(who)}",
                who,
                where(crossing.sides, late["split"]),
                "certain" if _ORDERED[name] == "certain" else "probable",
                "keep all visits of a person on one side: `fimbria cohort kfold` cannot put one on two",
            )
        )
    return findings, set(rows.loc[waiting, "person"])

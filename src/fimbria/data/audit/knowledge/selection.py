"""Who was left out, and who was held out, against the label."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.knowledge.labels import Answers, answered, answers, one_each
from fimbria.data.audit.knowledge.separation import association, holm, rank_sum
from fimbria.data.audit.material import Material, where
from fimbria.errors import listing

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "exclusion"
ASKS = "Were people left out, or held out, more often with one label than with another?"
ALPHA = 0.01  # over all comparisons together (Holm)
POINTS = 0.10  # of people with a label: a smaller difference is not worth an alarm
DISTANCE = 0.25  # of standard deviations, where the label is a quantity
_QUALITY = re.compile(
    r"quality|\bqc\b|artefact|artifact|motion|blur|ghost|fail|reject|unusable|missing|no (image|scan|file)|not found",
    re.IGNORECASE,
)
_NO_TABLE = "whom the splits left out is not known; give the table they were made of with --table"


class Comparison(NamedTuple):
    """Two groups of people and how their labels differ.

    Attributes
    ----------
    one, other
        What the groups are called.
    split
        Where; None for all.
    people
        How many are in each.
    p
        That they do not differ.
    difference
        How far they do: of shares, or in standard deviations.
    told
        The difference in words.
    who
        The people of the first group.
    """

    one: str
    other: str
    split: int | None
    people: tuple[int, int]
    p: float
    difference: float
    told: str
    who: tuple[str, ...] = ()


def look(material: Material) -> Checked:
    """Compare the labels of those who left with those who stayed, and of each held-out side with train."""
    known = answers(material)
    if known.rows.empty:
        return Checked(NAME, ASKS, unchecked=known.unchecked or "no item has a label")
    left, told, unchecked = _left(material)
    compared = [*left, *_sides(known)]
    unchecked = [*unchecked, known.unchecked] if known.unchecked else unchecked
    if not compared:
        return Checked(NAME, ASKS, unchecked="; ".join([*unchecked, "no two groups of people to compare"]))
    least = DISTANCE if known.number else POINTS
    alarms = [
        one
        for one, p in zip(compared, holm([one.p for one in compared]), strict=True)
        if p < ALPHA and one.difference >= least
    ]
    return Checked(
        NAME,
        ASKS,
        "; ".join([*told, _power(compared, number=known.number)]),
        tuple(_findings(alarms, material.label or "")),
        "; ".join(unchecked),
    )


def _left(material: Material) -> tuple[list[Comparison], list[str], list[str]]:
    """Compare the people of the whole table who are on no side with those who are."""
    reasons = {session.participant: why for step in material.flow for session, why in step.left}
    poor = {who for who, why in reasons.items() if _QUALITY.search(why)}
    everybody = material.everybody
    if everybody is None or material.label not in everybody.columns:
        more = f"; {len(poor):,} people left for quality, with labels that are not known" if poor else ""
        return [], [], [_NO_TABLE + more]
    # Both tables together, so that both name a person by the same rule.
    keys = ["dataset", "participant_id", "session_id", material.label]
    parts = [frame[[key for key in keys if key in frame.columns]] for frame in (everybody, material.items)]
    whole = Material("", "", pd.concat(parts, keys=["table", "sides"], names=["from"]).reset_index("from")).items
    stayed = set(whole.loc[whole["from"] == "sides", "person"])
    known = answered(whole[whole["from"] == "table"], material.label)
    people = one_each(known.rows)
    gone = ~people["person"].isin(stayed)
    if not known.number:  # a class that nobody kept has was not to be learnt: no quality check took it
        people, gone = people[learnt := people["answer"].isin(set(people.loc[~gone, "answer"]))], gone[learnt]
    pairs = list(zip(people["dataset"], people["participant_id"], strict=True))
    by_rule = gone & np.array([pair in reasons and pair not in poor for pair in pairs], bool)
    told = [f"{int((gone & ~by_rule).sum()):,} people left and {int((~gone).sum()):,} stayed"]
    if by_rule.any():
        told.append(f"{int(by_rule.sum()):,} more left by a rule that is written down, and are not counted")
    people, gone = people[~by_rule], gone[~by_rule]
    one = _compared("those left out", "those kept", None, people[gone], people[~gone], number=known.number)
    return [one] if one else [], told, []


def _sides(known: Answers) -> list[Comparison]:
    """Compare each held-out side of each split with train."""
    people = one_each(known.rows, ["split", "side", "person"])
    groups = {(int(split), str(side)): frame for (split, side), frame in people.groupby(["split", "side"], sort=True)}  # type: ignore[call-overload]  # a pair of keys
    compared = [
        _compared(side, "train", split, groups[split, side], groups[split, "train"], number=known.number)
        for split, side in groups
        if side != "train" and (split, "train") in groups
    ]
    return [one for one in compared if one]


def _compared(  # noqa: PLR0913  (two groups, their names and their place)
    name: str, against: str, split: int | None, one: pd.DataFrame, other: pd.DataFrame, *, number: bool
) -> Comparison | None:
    if one.empty or other.empty:
        return None
    sizes = (len(one), len(other))
    who = tuple(sorted(one["person"])) if split is None else ()
    if number:
        values, base = one["answer"].to_numpy(float), other["answer"].to_numpy(float)
        spread = np.sqrt((values.var() + base.var()) / 2)
        distance = abs(values.mean() - base.mean()) / spread if spread > 0 else 0.0
        p = rank_sum(values, base) if spread > 0 else 1.0
        return Comparison(
            name, against, split, sizes, p, distance, f"mean {values.mean():.4g} against {base.mean():.4g}", who
        )
    classes = sorted(set(one["answer"]) | set(other["answer"]))
    counts = [part["answer"].value_counts().reindex(classes, fill_value=0).to_numpy() for part in (one, other)]
    shares = [count / count.sum() for count in counts]
    far = int(np.abs(shares[0] - shares[1]).argmax())
    told = f"{shares[0][far]:.0%} {classes[far]} against {shares[1][far]:.0%}"
    return Comparison(
        name, against, split, sizes, association(*counts), abs(shares[0][far] - shares[1][far]), told, who
    )


def _power(compared: list[Comparison], *, number: bool) -> str:
    fewest = min(compared, key=lambda one: min(one.people))
    harmonic = 1 / fewest.people[0] + 1 / fewest.people[1]
    z = 2.576 + 0.842  # 1 % two-sided, found four times in five
    detectable = z * np.sqrt(harmonic) if number else min(1.0, z * np.sqrt(0.25 * harmonic))
    unit = f"{detectable:.1f} standard deviations" if number else f"{100 * detectable:.0f} points"
    return (
        f"{len(compared):,} comparisons of labels, each participant counted once; the smallest, {min(fewest.people):,} "
        f"people against {max(fewest.people):,}, would show a difference of {unit} four times in five"
    )


def _findings(alarms: list[Comparison], label: str) -> Iterable[Finding]:
    for name in dict.fromkeys(one.one for one in alarms):
        ones = [one for one in alarms if one.one == name]
        splits = [one.split for one in ones if one.split is not None]
        told = listing([one.told for one in ones], 3)
        if splits:
            what = f"{label!r} is not shared out alike between {name} and {ones[0].other}: {told}"
            remedy = f"stratify the splits: `fimbria cohort kfold --stratify {label}`; or say for whom the score holds"
        else:
            what = (
                f"{ones[0].people[0]:,} people were left out, not alike for every {label!r}: {told} of {ones[0].other}"
            )
            remedy = "look at who failed and why; the score holds for those who pass, and a network may learn what passing looks like"
        yield Finding(
            NAME,
            "risk",
            what,
            ones[0].who or (f"column {label}",),
            where([name, ones[0].other], splits) if splits else "the table the splits were made of",
            "probable",
            remedy,
        )

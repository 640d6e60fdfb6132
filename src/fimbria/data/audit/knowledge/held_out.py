"""A validation side that is the test side, lies inside it, or shares people with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.material import where
from fimbria.errors import listing

if TYPE_CHECKING:
    import pandas as pd

    from fimbria.data.audit.material import Material

NAME = "held-out"
ASKS = "Does the validation side share anybody with the test side?"
NO_TEST = (
    "there is no test side: validation chose the weights, so that its score is too good by as much as the choice "
    "gained; `fimbria cohort split` holds people out for a test"
)
NO_VALIDATION = "there is no validation side: what chose the weights is not known here"


def look(material: Material) -> Checked:
    """Compare validation with every other held-out side of the same split, by participant, and by item where unknown."""
    held = material.held_out
    sides = set(held["side"])
    if "validation" not in sides:
        return Checked(NAME, ASKS, unchecked=NO_VALIDATION)
    others = sorted(sides - {"validation"})
    if not others:
        return Checked(NAME, ASKS, unchecked=NO_TEST)
    whose = held["person"].where(held["person"] != "", held["item"].where(held["item"] == "", "item " + held["item"]))
    placed = held.assign(who=whose).loc[whose != "", ["split", "side", "who"]].drop_duplicates()
    splits = {side: set(placed.loc[placed["side"] == side, "split"]) for side in sides}
    both = sorted(splits["validation"] & {split for side in others for split in splits[side]})
    anonymous = int((whose == "").sum())
    return Checked(
        NAME,
        ASKS,
        f"validation against {' and '.join(others)} in {len(both):,} splits, {placed['who'].nunique():,} people or items; "
        "each compared, exactly"
        if both
        else "",
        tuple(found for other in others for found in _found(placed, other)),
        f"{anonymous:,} held-out items name neither participant nor item" if anonymous else "" if both else NO_TEST,
    )


def _found(placed: pd.DataFrame, other: str) -> list[Finding]:
    ours = placed[placed["side"] == "validation"]
    theirs = placed[placed["side"] == other]
    shared = ours.merge(theirs, on=["split", "who"])
    if shared.empty:
        return []
    counts = [frame.groupby("split").size() for frame in (shared, ours, theirs)]
    kinds: dict[str, list[int]] = {}
    for split in sorted(set(shared["split"])):
        kinds.setdefault(_kind(*(int(count.loc[split]) for count in counts)), []).append(split)
    findings = []
    for kind, splits in kinds.items():
        who = tuple(sorted(set(shared.loc[shared["split"].isin(splits), "who"])))
        findings.append(
            Finding(
                NAME,
                "leak",
                f"validation {kind.format(other=other)}: {len(who):,} chose the weights and score them: {listing(who)}",
                who,
                where(("validation", other), splits),
                "certain",
                "choose on people of train: `fimbria cohort kfold` on the training list leaves the test list alone",
            )
        )
    return findings


def _kind(common: int, ours: int, theirs: int) -> str:
    if common == ours == theirs:
        return "is {other}"
    if common == ours:
        return "lies inside {other}"
    return "holds all of {other}" if common == theirs else "shares people with {other}"

"""Something computed from people's images before the training, held-out people among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.knowledge.seen import seen
from fimbria.data.audit.material import ANONYMOUS, where
from fimbria.errors import listing

if TYPE_CHECKING:
    import pandas as pd

    from fimbria.data.audit.material import Fitted, Material

NAME = "fitted-on-test"
ASKS = "Was a template, or anything else, computed from people who are held out?"
UNKNOWN = (
    "it is not known what was computed from people's images before; "
    "with --images CAPS, the lists of its group templates are read"
)


def look(material: Material) -> Checked:
    """Compare everybody that something was computed from with the held-out sides of the splits it serves."""
    if material.fitted is None:
        return Checked(NAME, ASKS, unchecked=UNKNOWN)
    if not material.fitted:
        looked = "there is no list, beside the images or the weights, of people that anything was computed from"
        return Checked(NAME, ASKS, looked, unchecked="what was computed without such a list is not known")
    if not material.has_people:
        return Checked(NAME, ASKS, unchecked=ANONYMOUS)
    held = material.held_out
    findings = tuple(found for fitted in material.fitted for found in _found(fitted, held))
    told = listing([f"{fitted.what} ({len(fitted.people):,} people)" for fitted in material.fitted])
    empty = [fitted.what for fitted in material.fitted if not fitted.people]
    return Checked(
        NAME,
        ASKS,
        f"{told}, against {held['person'].nunique():,} people on held-out sides; every identifier compared, exactly",
        findings,
        f"it is not known whom {listing(empty)} was computed from" if empty else "",
    )


def _found(fitted: Fitted, held: pd.DataFrame) -> list[Finding]:
    served = held if fitted.split is None else held[held["split"] == fitted.split]
    rows = served[seen(served, fitted.people)]
    findings = []
    for side in sorted(set(rows["side"])):
        there = rows[rows["side"] == side]
        people = tuple(sorted(set(there["person"])))
        chosen = ", whose score chooses the weights" if side == "validation" else ""
        findings.append(
            Finding(
                NAME,
                "leak",
                f"{fitted.what} was computed from {len(people):,} of the people in {side}{chosen}: {listing(people)}",
                people,
                where([side], there["split"]),
                "certain",
                "compute it from the people in train alone, and apply it to the others as it is",
            )
        )
    return findings

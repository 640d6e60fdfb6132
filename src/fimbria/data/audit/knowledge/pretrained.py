"""Weights that had learnt from held-out people before this training began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.knowledge.seen import seen
from fimbria.data.audit.material import ANONYMOUS, where
from fimbria.errors import listing

if TYPE_CHECKING:
    import pandas as pd

    from fimbria.data.audit.material import Material

NAME = "pretrained-on-test"
ASKS = "Had the weights learnt from held-out people before this training?"
UNKNOWN = (
    "it is not known whom the weights had seen before; name them in a table (participant_id, and dataset): --transfer.people "
    "where a training begins, --pretrained in `fimbria audit`. "
    "Weights that began at random have seen nobody"
)

STRANGERS = "not one of those people stands in these lists; are they named alike?"


def look(material: Material) -> Checked:
    """Compare everybody that the weights had seen with every held-out side."""
    if material.pretrained is None:
        return Checked(NAME, ASKS, unchecked=UNKNOWN)
    if not material.has_people:
        return Checked(NAME, ASKS, unchecked=ANONYMOUS)
    held = material.held_out
    of_splits = {split: material.pretrained | people for split, people in material.pretrained_of.items()}
    everybody = material.pretrained.union(*of_splits.values())
    known = seen(held, material.pretrained)
    for split, people in of_splits.items():
        known |= (held["split"] == split).to_numpy() & seen(held, people)
    rows = held[known]
    return Checked(
        NAME,
        ASKS,
        f"{len(everybody):,} people that the weights had seen, against {held['person'].nunique():,} people on "
        "held-out sides; every identifier compared, exactly",
        tuple(_finding(side, rows[rows["side"] == side], everybody) for side in sorted(set(rows["side"]))),
        "" if not everybody or seen(material.items, everybody).any() else STRANGERS,
    )


def _finding(side: str, rows: pd.DataFrame, people: frozenset[tuple[str, str]]) -> Finding:
    who = tuple(sorted(set(rows["person"])))
    scoped = (rows["dataset"] != "").all() and all(dataset for dataset, _ in people)
    doubt = "" if scoped else "; where a data set has no name, the participant's name alone was compared"
    return Finding(
        NAME,
        "leak",
        f"the weights had seen {len(who):,} of the people in {side} before this training: {listing(who)}{doubt}",
        who,
        where([side], rows["split"]),
        "certain" if scoped else "probable",
        "score on people whom the weights never saw, or begin from weights that never saw these",
    )

"""Held-out people who were scored more than once, by different weights: their score may have chosen."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.material import named
from fimbria.errors import listing

if TYPE_CHECKING:
    from fimbria.data.audit.material import Look, Material

NAME = "looks"
ASKS = "Were the same held-out people scored by more than one candidate?"
UNKNOWN = "nobody counts how often these people were scored; only a MAPS of Fimbria does"


def look(material: Material) -> Checked:
    """Count who was scored by which weights; the validation side is there to choose, and is not counted."""
    if material.looks is None:
        return Checked(NAME, ASKS, unchecked=UNKNOWN)
    taken = [one for one in material.looks if one.group != "validation"]
    people = {who for one in taken for who in one.people}
    candidates = {one.candidate for one in taken}
    return Checked(
        NAME,
        ASKS,
        f"{len(taken):,} looks at {len(people):,} held-out people, by {len(candidates):,} candidates; every look that was "
        "kept, and no look at a copy of the data elsewhere",
        tuple(_found(taken)),
    )


def _found(taken: list[Look]) -> list[Finding]:
    by_whom: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in taken:
        for who in one.people:
            by_whom[who].add(one.candidate)
    chosen = {who for who, candidates in by_whom.items() if len(candidates) > 1}
    if not chosen:
        return []
    used = [one for one in taken if one.people & chosen]
    candidates = sorted({candidate for who in chosen for candidate in by_whom[who]})
    dates = sorted(one.date for one in used if one.date)
    when = f" between {dates[0]} and {dates[-1]}" if dates else ""
    groups = sorted({one.group for one in used})
    return [
        Finding(
            NAME,
            "leak",
            f"{len(chosen):,} held-out people were scored by {len(candidates):,} candidates in {len(used):,} looks{when} "
            f"({listing(candidates)}): whichever was kept for its score there, that score is too good",
            tuple(named(chosen)),
            f"group {', group '.join(groups)}",
            "possible",
            "report every candidate that was scored, or score the one you keep on people nobody has looked at",
        )
    ]

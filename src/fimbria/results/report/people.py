"""People: who came in, who left and why, and where the others ended; counts and reasons, never names."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fimbria.data.cohort import flow
from fimbria.data.cohort.cohort import Cohort, shared_participants
from fimbria.errors import InputError, counted
from fimbria.results.maps.transferred import BEFORE
from fimbria.results.report.figures import Stage
from fimbria.results.report.method import classes_of
from fimbria.results.report.wording import anonymous, people, spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fimbria.results.maps.maps import Maps

_MOST_BOXES = 3
_MOST_REASONS = 4


@dataclass(frozen=True)
class Size:
    """How many people a group has, and what they are like.

    Attributes
    ----------
    group, split
        Which; no split for a group that is the same for all.
    participants, sessions
        How many.
    labels
        Sessions of each label; of values, mean and standard deviation.
    age
        Mean and standard deviation, empty where it is not known.
    shared
        How many of them the weights may have seen in training; None for the groups of training itself.
    """

    group: str
    split: int | None
    participants: int
    sessions: int
    labels: str
    age: str = ""
    shared: int | None = None


@dataclass(frozen=True)
class People:
    """The flow of a MAPS.

    Attributes
    ----------
    stages, ends
        For `figures.flow_diagram`.
    reasons
        What was asked, why somebody left, how many sessions did.
    sizes
        Of every group.
    seen
        Participants and sessions that the training of any split has seen, without those of weights that it began with; None
        where that is not known.
    notes
        Sentences on what is missing.
    """

    stages: tuple[Stage, ...]
    ends: tuple[tuple[str, tuple[str, ...]], ...]
    reasons: tuple[tuple[str, str, int], ...]
    sizes: tuple[Size, ...]
    seen: tuple[int, int] | None
    notes: tuple[str, ...]

    def of(self, group: str) -> list[Size]:
        """Give the sizes of one group, one a split for train and validation."""
        return [size for size in self.sizes if size.group == group]


def read(maps: Maps, groups: Sequence[str]) -> People:
    """Read who is in the groups of a MAPS and who left before; what is missing is said in the notes."""
    notes: list[str] = []
    seen = _cohort(maps, None, None, notes)
    sizes = [size for group in groups for size in _sizes(maps, group, seen, notes)]
    own = (
        None if seen is None else seen.keep([one.session_id != BEFORE for one in seen.sessions], "is of this training")
    )
    stages, reasons = _stages(maps, own, notes)
    counts = None if own is None else (own.participant_count, len(own))
    return People(stages, tuple(_ends(sizes)), reasons, tuple(sizes), counts, tuple(notes))


def _sizes(maps: Maps, group: str, seen: Cohort | None, notes: list[str]) -> Iterable[Size]:
    of_training = group in {"train", "validation"}
    for split in maps.splits if of_training else [None]:
        cohort = _cohort(maps, group, split, notes)
        if cohort is None:
            continue
        shared = None if of_training or seen is None else len(shared_participants(cohort, seen))
        labels, age = _labels(cohort, next(iter(maps.columns), ""), classes=bool(classes_of(maps))), _age(cohort)
        yield Size(group, split, cohort.participant_count, len(cohort), labels, age, shared)


def _cohort(maps: Maps, group: str | None, split: int | None, notes: list[str]) -> Cohort | None:
    """Read a group, or without a name everybody that the weights have seen."""
    try:
        return Cohort.read(maps.paths.seen) if group is None else maps.group(group, split)
    except InputError:
        what = "everybody seen in training" if group is None else f"group {group}"
        notes.append(f"The list of {what}{'' if split is None else f', split {split}'} is missing or cannot be read.")
        return None


def _labels(cohort: Cohort, column: str, *, classes: bool) -> str:
    if column not in cohort.frame:
        return ""
    if not classes and pd.to_numeric(cohort.frame[column], errors="coerce").notna().any():
        return _spread(cohort.frame[column])
    values = cohort.frame[column].map(_label, na_action="ignore")
    counts = sorted(values.dropna().value_counts().items(), key=lambda item: str(item[0]))
    unknown = [f"unknown {int(values.isna().sum())}"] if values.isna().any() else []
    return ", ".join([*(f"{name} {count}" for name, count in counts), *unknown])


def _label(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _age(cohort: Cohort) -> str:
    return _spread(cohort.frame["age"]) if "age" in cohort.frame else ""


def _spread(values: pd.Series[Any]) -> str:
    """Give mean and standard deviation of what are numbers."""
    numbers = pd.to_numeric(values, errors="coerce").dropna()
    if len(numbers) < 2:  # noqa: PLR2004  (the value of one person is personal, and has no spread)
        return ""
    return f"{np.mean(numbers):.1f} (SD {np.std(numbers, ddof=1):.1f})"


def _stages(
    maps: Maps, seen: Cohort | None, notes: list[str]
) -> tuple[tuple[Stage, ...], tuple[tuple[str, str, int], ...]]:
    """Give the boxes of the flow and the reasons for leaving, from ``flow.json`` and the list of those seen."""
    try:
        kept = json.loads(maps.paths.flow.read_text(encoding="utf-8"))
        steps, without = flow.from_plain(kept["cohort"]), dict(kept["without_image"])
    except (OSError, ValueError, KeyError, TypeError):
        notes.append(
            "groups/flow.json is missing or cannot be read: who left before the splits were made is not known."
        )
        steps, without = (), {}
    if not steps:
        notes.append("How the cohort was chosen before it was split is not recorded beside the splits.")
    stages, reasons = [], []
    for step in steps:
        why = Counter(anonymous(reason) for _, reason in step.left)
        reasons += [(anonymous(step.rule), reason, count) for reason, count in why.most_common()]
        counts = people(step.participants, step.sessions)
        stages.append(Stage(anonymous(step.rule), counts, _left(sum(why.values()), why)))
    if seen is not None:
        aside = _aside(steps[-1].participants, steps[-1].sessions, seen) if steps else ()
        stages.append(
            Stage("in the splits, for training or validation", people(seen.participant_count, len(seen)), aside)
        )
    if without:
        why = Counter(anonymous(str(reason)) for reason in without.values())
        reasons += [("has a usable image", reason, count) for reason, count in why.most_common()]
        counts = f"{counted(len(seen) - len(without), 'session')} of them" if seen is not None else "the others"
        stages.append(Stage("has a usable image", counts, _left(len(without), why)))
    return tuple(stages), tuple(reasons)


def _left(total: int, why: Counter[str]) -> tuple[str, ...]:
    if not total:
        return ()
    shown = [f"{count}: {reason}" for reason, count in why.most_common(_MOST_REASONS)]
    more = [f"and {counted(len(why) - _MOST_REASONS, 'other reason')}"] if len(why) > _MOST_REASONS else []
    return (f"{counted(total, 'session')} left", *shown, *more)


def _aside(participants: int, sessions: int, seen: Cohort) -> tuple[str, ...]:
    away = participants - seen.participant_count, sessions - len(seen)
    return (f"{people(*away)} not in these splits (kept for a test, or not used)",) if max(away) > 0 else ()


def _ends(sizes: Sequence[Size]) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Give a box a split; where there are many, one for all."""
    splits = sorted({size.split for size in sizes if size.split is not None})
    if len(splits) <= _MOST_BOXES:
        for split in splits:
            own = [size for size in sizes if size.split == split]
            lines = [f"{size.group}: {size.participants} ({size.sessions})" for size in reversed(own)]
            yield f"split {split}", tuple(lines)
        return
    both = {group: [size for size in sizes if size.group == group] for group in ("train", "validation")}
    lines = [
        f"{name}: {spread([s.participants for s in own])} participants ({spread([s.sessions for s in own])} sessions)"
        for name, own in both.items()
        if own
    ]
    yield f"{len(splits)} splits, in each", tuple(lines)

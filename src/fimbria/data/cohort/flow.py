"""The flow of a cohort as a file, so that a report at the end still knows who left at the beginning, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fimbria.atomic import write_json
from fimbria.data.cohort.cohort import Session, Step
from fimbria.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def beside(table: Path) -> Path:
    """Give the place of the flow of a table: ``cohort.flow.json`` for ``cohort.tsv``."""
    return table.with_suffix(".flow.json")


def write(steps: Sequence[Step], path: Path) -> None:
    """Write a flow as JSON."""
    write_json(path, as_plain(steps))


def read(path: Path) -> tuple[Step, ...]:
    """Read a flow; empty if there is no such file.

    Raises
    ------
    TableError
        When it is there and cannot be read.
    """
    if not path.is_file():
        return ()
    try:
        return from_plain(json.loads(path.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        msg = f"{path} cannot be read as the flow of a cohort ({error}). Remove it, or make the table again."
        raise TableError(msg) from error


def as_plain(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Give a flow as lists and dictionaries."""
    return [
        {
            "rule": step.rule,
            "participants": step.participants,
            "sessions": step.sessions,
            "left": [{**session._asdict(), "reason": reason} for session, reason in step.left],
        }
        for step in steps
    ]


def from_plain(plain: Sequence[dict[str, Any]]) -> tuple[Step, ...]:
    """Make a flow from what `as_plain` gives."""
    return tuple(
        Step(
            step["rule"],
            step["participants"],
            step["sessions"],
            tuple(
                (Session(left["dataset"], left["participant_id"], left["session_id"]), left["reason"])
                for left in step["left"]
            ),
        )
        for step in plain
    )

"""What the command line shows: progress, sentences, tables; nothing but results where a script would read them."""

from __future__ import annotations

import json
import sys
from math import isnan
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fimbria.data.cohort.cohort import Step

T = TypeVar("T")
_SHORT = 30  # characters that are never broken over two lines

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Screen:
    """Shows progress on the error stream, so that results can be piped.

    Parameters
    ----------
    quiet
        Show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet

    def track(self, items: Iterable[T], what: str, total: int) -> Iterator[T]:
        """Pass items on under a progress bar."""
        if self.quiet or not total:
            yield from items
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("elapsed,"),
            TimeRemainingColumn(),
            TextColumn("left"),
        )
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
            bar = progress.add_task(what, total=total)
            for item in items:
                yield item
                progress.advance(bar)

    def say(self, text: str) -> None:
        """Show a sentence."""
        if not self.quiet:
            err.print(text, markup=False)


def say(text: str) -> None:
    """Print a sentence as a result."""
    out.print(text, markup=False)


def print_json(content: Any) -> None:  # noqa: ANN401  (JSON holds anything)
    """Print a result for a script."""
    sys.stdout.write(json.dumps(content, indent=2, default=str) + "\n")


def print_rows(rows: Sequence[Mapping[str, Any]], title: str = "") -> None:
    """Print records as a table."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in rows[0] if rows else ():
        table.add_column(column, no_wrap=max(len(_cell(row[column])) for row in rows) <= _SHORT)
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))  # as it is: a name may hold [brackets]
    out.print(table)


def print_flow(steps: Sequence[Step], named: int = 0) -> None:
    """Print how many came through each step of a cohort, and the first `named` who left at each."""
    print_rows(
        [
            {"step": step.rule, "participants": step.participants, "sessions": step.sessions, "left": len(step.left)}
            for step in steps
        ]
    )
    for step in steps:
        for session, reason in step.left[:named]:
            say(f"  left: {session} ({reason})")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "n/a" if isnan(value) else f"{value:.3g}"
    return str(value)

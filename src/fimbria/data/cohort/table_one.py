"""A summary as a table for people: Markdown, or one HTML file that needs nothing from outside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from fimbria import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from fimbria.data.cohort.summary import Summary

_DASH = "\N{EN DASH}"
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; border-bottom: 1px solid; border-top: 1px solid; }}
th, td {{ padding: .15rem .9rem .15rem 0; text-align: left; font-weight: normal; vertical-align: bottom; }}
thead th {{ border-bottom: 1px solid; font-weight: 600; }}
td {{ font-variant-numeric: tabular-nums; white-space: nowrap; }}
tr.variable th {{ padding-top: .5rem; font-weight: 600; }}
tr.part th {{ padding-left: 1.2rem; }}
small {{ display: block; margin-top: .6rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table>
{notes}
</body>
</html>
"""


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Attributes
    ----------
    label
        What it is of.
    cells
        One a group.
    smd
        The variable's, in its first line alone.
    part
        Belongs to the variable above.
    """

    label: str
    cells: tuple[str, ...]
    smd: str = ""
    part: bool = False


def as_tsv(summary: Summary) -> str:
    """Give the tidy table as tab-separated text: for programs, with every digit."""
    return tables.text(summary.table)


def as_markdown(summary: Summary) -> str:
    """Give the table as Markdown."""
    heads = _heads(summary)
    rows = [[_marked(head) for head in heads], ["---"] * len(heads)]
    for line in lines(summary):
        label = f"&emsp;{_marked(line.label)}" if line.part else f"**{_marked(line.label)}**"
        rows.append([label, *map(_marked, _cells(line, summary))])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    notes = "\n\n".join(_marked(note) for note in summary.notes)
    return f"{table}\n\n{notes}\n"


def as_html(summary: Summary, title: str) -> str:
    """Give the table as one HTML file; everything that comes from the cohort is escaped."""
    body = "\n".join(
        f'<tr class="{"part" if line.part else "variable"}"><th scope="row">{escape(line.label)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(line, summary))
        + "</tr>"
        for line in lines(summary)
    )
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in _heads(summary))
    notes = "\n".join(f"<small>{escape(note)}</small>" for note in summary.notes)
    return _PAGE.format(title=escape(title), head=head, body=body, notes=notes)


def as_text(summary: Summary) -> str:
    """Give the table as aligned text, for a terminal."""
    rows = [_heads(summary)]
    rows += [[f"{'  ' * line.part}{line.label}", *_cells(line, summary)] for line in lines(summary)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    shown = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in shown)


def lines(summary: Summary) -> list[Line]:
    """Give the lines of the table: those of numbers as ``74.2 (6.1)``, those of categories as ``31 (51.7%)``."""
    kinds: dict[str, Callable[[pd.DataFrame, Sequence[str]], list[Line]]] = {
        "number": _number_lines,
        "date": _date_lines,
        "category": _category_lines,
    }
    found = []
    for (variable, kind), rows in summary.table.groupby(["variable", "kind"], sort=False):
        if kind in kinds:
            found += kinds[str(kind)](rows, summary.groups)
        else:
            found.append(Line(str(variable), tuple(str(count) for count in rows["count"])))
    return found


def _number_lines(rows: pd.DataFrame, groups: Sequence[str]) -> list[Line]:
    of = rows.set_index("group").loc[list(groups)]
    numbers = of[["mean", "sd", "median", "q1", "q3", "min", "max"]].astype(float)
    digits = _digits(float(numbers["sd"].iloc[0]))
    text = numbers.map(lambda value: _DASH if math.isnan(value) else f"{value:.{digits}f}")
    short = text.map(lambda shown: shown if shown == _DASH else shown.rstrip("0").removesuffix("."))
    found = [
        Line(f"{rows['variable'].iloc[0]}, mean (SD)", _joined(of, text["mean"], " (", text["sd"], ")"), _smd(rows))
    ]
    if of["n"].any():
        middle = _joined(of, short["median"], " [", short["q1"], ", ", short["q3"], "]")
        found += [
            Line("median [quartiles]", middle, part=True),
            Line("range", _joined(of, short["min"], " to ", short["max"]), part=True),
        ]
    return [*found, *_missing(of)]


def _date_lines(rows: pd.DataFrame, groups: Sequence[str]) -> list[Line]:
    of = rows.set_index("group").loc[list(groups)]
    days = of[["median", "min", "max"]].astype("str")
    return [
        Line(f"{rows['variable'].iloc[0]}, median", _joined(of, days["median"]), _smd(rows)),
        Line("range", _joined(of, days["min"], " to ", days["max"]), part=True),
        *_missing(of),
    ]


def _category_lines(rows: pd.DataFrame, groups: Sequence[str]) -> list[Line]:
    found = [Line(f"{rows['variable'].iloc[0]}, n (%)", ("",) * len(groups), _smd(rows))]
    for level, its in rows.groupby("level", sort=False):
        of = its.set_index("group").loc[list(groups)]
        shares = of["percent"].astype(float).map(lambda share: f"{share:.1f}%")
        found.append(Line(str(level), _joined(of, of["count"].astype(str), " (", shares, ")"), part=True))
    return [*found, *_missing(rows.drop_duplicates("group").set_index("group").loc[list(groups)])]


def _joined(of: pd.DataFrame, *parts: pd.Series | str) -> tuple[str, ...]:
    """Put the parts of each group's cell together; a dash where the group knows nothing."""
    columns = [[part] * len(of) if isinstance(part, str) else part.tolist() for part in parts]
    return tuple(
        "".join(pieces) if known else _DASH for *pieces, known in zip(*columns, (of["n"] > 0).tolist(), strict=True)
    )


def _missing(of: pd.DataFrame) -> list[Line]:
    return [Line("missing", tuple(map(str, of["missing"])), part=True)] if of["missing"].any() else []


def _smd(rows: pd.DataFrame) -> str:
    value = float(rows["smd"].iloc[0])
    if math.isinf(value):
        return "\N{INFINITY}"
    return _DASH if math.isnan(value) else f"{value:.2f}"


def _digits(sd: float) -> int:
    """Give as many decimals as show two digits of the spread, at least one."""
    if not math.isfinite(sd) or sd == 0:
        return 1
    return min(max(1, 1 - math.floor(math.log10(sd))), 6)


def _heads(summary: Summary) -> list[str]:
    sizes = summary.table[summary.table["kind"] == "participants"]["count"].tolist()
    names = [f"{summary.by}: {name}" if number else name for number, name in enumerate(summary.groups)]
    heads = [f"{name} (n = {size})" for name, size in zip(names, sizes, strict=True)]
    return ["", *heads, *(["SMD"] if len(summary.groups) > 2 else [])]  # noqa: PLR2004  (all, and two to compare)


def _cells(line: Line, summary: Summary) -> tuple[str, ...]:
    return (*line.cells, line.smd) if len(summary.groups) > 2 else line.cells  # noqa: PLR2004  (as in `_heads`)


def _marked(text: str) -> str:
    """Keep a text from meaning anything in Markdown."""
    for sign in ("\\", "|", "*", "_", "`", "<", "["):
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())

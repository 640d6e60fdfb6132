"""The first table of a paper, and the picture of who came in and who left."""

from __future__ import annotations

import base64
from collections import Counter
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from fimbria.atomic import write_bytes
from fimbria.data.cohort import flow as flows
from fimbria.data.cohort import summary, table_one
from fimbria.data.cohort.cohort import Cohort
from fimbria.errors import InputError, Problem, ProblemsError, TableError, counted, refuse
from fimbria.results.report.embedding import png_data_uri, svg
from fimbria.results.report.figures import Stage, flow_diagram
from fimbria.results.report.wording import anonymous, people
from fimbria.workflows.cohorts import several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from fimbria.data.cohort.cohort import Step
    from fimbria.data.cohort.summary import Summary

_TABLES, _PICTURES = (".tsv", ".md", ".html"), (".svg", ".png", ".html")
_MOST_REASONS = 4
_FLOW_TITLE = "Flow of the cohort"


def summarize_cohort(  # noqa: PLR0913  (what to tell, and where)
    table: str | Path,
    *,
    columns: Sequence[str] | None = None,
    by: str | None = None,
    codes: Sequence[str] = (),
    out: str | Path | None = None,
    flow: str | Path | None = None,
) -> Summary:
    """Describe the participants of a cohort, overall and by group, and draw how they came to be.

    Parameters
    ----------
    table
        The cohort (TSV).
    columns
        What to describe; by default all but identifiers and free text.
    by
        Column whose values are the groups to compare.
    codes
        Columns whose numbers are names of categories.
    out
        Where to write the table: ``.tsv`` (tidy, for programs), ``.md`` or ``.html``.
    flow
        Where to draw the flow that lies beside `table`, in the manner of CONSORT: ``.svg``, ``.png`` or ``.html``.

    Raises
    ------
    InputError
        When a column is missing, a file name ends otherwise, something else stands there, or no flow is known; all at
        once.
    """
    table = Path(table)
    cohort = Cohort.read(table)
    problems = [
        Problem(f"{path}: a file name that ends in {', '.join(endings)} was wanted")
        for path, endings in ((out, _TABLES), (flow, _PICTURES))
        if path is not None and Path(path).suffix.lower() not in endings
    ]
    steps: tuple[Step, ...] = ()
    try:
        steps = flows.read(flows.beside(table))
        if flow is not None and not steps:
            problems.append(
                Problem(f"there is no flow {flows.beside(table)}", "tables made by `fimbria cohort` have one")
            )
    except TableError as error:
        problems.append(Problem(str(error)))
    try:
        made = summary.summarize(cohort, None if columns is None else several(columns), by, several(codes))
    except ProblemsError as error:
        refuse(f"the summary of {table}", [*problems, *error.problems])
        raise
    except InputError as error:
        refuse(f"the summary of {table}", [*problems, Problem(str(error))])
        raise
    refuse(f"the summary of {table}", problems)
    files = {}
    if out is not None:
        files[Path(out)] = _table(made, Path(out), table)
    if flow is not None:
        files[Path(flow)] = picture(steps, Path(flow).suffix.lower())
    for path, content in files.items():
        if path.exists() and (not path.is_file() or path.read_bytes() != content):
            msg = f"{path} is there already and says something else; nothing is ever written over. Choose another name."
            raise InputError(msg)
    for path, content in files.items():
        write_bytes(path, content)
    return made


def picture(steps: Sequence[Step], ending: str) -> bytes:
    """Draw a flow: counts and reasons, nobody's name.

    Parameters
    ----------
    steps
        Of the cohort.
    ending
        ``.svg``, ``.png`` or ``.html``.
    """
    figure = flow_diagram([_stage(step, before) for step, before in zip(steps, (None, *steps), strict=False)])
    if ending == ".png":
        figure.set_facecolor("white")
        return base64.b64decode(png_data_uri(figure, dpi=200).partition(",")[2])
    drawn = _standing(figure)
    if ending == ".svg":
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{drawn}\n'.encode()
    title = escape(_FLOW_TITLE)
    head = f'<meta charset="utf-8"><title>{title}</title><style>:root {{ color-scheme: light; }} svg {{ max-width: 100%; height: auto; }}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{drawn}\n</body></html>\n'.encode()


def _standing(figure: Figure) -> str:
    """Give a figure as SVG that stands alone: its own name space, ink and ground."""
    drawn = svg(figure, _FLOW_TITLE)
    own = 'xmlns="http://www.w3.org/2000/svg" style="background: #fff; color: #111; font-family: sans-serif"'
    return drawn.replace("<svg ", f"<svg {own} ", 1)


def _stage(step: Step, before: Step | None) -> Stage:
    """Give a step as a box, with how many left and the most frequent reasons."""
    counts = people(step.participants, step.sessions)
    if not step.left:
        return Stage(anonymous(step.rule), counts)
    why = Counter(anonymous(reason) for _, reason in step.left)
    lines = [f"{count}: {reason}" for reason, count in why.most_common(_MOST_REASONS)]
    if (more := len(why) - _MOST_REASONS) > 0:
        lines.append(f"and {counted(more, 'other reason')}")
    gone = before.participants - step.participants if before else 0
    left = people(gone, len(step.left)) if gone > 0 else counted(len(step.left), "session")
    return Stage(anonymous(step.rule), counts, (f"{left} left", *lines))


def _table(made: Summary, out: Path, table: Path) -> bytes:
    if out.suffix.lower() == ".tsv":
        return table_one.as_tsv(made).encode()
    if out.suffix.lower() == ".md":
        return table_one.as_markdown(made).encode()
    return table_one.as_html(made, f"Participants of {table.name}").encode()

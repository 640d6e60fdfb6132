"""``fimbria cohort labels`` and ``progression``: who gets which label."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from fimbria.cli.screen import print_flow, print_rows, say
from fimbria.errors import InputError, listing

if TYPE_CHECKING:
    from cyclopts import App

    from fimbria.data.cohort.cohort import Cohort

_Several = Annotated[list[str] | None, Parameter(consume_multiple=True)]


def register(parent: App) -> None:
    """Hang the commands into the program."""
    for command in (labels, progression):
        parent.command(command)


def labels(
    table: Path | None = None,
    out: Path | None = None,
    *,
    definition: str = "alzheimer-sessions",
    keep: _Several = None,
    horizon: int | None = None,
    where: _Several = None,
    admit: _Several = None,
    columns: _Several = None,
    modality: str = "",
    missing_mods: Path | None = None,
    restriction: Path | None = None,
    remove_unique_session: bool = False,
    list_presets: Annotated[bool, Parameter(name="--list")] = False,
    show: str = "",
) -> None:
    """Label the sessions of a merged table by a definition; who gets no label leaves, with the reason.

    Example: fimbria cohort labels merged.tsv labels.tsv --definition alzheimer-participants --keep sMCI pMCI

    To write a definition of your own, of any disease, begin with one that is shipped:
    fimbria cohort labels --show alzheimer-sessions > mine.toml

    Parameters
    ----------
    table
        One row a session (TSV): participant_id, session_id (ses-M012), and the columns that the definition reads.
    out
        Where to write the cohort (TSV). Its flow, who was left out and why, and the definition used go beside it.
    definition
        Name of a preset, or a TOML file.
    keep
        Labels to keep, instead of the definition's.
    horizon
        Months ahead, instead of the definition's.
    where
        Conditions that a labelled session must meet, each between quotes: "age >= 62".
    admit
        Names of the definition's exclusions that are not applied.
    columns
        Columns to write beside identifiers and label; all by default.
    modality
        The image that a session must have.
    missing_mods
        Folder of tables which session has which image (clinica iotools check-missing-modalities).
    restriction
        List of the only sessions to keep (TSV).
    remove_unique_session
        Leave out who has one session only.
    list_presets
        List the definitions that are shipped, and do nothing else.
    show
        Print one of them, and do nothing else.
    """
    from fimbria.data.cohort.cohort import Cohort
    from fimbria.data.cohort.labels.files import presets, read, shown
    from fimbria.data.cohort.labels.timeline import column_of

    if show:
        say(shown(show).rstrip())
        return
    if list_presets:
        print_rows([{"definition": name, "says": said} for name, said in presets().items()])
        return
    if table is None or out is None:
        msg = "a table, and a place for the labelled cohort, are wanted: fimbria cohort labels merged.tsv labels.tsv"
        raise InputError(msg)
    from fimbria.workflows.labels import label_cohort

    made = label_cohort(
        table,
        out,
        definition=definition,
        keep=keep or (),
        horizon=horizon,
        where=where or (),
        admit=admit or (),
        columns=columns or (),
        modality=modality,
        missing_mods=missing_mods,
        restriction=restriction,
        remove_unique_session=remove_unique_session,
    )
    used = read(str(out.with_suffix(".definition.toml")))
    _tell(made, used.output, out)
    if absent := [name for name in used.keep if name not in set(made.frame[used.output].astype(str))]:
        merged = Cohort.read(table)
        column, _ = column_of(merged, used)
        held = sorted(set(merged.column(column).dropna().astype(str)))
        say(f"Nobody is labelled {listing(absent)}; {column!r} holds: {listing(held, 12)}.")


def progression(
    table: Path,
    out: Path,
    *,
    definition: str = "alzheimer-sessions",
    horizon: int | None = None,
    as_clinicadl: bool = False,
) -> None:
    """Tell what follows each session: s (stable), p (progressive), r (regressive), us (unstable), uk (not known).

    Example: fimbria cohort progression merged.tsv progression.tsv --horizon 36

    Parameters
    ----------
    table
        One row a session (TSV).
    out
        Where to write the cohort (TSV); its flow goes beside it.
    definition
        Name of a preset, or a TOML file: which column, which states, their ranks.
    horizon
        Months ahead, instead of the definition's.
    as_clinicadl
        Give s also where the follow-up is shorter than the horizon, as ClinicaDL 1.6 did.
    """
    from fimbria.workflows.labels import cohort_progression

    made = cohort_progression(table, out, definition=definition, horizon=horizon, as_clinicadl=as_clinicadl)
    _tell(made, "progression", out)


def _tell(cohort: Cohort, column: str, out: Path) -> None:
    """Show the flow of a new cohort, and how many have which label."""
    print_flow(cohort.flow, 2)
    groups = cohort.frame.groupby(column)[["dataset", "participant_id"]]
    print_rows(
        [{column: str(name), "participants": len(of.drop_duplicates()), "sessions": len(of)} for name, of in groups]
    )
    say(f"Kept in {out}.")

"""Labelled cohorts, and what becomes of their participants."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fimbria.atomic import write_text
from fimbria.data.cohort.labels import files
from fimbria.data.cohort.labels.labelling import label
from fimbria.data.cohort.labels.progression import needs_ahead, progression
from fimbria.errors import InputError, listing
from fimbria.workflows.cohorts import kept, read_with_flow, several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.data.cohort.cohort import Cohort
    from fimbria.data.cohort.labels.definition import Definition


def label_cohort(  # noqa: PLR0913  (what a call may change of a definition)
    table: str | Path,
    out: str | Path,
    *,
    definition: str | Path = "alzheimer-sessions",
    keep: Sequence[str] = (),
    horizon: int | None = None,
    where: Sequence[str] = (),
    admit: Sequence[str] = (),
    columns: Sequence[str] = (),
    modality: str = "",
    missing_mods: str | Path | None = None,
    restriction: str | Path | None = None,
    remove_unique_session: bool = False,
) -> Cohort:
    """Label a merged table by a definition, and write who is left with the flow of who is not.

    Parameters
    ----------
    table
        One row a session: ``participant_id``, ``session_id`` (``ses-M012``), and what the definition reads.
    out
        Where to write the cohort (TSV). Beside it go its flow, and the definition as it was used (TOML).
    definition
        Name of a preset, or a TOML file.
    keep
        Labels to keep, instead of the definition's.
    horizon
        Months ahead, instead of the definition's.
    where
        Conditions that a labelled session must meet, besides the definition's: ``age >= 62``.
    admit
        Names of the definition's exclusions that are not applied.
    columns
        Columns to write beside identifiers and label; all by default.
    modality, missing_mods
        The image that a session must have, and the folder of tables that say so.
    restriction
        A list of the only sessions to keep (TSV).
    remove_unique_session
        Leave out who has one session only.

    Returns
    -------
    Cohort
        The labelled sessions.

    Raises
    ------
    InputError
        When the definition contradicts itself or what was asked (before anything is read), a table cannot be used,
        nobody is left, or something else stands at `out`.
    """
    chosen = files.read(definition)
    chosen = chosen.changed(
        keep=several(keep) or chosen.keep,
        horizon=horizon,
        inclusion=(*chosen.inclusion, *several(where)),
        admit=(*chosen.admit, *several(admit)),
        modality=modality or chosen.modality,
        remove_unique_session=remove_unique_session or chosen.remove_unique_session,
    )
    _refuse_idle(chosen, horizon, modality, missing_mods)
    out = Path(out)
    made = label(
        read_with_flow(Path(table)),
        chosen,
        missing_mods=None if missing_mods is None else Path(missing_mods),
        restriction=None if restriction is None else Path(restriction),
        columns=several(columns),
    )
    return _written(made, out, chosen)


def cohort_progression(
    table: str | Path,
    out: str | Path,
    *,
    definition: str | Path = "alzheimer-sessions",
    horizon: int | None = None,
    as_clinicadl: bool = False,
) -> Cohort:
    """Write beside each session what follows it: stable, progressive, regressive, unstable or unknown.

    Parameters
    ----------
    table
        One row a session; a merged table, or a labelled cohort that keeps every label of interest.
    out
        Where to write the cohort (TSV) with ``progression`` (``s``, ``p``, ``r``, ``us``, ``uk``) and
        ``progression_month``, the month of the session that decided it.
    definition
        Name of a preset, or a TOML file: which column, which states, their ranks.
    horizon
        Months ahead, instead of the definition's.
    as_clinicadl
        Give ``s`` also where the follow-up is shorter than the horizon, as ClinicaDL 1.6 did.

    Returns
    -------
    Cohort
        The sessions whose diagnosis is known.

    Raises
    ------
    InputError
        When the definition or the table cannot be used, or something else stands at `out`.
    """
    chosen = files.read(definition)
    if horizon is not None:
        chosen = chosen.changed(horizon=horizon)
    needs_ahead(chosen)
    return _written(progression(read_with_flow(Path(table)), chosen, as_clinicadl=as_clinicadl), Path(out), chosen)


def _refuse_idle(definition: Definition, horizon: int | None, modality: str, missing_mods: str | Path | None) -> None:
    """Refuse what was asked and would change nothing."""
    if horizon is not None and all(definition.labels[name].stability != "horizon" for name in definition.keep):
        msg = f"--horizon {horizon} decides nothing: no label that is kept looks that far ahead ({listing(definition.keep)}). Leave it out, or keep one that does."
        raise InputError(msg)
    if modality and missing_mods is None:
        msg = f"--modality {modality} needs the tables that say who has it: add --missing-mods FOLDER."
        raise InputError(msg)
    if missing_mods is not None and not definition.modality:
        msg = f"--missing-mods {missing_mods} needs to know which image is wanted: add --modality, such as t1w."
        raise InputError(msg)


def _written(cohort: Cohort, out: Path, definition: Definition) -> Cohort:
    """Write a cohort, its flow and its definition; what stands there already must say the same."""
    described, content = out.with_suffix(".definition.toml"), files.as_toml(definition)
    if described.exists() and (not described.is_file() or described.read_bytes() != content.encode()):
        msg = (
            f"{described} is there already and says something else; nothing is ever written over. Choose another name."
        )
        raise InputError(msg)
    kept(cohort, out)
    write_text(described, content)
    return cohort

"""Experiments as files: TOML with a comment for each option, or JSON; both are read back as they were."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomlkit

from fimbria.atomic import write_json, write_text
from fimbria.errors import ExperimentError
from fimbria.experiment.clinicadl import is_clinicadl, read_clinicadl
from fimbria.experiment.experiment import Component, Experiment, merged, with_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel
    from tomlkit.items import Table

    from fimbria.experiment.clinicadl import ReadCut

SCHEMA_VERSION = 1


def _nothing(sentence: str) -> None:
    """Tell nobody."""


def read(
    path: str | Path,
    changes: Mapping[str, Any] | None = None,
    *,
    read_cut: ReadCut | None = None,
    tell: Callable[[str], object] = _nothing,
) -> Experiment:
    """Read an experiment, ours or one of ClinicaDL 1.x, and lay changes over it.

    Parameters
    ----------
    path
        A ``.toml`` or ``.json`` file.
    changes
        Options given on the command line, nested like the experiment; they win.
    read_cut
        Reads what ClinicaDL's files say of how images are cut, as `read_clinicadl` asks for it. Without, its experiments
        are refused.
    tell
        Is given a sentence for everything in an experiment of ClinicaDL that has no twin here, or that should be looked at,
        and for options of a task that `changes` replace by another task.

    Raises
    ------
    ExperimentError
        When the file is missing, not TOML or JSON, newer than this program, or ClinicaDL's where that is not wanted.
    ProblemsError
        For everything in it that cannot be used, at once.
    """
    path = Path(path)
    parsed = _parsed(path)
    if is_clinicadl(parsed):
        described = _of_clinicadl(parsed, path, changes or {}, read_cut, tell)
    else:
        described = with_names(upgraded(parsed, f"{path}"))
    for sentence in _left_behind(described, changes or {}):
        tell(sentence)
    return Experiment.of(merged(described, changes or {}), f"{path}")


def _left_behind(described: Mapping[str, Any], changes: Mapping[str, Any]) -> list[str]:
    """Say which options of the file belong to a task that the command line replaces by another."""
    old, new = described.get("task"), changes.get("task")
    if (
        not isinstance(old, Mapping)
        or not isinstance(new, Mapping)
        or new.get("name", old.get("name")) == old.get("name")
    ):
        return []
    left = [name for name in old if name != "name" and name not in new]
    if not left:
        return []
    belongs = "belongs" if len(left) == 1 else "belong"
    return [
        f"{', '.join(left)} of the file {belongs} to its task {old.get('name')}, and {new['name']} was asked for: not taken over."
    ]


def _of_clinicadl(
    parsed: Mapping[str, Any],
    path: Path,
    changes: Mapping[str, Any],
    read_cut: ReadCut | None,
    tell: Callable[[str], object],
) -> dict[str, Any]:
    if read_cut is None:
        msg = f"{path} is an experiment of ClinicaDL, and one of Fimbria was wanted. `fimbria train {path} NEW_MAPS` reads it."
        raise ExperimentError(msg)
    described, notes = read_clinicadl(parsed, f"{path}", read_cut, changes)
    for note in notes:
        tell(f"{path.name}: {note}")
    return described


def upgraded(description: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Bring the description of an older version up to date.

    Raises
    ------
    ExperimentError
        When it was written by a newer Fimbria.
    """
    plain = dict(description)
    version = plain.pop("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        msg = f"{source} was written by a newer Fimbria (schema {version}; this one reads {SCHEMA_VERSION}). Upgrade Fimbria."
        raise ExperimentError(msg)
    return plain


def write(experiment: Experiment, path: Path) -> None:
    """Write an experiment, as JSON if the name ends in ``.json`` and as commented TOML otherwise."""
    if path.suffix == ".json":
        write_json(path, {"schema_version": SCHEMA_VERSION, **experiment.plain()})
    else:
        write_text(path, as_toml(experiment))


def as_toml(experiment: Experiment) -> str:
    """Give an experiment as TOML, each option with its line of help."""
    document = tomlkit.document()
    document.add("schema_version", tomlkit.item(SCHEMA_VERSION))
    plain = experiment.plain()
    for name, info in Experiment.model_fields.items():
        value = getattr(experiment, name)
        table = tomlkit.table()
        table.comment(info.description or "")
        if isinstance(value, Component):
            for option, chosen in plain[name].items():
                table.add(option, chosen)
        else:
            _fill(table, value, plain[name])
        document.add(name, table)
    return tomlkit.dumps(document)


def schema() -> dict[str, Any]:
    """Give the JSON schema of an experiment, for editors that complete and check as one types."""
    return Experiment.model_json_schema()


def _fill(table: Table, section: BaseModel, plain: Mapping[str, Any]) -> None:
    for name, info in type(section).model_fields.items():
        if name not in plain:
            continue
        value = plain[name]
        if isinstance(value, dict):
            inline = tomlkit.inline_table()
            inline.update(value)
            value = inline
        item = tomlkit.item(value)
        item.comment(info.description or "")
        table.add(name, item)
    for name in section.model_extra or {}:
        table.add(name, plain[name])


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        msg = f"there is no experiment file {path}. The documentation shows one to begin with."
        raise ExperimentError(msg) from error
    except (UnicodeDecodeError, IsADirectoryError, NotADirectoryError) as error:
        msg = f"{path} is not a text file; an experiment in TOML or JSON was wanted."
        raise ExperimentError(msg) from error
    try:
        parsed = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"{path} is not {'JSON' if path.suffix == '.json' else 'TOML'}: {error}."
        raise ExperimentError(msg) from error
    if not isinstance(parsed, dict):
        msg = f"{path} holds a {type(parsed).__name__}; an experiment with sections was wanted."
        raise ExperimentError(msg)
    return parsed

"""Definitions of cohorts as TOML files, and those that are shipped."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import tomlkit

from fimbria.data.cohort.labels.definition import Definition
from fimbria.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def presets() -> dict[str, str]:
    """Give the definitions that are shipped: name -> one sentence."""
    return {name: tomllib.loads(place.read_text("utf-8"))["description"] for name, place in _shipped().items()}


def shown(name: str) -> str:
    """Give a shipped definition as it is written, with its comments, to begin one's own with.

    Raises
    ------
    InputError
        When there is none of that name.
    """
    known = _shipped()
    if name not in known:
        msg = f"there is no preset {name!r}: {did_you_mean(name, known)}."
        raise InputError(msg)
    return known[name].read_text("utf-8")


def read(source: str | Path) -> Definition:
    """Read the definition of a cohort.

    Parameters
    ----------
    source
        Name of one that is shipped, or a ``.toml`` file.

    Raises
    ------
    InputError
        When there is neither, or the file is not TOML.
    ProblemsError
        For everything in it that cannot be used, at once.
    """
    path = Path(source)
    if str(source) in _shipped():
        return Definition.of(tomllib.loads(shown(str(source))), str(source))
    if path.suffix != ".toml" and not path.is_file():
        msg = f"there is no definition {str(source)!r}: {did_you_mean(str(source), _shipped())}. Or name a .toml file."
        raise InputError(msg)
    try:
        return Definition.of(tomllib.loads(path.read_text(encoding="utf-8-sig")), str(path))
    except FileNotFoundError as error:
        msg = f"there is no definition {path}. `fimbria cohort labels --show NAME` prints one to begin with ({', '.join(_shipped())})."
        raise InputError(msg) from error
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read as text; the definition of a cohort in TOML was wanted."
        raise InputError(msg) from error
    except tomllib.TOMLDecodeError as error:
        msg = f"{path} is not TOML: {error}."
        raise InputError(msg) from error


def as_toml(definition: Definition) -> str:
    """Give a definition as TOML: read back, it is the same."""
    return tomlkit.dumps(definition.plain())


def _shipped() -> dict[str, Traversable]:
    folder = resources.files("fimbria.data.cohort.labels") / "presets"
    found = {place.name.removesuffix(".toml"): place for place in folder.iterdir() if place.name.endswith(".toml")}
    return dict(sorted(found.items()))

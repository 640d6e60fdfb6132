"""Flags made from the experiment: read, and shown in the help. No option is written down a second time."""

from __future__ import annotations

import re
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from fimbria.cli.values import read_value
from fimbria.errors import InputError, did_you_mean
from fimbria.experiment.experiment import Component, Experiment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_END = "--"
_NUMBER = re.compile(r"-\.?\d")


@dataclass(frozen=True)
class Option:
    """One option of an experiment, as a flag.

    Attributes
    ----------
    flag
        ``--section.option``.
    fits
        What fits, in a few words.
    default
        As one would type it; empty where one must be given.
    help
        One line.
    """

    flag: str
    fits: str
    default: str
    help: str


def options(model: type[BaseModel] = Experiment, place: str = "") -> Iterator[Option]:
    """Walk through every option of the experiment."""
    for name, info in model.model_fields.items():
        where = f"{place}.{name}" if place else name
        kind = info.annotation
        if kind is Component:
            default: Component | None = info.default if isinstance(info.default, Component) else None
            yield Option(f"--{where}.name", "name", default.name if default else "", info.description or "")
            for option, value in (default.options if default else {}).items():
                yield Option(
                    f"--{where}.{option}",
                    _fitting(type(value)),
                    _typed(value),
                    f"Option of {default.name}." if default else "",
                )
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from options(kind, where)
        else:
            default_text = "" if info.is_required() else _typed(info.default)
            yield Option(f"--{where}", _fitting(kind), default_text, info.description or "")


def parse(words: Sequence[str]) -> dict[str, Any]:
    """Read ``--section.option value ...`` into a nested description.

    A value is read as TOML where it is TOML (numbers, true, lists), and as text otherwise. A flag without value means
    true; several values, or the flag again, make a list.

    Raises
    ------
    InputError
        For a word that belongs to no flag, or a flag of no section.
    """
    sections = list(Experiment.model_fields)
    description: dict[str, Any] = {}
    flag, values, unknown = "", list[Any](), list[str]()
    for word in [*words, _END]:
        if word.startswith("-") and not _NUMBER.match(word):
            if flag:
                _put(description, flag.split("."), values)
            flag, _, value = word.removeprefix("--").partition("=")
            values = [read_value(value)] if value else []
            if word != _END and (not word.startswith("--") or flag.partition(".")[0] not in sections):
                unknown.append(f"there is no option {word}: {_suggestion(word)}.")
        elif not flag:
            msg = f"{word!r} belongs to no option. Options are given as --section.option value."
            raise InputError(msg)
        else:
            values.append(read_value(word))
    if unknown:
        raise InputError("\n".join(unknown))
    return description


def _put(description: dict[str, Any], place: list[str], values: list[Any]) -> None:
    for step in place[:-1]:
        inner = description.setdefault(step, {})
        if not isinstance(inner, dict):
            inner = description[step] = {"name": inner}
        description = inner
    last = place[-1]
    new: Any = True if not values else values[0] if len(values) == 1 else values
    if last in description and not isinstance(description[last], dict):
        before = description[last]
        description[last] = [*(before if isinstance(before, list) else [before]), *values]
    elif isinstance(description.get(last), dict):
        description[last] = {**description[last], "name": new}
    else:
        description[last] = new


def _typed(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return " ".join(map(str, value))
    return str(value)


def _fitting(kind: Any) -> str:  # noqa: ANN401  (any annotation)
    origin = typing.get_origin(kind)
    if origin is Literal:
        return "|".join(map(str, typing.get_args(kind)))
    if origin is typing.Annotated or origin is tuple:
        inner = typing.get_args(kind)[0]
        return f"{_fitting(inner)} ..." if origin is tuple else _fitting(inner)
    if origin in (typing.Union, types.UnionType):
        return _fitting(typing.get_args(kind)[0])
    return {"str": "text", "int": "number", "float": "number", "bool": "true|false", "Path": "path"}.get(
        getattr(kind, "__name__", ""), "text"
    )


def _suggestion(word: str) -> str:
    known = [option.flag for option in options()]
    near = did_you_mean(word, known)
    return near.partition(" (")[0] if near.startswith("did you mean") else "`fimbria train --help` lists them"

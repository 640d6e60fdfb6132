"""What a pipeline's files are called, and the pipelines that are known by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fimbria.data.images.pipelines import pattern as language
from fimbria.errors import ComponentError
from fimbria.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fimbria.data.images.pipelines.pattern import Route

CAPS = "subjects/"


@dataclass(frozen=True)
class Pipeline:
    """Where a pipeline leaves its images.

    Attributes
    ----------
    name
        What it is called.
    pattern
        Path of an image relative to the data set, with every option filled in (`fimbria.data.images.pipelines.pattern`
        says how it is written).
    space
        Name of the space its images lie in; empty for a participant's own.
    options
        What was chosen.

    Raises
    ------
    ComponentError
        When the pattern cannot be used; with everything that is wrong with it.
    """

    name: str
    pattern: str
    space: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = language.problems(self.pattern)
        said = language.names(self.pattern)
        found += [
            f"nothing is known of {{{name}}}"
            for name in dict.fromkeys(said)
            if name not in (*language.WHOSE, language.LABEL)
        ]
        if "participant" not in said:
            found.append("it has no {participant}, so nobody could tell whose an image is")
        if found:
            msg = f"pipeline {self.name!r}: the pattern {self.pattern!r} cannot be used: {'; '.join(found)}."
            raise ComponentError(msg)
        object.__setattr__(self, "pattern", language.with_extension(self.pattern))
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))

    def __hash__(self) -> int:
        """Hash what decides where the images are."""
        return hash((self.name, self.pattern, self.space))

    def __reduce__(self) -> tuple[type[Pipeline], tuple[str, str, str, dict[str, Any]]]:
        """Travel whole between processes."""
        return type(self), (self.name, self.pattern, self.space, dict(self.options))

    @property
    def layout(self) -> str:
        """The kind of data set: ``caps`` or ``bids``."""
        return "caps" if self.pattern.startswith(CAPS) else "bids"

    @property
    def glob(self) -> str:
        """The file name as ClinicaDL would look for it."""
        return language.glob(self.pattern)

    @property
    def routes(self) -> tuple[Route, ...]:
        """The ways to its images, compiled once."""
        return _routes(self.pattern)

    def folder(self, participant: str, session: str) -> str:
        """Give the innermost folder that is known of a session's image, relative to the data set."""
        return language.folder_of(self.pattern, participant, session)


pipeline: Registry[Pipeline] = Registry("pipeline")


@cache
def _routes(pattern: str) -> tuple[Route, ...]:
    return language.routes(pattern)

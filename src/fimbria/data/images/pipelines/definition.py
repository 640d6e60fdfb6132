"""Pipelines described in TOML: a name, a pattern, and what can be chosen in it."""

from __future__ import annotations

import inspect
import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from fimbria.data.images.pipelines import pattern as language
from fimbria.data.images.pipelines.pipeline import Pipeline, pipeline
from fimbria.errors import ComponentError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

RESERVED = (*language.WHOSE, language.LABEL)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_WORD = re.compile(r"[A-Za-z0-9.+-]*")
_ENTITIES = re.compile(r"([A-Za-z0-9]+-[A-Za-z0-9.+-]+)(_[A-Za-z0-9]+-[A-Za-z0-9.+-]+)*|")
_ANYTHING = "[_*]"


class Part(BaseModel):
    """A frozen part of a definition; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Option(Part):
    """Something that can be chosen."""

    help: str = Field("", description="One line.")
    default: bool | str | None = Field(None, description="Absent: it is needed.")
    kind: Literal["word", "entities", "pattern"] = Field(
        "word", description="What may be chosen where `values` do not say."
    )
    values: dict[str, str] = Field(
        {}, description="Value -> what is put into the pattern; true and false for a switch."
    )
    open: bool = Field(False, description="Others than `values` may be chosen too.")
    text: str = Field("{}", description="What is put into the pattern; {} stands for the value.")
    empty: str | None = Field(None, description="The same for an empty value; absent: it is needed where it is used.")
    spaces: dict[str, str] = Field({}, description="Value -> what `space` says of it.")

    @property
    def annotation(self) -> Any:  # noqa: ANN401  (a type, as a signature holds it)
        """What the signature says of it."""
        if set(self.values) == {"true", "false"}:
            return bool
        allowed = Literal[tuple(self.values)] if self.values and not self.open else str
        return Annotated[allowed, BeforeValidator(_worded)]

    def said(self, name: str) -> str:
        """Say what it is and what may be chosen."""
        several = ", ".join(self.values)
        fits = f" {several}{', or another' if self.open else ''}." if several else ""
        return f"{name}: {self.help}{fits}"

    def piece(self, value: str) -> tuple[str, str]:
        """Give what a value puts into the pattern, and what is wrong with it."""
        if value in self.values:
            return self.values[value], ""
        if self.kind == "entities":
            wrong = "" if _ENTITIES.fullmatch(value) else "entities were wanted, such as 'acq-mprage_run-1'"
            return _ANYTHING + "".join(f"_{entity}{_ANYTHING}" for entity in value.split("_") if entity), wrong
        if not value:
            return self.empty or "", "" if self.empty is not None else "it is needed"
        if self.kind == "word" and not _WORD.fullmatch(value):
            return "", "letters, digits, '.', '+' and '-' were wanted"
        return self.text.replace("{}", value), "; ".join(language.problems(value)) if self.kind == "pattern" else ""


class Definition(Part):
    """Where a pipeline leaves its images, and what can be chosen."""

    name: str = Field("", description="What to call it; by default the file's name.")
    summary: str = Field("", description="One sentence.")
    space: str = Field("", description="Space of its images; {option} stands for what was chosen; empty: one's own.")
    pattern: str = Field(description="Path of an image relative to the data set.")
    one_of: tuple[str, ...] = Field((), description="Options of which exactly one is given.")
    options: dict[str, Option] = Field({}, description="What can be chosen.")

    @property
    def texts(self) -> list[str]:
        """The pattern and every piece of one that an option may put into it."""
        pieces = (
            piece
            for option in self.options.values()
            for piece in (*option.values.values(), option.text, option.empty or "")
        )
        return [self.pattern, *(piece for piece in pieces if piece != "{}")]

    def problems(self) -> list[str]:
        """Say everything that is wrong, in words."""
        known = (*RESERVED, *self.options)
        used = {name for text in self.texts for name in language.names(text)}
        found = [f"{text!r}: {wrong}" for text in self.texts for wrong in language.problems(text.replace("{}", ""))]
        if not _NAME.fullmatch(self.name):
            found.append(f"the name {self.name!r} should be of letters, digits, '.' and '-'")
        found += [f"no option is called {{{name}}}: {did_you_mean(name, known)}" for name in sorted(used - set(known))]
        found += [f"the option {name!r} stands nowhere in the pattern" for name in self.options if name not in used]
        if "participant" not in used and not any(option.kind == "pattern" for option in self.options.values()):
            found.append("the pattern has no {participant}, so nobody could tell whose an image is")
        found += [f"one_of names {name!r}, which is no option" for name in self.one_of if name not in self.options]
        for name, option in self.options.items():
            if not name.isidentifier() or name in RESERVED:
                found.append(f"an option cannot be called {name!r}")
            default = _worded(option.default)
            if option.values and not option.open and default is not None and default not in option.values:
                found.append(
                    f"{default!r}, the default of {name!r}, is none of its values ({', '.join(option.values)})"
                )
        said = [name for name in re.findall(r"\{(\w+)\}", self.space) if name not in self.options]
        return found + [f"space: no option is called {{{name}}}" for name in said]

    def build(self, chosen: Mapping[str, Any]) -> Pipeline:
        """Fill in the options.

        Raises
        ------
        ComponentError
            When an option's value does not fit, or is needed and was not given.
        """
        values = {name: str(_worded(value)) for name, value in chosen.items()}
        given = [name for name in self.one_of if values[name]]
        wrong = [f"exactly one of {' and '.join(self.one_of)} is wanted"] if self.one_of and len(given) != 1 else []
        filled, words = self.pattern, dict[str, str]()
        for _ in range(len(self.options) + 1):  # a piece may itself name options
            for name in dict.fromkeys(language.names(filled)):
                if name in RESERVED or name not in self.options:
                    continue
                option = self.options[name]
                piece, why = option.piece(values[name])
                if name in self.one_of and not values[name]:
                    why = ""
                wrong += [f"{name} = {values[name]!r}: {why}"] if why else []
                if piece == values[name] and option.kind == "word" and name not in words:
                    words[name] = piece  # a mere word never decides whether the name has an extension
                filled = filled.replace(f"{{{name}}}", f"{{{name}!}}" if name in words else piece)
        if wrong:
            msg = f"pipeline {self.name!r}: {'; '.join(dict.fromkeys(wrong))}."
            raise ComponentError(msg)
        filled = language.with_extension(filled)
        for name, word in words.items():
            filled = filled.replace(f"{{{name}!}}", word)
        return Pipeline(self.name, filled, self._space(values), dict(chosen))

    def _space(self, values: Mapping[str, str]) -> str:
        space = self.space
        for name, option in self.options.items():
            told = option.spaces.get(values[name], "") if option.spaces else values[name]
            space = space.replace(f"{{{name}}}", told)
        return space

    def factory(self) -> Callable[..., Pipeline]:
        """Give what makes the pipeline; its signature and its docstring say what can be chosen."""

        def make(**chosen: object) -> Pipeline:
            complete = {name: option.default for name, option in self.options.items()} | chosen
            return self.build(complete)

        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [
            inspect.Parameter(
                name,
                keyword,
                default=inspect.Parameter.empty if option.default is None else option.default,
                annotation=option.annotation,
            )
            for name, option in self.options.items()
        ]
        vars(make)["__signature__"] = inspect.Signature(parameters, return_annotation=Pipeline)
        make.__name__ = self.name
        make.__doc__ = "\n".join([self.summary, "", *(o.said(n) for n, o in self.options.items())]).strip()
        return make


def read(text: str, source: str, stem: str) -> Definition:
    """Read a definition.

    Parameters
    ----------
    text
        TOML.
    source
        What to call it in an error.
    stem
        Its name where it says none.

    Raises
    ------
    ComponentError
        When it is not TOML, or cannot be used; with everything that is wrong.
    """
    try:
        plain = tomllib.loads(text)
        definition = Definition.model_validate({"name": stem, **plain})
        wrong = definition.problems()
    except tomllib.TOMLDecodeError as error:
        msg = f"{source} is not TOML: {error}."
        raise ComponentError(msg) from error
    except ValidationError as error:
        wrong = [_sentence(dict(item)) for item in error.errors()]
    if wrong:
        msg = f"{source} does not describe a pipeline: {'; '.join(wrong)}."
        raise ComponentError(msg)
    return definition


@pipeline.described
def _described(file: Path, content: bytes) -> Callable[..., Pipeline]:
    """Read a pipeline of a study's own: data, never code.

    Raises
    ------
    ComponentError
        When the file cannot be read, or does not describe a pipeline.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"{file} is not UTF-8 text (byte {error.start}); the description of a pipeline in TOML was wanted."
        raise ComponentError(msg) from error
    return read(text, str(file), file.stem).factory()


def _worded(value: object) -> object:
    """Give booleans and numbers as the texts that stand in a definition."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, (int, float)) else value


def _sentence(error: Mapping[str, Any]) -> str:
    where = ".".join(str(step) for step in error["loc"])
    if error["type"] == "extra_forbidden":
        fields = (
            Option.model_fields if error["loc"][0] == "options" and len(error["loc"]) > 1 else Definition.model_fields
        )
        return f"there is no key {where}, {did_you_mean(str(error['loc'][-1]), fields)}"
    if error["type"] == "missing":
        return f"{where} is needed"
    return f"{where}: {str(error['msg'])[:1].lower()}{str(error['msg'])[1:]}"


def _shipped() -> None:
    folder = resources.files("fimbria.data.images.pipelines") / "presets"
    for place in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if place.name.endswith(".toml"):
            name = place.name.removesuffix(".toml")
            pipeline(name)(read(place.read_text("utf-8"), place.name, name).factory())


_shipped()

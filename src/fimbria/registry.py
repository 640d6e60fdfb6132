"""A name -> a component: ours by decorator, an installed package's by entry point, a study's own by ``file.py:name``.

Where a kind of component can be described without code, a study's own may also be such a file (``file.toml``).

The signature of a factory is the schema of its options: names, types, bounds and defaults are read from it, and options
are checked against it before anything expensive happens. There is no second class beside it that says the same.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import inspect
import re
import sys
import typing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from fimbria.errors import ComponentError, MissingExtraError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

T = TypeVar("T")
_OWN_FILE = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)")
DESCRIPTION = ".toml"


@dataclass(frozen=True)
class Registered(Generic[T]):
    """A component that can be built.

    Attributes
    ----------
    kind, name
        What it is and what it is called.
    factory
        The callable that makes it; its signature is its schema.
    provider, version
        The package it comes from; for a study's own file its path and the SHA-256 of its content.
    """

    kind: str
    name: str
    factory: Callable[..., T]
    provider: str
    version: str

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.factory) or "").partition("\n")[0]

    @property
    def details(self) -> str:
        """The docstring after its first line: what its options mean."""
        return (inspect.getdoc(self.factory) or "").partition("\n")[2].strip()

    @property
    def origin(self) -> dict[str, str]:
        """Name, provider and version, as a MAPS records them."""
        return {"name": self.name, "provider": self.provider, "version": self.version}

    def options(self, given: Mapping[str, object], chosen: Mapping[str, object]) -> dict[str, Any]:
        """Check the chosen options against the signature and complete them with its defaults.

        Parameters
        ----------
        given
            What the caller passes by itself (for example ``input_size``); not for the user to choose.
        chosen
            The user's options.

        Returns
        -------
        dict
            Every option with its value, converted to the annotated type.

        Raises
        ------
        ComponentError
            For an unknown, missing or unfit option; all of them in one message.
        """
        parameters = {
            name: parameter
            for name, parameter in inspect.signature(self.factory).parameters.items()
            if name not in given and parameter.kind is not inspect.Parameter.VAR_POSITIONAL
        }
        wrong = []
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
            wrong += [
                f"no option {name!r}: {did_you_mean(name, parameters)}" for name in chosen if name not in parameters
            ]
        values: dict[str, Any] = {}
        try:
            hints = _hints(self.factory, parameters)
        except NameError as error:
            msg = f"{self.kind} {self.name!r}: an option's annotation cannot be read ({error}). Import that name outside `if TYPE_CHECKING`."
            raise ComponentError(msg) from error
        for name, parameter in parameters.items():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                continue
            if name in chosen:
                hint = hints.get(name, Any)
                try:
                    values[name] = TypeAdapter(hint).validate_python(_several(chosen[name], hint))
                except ValidationError as error:
                    wrong.append(f"{name} = {chosen[name]!r}: {_why(error)}")
            elif parameter.default is inspect.Parameter.empty:
                wrong.append(f"option {name!r} is needed")
            else:
                values[name] = _default(self.factory, name, parameter)
        if wrong:
            msg = f"{self.kind} {self.name!r}: {'; '.join(wrong)}."
            raise ComponentError(msg)
        return values

    def build(self, given: Mapping[str, object], chosen: Mapping[str, object]) -> T:
        """Make the component; what the caller gives is passed only if the signature asks for it."""
        asked = inspect.signature(self.factory).parameters
        passed = {name: value for name, value in given.items() if name in asked}
        return self.factory(**passed, **self.options(given, chosen))


class Registry(Generic[T]):
    """All components of one kind.

    Parameters
    ----------
    kind
        What they are ("network", "extraction"); the entry point group of plug-ins is ``fimbria.<kind>``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._ours: dict[str, Registered[T]] = {}
        self._described: Callable[[Path, bytes], Callable[..., T]] | None = None

    def __call__(self, name: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """Register the decorated factory under `name`."""

        def register(factory: Callable[..., T]) -> Callable[..., T]:
            self._ours[name] = Registered(self.kind, name, factory, "fimbria", metadata.version("fimbria"))
            return factory

        return register

    def described(self, reader: Callable[[Path, bytes], Callable[..., T]]) -> Callable[[Path, bytes], Callable[..., T]]:
        """Let components of this kind be described in TOML: the decorated function gives a factory from a file's bytes."""
        self._described = reader
        return reader

    def names(self) -> list[str]:
        """Give every known name, ours and the plug-ins', sorted."""
        return sorted({*self._ours, *self._plug_ins()})

    def find(self, name: str, trusted: Collection[str] | None = None) -> Registered[T]:
        """Resolve a name.

        Parameters
        ----------
        name
            One of ours, an installed plug-in's, ``path/to/file.py:name``, or ``path/to/file.toml`` where this kind of
            component can be described.
        trusted
            SHA-256 of the files that may be run; None where the user typed the name and so trusts it. A description is
            data and needs no trust.

        Raises
        ------
        ComponentError
            When there is none; with the nearest name. When it is a file that is not trusted, before it is run.
        """
        if name in self._ours:
            return self._ours[name]
        if plug_in := self._plug_ins().get(name):
            package = plug_in.dist.name if plug_in.dist else plug_in.value
            version = plug_in.dist.version if plug_in.dist else "unknown"
            try:
                factory = plug_in.load()
            except Exception as error:
                msg = f"{self.kind} {name!r} of {package} {version} cannot be loaded: {type(error).__name__}: {error}"
                raise ComponentError(msg) from error
            return Registered(self.kind, name, factory, package, version)
        if match := _OWN_FILE.fullmatch(name):
            return self._from_file(Path(match["file"]), match["name"], trusted)
        if self._described and name.endswith(DESCRIPTION):
            return self._from_description(Path(name), self._described)
        msg = f"no {self.kind} is called {name!r}: {did_you_mean(name, self.names())}."
        raise ComponentError(msg)

    def build(self, name: str, options: Mapping[str, object] | None = None, **given: object) -> T:
        """Find and make a component in one step."""
        return self.find(name).build(given, options or {})

    def _plug_ins(self) -> dict[str, metadata.EntryPoint]:
        return {point.name: point for point in metadata.entry_points(group=f"fimbria.{self.kind}")}

    def _from_description(self, file: Path, read: Callable[[Path, bytes], Callable[..., T]]) -> Registered[T]:
        try:
            content = file.read_bytes()
        except OSError as error:
            msg = f"{self.kind} {file}: there is no such file that can be read."
            raise ComponentError(msg) from error
        digest = hashlib.sha256(content).hexdigest()
        return Registered(self.kind, str(file), read(file, content), str(file), f"sha256:{digest}")

    def _from_file(self, file: Path, name: str, trusted: Collection[str] | None) -> Registered[T]:
        if not file.is_file():
            msg = f"{self.kind} {file}:{name}: there is no file {file}."
            raise ComponentError(msg)
        code = file.read_bytes()
        digest = hashlib.sha256(code).hexdigest()
        if trusted is not None and digest not in trusted:
            msg = f"{self.kind} {name!r} is code in {file}. Read it; if you trust it: --trust-code {digest}"
            raise ComponentError(msg)
        module_name = f"fimbria_study_{digest[:16]}"
        if module_name not in sys.modules:
            module = ModuleType(module_name)
            module.__file__ = str(file)
            sys.modules[module_name] = module
            try:
                exec(compile(code, file, "exec"), vars(module))  # noqa: S102  (the very bytes whose hash was checked)
            except Exception as error:
                del sys.modules[module_name]
                msg = f"{file} cannot be run: {type(error).__name__}: {error}"
                raise ComponentError(msg) from error
        factory = getattr(sys.modules[module_name], name, None)
        if not callable(factory) or getattr(factory, "__module__", None) != module_name:  # not what the file imports
            msg = f"{file} defines no function or class called {name!r}."
            raise ComponentError(msg)
        return Registered(self.kind, f"{file}:{name}", factory, str(file), f"sha256:{digest}")


def extra(module: str, purpose: str, name: str) -> ModuleType:
    """Give an optional package, when it is first needed.

    Parameters
    ----------
    module
        What is imported.
    purpose
        What needs it, for the error.
    name
        The extra of Fimbria that installs it.

    Raises
    ------
    MissingExtraError
        When it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(purpose, name) from error


def is_own_file(name: str) -> bool:
    """Tell whether a component's name points to a study's own file.

    Examples
    --------
    >>> is_own_file("./my_network.py:net"), is_own_file("my/pipeline.toml"), is_own_file("conv5-fc3")
    (True, True, False)
    """
    return name.endswith(DESCRIPTION) or _OWN_FILE.fullmatch(name) is not None


def _several(value: object, hint: Any) -> object:  # noqa: ANN401  (any annotation)
    """Accept one value where several may stand, as a flag given once is."""
    kind = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
    return (value,) if typing.get_origin(kind) is tuple and isinstance(value, (str, int, float)) else value


def _why(error: ValidationError) -> str:
    """Say in words what is wrong with a value."""
    first = error.errors()[0]
    if first["type"] == "missing":
        return "more values were wanted, as [low, high]"
    return f"{first['msg'][:1].lower()}{first['msg'][1:]}"


def _default(factory: Callable[..., object], name: str, parameter: inspect.Parameter) -> object:
    """Give the default of an option; a dataclass may make it anew each time."""
    if dataclasses.is_dataclass(factory):
        for one in dataclasses.fields(factory):
            if one.name == name and one.default_factory is not dataclasses.MISSING:
                return one.default_factory()
    return parameter.default


def _hints(factory: Callable[..., object], parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """Evaluate the annotations of the options alone; those of what is given may need names known to type checkers only."""
    target = factory.__init__ if inspect.isclass(factory) else factory
    module = sys.modules[factory.__module__]
    annotations = {
        name: parameter.annotation
        for name, parameter in parameters.items()
        if parameter.annotation is not inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    stub = type("Options", (), {"__annotations__": annotations})
    scope = {**vars(module), **getattr(target, "__globals__", {})}
    return typing.get_type_hints(stub, globalns=scope, localns={}, include_extras=True)

"""What can go wrong, as one tree; each error is also of the builtin kind that fits it.

::

    FimbriaError
    ├── InputError (ValueError)          what was given cannot be used; the command line exits with 2
    │   ├── TableError                   a TSV: columns, rows, values
    │   ├── ImageError                   an image file or its grid
    │   ├── ComponentError (LookupError) an unknown name or option of a component
    │   ├── ExperimentError              the description of a run
    │   ├── MapsError                    a results folder
    │   ├── LeakError                    somebody on two sides of a split
    │   └── ProblemsError                several of these at once
    ├── DivergenceError (ArithmeticError) a training whose loss is no longer a number
    ├── MissingExtraError (ImportError)  an optional dependency is not installed
    └── StorageError (OSError)           a file cannot be written

Messages are sentences for the person at the keyboard: what was wanted, what was found, where, and what to do next.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class FimbriaError(Exception):
    """Everything Fimbria raises on purpose."""


class InputError(FimbriaError, ValueError):
    """What was given cannot be used."""


class TableError(InputError):
    """A table lacks something, or holds something it should not."""


class ImageError(InputError):
    """An image file cannot be found or read, or lies on the wrong grid."""


class ComponentError(InputError, LookupError):
    """A component has no such name, or no such option."""

    def __str__(self) -> str:
        """Give the sentence itself, where `LookupError` would quote it."""
        return str(self.args[0]) if self.args else ""


class ExperimentError(InputError):
    """The description of a run does not hold together."""


class MapsError(InputError):
    """A results folder is not what it should be."""


class LeakError(InputError):
    """Somebody is on two sides of a split."""


class DivergenceError(FimbriaError, ArithmeticError):
    """A training has gone where no numbers are."""


class MissingExtraError(FimbriaError, ImportError):
    """An optional dependency is needed and not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        self.purpose, self.extra = purpose, extra
        super().__init__(f'{purpose} needs an optional dependency. Install it with: pip install "fimbria[{extra}]"')

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        """Travel whole between processes."""
        return type(self), (self.purpose, self.extra)


class StorageError(FimbriaError, OSError):
    """A file cannot be written: no room, no permission."""

    def __str__(self) -> str:
        """Give the sentence itself, without the system's number."""
        return str(self.args[-1]) if self.args else ""


class Problem(NamedTuple):
    """One thing that stands in the way, and what to do about it."""

    what: str
    remedy: str = ""

    def __str__(self) -> str:
        """Give both on one line."""
        return f"{self.what}  -> {self.remedy}" if self.remedy else self.what


class ProblemsError(InputError):
    """Everything that is wrong with one thing, said at once.

    Attributes
    ----------
    problems
        In the order they were found.
    """

    shown = 20

    def __init__(self, about: str, problems: Sequence[Problem]) -> None:
        self.about = about
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = [f"{count} with {about}, nothing was started:"]
        lines += [f"  {problem}" for problem in self.problems[: self.shown]]
        if len(self.problems) > self.shown:
            lines.append(f"  ... and {len(self.problems) - self.shown} more")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[ProblemsError], tuple[str, tuple[Problem, ...]]]:
        """Travel whole between processes."""
        return type(self), (self.about, self.problems)


def refuse(about: str, problems: Iterable[Problem]) -> None:
    """Raise everything that is wrong with one thing, if anything is.

    Raises
    ------
    ProblemsError
        When there is at least one problem.
    """
    if found := list(problems):
        raise ProblemsError(about, found)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest known word and list them all.

    Examples
    --------
    >>> did_you_mean("conv5-fc", ["conv5-fc3", "resnet"])
    "did you mean 'conv5-fc3'? (there is: conv5-fc3, resnet)"
    """
    names = sorted(known)
    if not names:
        return "there is none"
    nearest = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    listed = f"there is: {', '.join(names)}"
    return f"did you mean {nearest[0]!r}? ({listed})" if nearest else listed


def listing(names: Sequence[object], most: int = 5) -> str:
    """Name the first few and count the rest.

    Examples
    --------
    >>> listing(["sub-01", "sub-02", "sub-03"], most=2)
    'sub-01, sub-02 and 1 more'
    """
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Give a count with its noun.

    Examples
    --------
    >>> counted(1, "participant"), counted(1200, "session"), counted(2, "family", "families")
    ('1 participant', '1,200 sessions', '2 families')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"

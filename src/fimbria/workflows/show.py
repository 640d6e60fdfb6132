"""How a workflow tells what it is doing; the command line shows progress bars, Python users hear nothing unless they ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


class Show(Protocol):
    """Somebody who watches."""

    def track(self, items: Iterable[T], what: str, total: int) -> Iterator[T]:
        """Pass items on, counting them."""
        ...

    def say(self, text: str) -> None:
        """Pass a sentence on."""
        ...


class Quiet:
    """Nobody watches."""

    def track(self, items: Iterable[T], what: str, total: int) -> Iterator[T]:  # noqa: ARG002  (nobody reads them)
        """Pass items on."""
        yield from items

    def say(self, text: str) -> None:
        """Keep silent."""


quiet = Quiet()

"""What is typed as a value: a number, true, a list, or text. Every command's help passes here, so nothing heavy is loaded."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from fimbria.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_value(text: str) -> Any:  # noqa: ANN401  (TOML holds anything)
    """Read a value as TOML where it is TOML, and as text otherwise."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def pairs(words: Sequence[str], flag: str) -> dict[str, Any]:
    """Read NAME=VALUE, given once or several times; values as `read_value` reads them.

    Raises
    ------
    InputError
        For a word without ``=``, or a name given twice.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals) or name in found:
            msg = f"{flag} {word}: NAME=VALUE was wanted, each name once."
            raise InputError(msg)
        found[name] = read_value(value)
    return found

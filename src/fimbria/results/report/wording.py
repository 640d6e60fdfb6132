"""How the report says numbers and names: short, the same everywhere, and of nobody in particular."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from fimbria.errors import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

UNDEFINED = "\N{EN DASH}"
_LARGE, _VERY_LARGE = 10, 1000  # from here on one and no decimals are enough
_PERSONAL = re.compile(r"(?<![A-Za-z0-9])(sub|ses)-[^\s/\\,;:'\"()\[\]<>]+")


def number(value: float, decimals: int = 2) -> str:
    """Give a number with two decimals, fewer where it is large, and a dash where it is not defined.

    Examples
    --------
    >>> number(0.8333), number(123.4), number(-0.001)
    ('0.83', '123', '0.00')
    """
    if not math.isfinite(value):
        return UNDEFINED
    size = abs(value)
    if size < _LARGE:
        text = f"{value:.{decimals}f}"
    else:
        text = f"{value:#.3g}".rstrip(".") if size < _VERY_LARGE else f"{value:.0f}"
    return text.removeprefix("-") if float(text) == 0 else text


def with_interval(value: float, low: float, high: float, decimals: int = 2) -> str:
    """Give a number with its interval.

    Examples
    --------
    >>> with_interval(0.8333, 0.5, 1)
    '0.83 [0.50, 1.00]'
    """
    if not math.isfinite(value):
        return UNDEFINED
    return f"{number(value, decimals)} [{number(low, decimals)}, {number(high, decimals)}]"


def people(participants: int, sessions: int) -> str:
    """Give participants and sessions.

    Examples
    --------
    >>> people(12, 14)
    '12 participants (14 sessions)'
    """
    return f"{counted(participants, 'participant')} ({counted(sessions, 'session')})"


def spread(values: Sequence[int]) -> str:
    """Give one number, or the smallest and the largest.

    Examples
    --------
    >>> spread([12, 12]), spread([12, 13])
    ('12', '12 to 13')
    """
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"


def joined(words: Sequence[str], last: str = "and") -> str:
    """Give words as a sentence lists them.

    Examples
    --------
    >>> joined(["AD", "CN", "MCI"])
    'AD, CN and MCI'
    """
    return f" {last} ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def anonymous(text: str) -> str:
    """Take the names of participants and sessions out of a text, file names included.

    Examples
    --------
    >>> anonymous("there is no file caps/subjects/sub-01/ses-M000/sub-01_ses-M000_T1w.nii.gz")
    'there is no file caps/subjects/sub-…/ses-…/sub-…'
    """
    return _PERSONAL.sub(r"\1-…", text)

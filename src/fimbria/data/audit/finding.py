"""What one look for leaks found: findings, and what was looked at where there are none."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

Level = Literal["leak", "risk"]
Certainty = Literal["certain", "probable", "possible"]


@dataclass(frozen=True)
class Finding:
    """Something that makes a score false (a leak), or makes it mean less than it says (a risk).

    Attributes
    ----------
    check
        Name of the look that found it.
    level
        Leak or risk; the two are never mixed.
    what
        A sentence: what was found.
    who
        The people, sessions, images or columns it is about.
    where
        The sides and splits, such as ``train and validation of split-0, split-2``.
    certainty
        How sure.
    remedy
        What to do.
    about
        The column or the measure it rests on, where one look can find several things in the same people.
    listed
        Everything that `what` names the first few of: pairs of images with their likeness, say.
    """

    check: str
    level: Level
    what: str
    who: tuple[str, ...]
    where: str
    certainty: Certainty
    remedy: str
    about: str = ""
    listed: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Its name: the same finding about the same people at the same place always has the same."""
        about = "\n".join([self.check, self.level, self.where, self.about, *sorted(self.who)])
        return f"{self.check}-{hashlib.sha256(about.encode()).hexdigest()[:8]}"

    def plain(self) -> dict[str, Any]:
        """Give it as JSON keeps it."""
        return {"id": self.id, **vars(self), "who": list(self.who), "listed": list(self.listed)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Make it from what `plain` gives."""
        fields = {name: plain[name] for name in cls.__dataclass_fields__}
        return cls(**{**fields, "who": tuple(plain["who"]), "listed": tuple(plain["listed"])})


@dataclass(frozen=True)
class Checked:
    """One look for leaks: what it asked, what it looked at, what it found.

    Attributes
    ----------
    check
        Its name.
    asks
        The question, as a person would put it.
    looked_at
        What was compared, and with what power to find something; empty if nothing could be.
    findings
        What was found.
    unchecked
        What could not be looked at and why, with what would let it be; empty if everything was.
    measured
        What a threshold stands on: numbers, as JSON keeps them.
    """

    check: str
    asks: str
    looked_at: str = ""
    findings: tuple[Finding, ...] = ()
    unchecked: str = ""
    measured: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """In words: leak, risk, clean, clean in part, not checked."""
        levels = {finding.level for finding in self.findings}
        if levels:
            return "leak" if "leak" in levels else "risk"
        if not self.looked_at:
            return "not checked"
        return "clean in part" if self.unchecked else "clean"

    def plain(self) -> dict[str, Any]:
        """Give it as JSON keeps it."""
        return {**vars(self), "verdict": self.verdict, "findings": [finding.plain() for finding in self.findings]}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Make it from what `plain` gives."""
        fields = {name: plain[name] for name in cls.__dataclass_fields__}
        return cls(**{**fields, "findings": tuple(Finding.of(found) for found in plain["findings"])})

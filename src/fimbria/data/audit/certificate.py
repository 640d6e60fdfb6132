"""A certificate: everything that was looked for, also where nothing was found, as one record that can go with a paper."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from fimbria.atomic import write_json
from fimbria.data.audit.finding import Checked, Finding
from fimbria.errors import InputError, Problem, counted, did_you_mean, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

FORMAT = 1


class Acceptance(NamedTuple):
    """A finding that somebody answers for.

    Attributes
    ----------
    id
        Of the finding.
    because
        Their reason, printed wherever the result is.
    """

    id: str
    because: str


@dataclass(frozen=True)
class Certificate:
    """What an audit looked at and what it found.

    Attributes
    ----------
    subject
        What was audited.
    kind
        What it is, in words.
    label
        The column that is learnt; empty if that is not known.
    lists
        SHA-256 of who is on which side: the certificate is of these lists and no others.
    size
        How much there was, in words.
    checks
        Every look, in their order.
    notes
        What could not be read.
    accepted
        Findings that somebody answers for.
    fimbria
        Version of the software.
    date
        When, ISO 8601; empty where the same lists should give the same bytes.
    """

    subject: str
    kind: str
    label: str
    lists: str
    size: str
    checks: tuple[Checked, ...]
    notes: tuple[str, ...] = ()
    accepted: tuple[Acceptance, ...] = ()
    fimbria: str = ""
    date: str = ""

    @property
    def findings(self) -> list[Finding]:
        """Everything that was found; leaks first."""
        return sorted((found for check in self.checks for found in check.findings), key=lambda found: found.level)

    def open(self, level: str) -> list[Finding]:
        """Give the findings of a level that nobody answers for."""
        answered = {acceptance.id for acceptance in self.accepted}
        return [found for found in self.findings if found.level == level and found.id not in answered]

    @property
    def verdict(self) -> str:
        """The whole in one sentence."""
        found = [counted(len(self.open(level)), level) for level in ("leak", "risk") if self.open(level)]
        answered = {acceptance.id for acceptance in self.accepted}
        accepted = [
            counted(len(of), f"accepted {level}")
            for level in ("leak", "risk")
            if (of := [f for f in self.findings if f.level == level and f.id in answered])
        ]
        told = f"{' and '.join(found)} found" if found else f"No {'other ' if accepted else ''}leak was found"
        told += f", beside {' and '.join(accepted)}" if accepted else ""
        unchecked, in_part = (
            sum(check.verdict == word for check in self.checks) for word in ("not checked", "clean in part")
        )
        told += f". {unchecked} of {len(self.checks)} questions could not be answered" if unchecked else ""
        told += ", not even whose the items are" if self.is_blind else ""
        told += f"{', and' if unchecked else '.'} {in_part} only in part" if in_part else ""
        return f"{told}."

    @property
    def is_blind(self) -> bool:
        """Whether it was not known whose the items are, so that the first question of all has no answer."""
        return any(check.check == "participant" and check.verdict == "not checked" for check in self.checks)

    def accepting(self, acceptances: Sequence[Acceptance]) -> Self:
        """Give the certificate with findings that somebody answers for.

        Raises
        ------
        ProblemsError
            When one of them was not found, or has no reason.
        """
        found = [finding.id for finding in self.findings]
        refuse(
            "the accepted findings",
            [
                Problem(f"no finding is called {acceptance.id!r}", did_you_mean(acceptance.id, found))
                for acceptance in acceptances
                if acceptance.id not in found
            ]
            + [
                Problem(f"{acceptance.id} is accepted without a reason", 'say why: --because "..."')
                for acceptance in acceptances
                if not acceptance.because.strip()
            ],
        )
        kept = {acceptance.id: acceptance for acceptance in (*self.accepted, *acceptances)}
        return replace(self, accepted=tuple(kept.values()))

    def still_accepting(self, before: Sequence[Acceptance]) -> Self:
        """Give the certificate with what was accepted before, as far as it was found again."""
        found = {finding.id for finding in self.findings}
        return self.accepting([acceptance for acceptance in before if acceptance.id in found])

    def plain(self) -> dict[str, Any]:
        """Give it as JSON keeps it."""
        return {
            "format": FORMAT,
            **vars(self),
            "verdict": self.verdict,
            "checks": [check.plain() for check in self.checks],
            "notes": list(self.notes),
            "accepted": [acceptance._asdict() for acceptance in self.accepted],
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Make it from what `plain` gives."""
        fields = {name: plain[name] for name in cls.__dataclass_fields__}
        checks = tuple(Checked.of(check) for check in plain["checks"])
        accepted = tuple(Acceptance(**one) for one in plain["accepted"])
        return cls(**{**fields, "checks": checks, "accepted": accepted, "notes": tuple(plain["notes"])})

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        write_json(path, self.plain())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read it.

        Raises
        ------
        InputError
            When there is none, or it cannot be read.
        """
        try:
            return cls.of(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            msg = f"{path} cannot be read as a certificate ({type(error).__name__}: {error}). Make it again with `fimbria audit`."
            raise InputError(msg) from error


def digest(items: pd.DataFrame) -> str:
    """Give the SHA-256 of who is on which side of which split, whatever the order of the rows."""
    columns = ["split", "side", "dataset", "participant_id", "session_id", "item"]
    lines = sorted(map("\t".join, zip(*(items[column].astype(str).tolist() for column in columns), strict=True)))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()

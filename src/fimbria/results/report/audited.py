"""What the audits of a MAPS looked for and found, and what somebody answers for, in sentences of nobody in particular."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fimbria.errors import InputError
from fimbria.results.report.wording import anonymous

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.data.audit.certificate import Certificate
    from fimbria.results.maps.maps import Maps


@dataclass(frozen=True)
class Audited:
    """One certificate, as the report tells it.

    Attributes
    ----------
    of
        The training, or the name of a group.
    verdict
        The whole in one sentence.
    findings
        Level, what was found and where, and the reason of whoever answers for it; empty if nobody does.
    looks
        Every question with its answer and what was compared.
    """

    of: str
    verdict: str
    findings: tuple[tuple[str, str, str], ...]
    looks: tuple[tuple[str, str, str], ...]


def read(maps: Maps, notes: list[str]) -> list[Audited]:
    """Read the certificates of a MAPS; one that cannot be read is added to the notes."""
    return [audited for group in (None, *maps.groups) if (audited := _of(maps, group, notes)) is not None]


def _of(maps: Maps, group: str | None, notes: list[str]) -> Audited | None:
    try:
        certificate = maps.audits.read(group)
    except InputError as error:
        notes.append(str(error))
        return None
    return None if certificate is None else _told(f"group {group}" if group else "training", certificate)


def _told(of: str, certificate: Certificate) -> Audited:
    answered = {acceptance.id: acceptance.because for acceptance in certificate.accepted}
    findings = tuple(
        (f.level, f"{_counted(f.what, f.who)} ({f.where})", anonymous(answered.get(f.id, "")))
        for f in certificate.findings
    )
    looks = tuple(
        (check.asks, check.verdict, anonymous("; ".join(filter(None, (check.looked_at, check.unchecked)))))
        for check in certificate.checks
    )
    return Audited(of, certificate.verdict, findings, looks)


def _counted(what: str, who: Sequence[str]) -> str:
    """Leave the names out of a finding: what is said before them stays."""
    first = min((place for name in who if (place := what.find(name)) > 0), default=len(what))
    return anonymous(what[:first].rstrip(" :(,"))

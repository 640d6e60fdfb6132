"""What the audits of a MAPS found, and each time that its weights were asked about people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from fimbria import tables
from fimbria.data.audit import page
from fimbria.data.audit.certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fimbria.results.maps.paths import Paths

_LOOK = ["group", "candidate", "date", "people"]


@dataclass(frozen=True)
class Audits:
    """The certificates of a MAPS, and its count of looks.

    Attributes
    ----------
    paths
        The places of the MAPS.
    """

    paths: Paths

    @property
    def looks_file(self) -> Path:
        """Times that groups were scored."""
        return self.paths.root / "groups" / "looks.tsv"

    def folder(self, group: str | None) -> Path:
        """Give the folder of a certificate: of the training, or of a group that was predicted."""
        return self.paths.root if group is None else self.paths.group(group)

    def keep(self, certificate: Certificate, group: str | None = None) -> None:
        """Keep the certificate of the training, or of a group that was predicted."""
        page.write(certificate, self.folder(group))

    def read(self, group: str | None = None) -> Certificate | None:
        """Read the certificate of the training, or of a group; None if there is none."""
        path = self.folder(group) / "certificate.json"
        return Certificate.read(path) if path.is_file() else None

    def count_look(self, group: str, candidate: str, date: str, people: Sequence[str]) -> None:
        """Count one more time that a group was scored.

        Parameters
        ----------
        group
            Whom.
        candidate
            Which weights did.
        date
            When, ISO 8601.
        people
            Names of its participants: the look is remembered also when the group is gone.
        """
        look = pd.DataFrame([(group, candidate, date, "; ".join(people))], columns=_LOOK)
        tables.write(pd.concat([self.looks(), look], ignore_index=True), self.looks_file)

    def looks(self) -> pd.DataFrame:
        """Give every time that a group was scored: ``group``, ``candidate``, ``date``, ``people``, in their order."""
        if not self.looks_file.is_file():
            return pd.DataFrame(columns=_LOOK)
        return tables.read(self.looks_file, _LOOK, text=_LOOK)[_LOOK]

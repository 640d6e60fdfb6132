"""The study's own files that a MAPS keeps, so that it can be opened when they are gone. Nothing here runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fimbria.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fimbria.results.maps.paths import Paths


@dataclass(frozen=True)
class Code:
    """Copies of a study's own files.

    Attributes
    ----------
    paths
        The places of the MAPS.
    record
        What ``maps.json`` holds.
    """

    paths: Paths
    record: Mapping[str, Any]

    def keep(self, files: Mapping[str, Path]) -> None:
        """Keep a copy of each file, by the name that the experiment calls what is in it."""
        for name, file in files.items():
            with replacing(self.find(name)[1]) as path:
                path.write_bytes(file.read_bytes())  # every byte of it: its SHA-256 is asked for

    def find(self, name: str) -> tuple[str, Path]:
        """Give the SHA-256 that a file had, and where its copy is; empty where nothing is recorded."""
        recorded = dict(self.record.get("code") or {})
        for one in self.record["components"].values():  # the first version recorded it with the component alone
            for component in one if isinstance(one, list) else [one]:
                version = str(component.get("version", ""))
                recorded.setdefault(str(component.get("name")), version.removeprefix("sha256:"))
        digest = recorded.get(name, "")
        return digest, self.paths.root / "code" / f"{digest}.py"

"""A MAPS from somebody else never runs code by being opened: a study's own file runs only when its hash is trusted by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fimbria.errors import Problem, refuse
from fimbria.provenance import sha256
from fimbria.registry import is_own_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.results.maps.maps import Maps


def refuse_untrusted(maps: Maps, trusted: Sequence[str]) -> None:
    """Refuse to run a study's own file for a MAPS, unless it is the recorded one and its hash is trusted.

    Parameters
    ----------
    maps
        Names its components, and the SHA-256 of those that are files.
    trusted
        SHA-256 that the user has said.

    Raises
    ------
    ProblemsError
        With the hash to say, for each file.
    """
    problems = []
    for kind, component in maps.record["components"].items():
        if not is_own_file(component["name"]):
            continue
        file = Path(component["name"].rpartition(":")[0])
        digest = component["version"].removeprefix("sha256:")
        if not file.is_file():
            problems.append(
                Problem(f"the {kind} of this MAPS is code in {file}, which is not there", "bring the file back")
            )
        elif sha256(file) != digest:
            problems.append(
                Problem(
                    f"{file} is not the file that this MAPS was made with", f"bring back the one with SHA-256 {digest}"
                )
            )
        elif digest not in trusted:
            problems.append(
                Problem(
                    f"the {kind} of this MAPS is code in {file}", f"read it; if you trust it: --trust-code {digest}"
                )
            )
    refuse(str(maps.root), problems)

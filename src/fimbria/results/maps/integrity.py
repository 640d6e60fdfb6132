"""Whether every file of a MAPS is what it was when it was written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fimbria.atomic import write_text
from fimbria.errors import Problem
from fimbria.provenance import sha256

if TYPE_CHECKING:
    from pathlib import Path

    from fimbria.results.maps.paths import Paths

# Left out: state that passes, and a page that is made from the rest.
_UNSEALED = re.compile(r"(^|/)\.|^split-\d+/tmp/|^report\.html$")


def seal(paths: Paths) -> None:
    """Write the SHA-256 of every file of a MAPS."""
    lines = [f"{sha256(path)}  {name}\n" for name, path in _files(paths)]
    write_text(paths.checksums, "".join(lines))


def damage(paths: Paths) -> list[Problem]:
    """Compare every file of a MAPS with its SHA-256; give what differs or is missing."""
    if not paths.checksums.is_file():
        return [Problem(f"{paths.root} has no checksums", f"was it interrupted? `fimbria resume {paths.root}` goes on")]
    standing = dict(_files(paths))
    problems = []
    for line in paths.checksums.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        if name not in standing:
            problems.append(Problem(f"{name} is missing", "copy the MAPS again from where it came from"))
        elif sha256(standing[name]) != digest:
            problems.append(Problem(f"{name} was changed or damaged", "copy the MAPS again from where it came from"))
    return problems


def _files(paths: Paths) -> list[tuple[str, Path]]:
    named = ((path.relative_to(paths.root).as_posix(), path) for path in paths.root.rglob("*") if path.is_file())
    return sorted((name, p) for name, p in named if not _UNSEALED.search(name) and p != paths.checksums)

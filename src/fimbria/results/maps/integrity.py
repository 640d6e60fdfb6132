"""Whether every file of a MAPS is what it was when it was written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fimbria.atomic import write_text
from fimbria.errors import MapsError, Problem
from fimbria.provenance import sha256

if TYPE_CHECKING:
    from pathlib import Path

    from fimbria.results.maps.paths import Paths

_REMEDY = "copy the MAPS again from where it came from"
_GROWING = "groups/looks.tsv"  # one line longer with every group that is scored
# Left out: state that passes, and a page that is made from the rest.
_UNSEALED = re.compile(r"(^|/)\.|^split-\d+/tmp/|^report\.html$")


def seal(paths: Paths, group: str | None = None) -> None:
    """Write the SHA-256 of the files of a MAPS.

    Parameters
    ----------
    paths
        The places of the MAPS.
    group
        The group whose files are new; those of all others keep the SHA-256 that is written, so that what was damaged
        in the meantime still shows. By default every file is new.
    """
    written = {} if group is None else _written(paths)
    kept = {name: digest for name, digest in written.items() if group not in name.split("/") and name != _GROWING}
    lines = [f"{kept.get(name) or sha256(path)}  {name}\n" for name, path in _files(paths)]
    write_text(paths.checksums, "".join(lines))


def unseal(paths: Paths) -> None:
    """Drop the checksums: the files are about to change."""
    paths.checksums.unlink(missing_ok=True)


def refuse_changed(paths: Paths, path: Path) -> None:
    """Refuse a file that is no longer what its checksum says.

    Raises
    ------
    MapsError
        When it was changed or damaged.
    """
    name = path.relative_to(paths.root).as_posix()
    if (digest := _written(paths).get(name)) and not (path.is_file() and sha256(path) == digest):
        msg = f"{path} was changed or damaged: its SHA-256 is not the one that was written. {_REMEDY.capitalize()}."
        raise MapsError(msg)


def damage(paths: Paths) -> list[Problem]:
    """Compare every file of a MAPS with its SHA-256; give what differs or is missing."""
    if not paths.checksums.is_file():
        return [Problem(f"{paths.root} has no checksums", f"was it interrupted? `fimbria resume {paths.root}` goes on")]
    standing = dict(_files(paths))
    problems = []
    for name, digest in _written(paths).items():
        if name not in standing:
            problems.append(Problem(f"{name} is missing", _REMEDY))
        elif sha256(standing[name]) != digest:
            problems.append(Problem(f"{name} was changed or damaged", _REMEDY))
    return problems


def _written(paths: Paths) -> dict[str, str]:
    """Read the checksums: file -> SHA-256; a line that is none counts as a file that is missing."""
    if not paths.checksums.is_file():
        return {}
    lines = paths.checksums.read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _files(paths: Paths) -> list[tuple[str, Path]]:
    named = ((path.relative_to(paths.root).as_posix(), path) for path in paths.root.rglob("*") if path.is_file())
    return sorted((name, p) for name, p in named if not _UNSEALED.search(name) and p != paths.checksums)

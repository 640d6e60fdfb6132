"""What a store holds, whether it is whole, and what of it nobody needs any more."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from fimbria.atomic import storing
from fimbria.data.extraction.store.entry import FORMAT, Entry, checksum, read_entry, read_header
from fimbria.data.extraction.store.store import digest
from fimbria.errors import InputError, StorageError
from fimbria.provenance import Fingerprint, sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_DAY = 86_400
_DATA_SET = 3  # folders up from an image: subjects of a CAPS, or about the root of a BIDS data set
_NEEDED = ("as it was", "not at hand")
_FIRST = "*_*/sub-*/*/*.safetensors"  # where the first versions kept what they decoded


@dataclass(frozen=True)
class Note:
    """What is known of a source.

    Attributes
    ----------
    path
        The note's own file.
    source
        Where the source is, or was.
    fingerprint
        What it held when it was decoded.
    """

    path: Path
    source: Path
    fingerprint: Fingerprint

    @property
    def state(self) -> str:
        """``as it was``, ``changed``, ``gone``, or ``not at hand`` where its whole data set is not there, as on another machine."""
        if not self.source.is_file():
            return "gone" if self.source.parents[_DATA_SET].is_dir() else "not at hand"
        same = self.fingerprint.is_dated_as(self.source) or self.fingerprint.sha256 == sha256(self.source)
        return "as it was" if same else "changed"


@dataclass(frozen=True)
class Holding:
    """A file of a store.

    Attributes
    ----------
    path
        The file.
    transform
        How the image was decoded, as the folder says.
    entry
        The image; None for a file of an older version, or a broken one.
    sources
        Where images with this content are, or were.
    bytes
        Its size.
    used
        When it was last read or written, seconds since 1970, as far as the system keeps that.
    """

    path: Path
    transform: str
    entry: Entry | None
    sources: tuple[Note, ...]
    bytes: int
    used: float

    @property
    def needed(self) -> bool:
        """Whether a source with this content is still there."""
        return self.entry is not None and any(note.state in _NEEDED for note in self.sources)


def holdings(root: Path) -> list[Holding]:
    """List what a store holds, by transform and content.

    Raises
    ------
    InputError
        When the folder is no store.
    """
    if not any((root / name).is_dir() for name in ("images", "sources")) and not any(root.glob(_FIRST)):
        inside = next(
            (path for path in (root / "fimbria-store", root / "derivatives" / "fimbria-store") if path.is_dir()), None
        )
        hint = f"Did you mean {inside}?" if inside else "`fimbria extract` makes one, in a CAPS or where --store says."
        msg = f"{root} is no store of decoded images. {hint}"
        raise InputError(msg)
    paths = sorted((root / "images").glob("*/*/*.safetensors"))
    by_content: dict[str, list[Note]] = {}
    for note in notes(root):  # after the images: whose note is new has its entry still to come
        by_content.setdefault(note.fingerprint.sha256, []).append(note)
    facts = [path.stat() for path in paths]
    entries = [read_entry(path) for path in paths]
    for path, fact in zip(paths, facts, strict=True):
        with suppress(OSError):  # to look what there is is no use of it
            os.utime(path, ns=(fact.st_atime_ns, fact.st_mtime_ns))
    return [
        Holding(
            path,
            path.parts[-3],
            entry,
            tuple(by_content.get(path.stem, ())),
            fact.st_size,
            max(fact.st_atime, fact.st_mtime),
        )
        for path, entry, fact in zip(paths, entries, facts, strict=True)
    ]


def notes(root: Path) -> Iterator[Note]:
    """Give what a store knows of its sources."""
    for path in sorted((root / "sources").glob("*/*.json")):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            yield Note(
                path, (root.resolve() / told["path"]), Fingerprint(told["size"], told["modified_ns"], told["sha256"])
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue


def damage(holding: Holding) -> str:
    """Say what is wrong with a file of a store; empty where its numbers are those that were kept."""
    if not holding.path.is_file():
        return "cannot be read: it is gone"
    known = read_header(holding.path)
    if holding.entry is None:
        return "of another version of Fimbria" if known else "cut short, or no entry of a store"
    if known.get("checksum") != checksum(known):
        return "damaged: what it says of itself is not what was written"
    try:
        with safe_open(holding.path, framework="numpy") as opened:
            found = digest(opened.get_tensor("image"))
    except (OSError, SafetensorError) as error:
        return f"cannot be read: {error}"
    return "" if found == holding.entry.content else "damaged: its numbers are not those that were kept"


def leftovers(root: Path, held: Iterable[Holding], *, unused_days: float | None = None) -> list[Path]:
    """Give the files that nobody needs: whose source is gone or has changed, of older versions, half written, or long unread.

    Parameters
    ----------
    root
        The store.
    held
        What it holds.
    unused_days
        Entries that were not read for so many days count too; None for no such limit.
    """
    now = time.time()
    unused = [] if unused_days is None else [h for h in held if now - h.used > unused_days * _DAY]
    files = [h.path for h in (*(h for h in held if not h.needed), *unused)]
    files += [note.path for note in notes(root) if note.state not in _NEEDED]
    # what the first versions wrote, a folder a pipeline; and what a broken-off write left, once it is surely over
    files += [path for path in root.glob(_FIRST) if read_header(path).get("format", FORMAT) < FORMAT]
    files += [
        path
        for path in (*root.glob("images/*/*/.*.part"), *root.glob("sources/*/.*.part"))
        if now - path.stat().st_mtime > _DAY
    ]
    return sorted(set(files))


def remove(files: Iterable[Path]) -> int:
    """Remove files of a store and give the bytes that were freed; whoever reads one at the moment reads on.

    Raises
    ------
    StorageError
        When one may not be removed.
    """
    freed = 0
    for path in files:
        try:
            with storing(path):
                size = path.stat().st_size
                path.unlink()
        except FileNotFoundError:
            continue  # somebody else was faster
        except OSError as error:
            msg = f"{path} could not be removed: {error.strerror}."
            raise StorageError(error.errno, msg) from error
        freed += size
    return freed

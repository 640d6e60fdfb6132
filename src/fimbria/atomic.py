"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimbria.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROBE = 1 << 20  # bytes that a disk with any room takes
_REASONS = {
    errno.ENOSPC: "the disk is full. Free some room, then run the same command again",
    errno.EDQUOT: "your disk quota is used up. Free some room, then run the same command again",
    errno.EROFS: "the disk is read-only. Choose another folder",
    errno.EACCES: "you may not write there. Choose another folder, or ask for permission",
    errno.EPERM: "you may not write there. Choose another folder, or ask for permission",
    errno.EISDIR: "a folder of that name stands there. Choose another name",
    errno.ENOTDIR: "a part of that path is a file, not a folder. Choose another folder",
}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what was written there takes its place at the end, in one step.

    The temporary file is flushed to disk before it is renamed, and removed if anything goes wrong, so that
    a reader sees the old file or the new one and never half of one.

    Raises
    ------
    StorageError
        When there is no room or no permission; the file that stood there before is untouched.
    """
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        try:
            try:
                yield temporary
            except Exception as error:
                if not isinstance(error, OSError):
                    _ask_for_room(temporary, error)
                raise
            with temporary.open("rb+") as written:
                os.fsync(written.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder`; what was put there takes its place at the end, in one step.

    Parameters
    ----------
    folder
        Does not exist yet, or is empty.

    Raises
    ------
    StorageError
        When there is no room or no permission.
    """
    with storing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:80]}.", suffix=".part"))
        try:
            temporary.chmod(0o777 & ~_umask())
            yield temporary
            if folder.is_dir():
                folder.rmdir()
            temporary.replace(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn the system's word for "no room" into a sentence that names the file."""
    try:
        yield
    except OSError as error:
        if isinstance(error, StorageError) or error.errno not in _REASONS:
            raise
        msg = f"{path} could not be written: {_REASONS[error.errno]}."
        raise StorageError(error.errno, msg) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:  # noqa: ANN401  (JSON holds anything)
    """Write `content` to `path` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _ask_for_room(temporary: Path, error: Exception) -> None:
    """Raise what the disk says if it is full: libraries that write files themselves call that by names of their own."""
    if os.strerror(errno.ENOSPC) in str(error):
        raise OSError(errno.ENOSPC, str(error)) from error
    with temporary.open("ab") as probe:
        probe.write(bytes(_PROBE))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

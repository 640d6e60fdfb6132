"""Where a result comes from: versions, hardware, git state, command line, fingerprints of files."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Fingerprint:
    """What a file was when it was read.

    Attributes
    ----------
    size
        Bytes.
    modified_ns
        Time of the last change, nanoseconds since 1970.
    sha256
        Digest of the content, hexadecimal.
    """

    size: int
    modified_ns: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Fingerprint:
        """Read a file and take its fingerprint."""
        stat = path.stat()
        return cls(stat.st_size, stat.st_mtime_ns, sha256(path))

    def is_dated_as(self, path: Path) -> bool:
        """Tell whether a file has the size and the date that it had; its content is not read."""
        stat = path.stat()
        return (stat.st_size, stat.st_mtime_ns) == (self.size, self.modified_ns)

    def as_dict(self) -> dict[str, int | str]:
        """Give the three facts by name."""
        return asdict(self)


def sha256(path: Path) -> str:
    """Give the SHA-256 of a file's content, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def now() -> str:
    """Give date and time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def packages() -> dict[str, str]:
    """Give every installed distribution with its version, sorted by name."""
    found = {dist.metadata["Name"]: dist.version for dist in metadata.distributions() if dist.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def environment() -> dict[str, Any]:
    """Describe the machine and the software, without loading any of it.

    Returns
    -------
    dict
        Version of Fimbria and Python, platform, processor, memory, git state of the working folder, command line, date.
    """
    return {
        "date": now(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "fimbria": metadata.version("fimbria"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "memory_gib": memory_gib(),
        "git": git_state(Path.cwd()),
    }


def memory_gib() -> float | None:
    """Give the machine's memory in GiB, or None where the system does not tell."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None


def free_bytes(folder: Path) -> int:
    """Give the room left on the disk that holds `folder`, which need not exist yet."""
    return shutil.disk_usage(_standing(folder)).free


def sized(count: float) -> str:
    """Write a number of bytes as people do.

    Examples
    --------
    >>> sized(25_200_000), sized(812), sized(1.04e9)
    ('25 MB', '812 bytes', '1.0 GB')
    """
    for unit, digits, name in ((1e9, 1, "GB"), (1e6, 0, "MB"), (1e3, 0, "kB")):
        if count >= unit:
            return f"{count / unit:.{digits}f} {name}"
    return f"{count:.0f} bytes"


def disk(folder: Path) -> int:
    """Give the number of the disk that holds `folder`, which need not exist yet."""
    return _standing(folder).stat().st_dev


def _standing(folder: Path) -> Path:
    standing = folder.absolute()
    while not standing.exists():
        standing = standing.parent
    return standing


def git_state(folder: Path) -> dict[str, Any] | None:
    """Give commit and cleanness of the git checkout around `folder`; None outside one, or without git."""
    git = shutil.which("git")
    if git is None:
        return None

    def ask(*words: str) -> str | None:
        done = subprocess.run([git, "-C", str(folder), *words], capture_output=True, text=True, check=False)  # noqa: S603
        return done.stdout.strip() if done.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    return None if commit is None else {"commit": commit, "clean": ask("status", "--porcelain") == ""}

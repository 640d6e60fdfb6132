"""Look after a store of decoded images: list it, verify it, prune it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fimbria.data.extraction.store.upkeep import Holding, damage, holdings, leftovers, remove
from fimbria.errors import InputError
from fimbria.execution import executor, run
from fimbria.workflows.show import Show, quiet

if TYPE_CHECKING:
    from collections.abc import Sequence


def list_store(root: str | Path) -> list[Holding]:
    """List the decoded images of a store: whose sources they are of, how they were decoded, how large they are.

    Raises
    ------
    InputError
        When the folder is no store.
    """
    return holdings(Path(root))


@dataclass(frozen=True)
class Verified:
    """What came of looking through a store.

    Attributes
    ----------
    whole
        How many files hold the numbers that were kept.
    broken
        The others, with what is wrong.
    stale
        Files whose source has changed or is gone; they are not read any more.
    """

    whole: int
    broken: tuple[tuple[Path, str], ...]
    stale: tuple[Path, ...]


def verify_store(root: str | Path, *, jobs: int = 1, show: Show = quiet) -> Verified:
    """Read every decoded image of a store and compare it with the checksum that was taken when it was kept.

    Parameters
    ----------
    root
        The store.
    jobs
        Processes.
    show
        Who watches.

    Raises
    ------
    InputError
        When the folder is no store.
    """
    held = holdings(Path(root))
    broken: list[tuple[Path, str]] = []
    with executor(jobs, len(held), quick=True) as pool:
        for outcome in show.track(run(damage, held, pool), "verifying", len(held)):
            if outcome.error:
                raise outcome.error
            if outcome.result:
                broken.append((outcome.item.path, outcome.result))
    stale = tuple(holding.path for holding in held if holding.entry is not None and not holding.needed)
    return Verified(len(held) - len(broken), tuple(sorted(broken)), stale)


def prune_store(
    root: str | Path, *, unused_days: float | None = None, dry_run: bool = False
) -> tuple[Sequence[Path], int]:
    """Remove what nobody needs: images whose source has changed or is gone, of older versions, or long unread.

    Parameters
    ----------
    root
        The store.
    unused_days
        Images that were not read for so many days count too; None for no such limit.
    dry_run
        Only say what would be removed.

    Returns
    -------
    files
        What was removed, or would be.
    freed
        Bytes.

    Raises
    ------
    InputError
        When the folder is no store.
    """
    if unused_days is not None and unused_days < 0:
        msg = f"--unused-days {unused_days:g}: a number of days was wanted, not less than 0."
        raise InputError(msg)
    root = Path(root)
    files = leftovers(root, holdings(root), unused_days=unused_days)
    return files, sum(path.stat().st_size for path in files) if dry_run else remove(files)

"""``fimbria store``: the decoded images that trainings read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from cyclopts import App

from fimbria.cli.screen import Screen, print_json, print_rows, say
from fimbria.errors import counted

app = App(name="store", help="The decoded images that trainings read: what there is, whether it is whole, what can go.")


def register(parent: App) -> None:
    """Hang the commands into the program."""
    parent.command(app)


@app.command(name="list")
def list_(store: Path, *, json: bool = False) -> None:
    """List the decoded images of a store.

    Example: fimbria store list my-caps/fimbria-store

    Parameters
    ----------
    store
        Its folder: `fimbria-store` in a CAPS, or what --store named.
    json
        Print one JSON document: every image with its source, grid, size and error.
    """
    from fimbria.provenance import sized
    from fimbria.workflows.store import list_store

    held = list_store(store)
    if json:
        print_json(
            [
                {
                    "file": str(one.path),
                    "transform": one.transform,
                    "sources": [{"path": str(note.source.resolve()), "state": note.state} for note in one.sources],
                    "grid": str(one.entry.grid) if one.entry else None,
                    "bytes": one.bytes,
                    "error": one.entry.packing.error if one.entry and one.entry.packing else 0.0,
                }
                for one in held
            ]
        )
        return
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    unneeded: Counter[str] = Counter()
    for one in held:
        counts[one.transform] += 1
        sizes[one.transform] += one.bytes
        unneeded[one.transform] += not one.needed
    print_rows(
        [
            {"decoded": name, "images": counts[name], "size": sized(sizes[name]), "not needed": unneeded[name]}
            for name in sorted(counts)
        ]
    )
    if any(unneeded.values()):
        say(f"Not needed: the source has changed or is gone. Next: fimbria store prune {store}")


@app.command
def verify(store: Path, *, jobs: int = 1, quiet: bool = False) -> int:
    """Compare every decoded image with the checksum that was taken when it was kept; exit code 1 if one is damaged.

    Example: fimbria store verify my-caps/fimbria-store --jobs 2

    Parameters
    ----------
    store
        Its folder.
    jobs
        Processes.
    quiet
        Show nothing but the result.
    """
    from fimbria.workflows.store import verify_store

    found = verify_store(store, jobs=jobs, show=Screen(quiet=quiet))
    say(
        f"{counted(found.whole, 'image')} as they were kept, {len(found.broken)} damaged, {len(found.stale)} no longer needed."
    )
    for path, wrong in found.broken:
        say(f"  {path}: {wrong}")
    if found.broken:
        say("Remove them; whoever needs one decodes it again.")
    return 1 if found.broken else 0


@app.command
def prune(store: Path, *, unused_days: float | None = None, dry_run: bool = False) -> None:
    """Remove decoded images that nobody needs: their source has changed or is gone, or an older version wrote them.

    Whatever is removed by mistake is decoded again when it is wanted.

    Example: fimbria store prune my-caps/fimbria-store --dry-run

    Parameters
    ----------
    store
        Its folder.
    unused_days
        Also remove images that were not read for so many days.
    dry_run
        Only say what would be removed.
    """
    from fimbria.provenance import sized
    from fimbria.workflows.store import prune_store

    files, freed = prune_store(store, unused_days=unused_days, dry_run=dry_run)
    said = "would be removed" if dry_run else "removed"
    say(f"{counted(len(files), 'file')} {said}, {sized(freed)}.")
    for path in files[:10] if dry_run else ():
        say(f"  {path}")

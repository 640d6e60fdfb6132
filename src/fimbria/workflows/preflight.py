"""Before the first step: every image found, readable, on one grid, and room for all of it. All problems at once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fimbria.data.images import nifti
from fimbria.errors import FimbriaError, ImageError, Problem, refuse
from fimbria.execution import executor, run
from fimbria.provenance import free_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fimbria.data.cohort.cohort import Session
    from fimbria.data.extraction.store import Entry, Store
    from fimbria.data.images.source import ImageSource
    from fimbria.geometry import Grid
    from fimbria.workflows.show import Show

_KINDS = 20  # grids that are told apart; whatever else there is differs from most in any case
_FEW = 3  # images that are decoded here rather than by new processes, whose start takes longer


def prepared(  # noqa: PLR0913  (where from, where to, of whom, and how)
    source: ImageSource,
    store: Store,
    sessions: Sequence[Session],
    *,
    jobs: int,
    allow_missing: bool,
    show: Show,
) -> tuple[dict[Session, Entry], tuple[tuple[Session, str], ...]]:
    """Find and decode the images of sessions.

    Parameters
    ----------
    source, store
        Where images come from, and where they are decoded to.
    sessions
        Whose images; each once.
    jobs
        Processes that decode.
    allow_missing
        Go on without the sessions whose image cannot be used.
    show
        Who watches.

    Returns
    -------
    entries
        The decoded image of each session, in the order of `sessions`, all on one grid.
    left
        Sessions that were left out, with the reason.

    Raises
    ------
    ProblemsError
        For everything that is wrong with any of them.
    """
    found, problems = _found(source, sessions)
    refuse("the images", _shared(found))
    entries, todo = {}, []
    for session, path in found.items():
        if entry := store.find(session, path):
            entries[session] = entry
        else:
            todo.append((session, path))
    grids, unreadable = _headers(todo)
    problems |= unreadable
    todo = [(session, path) for session, path in todo if session not in problems]
    if not allow_missing:
        refuse("the images", [Problem(text) for text in problems.values()])
    refuse("the store", _no_room(store, grids))
    with executor(min(jobs, len(todo)) if len(todo) > _FEW else 1) as pool:
        outcomes = run(_Decoding(store), todo, pool)
        for outcome in show.track(outcomes, "decoding images", len(todo)):
            session, _ = outcome.item
            if isinstance(outcome.error, ImageError):
                problems[session] = str(outcome.error)
            elif outcome.error is not None:
                raise outcome.error
            elif outcome.result is not None:
                entries[session] = outcome.result
    problems |= _on_other_grids(entries)
    if not allow_missing:
        refuse("the images", [Problem(text) for text in problems.values()])
    usable = {session: entries[session] for session in sessions if session in entries and session not in problems}
    refuse("the images", [] if usable else [Problem(text) for text in problems.values()])
    return usable, tuple(problems.items())


class _Decoding:
    """Decodes one image into a store; a class so that it travels to other processes."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __call__(self, job: tuple[Session, Path]) -> Entry:
        return self.store.prepare(*job)


def _found(source: ImageSource, sessions: Sequence[Session]) -> tuple[dict[Session, Path], dict[Session, str]]:
    found, problems = {}, {}
    for session in sessions:
        try:
            found[session] = source.find(session)
        except FimbriaError as error:
            problems[session] = str(error)
    return found, problems


def _shared(found: Mapping[Session, Path]) -> list[Problem]:
    """Say which sessions would read one and the same file, as those of two data sets with the same names would."""
    whose: dict[Path, Session] = {}
    return [
        Problem(f"{session} and {first} are one file: {path}", "each data set needs a CAPS of its own")
        for session, path in found.items()
        if (first := whose.setdefault(path, session)) != session
    ]


def _headers(todo: Sequence[tuple[Session, Path]]) -> tuple[list[Grid], dict[Session, str]]:
    """Read the grids of images, and say which headers cannot be read."""
    grids, problems = [], {}
    for session, path in todo:
        try:
            grids.append(nifti.read_grid(path))
        except ImageError as error:
            problems[session] = str(error)
    return grids, problems


def _no_room(store: Store, grids: Sequence[Grid]) -> list[Problem]:
    needed = sum(store.bytes_needed(grid) for grid in grids)
    free = free_bytes(store.root)
    if needed <= free:
        return []
    return [
        Problem(
            f"decoding {len(grids)} images needs {needed / 1e9:.1f} GB and {store.root} has {free / 1e9:.1f} GB",
            "free some room",
        )
    ]


def _on_other_grids(entries: Mapping[Session, Entry]) -> dict[Session, str]:
    """Compare every image with the grid that most of them have."""
    kinds: list[Grid] = []
    kind_of: dict[Session, int] = {}
    for session, entry in entries.items():
        matching = (number for number, grid in enumerate(kinds[:_KINDS]) if grid.matches(entry.grid))
        kind_of[session] = next(matching, len(kinds))
        if kind_of[session] == len(kinds):
            kinds.append(entry.grid)
    if len(kinds) < 2:  # noqa: PLR2004  (all on one grid)
        return {}
    usual = Counter(kind_of.values()).most_common(1)[0][0]
    return {
        session: f"the image of {session} is on another grid ({kinds[kind]}) than most ({kinds[usual]}). Preprocess it like the others."
        for session, kind in kind_of.items()
        if kind != usual
    }

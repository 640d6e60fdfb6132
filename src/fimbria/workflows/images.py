"""Before the first step: every image found, readable, on one grid, and room for all of it. All problems at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fimbria.data.extraction import Choosy
from fimbria.data.extraction.origin import READ_NIFTI, Origin, Reading, tensors_of
from fimbria.data.extraction.store import Transform
from fimbria.data.extraction.store.store import decoded
from fimbria.data.images.datasets import DataSets
from fimbria.errors import FimbriaError, ImageError, InputError, Problem, StorageError, refuse
from fimbria.execution import executor, run
from fimbria.provenance import disk, free_bytes, sized

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from fimbria.data.cohort.cohort import Session
    from fimbria.data.extraction import Extraction, Location
    from fimbria.data.extraction.store import Entry
    from fimbria.data.images.pipelines import Pipeline
    from fimbria.experiment.experiment import Data
    from fimbria.geometry import Grid
    from fimbria.registry import Registered
    from fimbria.workflows.show import Show

Entries = dict["Session", "Entry"]
GIVEN = ("caps", "space", "grid")  # what `cut` gives an extraction by itself
_KINDS = 20  # grids that are told apart; whatever else there is differs from most in any case


@dataclass(frozen=True, eq=False)
class Gathered:
    """The decoded images of some sessions, all on one grid.

    Attributes
    ----------
    channels
        One for each origin: the image of each session. Every session has one of the first origin.
    left
        Sessions that were left out, with the reason.
    """

    channels: tuple[Entries, ...]
    left: tuple[tuple[Session, str], ...]


@dataclass(frozen=True, eq=False)
class _Looked:
    """What is known of the images of one origin before any of them is decoded."""

    entries: Entries
    todo: tuple[tuple[Session, Path], ...]
    grids: Mapping[Session, Grid]
    absent: Mapping[Session, str]
    problems: Mapping[Session, str]


def origins_of(data: Data, pipelines: Sequence[Pipeline], reading: Reading = READ_NIFTI) -> tuple[Origin, ...]:
    """Say where images come from and are decoded to, one origin a pipeline.

    Parameters
    ----------
    data
        What is wanted of them.
    pipelines
        What preprocessed them.
    reading
        How files are opened: NIfTI, or ClinicaDL's tensors.

    Raises
    ------
    InputError
        When a data set is not there.
    """
    sets = DataSets.of(data.caps)
    transform = Transform(data.spacing, data.nonfinite, data.compact)
    wanted = [tensors_of(made) for made in pipelines] if data.tensors else pipelines
    return tuple(Origin(sets, made, transform, data.store, reading) for made in wanted)


def gathered(  # noqa: PLR0913  (what, of whom, and how)
    origins: Sequence[Origin],
    sessions: Sequence[Session],
    *,
    jobs: int,
    allow_missing: bool = False,
    may_lack: bool = False,
    show: Show,
) -> Gathered:
    """Find and decode the images of sessions.

    Parameters
    ----------
    origins
        Where they come from; the images of the first are the sessions', those of the others further channels.
    sessions
        Whose images; each once.
    jobs
        Processes that decode.
    allow_missing
        Go on without the sessions whose images cannot be used.
    may_lack
        A session may be without an image of a further origin.
    show
        Who watches.

    Raises
    ------
    ProblemsError
        For everything that is wrong with any of them.
    """
    looks = [_looked(origin, sessions) for origin in origins]
    problems: dict[Session, list[str]] = {}
    for place, look in enumerate(looks):
        _add(problems, look.problems)
        _add(problems, {} if may_lack and place else look.absent)
    refuse("the images", [] if allow_missing else _as_problems(problems))
    wanted = [[job for job in look.todo if job[0] not in problems] for look in looks]
    refuse("the store", _no_room(origins, looks, wanted))
    with executor(jobs, sum(map(len, wanted)), quick=True) as pool:
        todo = [(origin, job) for origin, of in zip(origins, wanted, strict=True) for job in of]
        jobs_of = [(number, origin.store(who), path) for number, (origin, (who, path)) in enumerate(todo)]
        made: dict[tuple[int, Session], Entry] = {}
        for outcome in show.track(run(decoded, jobs_of, pool), "decoding images", len(jobs_of)):
            origin, (session, _) = todo[outcome.item[0]]
            if isinstance(outcome.error, ImageError):
                _add(problems, {session: str(outcome.error)})
            elif isinstance(outcome.error, StorageError) and origin.folder is None:
                raise StorageError(
                    outcome.error.errno,
                    f"{outcome.error} Decoded images can be kept elsewhere: --store (--data.store).",
                )
            elif outcome.error is not None:
                raise outcome.error
            elif outcome.result is not None:
                made[id(origin), session] = outcome.result
    channels = [
        {**look.entries, **{who: made[id(origin), who] for who, _ in look.todo if (id(origin), who) in made}}
        for origin, look in zip(origins, looks, strict=True)
    ]
    sound = [{session: entry for session, entry in of.items() if session not in problems} for of in channels]
    for session, texts in _on_other_grids(sound).items():
        problems.setdefault(session, []).extend(texts)
    refuse("the images", [] if allow_missing else _as_problems(problems))
    usable = [session for session in sessions if session in channels[0] and session not in problems]
    refuse("the images", [] if usable else _as_problems(problems))
    kept = tuple({session: entries[session] for session in usable if session in entries} for entries in channels)
    return Gathered(kept, tuple((session, "; ".join(texts)) for session, texts in problems.items()))


@dataclass(frozen=True, eq=False)
class Cut:
    """How images on one grid are cut.

    Attributes
    ----------
    extraction
        What cuts them.
    locations
        Of the parts.
    places
        Which of `locations` the image of a session gives; None where each gives all.
    """

    extraction: Extraction
    locations: tuple[Location, ...]
    places: dict[Session, tuple[int, ...]] | None


def cut(  # noqa: PLR0913, PLR0917  (by what, what, and how)
    component: Registered[Extraction],
    options: Mapping[str, Any],
    origin: Origin,
    entries: Mapping[Session, Entry],
    jobs: int,
    show: Show,
) -> Cut:
    """Say how images are cut.

    Parameters
    ----------
    component, options
        The extraction, and what was chosen of it.
    origin
        Where the images are from; regions of interest are looked for in its first data set.
    entries
        The images, all on one grid.
    jobs
        Processes that look for background.
    show
        Who watches.

    Raises
    ------
    ProblemsError, InputError
        When they cannot be cut so.
    """
    grid = next(iter(entries.values())).grid
    first = next(iter(origin.data_sets.folders.values()))
    made = component.build({"caps": first, "space": origin.pipeline.space, "grid": grid}, options)
    locations = tuple(made.locations(grid.shape))
    if not locations:
        msg = f"{component.name} gives no part of an image of {grid}."
        raise InputError(msg)
    if not (isinstance(made, Choosy) and made.choosy):
        return Cut(made, locations, None)
    with executor(jobs, len(entries), quick=True) as pool:
        outcomes = run(_Choosing(made, locations), list(entries.items()), pool)
        places = {}
        for outcome in show.track(outcomes, "looking for background", len(entries)):
            if outcome.error:
                raise outcome.error
            places[outcome.item[0]] = tuple(outcome.result or ())
    return Cut(made, locations, {session: places[session] for session in entries})


class _Choosing:
    """Chooses the parts of one image that are no background; a class so that it travels to other processes."""

    def __init__(self, made: Choosy, locations: Sequence[Location]) -> None:
        self.made, self.locations = made, locations

    def __call__(self, job: tuple[Session, Entry]) -> list[int]:
        """Give the places of the parts to keep."""
        _, entry = job
        return self.made.chosen(entry, entry.statistics.mean, self.locations)


def _looked(origin: Origin, sessions: Sequence[Session]) -> _Looked:
    """Find the image of each session; open what is decoded already, and the headers of the others."""
    source = origin.source()
    found: dict[Session, Path] = {}
    absent: dict[Session, str] = {}
    problems: dict[Session, str] = {}
    for session in sessions:
        try:
            found[session] = source.find(session)
        except FimbriaError as error:
            (problems if source.has(session) else absent)[session] = str(error)
    refuse("the images", _shared(found))
    entries, todo, grids = {}, [], {}
    for session, path in found.items():
        if entry := origin.store(session).find(path):
            entries[session] = entry
            continue
        try:
            grids[session] = origin.reading.grid(path)
            todo.append((session, path))
        except ImageError as error:
            problems[session] = str(error)
    return _Looked(entries, tuple(todo), grids, absent, problems)


def _add(problems: dict[Session, list[str]], more: Mapping[Session, str]) -> None:
    for session, text in more.items():
        problems.setdefault(session, []).append(text)


def _as_problems(problems: Mapping[Session, Iterable[str]]) -> list[Problem]:
    return [Problem(text) for texts in problems.values() for text in texts]


def _shared(found: Mapping[Session, Path]) -> list[Problem]:
    """Say which sessions would read one and the same file, as those of two data sets with the same names would."""
    whose: dict[Path, Session] = {}
    return [
        Problem(
            f"{session} and {first} are one file: {path}", "each data set needs a folder of its own: --cohort NAME=PATH"
        )
        for session, path in found.items()
        if (first := whose.setdefault(path, session)) != session
    ]


def _no_room(
    origins: Sequence[Origin], looks: Sequence[_Looked], wanted: Sequence[Sequence[tuple[Session, Path]]]
) -> list[Problem]:
    """Compare what will be written to each store with the room there is."""
    needed: Counter[int] = Counter()  # by disk: two stores may lie on one
    images: Counter[int] = Counter()
    roots: dict[int, Path] = {}
    for origin, look, todo in zip(origins, looks, wanted, strict=True):
        for session, _ in todo:
            root = origin.root(session)
            on = disk(root)
            needed[on] += origin.transform.bytes_needed(look.grids[session])
            images[on] += 1
            roots.setdefault(on, root)
    return [
        Problem(
            f"decoding {images[on]} images needs {sized(size)} and {roots[on]} has {sized(free)}",
            "free some room, keep them elsewhere with --store (--data.store), or in half the room with --compact (--data.compact)",
        )
        for on, size in needed.items()
        if size > (free := free_bytes(roots[on]))
    ]


def _on_other_grids(channels: Sequence[Mapping[Session, Entry]]) -> dict[Session, list[str]]:
    """Compare every image with the grid that most of them have."""
    kinds: list[Grid] = []
    kind_of: dict[tuple[int, Session], int] = {}
    for channel, entries in enumerate(channels):
        for session, entry in entries.items():
            matching = (number for number, grid in enumerate(kinds[:_KINDS]) if grid.matches(entry.grid))
            kind = kind_of[channel, session] = next(matching, len(kinds))
            if kind == len(kinds):
                kinds.append(entry.grid)
    if len(kinds) < 2:  # noqa: PLR2004  (all on one grid)
        return {}
    usual = Counter(kind_of.values()).most_common(1)[0][0]
    wrong: dict[Session, list[str]] = {}
    for (channel, session), kind in kind_of.items():
        if kind != usual:
            entry, most = channels[channel][session], kinds[usual]
            alike = str(kinds[kind]) == str(most)
            how = f", its voxels up to {kinds[kind].apart_mm(most):.3g} mm away" if alike else ""
            what = f"the image of {session} ({entry.name}) is on another grid ({kinds[kind]}) than most ({most}){how}"
            wrong.setdefault(session, []).append(f"{what}. Preprocess it like the others.")
    return wrong

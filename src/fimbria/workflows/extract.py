"""Decode every image of a data set once, ahead of training, and describe how it will be cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fimbria.atomic import write_json
from fimbria.data.cohort.cohort import Cohort
from fimbria.data.extraction import Extraction, Location, extraction, take
from fimbria.data.extraction.clinicadl import description, read_description
from fimbria.data.extraction.origin import READ_NIFTI, Origin, Reading, tensors_of
from fimbria.data.extraction.regions import Regions
from fimbria.data.extraction.store import Transform, default_root
from fimbria.data.extraction.tensor_names import tensor_folder, tensor_name
from fimbria.data.images import caps
from fimbria.data.images.datasets import DataSets
from fimbria.data.images.pipelines import Pipeline, pipeline
from fimbria.errors import InputError, Problem, counted, listing, refuse
from fimbria.execution import executor, run
from fimbria.experiment.experiment import merged
from fimbria.provenance import free_bytes, sized
from fimbria.workflows.cohorts import listed_cohort
from fimbria.workflows.images import GIVEN, cut, gathered
from fimbria.workflows.show import Show, quiet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fimbria.data.cohort.cohort import Session
    from fimbria.data.extraction.store import Entry
    from fimbria.experiment.experiment import Experiment
    from fimbria.geometry import Grid, Shape

_BEGUN = "fimbria_export_begun"
_UNSAID = {"foreground": 0.0, "reduce": 1, "every": 1, "background": 0.0}  # what goes without saying
Write = Callable[[Path, "np.ndarray[Any, Any]"], None]


@dataclass(frozen=True, eq=False)
class Extracted:
    """What there is to learn from after an extraction.

    Attributes
    ----------
    images
        How many were decoded, now or before.
    grid
        Theirs.
    parts
        How many there are, of all images together.
    sample_shape
        Of one part, ``(channel, ...)``.
    description
        The file in ``tensor_extraction`` that says how.
    left
        Sessions without a usable image, with the reason.
    room
        Bytes of the decoded images, and the largest error of those kept as 16-bit numbers, in the images' units.
    exported
        How many parts were written as tensors.
    """

    images: int
    grid: Grid
    parts: int
    sample_shape: Shape
    description: Path
    left: tuple[tuple[Session, str], ...]
    room: tuple[int, float]
    exported: int = 0


def extract(  # noqa: PLR0913  (what, of what, how)
    mode: str,
    data_set: str | Path | Mapping[str, Path],
    pipeline_name: str = "t1-linear",
    *,
    options: Mapping[str, Any] | None = None,
    pipeline_options: Mapping[str, Any] | None = None,
    spacing: float | None = None,
    nonfinite: float | None = None,
    compact: bool = False,
    store: str | Path | None = None,
    table: str | Path | None = None,
    allow_missing: bool = False,
    name: str | None = None,
    reading: Reading = READ_NIFTI,
    export: Write | None = None,
    jobs: int = 1,
    show: Show = quiet,
) -> Extracted:
    """Decode the images of data sets into a store and check that they can be cut as asked.

    Images are decoded whole and parts are read from them as they are needed, so one decoding serves every mode. A run that
    was broken off goes on where it was.

    Parameters
    ----------
    mode
        ``image``, ``patch``, ``slice``, ``roi``, or a plug-in's.
    data_set
        CAPS folder (BIDS for the pipeline ``raw`` and for derivatives); a TSV (``cohort``, ``path``) or a mapping of names
        to folders for several.
    pipeline_name, pipeline_options
        What preprocessed the images: a name, or a TOML file of one's own; and its options.
    options
        Of the mode: ``size``, ``stride``, ``direction``, ...
    spacing
        Voxel side in mm to resample to.
    nonfinite
        What stands for NaN and infinities; by default images that hold any are refused.
    compact
        Keep 16-bit numbers with a scale.
    store
        Where decoded images are kept; by default in the data set.
    table
        Only these sessions; by default all.
    allow_missing
        Go on without the sessions that have no usable image.
    name
        Of the description, without ``.json``.
    reading
        How files are opened: NIfTI, or ``fimbria.learning.samples.tensors.READ_TENSORS`` for tensors of ClinicaDL 1.x.
    export
        Writes a part as a file for other tools, as ``fimbria.learning.samples.tensors.write_tensor`` does; None for none.
    jobs
        Processes.
    show
        Who watches.

    Raises
    ------
    ProblemsError, InputError
        For unfit options first, then for every image that cannot be used.
    """
    sets = DataSets.of(Path(data_set) if isinstance(data_set, str) else data_set)
    chosen = extraction.find(mode)
    complete = chosen.options(dict.fromkeys(GIVEN), dict(options or {}))
    made, wanted = _pipeline(pipeline_name, pipeline_options or {})
    if export and made.layout != "caps":
        msg = f"tensors are written into a CAPS, where other tools look for them; images of {made.name} lie in a BIDS data set."
        raise InputError(msg)
    transform = Transform(spacing, nonfinite, compact)
    where = tensors_of(made) if reading is not READ_NIFTI else made
    origin = Origin(sets, where, transform, Path(store) if store else None, reading)
    file = _description_file(sets, made, store, name or _default_name(mode, complete, spacing))
    content = description(
        mode, complete, made.name, wanted, file.name, glob=made.glob, tensors=_promised(file, export), spacing=spacing
    )
    # what tensors hold depends on these too, which ClinicaDL's words and our components do not say
    content["fimbria"] |= {"nonfinite": nonfinite} if nonfinite is not None else {}
    content["fimbria"] |= {"read_from": "tensors"} if reading is not READ_NIFTI else {}
    _refuse_other(file, content)
    people = Cohort.read(Path(table)).sessions if table else _everybody(sets, where, show)
    done = gathered([origin], people, jobs=jobs, allow_missing=allow_missing, show=show)
    entries = done.channels[0]
    parts = cut(chosen, complete, origin, entries, jobs, show)
    _tell_gaps(parts.extraction, show)
    job = _Exporting(export, mode, made.name, complete, parts.locations, sets) if export else None
    if job and not _is_exported(file):
        job.refuse_taken(entries)
    if job:  # a run that is broken off here may go on, and does not promise what is not there yet
        write_json(file, {**content, "prepare_dl": False, _BEGUN: True})
    exported = job.all(entries, parts.places, jobs, show) if job else 0
    write_json(file, content)
    return Extracted(
        len(entries),
        next(iter(entries.values())).grid,
        sum(map(len, parts.places.values())) if parts.places else len(entries) * len(parts.locations),
        parts.locations[0].shape,
        file,
        done.left,
        _room(entries.values()),
        exported,
    )


def _tell_gaps(cut_by: Extraction, show: Show) -> None:
    """Say which masks are in several pieces, where ClinicaDL would have pushed the pieces together."""
    for region, axis, planes in cut_by.gaps() if isinstance(cut_by, Regions) else ():
        between = counted(planes, "plane")
        show.say(f"The mask of {region} is in pieces: {between} between them along {'xyz'[axis]} stay in its box.")


def described(experiment: Experiment) -> Experiment:
    """Lay what a description in ``tensor_extraction`` says over an experiment that names one.

    Raises
    ------
    InputError
        When there is none of that name, or it cannot be used.
    """
    named = experiment.data.described
    if named is None:
        return experiment
    folders = [*DataSets.of(experiment.data.caps).folders.values(), *filter(None, [experiment.data.store])]
    file_name = named if named.endswith(".json") else f"{named}.json"
    places = [folder / "tensor_extraction" / file_name for folder in folders]
    file = next((path for path in places if path.is_file()), None)
    if file is None or Path(file_name).name != file_name:
        known = sorted({path.name for place in places for path in place.parent.glob("*.json")})
        msg = f"no description {named!r} in {places[0].parent}. There is: {listing(known, 20) or 'none'}."
        raise InputError(msg)
    told = read_description(file)
    if told.spacing and experiment.data.spacing not in (None, told.spacing):
        msg = f"{file} is of images at {told.spacing:g} mm, the experiment says {experiment.data.spacing:g}. Leave --data.spacing out, or describe another."
        raise InputError(msg)
    plain = experiment.plain()
    said = {"extraction": told.extraction, "pipeline": told.pipeline}
    kept = {key: value for key, value in plain["data"].items() if key not in ("described", *said)}
    spacing = {} if told.spacing is None else {"spacing": told.spacing}
    return experiment.of(merged({**plain, "data": kept}, {"data": {**said, **spacing}}), str(file))


class _Exporting:
    """Writes the parts of one image as files for other tools; a class so that it travels to other processes."""

    def __init__(  # noqa: PLR0913, PLR0917  (what is written, and how it is called)
        self,
        write: Write,
        mode: str,
        pipeline_name: str,
        options: Mapping[str, Any],
        locations: Sequence[Location],
        sets: DataSets,
    ) -> None:
        self.write, self.mode, self.options, self.locations, self.sets = write, mode, options, locations, sets
        self.folder = tensor_folder(pipeline_name, mode)

    def refuse_taken(self, entries: Mapping[Session, Entry]) -> None:
        """Refuse to write over tensors of another extraction: ClinicaDL's names do not tell all of them apart."""
        taken = [path for session, entry in entries.items() for path in self._there(session, entry)]
        if taken:
            msg = f"{taken[0]} and {len(taken) - 1} more are there already, of another extraction; nothing is ever written over. Move them away first."
            raise InputError(msg)

    def _there(self, session: Session, entry: Entry) -> list[Path]:
        folder = self.place(session)
        standing = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        return [folder / name for place in range(len(self.locations)) if (name := self.name(entry, place)) in standing]

    def place(self, session: Session) -> Path:
        """Give the folder of a session's tensors."""
        return caps.session_folder(self.sets.folder(session), session) / self.folder

    def all(
        self, entries: Mapping[Session, Entry], places: Mapping[Session, tuple[int, ...]] | None, jobs: int, show: Show
    ) -> int:
        """Write the parts of all images, after checking their names and the room."""
        every = tuple(range(len(self.locations)))
        todo = [(session, entry, places[session] if places else every) for session, entry in entries.items()]
        names = [self.name(todo[0][1], place) for place in every]
        size = sum(4 * int(np.prod(self.locations[place].shape)) for _, _, chosen in todo for place in chosen)
        root = next(iter(self.sets.folders.values()))
        problems = []
        if twins := len(names) - len(set(names)):
            problems.append(
                Problem(f"{counted(twins, 'part')} would have the name of another", "give each a name of its own")
            )
        if size > (free := free_bytes(root)):
            problems.append(Problem(f"they need {sized(size)} and {root} has {sized(free)}", "free some room"))
        refuse("the tensors", problems)
        with executor(jobs, len(todo)) as pool:
            for outcome in show.track(run(self, todo, pool), "writing tensors", len(todo)):
                if outcome.error:
                    raise outcome.error
        return sum(len(chosen) for _, _, chosen in todo)

    def __call__(self, job: tuple[Session, Entry, tuple[int, ...]]) -> None:
        """Write the parts of one image; it is read once."""
        session, entry, places = job
        folder = self.place(session)
        whole = entry[tuple(slice(0, side) for side in entry.shape)]
        for place in places:
            self.write(folder / self.name(entry, place), np.ascontiguousarray(take(whole, self.locations[place])))

    def name(self, entry: Entry, place: int) -> str:
        """Give ClinicaDL's name of a part."""
        return tensor_name(f"{entry.name}.nii.gz", self.mode, self.locations[place], self.options)


def _pipeline(name: str, options: Mapping[str, Any]) -> tuple[Pipeline, dict[str, Any]]:
    """Find a pipeline, and complete its options."""
    found = pipeline.find(name)
    wanted = found.options({}, dict(options))
    return found.build({}, wanted), wanted


def _everybody(sets: DataSets, made: Pipeline, show: Show) -> list[Session]:
    """List the sessions that have an image, and say how many have none."""
    sessions: list[Session] = []
    for name, folder in sets.items():
        cohort = listed_cohort(folder, made, name)
        left = [session for step in cohort.flow for session, _ in step.left]
        if left:
            without = counted(len(left), "session")
            show.say(f"{without} of {folder.name} without a {made.name} image: {listing(list(map(str, left)))}.")
        sessions += cohort.sessions
    return sessions


def _room(entries: Iterable[Entry]) -> tuple[int, float]:
    paths = {entry.path: entry.packing.error if entry.packing else 0.0 for entry in entries}
    return sum(path.stat().st_size for path in paths), max(paths.values())


def _description_file(sets: DataSets, made: Pipeline, store: str | Path | None, name: str) -> Path:
    """Say where a description is written: in the CAPS, where ClinicaDL looks for it, or in the store where that is elsewhere."""
    first = next(iter(sets.folders.values()))
    place = Path(store) if store else first if made.layout == "caps" else default_root(first, made.layout)
    file = name if name.endswith(".json") else f"{name}.json"
    if Path(file).name != file or file.startswith("."):
        msg = f"--name {name}: a name was wanted, not a path."
        raise InputError(msg)
    return place / "tensor_extraction" / file


def _default_name(mode: str, options: Mapping[str, Any], spacing: float | None) -> str:
    """Name a description after what it says, so that the same extraction has the same name."""
    told = {key: value for key, value in options.items() if value is not None and value is not False}
    said = [f"{key}-{_worded(value)}" for key, value in told.items() if value != _UNSAID.get(key, "")]
    return "_".join([mode.rpartition(":")[2], *said, *([f"spacing-{spacing:g}"] if spacing else [])])


def _worded(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _told(file: Path) -> dict[str, Any]:
    """Read a description that stands there already; empty where there is none, or something else."""
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _promised(file: Path, export: Write | None) -> bool:
    """Tell whether parts lie beside a description as tensors, or will."""
    return export is not None or bool(_told(file).get("prepare_dl"))


def _is_exported(file: Path) -> bool:
    told = _told(file)
    return bool(told.get("prepare_dl") or told.get(_BEGUN))


def _refuse_other(file: Path, content: Mapping[str, Any]) -> None:
    # whether parts lie beside it as tensors may change: they can be written later
    ours = {"prepare_dl": None, _BEGUN: None}
    kept, new = ({**one, **ours} for one in (_told(file), json.loads(json.dumps(content))))
    if file.is_file() and kept != new:
        msg = f"{file} describes another extraction already. Give this one another --name."
        raise InputError(msg)

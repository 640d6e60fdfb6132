"""``fimbria preprocess``, ``generate`` and ``extract``: where images come from and how they are cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from fimbria.cli.screen import Screen, say
from fimbria.errors import InputError, listing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

preprocess = App(name="preprocess", help="From raw scans (BIDS) to images on a common grid (CAPS).")
generate = App(name="generate", help="Synthetic data sets with a known answer.")
extract = App(name="extract", help="Decode images once, ahead of training, and describe how they are cut.")

Numbers = Annotated[list[int] | None, Parameter(consume_multiple=True)]


def register(parent: App) -> None:
    """Hang the commands into the program."""
    for app in (preprocess, generate, extract):
        parent.command(app)


@preprocess.command(name="t1-linear")
def t1_linear(bids: Path, caps: Path, *, jobs: int = 1, quiet: bool = False) -> int:
    """Correct the bias of T1w images and align them to MNI152NLin2009cSym, 1 mm; file names are Clinica's.

    A run that was broken off goes on where it was. How well each image lies on the template is kept in t1-linear.tsv.

    Example: fimbria preprocess t1-linear my-bids my-caps --jobs 2

    Parameters
    ----------
    bids
        BIDS data set.
    caps
        Where to write.
    jobs
        Processes; each takes about 1 GB of memory.
    quiet
        Show nothing but the result.
    """
    from fimbria.workflows.preprocess import preprocess_t1_linear

    done = preprocess_t1_linear(bids, caps, jobs=jobs, show=Screen(quiet=quiet))
    suspicious = {session: alignment for session, alignment in done.alignments.items() if alignment.alarms}
    say(f"{len(done.alignments)} images aligned, {done.skipped} were there already, {len(done.failed)} failed.")
    for session, alignment in suspicious.items():
        say(f"  look at {session}: {'; '.join(alignment.alarms)}")
    for reason in done.failed.values():
        say(f"  failed: {reason}")
    say(f"Kept in {caps}. Next: fimbria cohort from-bids {bids} cohort.tsv")
    return 2 if done.failed else 0


@generate.command
def atrophy(
    caps: Path,
    *,
    people: int = 40,
    region: str = "hippocampus",
    degree: float = 25.0,
    seed: int = 0,
    spacing: float = 1.0,
    jobs: int = 1,
    quiet: bool = False,
) -> None:
    """Make people from a template brain; half of them (AD) lose signal in a region.

    Example: fimbria generate atrophy my-caps --people 40 --region hippocampus --degree 25 --seed 3 --spacing 2 --jobs 2

    Parameters
    ----------
    caps
        Where to write the CAPS.
    people
        How many.
    region
        Where the signal is lost: hippocampus, left-hippocampus, amygdala, ventricle, thalamus, ...
    degree
        How much of it, percent.
    seed
        Other seed, other people; a person depends on the seed and the person's number alone.
    spacing
        Voxel side, mm.
    jobs
        Processes.
    quiet
        Show nothing but the result.
    """
    from fimbria.workflows.generate import generate_atrophy

    table = generate_atrophy(
        caps,
        people=people,
        region=region,
        degree=degree,
        seed=seed,
        spacing=spacing,
        jobs=jobs,
        show=Screen(quiet=quiet),
    )
    say(f"{people} people in {caps}, listed in {table}. Next: fimbria cohort split {table} labels --test 0.25")


@Parameter(name="*")
@dataclass(frozen=True)
class Shared:
    """What every extraction can be told.

    Attributes
    ----------
    uncropped
        Use the images of the whole template grid (193x229x193).
    spacing
        Voxel side in mm to resample to.
    table
        Only the sessions of this table.
    allow_missing
        Go on without the sessions that have no usable image.
    name
        Of the description in tensor_extraction.
    jobs
        Processes.
    quiet
        Show nothing but the result.
    """

    uncropped: bool = False
    spacing: float | None = None
    table: Path | None = None
    allow_missing: bool = False
    name: str | None = None
    jobs: int = 1
    quiet: bool = False


@extract.command
def image(caps: Path, pipeline: str = "t1-linear", *, shared: Shared | None = None) -> None:
    """Whole images.

    Example: fimbria extract image my-caps t1-linear --spacing 2 --jobs 2

    Parameters
    ----------
    caps
        CAPS folder (BIDS folder for the pipeline raw).
    pipeline
        What preprocessed the images.
    """
    _extract("image", caps, pipeline, {}, shared)


@extract.command
def patch(
    caps: Path,
    pipeline: str = "t1-linear",
    *,
    size: Numbers = None,
    stride: Numbers = None,
    shared: Shared | None = None,
) -> None:
    """Boxes on a regular grid.

    Example: fimbria extract patch my-caps t1-linear --size 50 --stride 50 --jobs 2

    Parameters
    ----------
    caps
        CAPS folder (BIDS folder for the pipeline raw).
    pipeline
        What preprocessed the images.
    size
        Voxels along each axis: one number, or three. 50 by default.
    stride
        Voxels from one patch to the next: one number, or three. By default the size.
    """
    _extract("patch", caps, pipeline, {"size": _one_or_three(size), "stride": _one_or_three(stride)}, shared)


@extract.command(name="slice")
def slices(
    caps: Path,
    pipeline: str = "t1-linear",
    *,
    direction: Literal[0, 1, 2] = 0,
    discard: Annotated[tuple[int, int], Parameter(show_default=False)] = (0, 0),
    channels: Literal[1, 3] = 1,
    shared: Shared | None = None,
) -> None:
    """Planes across one axis.

    Example: fimbria extract slice my-caps t1-linear --direction 2 --discard 40 40

    Parameters
    ----------
    caps
        CAPS folder (BIDS folder for the pipeline raw).
    pipeline
        What preprocessed the images.
    direction
        0 sagittal, 1 coronal, 2 axial.
    discard
        Slices left out at the start and at the end; 0 0 by default.
    channels
        1, or 3 for networks that expect colours.
    """
    chosen = {"direction": direction, "discard": list(discard), "channels": channels}
    _extract("slice", caps, pipeline, chosen, shared)


@extract.command
def roi(
    caps: Path,
    pipeline: str = "t1-linear",
    *,
    roi: list[str],
    full_frame: bool = False,
    shared: Shared | None = None,
) -> None:
    """Regions of interest: masks of any shape, masks/tpl-<space>/tpl-<space>_..._roi-<name>_mask.nii.gz in the CAPS.

    Example: fimbria extract roi my-caps t1-linear --roi leftHippocampus --roi rightHippocampus

    Parameters
    ----------
    caps
        CAPS folder.
    pipeline
        What preprocessed the images.
    roi
        Name of a region; repeat it for several.
    full_frame
        Keep the whole image around each region instead of its box.
    """
    _extract("roi", caps, pipeline, {"roi": roi, "full_frame": full_frame}, shared)


def _extract(mode: str, caps: Path, pipeline: str, options: Mapping[str, Any], shared: Shared | None) -> None:
    from fimbria.workflows.extract import extract as run_extraction

    told = shared or Shared()
    done = run_extraction(
        mode,
        caps,
        pipeline,
        options={name: value for name, value in options.items() if value is not None},
        uncropped=told.uncropped,
        spacing=told.spacing,
        table=told.table,
        allow_missing=told.allow_missing,
        name=told.name,
        jobs=told.jobs,
        show=Screen(quiet=told.quiet),
    )
    say(f"{done.images} images of {done.grid}.")
    say(f"Each gives {done.parts} parts of {'x'.join(map(str, done.sample_shape))} (channel, space).")
    if done.left:
        say(f"Left out: {listing([str(session) for session, _ in done.left])}.")
    say(f"Described in {done.description}.")


def _one_or_three(sides: Sequence[int] | None) -> int | tuple[int, ...] | None:
    if sides is None or len(sides) == 1:
        return sides[0] if sides else None
    if len(sides) != 3:  # noqa: PLR2004  (three axes of space)
        msg = f"{' '.join(map(str, sides))}: one number was wanted, or three."
        raise InputError(msg)
    return tuple(sides)

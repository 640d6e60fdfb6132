"""``fimbria preprocess``, ``generate`` and ``extract``: where images come from and how they are cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from fimbria.cli.screen import Screen, say
from fimbria.cli.values import pairs
from fimbria.errors import InputError, counted, listing

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
    option
        Option of the pipeline, NAME=VALUE, such as tracer=18FFDG; repeat it for several.
    cohort
        A further way to name data sets, NAME=PATH; repeat it for several, and leave CAPS out.
    uncropped
        Use the images of the whole template grid (193x229x193).
    spacing
        Voxel side in mm to resample to.
    nonfinite
        What stands for NaN and infinities; by default images that hold any are refused.
    compact
        Keep decoded images as 16-bit numbers with a scale: half the room.
    store
        Where to keep decoded images, if not in the data set (which may then be read-only).
    tensors
        Read the tensors that ClinicaDL 1.x extracted, in place of NIfTI.
    export
        Write every part as a file for other tools too: pt, under ClinicaDL's names.
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

    option: list[str] | None = None
    cohort: list[str] | None = None
    uncropped: bool = False
    spacing: float | None = None
    nonfinite: float | None = None
    compact: bool = False
    store: Path | None = None
    tensors: bool = False
    export: Literal["pt"] | None = None
    table: Path | None = None
    allow_missing: bool = False
    name: str | None = None
    jobs: int = 1
    quiet: bool = False


@extract.command
def image(
    caps: Path | None = None, pipeline: str = "t1-linear", *, reduce: int = 1, shared: Shared | None = None
) -> None:
    """Whole images.

    Example: fimbria extract image my-caps t1-linear --spacing 2 --jobs 2

    Parameters
    ----------
    caps
        CAPS folder (BIDS folder for the pipeline raw and for derivatives), or a TSV (cohort, path) of several.
    pipeline
        What preprocessed the images: `fimbria list pipelines`, or a TOML file of your own.
    reduce
        Take every n-th voxel (2 to 5), as ClinicaDL's size reduction; --spacing resamples instead, which is smoother.
    """
    _extract("image", caps, pipeline, {"reduce": reduce}, shared)


@extract.command
def patch(
    caps: Path | None = None,
    pipeline: str = "t1-linear",
    *,
    size: Numbers = None,
    stride: Numbers = None,
    padding: bool = False,
    foreground: float = 0.0,
    shared: Shared | None = None,
) -> None:
    """Boxes on a regular grid.

    Example: fimbria extract patch my-caps t1-linear --size 50 --stride 50 --jobs 2

    Parameters
    ----------
    caps
        CAPS folder (BIDS folder for the pipeline raw and for derivatives), or a TSV (cohort, path) of several.
    pipeline
        What preprocessed the images: `fimbria list pipelines`, or a TOML file of your own.
    size
        Voxels along each axis: one number, or three. 50 by default.
    stride
        Voxels from one patch to the next: one number, or three. By default the size.
    padding
        Cover the far side too, by patches that hang over it and are filled with zeros; else what is left over is dropped.
    foreground
        Skip patches of which less than this share is brighter than the image's mean; 0 keeps all.
    """
    options = {
        "size": _one_or_three(size),
        "stride": _one_or_three(stride),
        "padding": padding,
        "foreground": foreground,
    }
    _extract("patch", caps, pipeline, options, shared)


@extract.command(name="slice")
def slices(
    caps: Path | None = None,
    pipeline: str = "t1-linear",
    *,
    direction: Literal[0, 1, 2] = 0,
    discard: Annotated[tuple[int, int], Parameter(show_default=False)] = (0, 0),
    channels: Literal[1, 3] = 1,
    every: int = 1,
    shared: Shared | None = None,
) -> None:
    """Planes across one axis.

    Example: fimbria extract slice my-caps t1-linear --direction 2 --discard 40 40

    Parameters
    ----------
    caps
        CAPS folder (BIDS folder for the pipeline raw and for derivatives), or a TSV (cohort, path) of several.
    pipeline
        What preprocessed the images: `fimbria list pipelines`, or a TOML file of your own.
    direction
        0 sagittal, 1 coronal, 2 axial.
    discard
        Slices left out at the start and at the end; 0 0 by default.
    channels
        1, or 3 for networks that expect colours.
    every
        Take every n-th slice only.
    """
    chosen = {"direction": direction, "discard": list(discard), "channels": channels, "every": every}
    _extract("slice", caps, pipeline, chosen, shared)


@extract.command
def roi(
    caps: Path | None = None,
    pipeline: str = "t1-linear",
    *,
    roi: list[str],
    full_frame: bool = False,
    background: float = 0.0,
    template: str = "",
    pattern: str = "",
    shared: Shared | None = None,
) -> None:
    """Regions of interest: masks of any shape, masks/tpl-<space>/tpl-<space>_..._roi-<name>_mask.nii.gz in the CAPS.

    Example: fimbria extract roi my-caps t1-linear --roi leftHippocampus --roi rightHippocampus

    Parameters
    ----------
    caps
        CAPS folder, or a TSV (cohort, path) of several: masks are those of the first.
    pipeline
        What preprocessed the images: `fimbria list pipelines`, or a TOML file of your own.
    roi
        Name of a region; repeat it for several.
    full_frame
        Keep the whole image around each region instead of its box.
    background
        What stands outside the mask, in units of the normalised image.
    template
        Space of the masks (tpl-<template>), where the pipeline names none.
    pattern
        Part of the masks' names, where several would fit.
    """
    options = {"roi": roi, "full_frame": full_frame, "background": background, "template": template, "pattern": pattern}
    _extract("roi", caps, pipeline, {name: value for name, value in options.items() if value != ""}, shared)


def _extract(mode: str, caps: Path | None, pipeline: str, options: Mapping[str, Any], shared: Shared | None) -> None:
    from fimbria.data.images.datasets import DataSets
    from fimbria.provenance import sized
    from fimbria.workflows.extract import extract as run_extraction

    told = shared or Shared()
    opened: dict[str, Any] = {}
    if told.tensors or told.export:
        from fimbria.learning.samples.tensors import READ_TENSORS, write_tensor

        opened = {"reading": READ_TENSORS} if told.tensors else {}
        opened |= {"export": write_tensor} if told.export else {}
    if (caps is None) == (told.cohort is None):
        msg = "where are the images? Give a CAPS, or --cohort NAME=PATH for each of several, and not both."
        raise InputError(msg)
    chosen = pairs(told.option or (), "--option")
    done = run_extraction(
        mode,
        caps or dict(DataSets.told(told.cohort or ()).folders),
        pipeline,
        options={name: value for name, value in options.items() if value is not None},
        pipeline_options={**chosen, **({"cropped": False} if told.uncropped else {})},
        spacing=told.spacing,
        nonfinite=told.nonfinite,
        compact=told.compact,
        store=told.store,
        table=told.table,
        allow_missing=told.allow_missing,
        name=told.name,
        jobs=told.jobs,
        show=Screen(quiet=told.quiet),
        **opened,
    )
    size, error = done.room
    say(f"{counted(done.images, 'image')} of {done.grid}; decoded they take {sized(size)}.")
    if told.compact:
        say(f"Kept as 16-bit numbers: the largest error is {error:.3g}, in the images' units.")
    say(f"{counted(done.parts, 'part')} in all, each {'x'.join(map(str, done.sample_shape))} (channel, space).")
    if done.exported:
        say(f"{counted(done.exported, 'tensor')} written.")
    if done.left:
        say(f"Left out: {listing([str(session) for session, _ in done.left])}.")
        for _, reason in done.left[:5]:
            say(f"  {reason}")
    say(f"Described in {done.description}.")


def _one_or_three(sides: Sequence[int] | None) -> int | tuple[int, ...] | None:
    if sides is None or len(sides) == 1:
        return sides[0] if sides else None
    if len(sides) != 3:  # noqa: PLR2004  (three axes of space)
        msg = f"{' '.join(map(str, sides))}: one number was wanted, or three."
        raise InputError(msg)
    return tuple(sides)

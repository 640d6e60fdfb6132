"""Decode every image of a data set once, ahead of training, and describe how it will be cut."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimbria.atomic import write_json
from fimbria.data.cohort.cohort import Cohort
from fimbria.data.extraction import extraction
from fimbria.data.extraction.store import Store, default_root
from fimbria.data.images import bids, caps
from fimbria.data.images.layout import source_of
from fimbria.data.images.pipelines import Pipeline, pipeline
from fimbria.errors import InputError
from fimbria.workflows.parts import GIVEN
from fimbria.workflows.preflight import prepared
from fimbria.workflows.show import Show, quiet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fimbria.data.cohort.cohort import Session
    from fimbria.geometry import Grid, Shape


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
        How many each is cut into.
    sample_shape
        Of one part, ``(channel, ...)``.
    description
        The file in ``tensor_extraction`` that says how.
    left
        Sessions without a usable image, with the reason.
    """

    images: int
    grid: Grid
    parts: int
    sample_shape: Shape
    description: Path
    left: tuple[tuple[Session, str], ...]


def extract(  # noqa: PLR0913  (what, of what, how)
    mode: str,
    data_set: str | Path,
    pipeline_name: str = "t1-linear",
    *,
    options: Mapping[str, Any] | None = None,
    uncropped: bool = False,
    spacing: float | None = None,
    table: str | Path | None = None,
    allow_missing: bool = False,
    name: str | None = None,
    jobs: int = 1,
    show: Show = quiet,
) -> Extracted:
    """Decode the images of a data set into its store and check that they can be cut as asked.

    Images are decoded whole and parts are read from them as they are needed, so one decoding serves every mode.

    Parameters
    ----------
    mode
        ``image``, ``patch``, ``slice``, ``roi``, or a plug-in's.
    data_set
        CAPS folder; BIDS for the pipeline ``raw``.
    pipeline_name
        What preprocessed the images.
    options
        Of the mode: ``size``, ``stride``, ``direction``, ...
    uncropped
        Use the whole template's grid (t1-linear).
    spacing
        Voxel side in mm to resample to.
    table
        Only these sessions; by default all.
    allow_missing
        Go on without the sessions that have no usable image.
    name
        Of the description, without ``.json``.
    jobs
        Processes.
    show
        Who watches.

    Raises
    ------
    ProblemsError, InputError
        For unfit options first, then for every image that cannot be used.
    """
    data_set = Path(data_set)
    chosen = extraction.find(mode)
    complete = chosen.options(dict.fromkeys(GIVEN["extraction"]), dict(options or {}))
    made: Pipeline = pipeline.build(pipeline_name, {"cropped": False} if uncropped else {})
    source = source_of(data_set, made)
    place = data_set if made.layout == "caps" else default_root(data_set, made.layout)
    description = place / "tensor_extraction" / f"{name or _default_name(mode, complete, spacing)}.json"
    content = _description(mode, made, complete, spacing, description.name, uncropped=uncropped)
    _refuse_other(description, content)
    lister = bids if made.layout == "bids" else caps
    cohort = Cohort.read(Path(table)) if table else lister.cohort(data_set, made)
    store = Store(default_root(data_set, made.layout), made.name, spacing)
    entries, left = prepared(source, store, cohort.sessions, jobs=jobs, allow_missing=allow_missing, show=show)
    grid = next(iter(entries.values())).grid
    cut = chosen.build({"caps": data_set, "space": made.space, "grid": grid}, complete)
    locations = cut.locations(grid.shape)
    write_json(description, content)
    return Extracted(len(entries), grid, len(locations), locations[0].shape, description, left)


def _default_name(mode: str, options: Mapping[str, Any], spacing: float | None) -> str:
    """Name a description after what it says, so that the same extraction has the same name."""
    said = [f"{key}-{_worded(value)}" for key, value in options.items() if value not in (None, False)]
    return "_".join([mode.rpartition(":")[2], *said, *([f"spacing-{spacing:g}"] if spacing else [])])


def _worded(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _refuse_other(description: Path, content: Mapping[str, Any]) -> None:
    if description.is_file() and json.loads(description.read_text(encoding="utf-8")) != json.loads(json.dumps(content)):
        msg = f"{description} describes another extraction already. Give this one another --name."
        raise InputError(msg)


def _description(  # noqa: PLR0913  (what ClinicaDL's file holds)
    mode: str, made: Pipeline, options: Mapping[str, Any], spacing: float | None, file_name: str, *, uncropped: bool
) -> dict[str, Any]:
    """Say how images are cut, in ClinicaDL's words and, under ``fimbria``, in ours."""
    theirs: dict[str, Any] = {}
    if mode == "patch":
        theirs = {"patch_size": options["size"], "stride_size": options["stride"] or options["size"]}
    elif mode == "slice":
        theirs = {
            "slice_direction": options["direction"],
            "slice_mode": "rgb" if options["channels"] == 3 else "single",  # noqa: PLR2004  (colours)
            "discarded_slices": list(options["discard"]),
        }
    elif mode == "roi":
        theirs = {"roi_list": list(options["roi"]), "uncropped_roi": options["full_frame"], "roi_background_value": 0}
    return {
        "preprocessing": made.name,
        "mode": mode,
        "use_uncropped_image": uncropped,
        "prepare_dl": False,
        "extract_json": file_name,
        "file_type": {
            "pattern": made.glob,
            "description": f"images of {made.name}",
            "needed_pipeline": made.name,
        },
        **theirs,
        "fimbria": {"extraction": {"name": mode, **options}, "spacing": spacing},
    }

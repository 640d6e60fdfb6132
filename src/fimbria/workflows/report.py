"""One self-contained HTML file that tells what a MAPS holds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from fimbria.atomic import write_text
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import FimbriaError
from fimbria.results.maps.maps import Maps
from fimbria.results.report.page import html_of
from fimbria.workflows.images import origins_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fimbria.data.extraction.store import Entry

    Planes = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]

_EXAMPLES = 2  # of each class


def report(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write the report of a MAPS.

    Parameters
    ----------
    folder
        The MAPS.
    out
        Where to write it; by default ``report.html`` in the MAPS.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    MapsError
        When there is no MAPS.
    """
    maps = Maps(Path(folder))
    target = Path(out) if out else maps.root / "report.html"
    page = html_of(maps, _example_slices(maps))
    write_text(target, page)
    return target


def _example_slices(maps: Maps) -> dict[str, Planes] | None:
    """Read the middle slices of a few training images of each class; None where the images are not at hand."""
    experiment = maps.experiment
    try:
        chosen = pipeline.find(experiment.data.pipeline.name, trusted=())  # a report runs no code of a study's own
        origin = origins_of(experiment.data, [chosen.build({}, experiment.data.pipeline.options)])[0]
        source = origin.source()
    except FimbriaError:
        return None  # the images have moved since: the report says that there are none to show
    train = maps.group("train", maps.splits[0])
    shown: Counter[str] = Counter()
    slices = {}
    labels = (
        train.column(maps.columns[0]).fillna("without a label").astype(str)
        if _few_labels(maps)
        else ["training"] * len(train)
    )
    for session, label in zip(train.sessions, labels, strict=True):
        if shown[label] == _EXAMPLES:
            continue
        try:
            entry = origin.store(session).find(source.find(session))
        except FimbriaError:
            continue  # the images have moved since: the report says that there are none to show
        if entry is not None:
            shown[label] += 1
            slices[f"{label}, example {shown[label]}"] = _middle(entry)
    return slices or None


def _few_labels(maps: Maps) -> bool:
    """Tell whether people can be shown by their label: a class, and no value of its own for each."""
    return bool(maps.fitted(maps.splits[0])["task"].get("classes"))


def _middle(entry: Entry) -> Planes:
    """Give the middle sagittal, coronal and axial slice of an image."""
    middle = [side // 2 for side in entry.shape]
    whole = [slice(0, side) for side in entry.shape]
    boxes = [(*whole[:axis], slice(middle[axis], middle[axis] + 1), *whole[axis + 1 :]) for axis in range(3)]
    sagittal, coronal, axial = (entry[box].squeeze(axis) for axis, box in enumerate(boxes))
    return sagittal, coronal, axial

"""Which kind of data set a pipeline's images lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.data.images import caps
from fimbria.data.images.listing import Listing, listed
from fimbria.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from fimbria.data.images.pipelines import Pipeline


def check(data_set: Path, pipeline: Pipeline) -> None:
    """Refuse a folder that is no data set of a pipeline's kind.

    Raises
    ------
    InputError
        When it does not exist, or is no CAPS and should be one.
    """
    if pipeline.layout == "caps":
        caps.check(data_set)
    elif not data_set.is_dir():
        msg = f"there is no folder {data_set}; a data set with {pipeline.name} images was wanted."
        raise InputError(msg)


def source_of(data_set: Path, pipeline: Pipeline) -> Listing:
    """List a pipeline's images in a data set.

    Raises
    ------
    InputError
        When the folder is no data set of the pipeline's kind.
    """
    check(data_set, pipeline)
    return listed(data_set, pipeline)

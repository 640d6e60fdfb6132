"""Which kind of data set a pipeline's images lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.data.images import caps
from fimbria.data.images.bids import Bids
from fimbria.data.images.caps import Caps

if TYPE_CHECKING:
    from pathlib import Path

    from fimbria.data.images.pipelines import Pipeline
    from fimbria.data.images.source import ImageSource


def source_of(data_set: Path, pipeline: Pipeline) -> ImageSource:
    """Give the place to look for a pipeline's images.

    Raises
    ------
    InputError
        When the folder is no data set of the pipeline's kind.
    """
    if pipeline.layout == "bids":
        return Bids(data_set, pipeline)
    caps.check(data_set)
    return Caps(data_set, pipeline)

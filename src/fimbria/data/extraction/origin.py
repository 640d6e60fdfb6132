"""Where the images of one pipeline come from, how they are decoded, and where the decoded ones are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fimbria.data.extraction.store import Store, default_root
from fimbria.data.extraction.store.transform import AS_IT_IS
from fimbria.data.extraction.tensor_names import tensor_folder
from fimbria.data.images import nifti

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fimbria.data.cohort.cohort import Session
    from fimbria.data.extraction.store import Transform
    from fimbria.data.images.datasets import DataSets
    from fimbria.data.images.nifti import Image
    from fimbria.data.images.pipelines import Pipeline
    from fimbria.data.images.source import ImageSource
    from fimbria.geometry import Grid


@dataclass(frozen=True)
class Reading:
    """How files of a kind are opened.

    Attributes
    ----------
    image
        Gives the image of a file.
    grid
        Gives where it lies, from the header alone where there is one.
    """

    image: Callable[[Path], Image]
    grid: Callable[[Path], Grid]


READ_NIFTI = Reading(nifti.read, nifti.read_grid)


def tensors_of(pipeline: Pipeline) -> Pipeline:
    """Give the pipeline whose images are the whole-image tensors that ClinicaDL 1.x made of those of another."""
    name = pipeline.pattern.rpartition("/")[2].removesuffix("[.gz]").removesuffix(".nii")
    folder = tensor_folder(pipeline.name, "image")
    return replace(pipeline, pattern=f"subjects/{{participant}}/{{session}}/{folder}/{name}.pt")


@dataclass(frozen=True)
class Origin:
    """Where images come from and where they are decoded to.

    Attributes
    ----------
    data_sets
        Their folders, by name.
    pipeline
        Which of their images are wanted.
    transform
        How they are decoded.
    folder
        The store of all; None for one in each data set.
    reading
        How its files are opened; ClinicaDL's tensors are no NIfTI.
    """

    data_sets: DataSets
    pipeline: Pipeline
    transform: Transform = AS_IT_IS
    folder: Path | None = None
    reading: Reading = READ_NIFTI

    def source(self) -> ImageSource:
        """Give what can be asked where the image of a session is; each data set is listed once."""
        return self.data_sets.source(self.pipeline)

    def root(self, session: Session) -> Path:
        """Give the folder of the store that a session's image is decoded to.

        Raises
        ------
        InputError
            When its data set is not known.
        """
        return self.folder or default_root(self.data_sets.folder(session), self.pipeline.layout)

    def store(self, session: Session) -> Store:
        """Give that store."""
        return Store(self.root(session), self.transform, self.reading.image)

    @property
    def called(self) -> str:
        """Name data sets and pipeline, without the way there."""
        names = ", ".join(name or folder.resolve().name for name, folder in self.data_sets.items())
        return f"{names} ({self.pipeline.name})"

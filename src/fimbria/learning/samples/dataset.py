"""From images in the store to samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

from fimbria.data.extraction import Location, take
from fimbria.learning.samples.sample import Sample, Whose

if TYPE_CHECKING:
    from torch import Tensor

    from fimbria.data.cohort.cohort import Session
    from fimbria.data.extraction.store import Entry
    from fimbria.geometry import Shape
    from fimbria.learning.samples.normalization import Normalization


@dataclass(frozen=True, eq=False)
class PartDataset(Dataset[Sample]):
    """Every part of every image: sample ``i`` is part ``i % parts`` of image ``i // parts``.

    Attributes
    ----------
    sessions
        Whose the images are.
    entries
        The images, one a session, all of one shape.
    locations
        How each is cut.
    normalization
        How intensities are scaled.
    targets
        What is to be learnt, ``(session, ...)``; None where it is not known.
    """

    sessions: tuple[Session, ...]
    entries: tuple[Entry, ...]
    locations: tuple[Location, ...]
    normalization: Normalization
    targets: Tensor | None = None

    def __len__(self) -> int:
        """Count the samples."""
        return len(self.entries) * len(self.locations)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample, and no more of its image than that."""
        image, place = divmod(index, len(self.locations))
        entry, location = self.entries[image], self.locations[place]
        scaled = self.normalization(take(entry, location), entry.statistics)
        if location.mask is not None:
            scaled[:, ~location.mask] = 0
        target = None if self.targets is None else self.targets[image]
        return Sample(
            torch.from_numpy(np.ascontiguousarray(scaled)), target, Whose(*self.sessions[image], location.index)
        )

    @property
    def sample_shape(self) -> Shape:
        """Shape of a sample's image, ``(channel, ...)``."""
        return self.locations[0].shape

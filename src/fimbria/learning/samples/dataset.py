"""From images in the store to samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from fimbria.data.extraction import Location, take
from fimbria.learning.samples.augmentation import Augmentation, augmented, draws
from fimbria.learning.samples.sample import Sample, Whose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from fimbria.data.cohort.cohort import Session
    from fimbria.data.extraction.store import Entry
    from fimbria.geometry import Shape
    from fimbria.learning.samples.normalization import Normalization


class Turn(NamedTuple):
    """A sample, the epoch that it is wanted for, and how often it was there before: what is drawn for it follows from all."""

    epoch: int
    sample: int
    before: int = 0

    def key(self, seed: int) -> tuple[int, ...]:
        """Give what the draws of this turn are a function of."""
        return (seed, self.epoch, self.sample) if not self.before else (seed, self.epoch, self.sample, self.before)


@dataclass(frozen=True, eq=False)
class Augmenting:
    """How samples are changed as they are learnt from.

    Attributes
    ----------
    augmentations
        In the order in which they are applied.
    seed
        What is drawn is a function of (seed, epoch, sample), so it depends neither on the number of workers nor on
        where a training was broken off.
    here
        Whether they are applied where samples are read; else they are drawn there, and applied to whole batches on
        the device.
    """

    augmentations: tuple[Augmentation, ...]
    seed: int
    here: bool = True


@dataclass(frozen=True, eq=False)
class PartDataset(Dataset[Sample]):
    """Every part of every image, image after image.

    Attributes
    ----------
    sessions
        Whose the images are.
    images
        One or several channels a session, all of one shape; None where a further channel is missing.
    locations
        How each is cut.
    normalizations
        How intensities are scaled, one a channel.
    targets
        What is to be learnt, ``(session, ...)``; None where it is not known.
    places
        Which of `locations` each image gives; None for all.
    augmenting
        How samples are changed; None for samples that are only looked at.
    lacking
        A further channel may be missing: it is then zero, and one more channel for each says whether it is there.
    covariates
        What is given beside the image, ``(session, column)``; None where nothing is.
    """

    sessions: tuple[Session, ...]
    images: tuple[tuple[Entry | None, ...], ...]
    locations: tuple[Location, ...]
    normalizations: tuple[Normalization, ...]
    targets: Tensor | None = None
    places: tuple[Sequence[int], ...] | None = None
    augmenting: Augmenting | None = None
    lacking: bool = False
    covariates: Tensor | None = None
    _ends: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Count the samples of each image."""
        numbers = [len(self.locations)] * len(self.sessions) if self.places is None else list(map(len, self.places))
        object.__setattr__(self, "_ends", np.cumsum(numbers))

    def __len__(self) -> int:
        """Count the samples."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, wanted: int | Turn) -> Sample:
        """Read one sample, and no more of its images than that; of epoch 0 where none is told."""
        turn = wanted if isinstance(wanted, Turn) else Turn(0, int(wanted))
        index = turn.sample
        image = int(np.searchsorted(self._ends, index, side="right"))
        place = index - (int(self._ends[image - 1]) if image else 0)
        location = self.locations[place if self.places is None else self.places[image][place]]
        entries = self.images[image]
        channels = [self._scaled(number, entry, location) for number, entry in enumerate(entries)]
        part = channels[0] if len(channels) == 1 else np.concatenate(channels)
        drawn = (
            draws(self.augmenting.augmentations, turn.key(self.augmenting.seed), part.shape) if self.augmenting else ()
        )
        if self.augmenting and self.augmenting.here:
            part = augmented(part, self.augmenting.augmentations, drawn)
        if self.lacking:
            part = _marked(part, [entry is not None for entry in entries])
        target = None if self.targets is None else self.targets[image]
        beside = None if self.covariates is None else self.covariates[image]
        whose = Whose(*self.sessions[image], location.index)
        return Sample(torch.from_numpy(np.ascontiguousarray(part)), target, whose, drawn, beside)

    def _scaled(self, channel: int, entry: Entry | None, location: Location) -> NDArray[np.float32]:
        """Read the part of one channel and scale it; what is no voxel of the part becomes background."""
        if entry is None:
            return np.zeros(location.shape, dtype=np.float32)
        inside = location.inside
        scaled = self.normalizations[channel](take(entry, location), entry.statistics, entry.nonzero, inside)
        return scaled if inside is None else np.where(inside, scaled, np.float32(location.background))

    @property
    def sample_shape(self) -> Shape:
        """Shape of a sample's image, ``(channel, ...)``."""
        return sample_shape(self.locations[0], len(self.normalizations), lacking=self.lacking)


def sample_shape(location: Location, channels: int, *, lacking: bool = False) -> Shape:
    """Give the shape of a sample, ``(channel, ...)``: every channel of every image, then a mark for each that may lack."""
    of_one, *space = location.shape
    return (of_one * channels + (channels - 1 if lacking else 0), *space)


def _marked(part: NDArray[np.float32], present: Sequence[bool]) -> NDArray[np.float32]:
    """Empty the channels that are missing, whatever was done to them, and say of each further one whether it is there."""
    each = len(part) // len(present)
    there = np.repeat(np.asarray(present, dtype=np.float32), each).reshape(-1, *[1] * (part.ndim - 1))
    marks = np.broadcast_to(there[each::each], (len(present) - 1, *part.shape[1:]))
    return np.concatenate([part * there, marks])

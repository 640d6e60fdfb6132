"""One part of one image, and several of them as a batch; whose they are never leaves them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from fimbria.learning.samples.augmentation import Drawn


class Whose(NamedTuple):
    """Which part of which session of whom."""

    dataset: str
    participant_id: str
    session_id: str
    part: int


@dataclass(frozen=True, eq=False)
class Sample:
    """One part of one image.

    Attributes
    ----------
    image
        ``(channel, x, y, z)`` or ``(channel, first, second)``, float32.
    target
        What is to be learnt from it; None where it is not known.
    whose
        Whose it is, and which part.
    drawn
        What was drawn for each augmentation, in their order; empty where there is none.
    covariates
        What is given beside the image, ``(column,)``, float32; None where nothing is.
    """

    image: Tensor
    target: Tensor | None
    whose: Whose
    drawn: tuple[Drawn, ...] = ()
    covariates: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """Several samples.

    Attributes
    ----------
    images
        ``(sample, channel, ...)``, float32.
    targets
        ``(sample, ...)``; None where they are not known.
    whose
        One a sample.
    drawn
        One a sample: what was drawn for each augmentation.
    covariates
        ``(sample, column)``, float32; None where nothing is given beside the image.
    """

    images: Tensor
    targets: Tensor | None
    whose: tuple[Whose, ...]
    drawn: tuple[tuple[Drawn, ...], ...] = ()
    covariates: Tensor | None = None

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What the network is given: the images, and the covariates where there are some."""
        return (self.images,) if self.covariates is None else (self.images, self.covariates)

    def pin_memory(self) -> Batch:
        """Give the same batch in memory that a GPU reads from directly."""
        targets, covariates = (None if one is None else one.pin_memory() for one in (self.targets, self.covariates))
        return replace(self, images=self.images.pin_memory(), targets=targets, covariates=covariates)

    def to(self, device: torch.device) -> Batch:
        """Give the same batch on a device, its channels last, which is what convolutions read fastest."""
        layout = torch.channels_last_3d if self.images.ndim == 5 else torch.channels_last  # noqa: PLR2004
        images = self.images.to(device, non_blocking=True, memory_format=layout)
        targets, covariates = (
            None if one is None else _fitting(one, device).to(device, non_blocking=True)
            for one in (self.targets, self.covariates)
        )
        return replace(self, images=images, targets=targets, covariates=covariates)


def _fitting(numbers: Tensor, device: torch.device) -> Tensor:
    """Give numbers that a device can hold: Apple's has no float64."""
    return numbers.float() if device.type == "mps" and numbers.dtype == torch.float64 else numbers


def collate(samples: Sequence[Sample]) -> Batch:
    """Put samples together; targets, and covariates, only if every sample has some."""
    images = torch.stack([sample.image for sample in samples])
    targets, covariates = _together([s.target for s in samples]), _together([s.covariates for s in samples])
    return Batch(images, targets, tuple(s.whose for s in samples), tuple(s.drawn for s in samples), covariates)


def _together(of_samples: Sequence[Tensor | None]) -> Tensor | None:
    there = [one for one in of_samples if one is not None]
    return torch.stack(there) if len(there) == len(of_samples) else None

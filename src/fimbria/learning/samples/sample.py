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
    """

    image: Tensor
    target: Tensor | None
    whose: Whose
    drawn: tuple[Drawn, ...] = ()


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
    """

    images: Tensor
    targets: Tensor | None
    whose: tuple[Whose, ...]
    drawn: tuple[tuple[Drawn, ...], ...] = ()

    def pin_memory(self) -> Batch:
        """Give the same batch in memory that a GPU reads from directly."""
        targets = None if self.targets is None else self.targets.pin_memory()
        return replace(self, images=self.images.pin_memory(), targets=targets)

    def to(self, device: torch.device) -> Batch:
        """Give the same batch on a device, its channels last, which is what convolutions read fastest."""
        layout = torch.channels_last_3d if self.images.ndim == 5 else torch.channels_last  # noqa: PLR2004
        images = self.images.to(device, non_blocking=True, memory_format=layout)
        targets = None if self.targets is None else self.targets.to(device, non_blocking=True)
        return replace(self, images=images, targets=targets)


def collate(samples: Sequence[Sample]) -> Batch:
    """Put samples together; targets only if every sample has one."""
    targets = [sample.target for sample in samples if sample.target is not None]
    stacked = torch.stack(targets) if len(targets) == len(samples) else None
    images = torch.stack([sample.image for sample in samples])
    return Batch(images, stacked, tuple(s.whose for s in samples), tuple(s.drawn for s in samples))

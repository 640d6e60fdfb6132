"""Batches in an order that is a function of (seed, epoch) alone, whatever the number of workers."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import DataLoader

from fimbria.learning.samples.sample import Batch, collate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fimbria.learning.samples.dataset import PartDataset


@dataclass
class _Order:
    """Which samples make which batch of the epoch at hand; the one thing the data loader is told anew each epoch."""

    samples: int
    batch_size: int
    seed: int | None
    epoch: int = 0
    start: int = 0

    def __len__(self) -> int:
        return ceil(self.samples / self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        order = np.arange(self.samples)
        if self.seed is not None:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(self.samples)
        for batch in range(self.start, len(self)):
            yield order[batch * self.batch_size : (batch + 1) * self.batch_size].tolist()


def _leave_interrupts_to_the_parent(worker: int) -> None:  # noqa: ARG001  (torch passes the worker's number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@dataclass
class Loader:
    """Gives the samples of a data set in batches.

    Attributes
    ----------
    parts
        The samples.
    batch_size
        Samples a batch; the last may be smaller.
    shuffle_seed
        Shuffles each epoch anew; None keeps the order of the data set.
    workers
        Processes that read; 0 reads in this one.
    """

    parts: PartDataset
    batch_size: int
    shuffle_seed: int | None = None
    workers: int = 0
    _order: _Order = field(init=False, repr=False)
    _loader: DataLoader[Batch] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Prepare the reading; worker processes start with the first batch."""
        self._order = _Order(len(self.parts), self.batch_size, self.shuffle_seed)
        self._loader = DataLoader(
            self.parts,  # type: ignore[arg-type]  # samples become batches by collate
            batch_sampler=self._order,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
            collate_fn=collate,
            worker_init_fn=_leave_interrupts_to_the_parent,
        )

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return len(self._order)

    def batches(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]:
        """Give the batches of an epoch, from the batch numbered `start` on."""
        self._order.epoch, self._order.start = epoch, start
        if start < len(self):
            yield from self._loader

"""Batches in an order that is a function of (seed, epoch) and the samples alone, whatever the number of workers."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader

from fimbria.errors import FimbriaError
from fimbria.learning.samples.augmentation import augmented_batch
from fimbria.learning.samples.dataset import Turn
from fimbria.learning.samples.sample import Batch, collate
from fimbria.learning.samples.sampler import Shuffle, people_of, strata_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fimbria.learning.samples.dataset import PartDataset
    from fimbria.learning.samples.sampler import Sampler


_AHEAD = 4  # batches that each worker reads ahead of the network


@dataclass
class _Order:
    """Which samples make which batch of the epoch at hand; the one thing the data loader is told anew each epoch."""

    strata: NDArray[np.int64]
    people: NDArray[np.int64]
    batch_size: int
    seed: int | None
    sampler: Sampler = field(default_factory=Shuffle)
    epoch: int = 0
    start: int = 0

    def __len__(self) -> int:
        return self.length

    @cached_property
    def length(self) -> int:
        """Count the batches; a sampler gives as many samples each epoch."""
        return ceil(len(self.samples()) / self.batch_size)

    def samples(self) -> NDArray[np.int64]:
        if self.seed is None:
            return np.arange(len(self.strata))
        return self.sampler.order(self.strata, self.people, np.random.default_rng([self.seed, self.epoch]))

    def __iter__(self) -> Iterator[list[Turn]]:
        order = self.samples()
        before = pd.Series(order).groupby(order).cumcount().to_numpy()
        for batch in range(self.start, ceil(len(order) / self.batch_size)):
            chosen = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
            yield [
                Turn(self.epoch, *turn) for turn in zip(order[chosen].tolist(), before[chosen].tolist(), strict=True)
            ]


@dataclass(frozen=True)
class _Batches:
    """Reads whole batches, in whichever process; our own errors travel as they are, where torch would quote a traceback."""

    parts: PartDataset

    def __getitems__(self, turns: list[Turn]) -> Batch | FimbriaError:
        try:
            return collate([self.parts[turn] for turn in turns])
        except FimbriaError as error:
            return error


def _strata_and_people(parts: PartDataset, bins: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give each sample its stratum and its participant; without targets, or where strata do not matter, there is one."""
    sessions = len(parts.sessions)
    of_each = [len(parts.locations)] * sessions if parts.places is None else list(map(len, parts.places))
    strata = np.zeros(sessions, dtype=np.int64)
    if bins is not None and parts.targets is not None:
        strata = strata_of(parts.targets, bins)
    return np.repeat(strata, of_each), np.repeat(people_of(parts.sessions), of_each)


def _as_it_is(batch: Any) -> Any:  # noqa: ANN401  (torch tells it a list of samples, and gives it what was read)
    return batch


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
        The order of each epoch follows from it, by the sampler; None keeps the order of the data set.
    workers
        Processes that read; 0 reads in this one.
    sampler
        Which samples an epoch holds, and in which order; None shuffles.

    Raises
    ------
    InputError
        When the sampler needs strata and the targets make none.
    """

    parts: PartDataset
    batch_size: int
    shuffle_seed: int | None = None
    workers: int = 0
    sampler: Sampler | None = None
    _order: _Order = field(init=False, repr=False)
    _loader: DataLoader[Batch | FimbriaError] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Prepare the reading; worker processes start with the first batch."""
        sampler = self.sampler or Shuffle()
        strata, people = _strata_and_people(self.parts, sampler.bins)
        self._order = _Order(strata, people, self.batch_size, self.shuffle_seed, sampler)
        self._loader = DataLoader(
            _Batches(self.parts),  # type: ignore[arg-type]  # it is asked for batches alone
            batch_sampler=self._order,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            prefetch_factor=_AHEAD if self.workers > 0 else None,
            pin_memory=torch.cuda.is_available(),
            collate_fn=_as_it_is,
            worker_init_fn=_leave_interrupts_to_the_parent,
        )

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return len(self._order)

    def augmented(self, batch: Batch) -> Batch:
        """Apply to a batch, where it lies, the augmentations that are left for the device; otherwise give it as it is."""
        augmenting = self.parts.augmenting
        if augmenting is None or augmenting.here:
            return batch
        marks = len(self.parts.normalizations) - 1 if self.parts.lacking else 0
        channels = batch.images.shape[1] - marks
        images = augmented_batch(batch.images[:, :channels], augmenting.augmentations, batch.drawn)
        if marks:
            there = batch.images[:, channels:]
            of_each = torch.cat([torch.ones_like(there[:, :1]), there], dim=1)
            images = images * of_each.repeat_interleave(channels // (marks + 1), dim=1)
            images = torch.cat([images, there], dim=1)
        return replace(batch, images=images)

    def batches(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]:
        """Give the batches of an epoch, from the batch numbered `start` on.

        Raises
        ------
        FimbriaError
            When an image cannot be read.
        """
        self._order.epoch, self._order.start = epoch, start
        if start >= len(self):
            return
        for batch in self._loader:
            if isinstance(batch, FimbriaError):
                raise batch
            yield batch

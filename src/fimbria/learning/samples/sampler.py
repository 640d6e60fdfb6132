"""Which samples an epoch holds, and in which order: a function of (seed, epoch) and of whose the samples are.

A participant may have one session or ten, and each may give one part or five hundred. What is drawn anew here is drawn from
people first, so that nobody weighs more because there is more of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol, TypeAlias

import numpy as np
from pydantic import Field

from fimbria.errors import InputError
from fimbria.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from fimbria.data.cohort.cohort import Session

    Codes: TypeAlias = NDArray[np.int64]

Bins = Annotated[int, Field(ge=2, le=1000)]


class Sampler(Protocol):
    """A way to go through the samples of a training side."""

    @property
    def bins(self) -> int | None:
        """Into how many bins values are cut to make strata; None where strata do not matter."""
        ...

    def order(self, strata: Codes, people: Codes, generator: np.random.Generator) -> Codes:
        """Give the samples of one epoch.

        Parameters
        ----------
        strata
            The class of each sample, or the bin of its value: ``(sample,)``, any whole numbers.
        people
            The participant of each sample, likewise.
        generator
            A new one each epoch, a function of (seed, epoch); the only thing to draw from.

        Returns
        -------
        array
            Numbers of samples, from 0. A sample may be there several times, or not at all; there are as many each epoch.
        """
        ...


sampler: Registry[Sampler] = Registry("sampler")


@sampler("shuffle")
@dataclass(frozen=True)
class Shuffle:
    """Every sample once an epoch, in an order drawn anew."""

    @property
    def bins(self) -> None:
        """None: strata do not matter."""
        return

    def order(self, strata: Codes, people: Codes, generator: np.random.Generator) -> Codes:  # noqa: ARG002  (the contract)
        """Give a permutation."""
        return generator.permutation(len(strata))


@sampler("weighted")
@dataclass(frozen=True)
class Weighted:
    """As many draws as there are samples, with replacement, in which every class is as likely as any other.

    Within a class every participant is as likely as any other, whatever the number of their sessions and parts; and of a
    participant every sample of that class. An epoch leaves some samples out, and others come more than once.

    Attributes
    ----------
    bins
        Where a value is learnt: into how many bins of equal width, from the least training value to the greatest, it is
        cut; they take the place of classes.
    """

    bins: Bins = 5

    def order(self, strata: Codes, people: Codes, generator: np.random.Generator) -> Codes:
        """Draw the samples of an epoch."""
        if not len(strata):
            return np.arange(0)
        return generator.choice(len(strata), size=len(strata), p=likelihoods(strata, people))


@sampler("balanced")
@dataclass(frozen=True)
class Balanced:
    """The same number of samples of every class in every batch, of whatever size, or one more or less.

    An epoch holds of each class as many samples as the most frequent class has, so it is as long as their number times
    the number of classes. Of each class the participants come in rounds: everyone once in an order drawn anew, then
    everyone again. Each time it is the next of a participant's own samples, and the first again after the last. So
    everyone is seen at least once an epoch, and as often as any other of their class, or once more; where everyone of the
    most frequent class has as many samples as any other, each of these is seen exactly once.

    Attributes
    ----------
    bins
        Where a value is learnt: into how many bins of equal width, from the least training value to the greatest, it is
        cut; they take the place of classes. A bin that is empty is none.
    """

    bins: Bins = 5

    def order(self, strata: Codes, people: Codes, generator: np.random.Generator) -> Codes:
        """Deal the samples of an epoch."""
        if not len(strata):
            return np.arange(0)
        _, codes, counts = np.unique(strata, return_inverse=True, return_counts=True)
        turns = int(counts.max())
        columns = [
            in_rounds(np.flatnonzero(codes == stratum), people, turns, generator)
            for stratum in generator.permutation(len(counts))
        ]
        # One of each class after the other, always in one order: then any stretch of it, and so any batch, is balanced.
        return np.stack(columns, axis=1).ravel()


def likelihoods(strata: Codes, people: Codes) -> NDArray[np.float64]:
    """Give how likely each sample is drawn: strata alike, participants of a stratum alike, samples of both alike.

    Returns
    -------
    array
        ``(sample,)``, with the sum 1.

    Examples
    --------
    >>> likelihoods(np.array([0, 0, 0, 1]), np.array([7, 7, 8, 9])).tolist()
    [0.125, 0.125, 0.25, 0.5]
    """
    _, of_stratum = np.unique(strata, return_inverse=True)
    _, of_person = np.unique(people, return_inverse=True)
    pairs, pair, samples = np.unique(
        of_stratum * (of_person.max() + 1) + of_person, return_inverse=True, return_counts=True
    )
    persons = np.bincount(pairs // (of_person.max() + 1))
    return 1.0 / (len(persons) * persons[of_stratum] * samples[pair])


def in_rounds(samples: Codes, people: Codes, turns: int, generator: np.random.Generator) -> Codes:
    """Deal samples round after round: in a round everyone once, each with the next of their own samples.

    Parameters
    ----------
    samples
        Numbers of the samples to deal.
    people
        The participant of each sample of the data set.
    turns
        How many to deal.
    generator
        Draws the order of everybody in each round, and of everyone's samples.

    Returns
    -------
    array
        Numbers of samples, ``(turns,)``.
    """
    shuffled = generator.permutation(samples)
    own = shuffled[np.argsort(people[shuffled], kind="stable")]
    _, first, number = np.unique(people[own], return_index=True, return_counts=True)
    rounds = -(-turns // len(first))
    everybody = generator.permuted(np.tile(np.arange(len(first)), (rounds, 1)), axis=1).ravel()[:turns]
    nth = np.arange(turns) // len(first)
    dealt: Codes = own[first[everybody] + nth % number[everybody]]
    return dealt


def strata_of(targets: Tensor, bins: int) -> Codes:
    """Give the stratum of each target.

    Parameters
    ----------
    targets
        ``(session,)`` or ``(session, 1)``: whole numbers are classes, others are values, finite. Several whole numbers a
        session make a class of each combination.
    bins
        Into how many bins of equal width values are cut, between the least and the greatest. A value belongs to the
        highest bin whose lower bound is not above it, so the greatest is in the last.

    Returns
    -------
    array
        ``(session,)``, int64.

    Raises
    ------
    InputError
        For several values a session, and for values that are not finite.

    Examples
    --------
    >>> import torch
    >>> strata_of(torch.tensor([60.0, 62.0, 69.9, 70.0, 80.0]), bins=2).tolist()
    [0, 0, 0, 1, 1]
    """
    if targets.ndim == 2 and targets.shape[1] > 1 and not targets.is_floating_point():  # noqa: PLR2004  (session, target)
        return np.unique(targets.cpu().numpy(), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    if targets.numel() != len(targets):
        msg = f"targets of shape {tuple(targets.shape)} make no strata: one class or value a session was wanted. Use the sampler 'shuffle'."
        raise InputError(msg)
    flat = targets.detach().cpu().numpy().reshape(-1)
    if not np.issubdtype(flat.dtype, np.floating):
        return flat.astype(np.int64)
    values = flat.astype(np.float64)
    if not np.isfinite(values).all():
        msg = f"{int((~np.isfinite(values)).sum()):,} of {len(values):,} targets are not finite, so they are in no stratum. Leave those sessions out, or use the sampler 'shuffle'."
        raise InputError(msg)
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    bounds = np.linspace(values.min(), values.max(), bins + 1)[:-1]
    return np.searchsorted(bounds, values, side="right").astype(np.int64) - 1


def people_of(sessions: Sequence[Session]) -> Codes:
    """Give each session the number of its participant, from 0 as they come; ``sub-01`` of two data sets is two people."""
    numbers: dict[tuple[str, str], int] = {}
    return np.array([numbers.setdefault(one.participant, len(numbers)) for one in sessions], dtype=np.int64)

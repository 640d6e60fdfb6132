"""A bounded, seeded search for sides that are more alike, by exchanging units between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fimbria.data.cohort.splits.balance import scaled, tally

if TYPE_CHECKING:
    from collections.abc import Callable

PROPOSALS = 512  # exchanges looked at together; the best of them is made
ROUNDS = 1200  # the most exchanges that are made
PATIENCE = 30  # rounds without a better exchange after which the search ends
ENOUGH = 1e-4  # a score below which nobody would see a difference
MEAN_WEIGHT = 0.1  # of the mean difference beside the largest


def exchanged(
    side: np.ndarray, values: np.ndarray, kinds: np.ndarray, sides: int, rng: np.random.Generator
) -> np.ndarray:
    """Exchange participants of a stratum between sides until these are alike, or nothing helps, or the rounds are over.

    The score is the largest absolute standardised difference of any variable and side, plus a tenth of the mean one.
    In each round some hundred exchanges are drawn, every other round from the worst side, and the best is made if the
    score falls: by it, the sides are never less alike than they were dealt. Strata and sizes stay as they are.

    Parameters
    ----------
    side
        Where each participant is, ``(participants,)``.
    values
        Standardised variables, ``(participants, variables)``.
    kinds
        The stratum of each, ``(participants,)``.
    sides
        How many there are.

    Returns
    -------
    numpy.ndarray
        Where each is now, ``(participants,)``.
    """
    if not values.shape[1]:
        return side.copy()
    order = np.argsort(kinds, kind="stable")
    counts = np.bincount(kinds)
    starts = np.cumsum(counts) - counts

    def mates(one: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        other = order[starts[kinds[one]] + rng.integers(0, counts[kinds[one]])]
        return other, now[other]

    return _search(_Sides(side, values, np.ones(len(side)), sides), mates, rng)


def rearranged(
    side: np.ndarray, values: np.ndarray, sizes: np.ndarray, wanted: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Exchange or move units of several participants as `exchanged` does, where no two may be alike.

    What a unit is exchanged for is anything, so strata belong into `values`; how far a side is from the size that was
    wanted counts like a variable. A side is never left empty.

    Parameters
    ----------
    side
        Where each unit is, ``(units,)``.
    values
        Sums of standardised variables over the participants of a unit, ``(units, variables)``.
    sizes
        Participants of each unit, ``(units,)``.
    wanted
        Participants that each side should have, ``(sides,)``.

    Returns
    -------
    numpy.ndarray
        Where each unit is now, ``(units,)``.
    """
    nobody = len(side)

    def mates(one: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        other = rng.integers(0, nobody, len(one))
        to = now[other]
        moved = rng.random(len(one)) < 0.5  # noqa: PLR2004  (as many moves as exchanges)
        return np.where(moved, nobody, other), np.where(moved, rng.integers(0, len(wanted), len(one)), to)

    return _search(_Sides(side, values, sizes, len(wanted), wanted), mates, rng)


class _Sides:
    """Where everybody is, and how alike the sides are; what an exchange would change is told without making it."""

    def __init__(
        self, side: np.ndarray, values: np.ndarray, sizes: np.ndarray, sides: int, wanted: np.ndarray | None = None
    ) -> None:
        self.side, self.count, self.wanted = side.copy(), sides, wanted
        self.values = np.vstack([values, np.zeros((1, values.shape[1]))])  # the last one is nobody
        self.sizes = np.append(sizes, 0.0)
        self.total = float(sizes.sum())
        self.sums, self.counts = tally(values, side, sides), np.bincount(side, sizes, sides)
        self._look()

    def _look(self) -> None:
        apart = self._apart(self.sums, self.counts, np.arange(self.count))
        self.worst, self.mean = apart.max(axis=1), apart.mean(axis=1)
        self.score = self.worst.max() + MEAN_WEIGHT * self.mean.mean()

    def _apart(self, sums: np.ndarray, counts: np.ndarray, which: np.ndarray) -> np.ndarray:
        apart: np.ndarray = np.abs(scaled(sums, counts[:, None], self.total))
        if self.wanted is None:
            return apart
        return np.column_stack([apart, np.abs(counts / self.wanted[which] - 1)])

    def scores(self, one: np.ndarray, other: np.ndarray, to: np.ndarray) -> np.ndarray:
        """Give the score after each exchange, ``(exchanges,)``; infinite for one that cannot be made."""
        of = self.side[one]
        more, larger = self.values[other] - self.values[one], self.sizes[other] - self.sizes[one]
        here, there = self.counts[of] + larger, self.counts[to] - larger
        barred = (of == to) | (here <= 0) | (there <= 0) | (here >= self.total) | (there >= self.total)
        here, there = np.where(barred, 1, here), np.where(barred, 1, there)
        left, right = self._apart(self.sums[of] + more, here, of), self._apart(self.sums[to] - more, there, to)
        worst = np.tile(self.worst, (len(one), 1))
        rows = np.arange(len(one))
        worst[rows, of], worst[rows, to] = left.max(axis=1), right.max(axis=1)
        mean = self.mean.sum() - self.mean[of] - self.mean[to] + left.mean(axis=1) + right.mean(axis=1)
        return np.where(barred, np.inf, worst.max(axis=1) + MEAN_WEIGHT * mean / self.count)

    def make(self, one: int, other: int, to: int) -> None:
        """Make an exchange."""
        of = self.side[one]
        more, larger = self.values[other] - self.values[one], self.sizes[other] - self.sizes[one]
        self.sums[of] += more
        self.sums[to] -= more
        self.counts[of] += larger
        self.counts[to] -= larger
        self.side[one] = to
        if other < len(self.side):
            self.side[other] = of
        self._look()


def _search(
    state: _Sides,
    mates: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    rng: np.random.Generator,
) -> np.ndarray:
    """Make the best of some exchanges, again and again, as long as it helps and the rounds last."""
    idle = 0
    for turn in range(ROUNDS):
        if idle == PATIENCE or state.score < ENOUGH:
            break
        drawn = np.arange(len(state.side)) if turn % 2 else np.flatnonzero(state.side == state.worst.argmax())
        one = drawn[rng.integers(0, len(drawn), PROPOSALS)]
        other, to = mates(one, state.side)
        scores = state.scores(one, other, to)
        best = int(scores.argmin())
        if scores[best] < state.score - 1e-12:
            state.make(int(one[best]), int(other[best]), int(to[best]))
            idle = 0
        else:
            idle += 1
    return state.side

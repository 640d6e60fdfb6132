"""How sure a metric is: participants are drawn again and again, with all their rows.

Rows of one person (patches, slices, sessions) resemble each other. Drawing rows would pretend that there are more
independent observations than people, and give intervals that are too narrow.

References
----------
Efron, B. & Tibshirani, R. J. (1993). An Introduction to the Bootstrap. Chapman & Hall. doi:10.1201/9780429246593
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

RESAMPLES = 2000
_AT_ONCE = 2**20  # numbers in one block (rows x resamples): 8 MB, which stays in the processor's cache


class Interval(NamedTuple):
    """Bounds and standard error of several values, each ``(values,)``."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    standard_error: NDArray[np.float64]


def bootstrap(  # noqa: PLR0913  (the resampling in full)
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    participants: int,
    rows: int,
    *,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Interval:
    """Give percentile intervals over resamples of the participants.

    Parameters
    ----------
    statistic
        From weights ``(participants, resamples)``, how many times each participant was drawn in each resample, to
        values ``(values, resamples)``; NaN where a value is undefined. Such resamples are left out of that value.
    participants, rows
        How many there are; rows only bound the memory taken.
    generator
        The source of the draws.
    resamples
        How many are drawn.
    level
        Share of the resamples inside the interval.

    Returns
    -------
    Interval
        NaN where fewer than two participants, or fewer than two resamples in which the value is defined.
    """
    if participants < 2:  # noqa: PLR2004  (one person says nothing of how people differ)
        unknown = np.full(len(statistic(np.ones((participants, 1)))), np.nan)
        return Interval(unknown, unknown, unknown)
    blocks = _drawn(participants, resamples, max(1, _AT_ONCE // max(rows, participants)), generator)
    values = np.concatenate([statistic(weights) for weights in blocks], axis=1)
    summaries = [_summary(of_value[np.isfinite(of_value)], level) for of_value in values]
    low, high, standard_error = np.array(summaries, dtype=np.float64).reshape(-1, 3).T
    return Interval(low, high, standard_error)


def _drawn(
    participants: int, resamples: int, at_once: int, generator: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    """Count how often each participant was drawn: blocks of ``(participants, at most at_once)``."""
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        people = generator.integers(participants, size=(count, participants))
        cell = people * count + np.arange(count)[:, None]
        weights = np.bincount(cell.ravel(), minlength=participants * count)
        yield weights.reshape(participants, count).astype(np.float64)


def _summary(values: NDArray[np.float64], level: float) -> tuple[float, float, float]:
    if len(values) < 2:  # noqa: PLR2004  (no spread without two)
        return np.nan, np.nan, np.nan
    low, high = np.percentile(values, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high), float(values.std(ddof=1))

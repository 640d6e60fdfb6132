"""Drawn: rows of predictions, and how many times each participant is drawn. What the evaluation of every task stands on.

Counting a person twice is the same as having the person's rows twice, so a resample is a column of weights and no row
is ever copied.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from fimbria.results.evaluation.intervals import RESAMPLES, bootstrap
from fimbria.results.evaluation.metric import ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from fimbria.results.evaluation.metric import Metric
    from fimbria.results.predictions.table import PredictionTable

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

COLUMNS = ("metric", "class", "level", "value", "ci_low", "ci_high", "standard_error", "n_participants", "n_sessions")
OVERALL = "all"  # the class of what belongs to no class

D = TypeVar("D", bound="Drawn")


@dataclass(frozen=True, eq=False)
class Drawn:
    """Rows, whose they are, and how many times each participant counts in each resample.

    Attributes
    ----------
    people
        Whose the row is, numbered from 0: ``(rows,)``.
    weights
        ``(participants, resamples)``.
    losses
        ``(rows,)``.
    """

    people: Ints
    weights: Floats
    losses: Floats

    @cached_property
    def rows(self) -> Floats:
        """Number of counted rows: ``(resamples,)``."""
        return np.bincount(self.people, minlength=len(self.weights)).astype(np.float64) @ self.weights

    def sum(self, values: Floats) -> Floats:
        """Add up a value of each row, ``(rows,)``, over the counted rows: ``(resamples,)``."""
        of_people = np.bincount(self.people, values, minlength=len(self.weights))
        # einsum and not @: the order of the sum is that of the people, whatever the number of resamples
        total: Floats = np.einsum("i,ij->j", of_people, self.weights)
        return total

    def mean(self, values: Floats) -> Floats:
        """Average a value of each row, ``(rows,)``, over the counted rows: ``(resamples,)``."""
        return ratio(self.sum(values), self.rows, undefined=np.nan)

    @cached_property
    def mean_loss(self) -> Floats:
        """Mean of the loss over the counted rows: ``(resamples,)``."""
        return self.mean(self.losses)


def overall(rows: Drawn, metrics: Sequence[Metric]) -> Floats:
    """Compute metrics that belong to no class: ``(metrics, resamples)``."""
    return np.stack([one.value(rows) for one in metrics])


def tidy(  # noqa: PLR0913  (what is counted, how, and the resampling in full)
    table: PredictionTable,
    rows: D,
    names: Sequence[tuple[str, str]],
    values: Callable[[D], Floats],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Make the tidy table of metrics, with 95 % intervals over resamples of the participants.

    Parameters
    ----------
    table
        Where the rows come from.
    rows
        Everybody once: one resample.
    names
        Metric and class of each value.
    values
        From rows to ``(values, resamples)``.
    resamples, seed
        How many times the participants are drawn, and from which seed.

    Returns
    -------
    pandas.DataFrame
        One row a value, in the order of `names`: metric, class, level, value, ci_low, ci_high, standard_error,
        n_participants, n_sessions.
    """
    bounds = bootstrap(
        lambda weights: values(replace(rows, weights=weights)),
        len(rows.weights),
        len(rows.people),
        generator=np.random.default_rng(seed),
        resamples=resamples,
    )
    said = values(rows)[:, 0]
    frame = pd.DataFrame(names, columns=["metric", "class"]).assign(
        level=table.part,
        value=np.where(np.isfinite(said), said, np.nan),
        ci_low=bounds.low,
        ci_high=bounds.high,
        standard_error=bounds.standard_error,
        n_participants=table.participants,
        n_sessions=table.sessions,
    )
    return frame[list(COLUMNS)]

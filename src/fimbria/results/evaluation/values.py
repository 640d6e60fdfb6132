"""Values: predicted numbers beside the true ones, for many resamples of the participants at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fimbria.errors import InputError
from fimbria.results.evaluation.drawn import Drawn
from fimbria.results.evaluation.metric import ratio
from fimbria.tables import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fimbria.results.predictions.table import PredictionTable

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


_ROUNDING = 1e-20  # a variance below this share of the largest square may be none


@dataclass(frozen=True, eq=False)
class Values(Drawn):
    """Predicted and true values, in the label's own unit.

    Attributes
    ----------
    truth, predicted
        ``(rows,)``.
    orders
        Of the true and of the predicted values; other weights change nothing in them.
    mean_of_training
        Mean true value of the training rows; None where it is not known.
    """

    truth: Floats
    predicted: Floats
    orders: tuple[Order, Order]
    mean_of_training: float | None = None

    @classmethod
    def of(cls, table: PredictionTable, mean_of_training: float | None = None) -> Values:
        """Count every participant once.

        Raises
        ------
        TableError
            When the table holds no values.
        InputError
            When a true value is not known.
        """
        where = f"the table of predictions (level: {table.part})"
        need(table.frame, ["predicted_value"], where)
        if unknown := int(np.isnan(table.numbers("true_value")).sum()):
            msg = (
                f"{unknown} of {len(table.frame)} predictions (level: {table.part}) have no true value, and metrics "
                "need one for each. Evaluate a group whose labels are known."
            )
            raise InputError(msg)
        rows = table.sorted()
        truth, predicted = rows.numbers("true_value"), rows.numbers("predicted_value")
        people, once = rows.people(), np.ones((rows.participants, 1))
        orders = (Order.of(truth), Order.of(predicted))
        return cls(people, once, rows.losses(), truth, predicted, orders, mean_of_training)

    @property
    def mae(self) -> Floats:
        """Mean absolute error: ``(resamples,)``."""
        return self.mean(np.abs(self.truth - self.predicted))

    @cached_property
    def mse(self) -> Floats:
        """Mean squared error: ``(resamples,)``."""
        return self.mean((self.truth - self.predicted) ** 2)

    @property
    def rmse(self) -> Floats:
        """Root of the mean squared error: ``(resamples,)``."""
        return np.sqrt(self.mse)

    @property
    def r2(self) -> Floats:
        """Share of the variance of the truth that the predictions explain: ``(resamples,)``."""
        return 1 - ratio(self.mse * self.rows, self._spread_of_truth, undefined=np.nan)

    @property
    def pearson(self) -> Floats:
        """Correlation of predicted and true values: ``(resamples,)``."""
        apart = np.sqrt(self._spread_of_truth) * np.sqrt(self._spread(self.predicted))
        return ratio(self._co_variation(self.truth, self.predicted), apart, undefined=np.nan).clip(-1, 1)

    @property
    def spearman(self) -> Floats:
        """Correlation of the ranks of predicted and true values within each resample: ``(resamples,)``."""
        weights = self.weights[self.people]
        # whole numbers, centred on 0 as they are, so that the three sums are exact
        true, predicted = (order.standing(weights) for order in self.orders)
        counted = weights * true
        together, of_truth = (np.einsum("ij,ij->j", counted, one) for one in (predicted, true))
        counted = np.multiply(weights, predicted, out=counted)
        apart = np.sqrt(of_truth * np.einsum("ij,ij->j", counted, predicted))
        return ratio(together, apart, undefined=np.nan).clip(-1, 1)

    @property
    def mae_of_mean(self) -> Floats:
        """Mean absolute error of who always says the mean: of the training, else of the rows counted: ``(resamples,)``."""
        if self.mean_of_training is not None:
            return self.mean(np.abs(self.truth - self.mean_of_training))
        errors = np.abs(self.truth[:, None] - self.mean(self.truth))
        return ratio(np.einsum("ij,ij->j", errors, self.weights[self.people]), self.rows, undefined=np.nan)

    @cached_property
    def _spread_of_truth(self) -> Floats:
        return self._spread(self.truth)

    def _co_variation(self, one: Floats, other: Floats) -> Floats:
        """Add up the products of both deviations from the means of each resample, within people and between them."""
        rows = np.bincount(self.people, minlength=len(self.weights)).astype(np.float64)
        own = [np.bincount(self.people, values, minlength=len(rows)) / rows for values in (one, other)]
        within = (one - own[0][self.people]) * (other - own[1][self.people])
        between = rows[:, None] * self.weights
        for of_people, values in zip(own, (one, other), strict=True):
            between *= of_people[:, None] - self.mean(values)
        together: Floats = self.sum(within) + between.sum(axis=0)
        return together

    def _spread(self, values: Floats) -> Floats:
        """Add up the squared deviations from the mean of each resample: 0 where all are the same, whatever the rounding."""
        spread = self._co_variation(values, values)
        doubtful = spread <= _ROUNDING * self.rows * np.abs(values).max() ** 2
        for place in np.flatnonzero(doubtful):
            counted = values[self.weights[self.people, place] > 0]
            if counted.min() == counted.max():
                spread[place] = 0
        return spread


@dataclass(frozen=True, eq=False)
class Order:
    """Values sorted once for all resamples.

    Attributes
    ----------
    rows
        The rows by rising value: ``(rows,)``.
    below, up_to
        For each row, how many have a lower value, and a lower or the same: ``(rows,)``.
    """

    rows: Ints
    below: Ints
    up_to: Ints

    @classmethod
    def of(cls, values: Floats) -> Order:
        """Sort values, ``(rows,)``."""
        order = np.argsort(values, kind="stable")
        below, up_to = (np.searchsorted(values[order], values, side=side) for side in ("left", "right"))
        return cls(order, below, up_to)

    def standing(self, weights: Floats) -> Floats:
        """Count the rows below each row less those above it, which is twice its midrank up to a constant.

        Parameters
        ----------
        weights
            How many times each row counts, ``(rows, resamples)``.

        Returns
        -------
        numpy.ndarray
            ``(rows, resamples)``; the mean over the counted rows is 0.
        """
        reached = np.zeros((len(weights) + 1, weights.shape[1]))
        np.cumsum(weights[self.rows], axis=0, out=reached[1:])
        standing = reached[self.below]
        standing += reached[self.up_to]
        standing -= reached[-1]
        return standing

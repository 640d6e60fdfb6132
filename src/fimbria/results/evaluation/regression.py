"""Metrics of a regression, over a whole group at once and never averaged over batches.

=============== ========= ========================================================= ======================================
name            ClinicaDL formula                                                   undefined (NaN) when
=============== ========= ========================================================= ======================================
``mae``         MAE       mean |true - predicted|                                   never
``rmse``        RMSE      sqrt(mean (true - predicted)^2)                           never
``r2``          R2_score  1 - sum (true - predicted)^2 / sum (true - mean true)^2   all true values are the same
``pearson``     (none)    correlation of true and predicted                         all true, or all predicted, are the same
``spearman``    (none)    the same of their ranks, equal values sharing their mean  as pearson
``mae-of-mean`` (none)    MAE of who always says the mean of the training           never
``loss``        loss      mean loss of the rows                                     no loss is recorded
=============== ========= ========================================================= ======================================

``mse`` (ClinicaDL's MSE), the square of ``rmse``, can be asked for by its name. ClinicaDL gives an R2 of 0 where the true
values are all the same; there is nothing to explain then, and 0 would say that nothing was explained. ``mae-of-mean``
is what ``mae`` must beat: where the mean of the training is not known, it is the mean of the very rows that count, which
is a little harder to beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from fimbria.results.evaluation.deviation import loss, mae, rmse  # they register themselves
from fimbria.results.evaluation.drawn import OVERALL, overall, tidy
from fimbria.results.evaluation.intervals import RESAMPLES
from fimbria.results.evaluation.metric import Metric, fitting, metric
from fimbria.results.evaluation.values import Values

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from fimbria.results.predictions.table import PredictionTable

OF = "values"


@metric("r2")
def r2() -> Metric:
    """Share of the variance of the true values that the predictions explain; below 0 they do worse than the mean."""
    return Metric("r2", "higher", lambda values: values.r2, by_class=False, of=(OF,), varied=True)


@metric("pearson")
def pearson() -> Metric:
    """Correlation of predicted and true values."""
    return Metric("pearson", "higher", lambda values: values.pearson, by_class=False, of=(OF,), varied=True)


@metric("spearman")
def spearman() -> Metric:
    """Correlation of the ranks of predicted and true values."""
    return Metric("spearman", "higher", lambda values: values.spearman, by_class=False, of=(OF,), varied=True)


@metric("mae-of-mean")
def mae_of_mean() -> Metric:
    """Mean absolute error of who always says the mean true value of the training: what the MAE must beat."""
    return Metric("mae-of-mean", "lower", lambda values: values.mae_of_mean, by_class=False, of=(OF,))


METRICS = tuple(one().name for one in (mae, rmse, r2, pearson, spearman, mae_of_mean, loss))


@dataclass(frozen=True)
class RegressionMetrics:
    """The metrics of one regression.

    Attributes
    ----------
    mean_of_training
        Mean true value of the training rows, in the label's unit; None where it is not known.
    """

    of: ClassVar[str] = OF

    mean_of_training: float | None = None
    followed: Sequence[str] = ("mae", "rmse", "r2", "pearson", "loss")

    def find(self, name: str) -> Metric:
        """Give a metric by its name, if it is one of values."""
        return fitting([name], OF, METRICS)[0]

    def scores(self, table: PredictionTable, names: Sequence[str]) -> dict[str, float]:
        """Compute some metrics of a table, without intervals; the rows are counted once.

        Raises
        ------
        InputError
            As `evaluate`.
        """
        chosen, values = fitting(names, OF, METRICS), Values.of(table, self.mean_of_training)
        return {one.name: float(one.value(values)[0]) for one in chosen}

    def evaluate(self, table: PredictionTable, *, seed: int = 0) -> pd.DataFrame:
        """Compute every metric, as `evaluate`."""
        return evaluate(table, self.mean_of_training, seed=seed)


def evaluate(
    table: PredictionTable,
    mean_of_training: float | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    metrics: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Compute metrics with 95 % intervals over resamples of the participants.

    Parameters
    ----------
    table
        Predictions with true values.
    mean_of_training
        Mean true value of the training rows; None where it is not known.
    resamples, seed
        How many times the participants are drawn, and from which seed.
    metrics
        Names, ClinicaDL's included; all of this module's when not given.

    Returns
    -------
    pandas.DataFrame
        One row a metric, as from `tidy`, of the class ``all``. The order of the rows of `table` does not matter; the
        same seed gives the same numbers.

    Raises
    ------
    InputError
        When the table holds no values, or a true one is not known.
    ComponentError
        When there is no such metric, or it is none of values.
    """
    chosen = fitting(METRICS if metrics is None else metrics, OF, METRICS)
    values = Values.of(table, mean_of_training)
    names = [(one.name, OVERALL) for one in chosen]
    return tidy(table, values, names, lambda drawn: overall(drawn, chosen), resamples=resamples, seed=seed)

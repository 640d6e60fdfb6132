"""Metric: a number that tells how well predictions agree with the truth, and whether more of it is better.

A metric is computed for many resamples of the participants at once: it is given counts whose last axis runs over the
resamples, and gives one value for each. The plain value is the resample in which everybody is there once.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np

from fimbria.errors import ComponentError
from fimbria.registry import Registry, is_own_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from fimbria.results.predictions.table import PredictionTable

ALIASES = MappingProxyType(
    {
        "BA": "balanced-accuracy",
        "balanced_accuracy": "balanced-accuracy",
        "F1_score": "f1",
        "LNCC": "lncc",
        "LR_minus": "lr-minus",
        "LR_plus": "lr-plus",
        "MAE": "mae",
        "MCC": "mcc",
        "MK": "markedness",
        "MSE": "mse",
        "NPV": "npv",
        "PPV": "ppv",
        "PSNR": "psnr",
        "R2_score": "r2",
        "RMSE": "rmse",
        "SSIM": "ssim",
        "average_precision": "average-precision",
        "log_loss": "log-loss",
        "mae_of_mean": "mae-of-mean",
        "roc_auc": "roc-auc",
    }
)

ASKED_FIRST = (
    *("balanced-accuracy", "roc-auc", "sensitivity", "specificity", "accuracy"),
    *("ssim", "psnr", "mae", "mae-of-mean", "r2", "pearson", "mse"),
)
"""The metrics that people ask for first, in the order of terminal and report; of a task, those that it has."""


@dataclass(frozen=True)
class Metric:
    """How one metric is computed and read.

    Attributes
    ----------
    name
        What it is called in a table of metrics.
    better
        Whether the better of two values is the higher or the lower one.
    value
        From the task's counts to the values, shape ``(resamples,)``; NaN where it is undefined.
    by_class
        Whether it is computed for one class against the rest (`value` gets that class's counts) or once over all.
    of
        Whose counts `value` takes: ``classes``, ``values``, ``images``, or a word of a plug-in's own. None where any
        will do, since they all know their ``mean_loss``.
    varied
        Whether it is undefined where all true values are the same.
    """

    name: str
    better: Literal["higher", "lower"]
    value: Callable[[Any], NDArray[np.float64]]
    by_class: bool = True
    of: tuple[str, ...] = ("classes",)
    varied: bool = False


metric: Registry[Metric] = Registry("metric")


class Metrics(Protocol):
    """The metrics of a task."""

    @property
    def followed(self) -> Sequence[str]:
        """Those that are logged at each epoch; the loss is one of them."""
        ...

    def scores(self, table: PredictionTable, names: Sequence[str]) -> dict[str, float]:
        """Compute some metrics of a table, without intervals."""
        ...

    def evaluate(self, table: PredictionTable, *, seed: int = 0) -> pd.DataFrame:
        """Compute every metric of a table, with 95 % intervals that resample participants."""
        ...


@runtime_checkable
class Finds(Protocol):
    """Metrics that know which ones are theirs. Those of this house do; those of a plug-in may."""

    def find(self, name: str) -> Metric:
        """Give one of them by its name; refuse any other."""
        ...


def find(name: str, metrics: Metrics | Finds | None = None) -> Metric:
    """Give a metric by its name, ClinicaDL's spelling included.

    Parameters
    ----------
    name
        Registered, or one that `metrics` makes of such a name.
    metrics
        Those of a task, which the metric must be one of.

    Raises
    ------
    ComponentError
        When there is none, with the nearest name, or the task's metrics have no such one. A metric cannot be a study's
        own file: tables name metrics, and reading a table must not run code.
    """
    if is_own_file(name):
        msg = f"metric {name!r} is a file. Tables name metrics, and reading a table must not run code: make it a package with an entry point in the group fimbria.metric; then its name is enough."
        raise ComponentError(msg)
    if isinstance(metrics, Finds):
        return metrics.find(name)
    return metric.find(ALIASES.get(name, name), trusted=()).factory()


def fits(name: str, of: str) -> bool:
    """Tell whether a metric can be computed of what a task predicts; not one that nobody registered.

    Examples
    --------
    >>> fits("roc-auc", "classes"), fits("roc-auc", "values"), fits("loss", "values"), fits("rocauc", "classes")
    (True, False, True, False)
    """
    try:
        found = find(name)
    except ComponentError:
        return False
    return not found.of or of in found.of


def fitting(names: Sequence[str], of: str, among: Sequence[str]) -> list[Metric]:
    """Give metrics by their names, if they can be computed of what a task predicts.

    Parameters
    ----------
    names
        As `find` takes them.
    of
        What is predicted: ``classes``, ``values``, ``images``.
    among
        Those that could be chosen, for the error.

    Raises
    ------
    ComponentError
        When there is no such metric, or it is of something else; all of these in one message.
    """
    found = [find(name) for name in names]
    if strange := [one for one in found if one.of and of not in one.of]:
        which = ", ".join(f"{one.name!r} (of {' or '.join(one.of)})" for one in strange)
        msg = f"these predictions are of {of}, and cannot be measured by {which}. There is: {', '.join(among)}."
        raise ComponentError(msg)
    return found


def ratio(above: NDArray[np.float64], below: NDArray[np.float64], *, undefined: float = 0.0) -> NDArray[np.float64]:
    """Divide; where `below` is 0 give `undefined`."""
    shape = np.broadcast_shapes(above.shape, below.shape)
    quotient: NDArray[np.float64] = np.divide(above, below, out=np.full(shape, undefined), where=below != 0)
    return quotient

"""Metric: a number that tells how well predictions agree with the truth, and whether more of it is better.

A metric is computed for many resamples of the participants at once: it is given counts whose last axis runs over the
resamples, and gives one value for each. The plain value is the resample in which everybody is there once.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from fimbria.registry import Registry

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
        "LR_minus": "lr-minus",
        "LR_plus": "lr-plus",
        "MCC": "mcc",
        "MK": "markedness",
        "NPV": "npv",
        "PPV": "ppv",
        "roc_auc": "roc-auc",
    }
)


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
    """

    name: str
    better: Literal["higher", "lower"]
    value: Callable[[Any], NDArray[np.float64]]
    by_class: bool = True


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


def find(name: str) -> Metric:
    """Give a metric by its name, ClinicaDL's spelling included; ours are known once their task's module is imported.

    Raises
    ------
    ComponentError
        When there is none; with the nearest name. A metric cannot be a study's own file: tables name metrics, and
        reading a table must not run code.
    """
    return metric.find(ALIASES.get(name, name), trusted=()).factory()


def ratio(above: NDArray[np.float64], below: NDArray[np.float64], *, undefined: float = 0.0) -> NDArray[np.float64]:
    """Divide; where `below` is 0 give `undefined`."""
    shape = np.broadcast_shapes(above.shape, below.shape)
    quotient: NDArray[np.float64] = np.divide(above, below, out=np.full(shape, undefined), where=below != 0)
    return quotient

"""Metrics of images that were put together again: the mean over the rows of what was measured of each.

======== ========= ==================================================== ================
name     ClinicaDL mean over the rows of                                column
======== ========= ==================================================== ================
``mse``  MSE       the mean squared error of the voxels                 ``mse``
``mae``  MAE       the mean absolute error of the voxels                ``mae``
``rmse`` RMSE      the root of the mean squared error of the voxels     ``mse``
``psnr`` PSNR      the peak signal-to-noise ratio (dB, at most 100)     ``psnr``
``ssim`` SSIM      the structural similarity                            ``ssim``
``lncc`` LNCC      the local normalised cross-correlation               ``lncc``
``loss`` loss      the loss                                             ``loss``
======== ========= ==================================================== ================

Only those are computed whose column is in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fimbria.errors import InputError, listing
from fimbria.results.evaluation.deviation import loss, mae, mse, rmse  # they register themselves
from fimbria.results.evaluation.drawn import OVERALL, Drawn, overall, tidy
from fimbria.results.evaluation.intervals import RESAMPLES
from fimbria.results.evaluation.metric import Metric, fitting, metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from fimbria.results.predictions.table import PredictionTable

    Floats = NDArray[np.float64]

OF = "images"
_COLUMN = MappingProxyType({"rmse": "mse"})  # of the metrics that are not called after their column


@metric("psnr")
def psnr() -> Metric:
    """Peak signal-to-noise ratio in dB, at most 100."""
    return Metric("psnr", "higher", lambda measures: measures.mean_of("psnr"), by_class=False, of=(OF,))


@metric("ssim")
def ssim() -> Metric:
    """Structural similarity: brightness, contrast and structure around each voxel."""
    return Metric("ssim", "higher", lambda measures: measures.mean_of("ssim"), by_class=False, of=(OF,))


@metric("lncc")
def lncc() -> Metric:
    """Local normalised cross-correlation, negative ones counted as 0."""
    return Metric("lncc", "higher", lambda measures: measures.mean_of("lncc"), by_class=False, of=(OF,))


METRICS = tuple(one().name for one in (mse, mae, rmse, psnr, ssim, lncc, loss))


@dataclass(frozen=True, eq=False)
class Measures(Drawn):
    """What was measured of each row, for many resamples of the participants at once.

    Attributes
    ----------
    columns
        Every column of numbers of the table: ``(rows,)`` each.
    """

    columns: Mapping[str, Floats]

    @classmethod
    def of(cls, table: PredictionTable) -> Measures:
        """Count every participant once."""
        rows = table.sorted()
        numbers = rows.frame.select_dtypes("float64")
        columns = {str(name): numbers[name].to_numpy(np.float64) for name in numbers}
        return cls(rows.people(), np.ones((rows.participants, 1)), rows.losses(), columns)

    def mean_of(self, column: str) -> Floats:
        """Average a column over the counted rows: ``(resamples,)``.

        Raises
        ------
        InputError
            When there is no such column of numbers.
        """
        return self.mean(self._column(column))

    @property
    def mae(self) -> Floats:
        """Mean of the rows' mean absolute errors: ``(resamples,)``."""
        return self.mean_of("mae")

    @property
    def mse(self) -> Floats:
        """Mean of the rows' mean squared errors: ``(resamples,)``."""
        return self.mean_of("mse")

    @property
    def rmse(self) -> Floats:
        """Mean of the rows' roots of the mean squared error: ``(resamples,)``."""
        return self.mean(np.sqrt(self._column("mse")))

    def _column(self, name: str) -> Floats:
        if name not in self.columns:
            msg = (
                f"{name!r} of the reconstructed images was not measured (the table of predictions has the columns of "
                f"numbers: {listing(list(self.columns), 12) or 'none'}). Let the task measure it, or choose another metric."
            )
            raise InputError(msg)
        return self.columns[name]


@dataclass(frozen=True)
class ReconstructionMetrics:
    """The metrics of one reconstruction.

    Attributes
    ----------
    measures
        What the task measures of each row.
    """

    of: ClassVar[str] = OF

    measures: Sequence[str] = ("mse", "mae", "psnr", "ssim")

    @property
    def followed(self) -> Sequence[str]:
        """The loss, and those that what is measured is enough for."""
        return tuple(name for name in METRICS if _COLUMN.get(name, name) in (*self.measures, "loss"))

    def find(self, name: str) -> Metric:
        """Give a metric by its name, if it is one of images."""
        return fitting([name], OF, METRICS)[0]

    def scores(self, table: PredictionTable, names: Sequence[str]) -> dict[str, float]:
        """Compute some metrics of a table, without intervals; the rows are counted once.

        Raises
        ------
        InputError
            As `evaluate`.
        """
        chosen, measures = fitting(names, OF, METRICS), Measures.of(table)
        return {one.name: float(one.value(measures)[0]) for one in chosen}

    def evaluate(self, table: PredictionTable, *, seed: int = 0) -> pd.DataFrame:
        """Compute every metric whose column is there, as `evaluate`."""
        return evaluate(table, seed=seed)


def evaluate(
    table: PredictionTable, *, resamples: int = RESAMPLES, seed: int = 0, metrics: Sequence[str] | None = None
) -> pd.DataFrame:
    """Compute metrics with 95 % intervals over resamples of the participants.

    Parameters
    ----------
    table
        Measures of reconstructed images.
    resamples, seed
        How many times the participants are drawn, and from which seed.
    metrics
        Names, ClinicaDL's included; all of this module's whose columns are there when not given.

    Returns
    -------
    pandas.DataFrame
        One row a metric, as from `tidy`, of the class ``all``. The order of the rows of `table` does not matter; the
        same seed gives the same numbers.

    Raises
    ------
    InputError
        When the column that a metric needs is not there, or no measure at all is.
    ComponentError
        When there is no such metric, or it is none of images.
    """
    measures = Measures.of(table)
    there = [name for name in METRICS if _COLUMN.get(name, name) in measures.columns]
    chosen = fitting((there or METRICS) if metrics is None else metrics, OF, METRICS)
    names = [(one.name, OVERALL) for one in chosen]
    return tidy(table, measures, names, lambda drawn: overall(drawn, chosen), resamples=resamples, seed=seed)

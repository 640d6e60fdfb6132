"""Metrics of how far predictions are from the truth on average, which more than one task knows.

Their counts give ``mean_loss``; those of values and of images also ``mae``, ``mse`` and ``rmse``, each in its own sense:
of a value, the error of a row is one number; of an image, it is already a mean over the voxels of the row.
"""

from __future__ import annotations

from fimbria.results.evaluation.metric import Metric, metric

_OF_NUMBERS = ("values", "images")


@metric("loss")
def loss() -> Metric:
    """Mean of the training loss over the rows; of classes, where none is recorded, their log loss."""
    return Metric("loss", "lower", lambda rows: rows.mean_loss, by_class=False, of=())


@metric("mae")
def mae() -> Metric:
    """Mean absolute error."""
    return Metric("mae", "lower", lambda rows: rows.mae, by_class=False, of=_OF_NUMBERS)


@metric("mse")
def mse() -> Metric:
    """Mean squared error."""
    return Metric("mse", "lower", lambda rows: rows.mse, by_class=False, of=_OF_NUMBERS)


@metric("rmse")
def rmse() -> Metric:
    """Root of the mean squared error; of images, the mean of each one's root."""
    return Metric("rmse", "lower", lambda rows: rows.rmse, by_class=False, of=_OF_NUMBERS)

"""From the parts to the image: a vote in which the positions that are right more often count more.

The weight of a position is its accuracy on validation data. Weights that come from the very people who are then scored
flatter them, so the validation group itself is voted with `vote_left_out`, where nobody's own parts weigh in.
Only classes are voted on like that: a value of an image, or a measure of its reconstruction, is the plain mean of its
parts'.

References
----------
Wen, J. et al. (2020). Convolutional neural networks for classification of Alzheimer's disease: overview and
reproducible evaluation. Medical Image Analysis 63, 101694. doi:10.1016/j.media.2020.101694
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fimbria.errors import InputError, TableError
from fimbria.results.predictions.table import IMAGE, PredictionTable, log_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_DECIMALS = 12  # a tie stays a tie whatever the rounding of the sums


def part_weights(validation: PredictionTable, threshold: float = 0.0) -> pd.Series[float]:
    """Weigh every position by its accuracy.

    Parameters
    ----------
    validation
        Predictions of the validation group of the same split, with true labels.
    threshold
        A position less accurate than this gets no weight.

    Returns
    -------
    pandas.Series
        Weight of each part id; they sum to 1, and are equal where no position is accurate enough. Empty where no
        classes are predicted.

    Raises
    ------
    InputError
        When a true label is not known.
    """
    if not validation.classified:
        return pd.Series(dtype=np.float64, name="weight")
    right, rows, ids = _right_and_rows(validation)
    weights = _weights(right.sum(axis=0, keepdims=True), rows.sum(axis=0, keepdims=True), threshold)
    return pd.Series(weights[0], index=pd.Index(ids, name=validation.part_id), name="weight")


def vote(table: PredictionTable, weights: pd.Series[float]) -> PredictionTable:
    """Give every image the weighted mean of the probabilities of its parts, and the plain mean of values and measures.

    Weights are scaled anew over the parts an image really has. A position that `weights` does not know counts as an
    average one: it gets the mean of the weights (1 where there are none). An image whose parts all weigh nothing gets
    their plain mean.

    Parameters
    ----------
    table
        Predictions of parts.
    weights
        Weight of each part id, from `part_weights`.

    Returns
    -------
    PredictionTable
        One row an image, in canonical order, part ``image``, ``image_id`` 0. The predicted label is the most probable
        class, the first one on a tie; the loss of classes, where the label is known, is the log loss, and any other
        the mean of the parts'.

    Raises
    ------
    TableError
        When the parts of an image have different true labels or values.
    """
    average = float(weights.mean()) if len(weights) else 1.0
    ordered = table.sorted()
    of_rows = weights.reindex(ordered.frame[table.part_id]).fillna(average)
    return _pooled(ordered, np.asarray(of_rows, dtype=np.float64))


def vote_left_out(table: PredictionTable, threshold: float = 0.0) -> PredictionTable:
    """Vote within one group, each participant with the weights that all the others give.

    For scoring the validation group itself. Equal to `vote` of each participant's rows with the `part_weights` of
    everybody else's; where there is one participant only, all positions count the same.

    Parameters
    ----------
    table
        Predictions of parts, with true labels.
    threshold
        A position less accurate than this gets no weight.

    Returns
    -------
    PredictionTable
        As from `vote`.

    Raises
    ------
    InputError
        When a true label is not known.
    TableError
        When the parts of an image have different true labels.
    """
    ordered = table.sorted()
    if not table.classified:
        return _pooled(ordered, np.ones(len(ordered.frame)))
    right, rows, ids = _right_and_rows(ordered)
    weights = _weights(right.sum(axis=0) - right, rows.sum(axis=0) - rows, threshold)
    position = np.searchsorted(ids, ordered.frame[table.part_id].to_numpy(np.int64))
    return _pooled(ordered, weights[ordered.people(), position])


def average(members: Sequence[PredictionTable]) -> PredictionTable:
    """Give every image the mean of the probabilities that several networks give it.

    Parameters
    ----------
    members
        Predictions of the same images at image level, one table a network.

    Returns
    -------
    PredictionTable
        One row an image, as from `vote`.

    Raises
    ------
    TableError
        When the tables are not of the same images.
    """
    numbered = [table.sorted().frame.assign(image_id=number) for number, table in enumerate(members)]
    counted = pd.concat(numbered).groupby(list(IMAGE)).size()
    if (counted != len(members)).any():
        msg = "the networks did not predict the same images; an ensemble needs each image from each network."
        raise TableError(msg)
    together = PredictionTable(pd.concat(numbered), "image").sorted()
    return _pooled(together, np.ones(len(together.frame)))


def _right_and_rows(table: PredictionTable) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Count right predictions and all predictions, each ``(participants, positions)``, and give the part ids."""
    if not table.labelled:
        msg = (
            f"the parts cannot be weighed: {int((table.truth() < 0).sum())} of {len(table.frame)} predictions "
            f"(level: {table.part}) have no true label. Weigh them by a group whose labels are known."
        )
        raise InputError(msg)
    ids, position = np.unique(table.frame[table.part_id].to_numpy(np.int64), return_inverse=True)
    shape = (table.participants, len(ids))
    cell = table.people() * len(ids) + position
    right = (table.truth() == table.predicted()).astype(np.float64)
    of_cells = np.bincount(cell, right, minlength=shape[0] * shape[1])
    rows = np.bincount(cell, minlength=len(of_cells)).astype(np.float64)
    return of_cells.astype(np.float64).reshape(shape), rows.reshape(shape), np.asarray(ids, dtype=np.int64)


def _weights(right: NDArray[np.float64], rows: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    """Turn counts ``(voters, positions)`` into weights; those of the positions that were seen sum to 1 for each voter."""
    seen = rows > 0
    accuracy = np.divide(right, rows, out=np.zeros_like(right), where=seen)
    kept = np.where(accuracy >= threshold, accuracy, 0.0)
    kept = np.where(kept.sum(axis=1, keepdims=True) > 0, kept, seen)
    known = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    total = kept.sum(axis=1, keepdims=True)
    return np.where(seen, kept / np.where(total > 0, total, 1), 1 / known)


def _pooled(table: PredictionTable, weights: NDArray[np.float64]) -> PredictionTable:
    """Average each image's rows; `table` is in canonical order, `weights`, of the probabilities, is ``(rows,)``."""
    image = table.images()
    first = np.unique(image, return_index=True)[1]
    columns = table.frame[list(IMAGE)].iloc[first].reset_index(drop=True).assign(image_id=0)
    rows = np.bincount(image)
    for truth in ("true_label", "true_value"):
        if truth in table.frame:
            _refuse_disagreement(table, truth, image, first)
            columns[truth] = table.frame[truth].iloc[first].to_numpy()
    averaged = [name for name in ("predicted_value", *table.measures, "loss") if name in table.frame]
    for name in averaged:
        columns[name] = np.bincount(image, table.frame[name].to_numpy(np.float64)) / rows
    if table.classified:
        weights = np.where(np.bincount(image, weights)[image] > 0, weights, 1.0)
        sums = [np.bincount(image, weights * of_class) for of_class in table.probabilities().T]
        probabilities = np.stack(sums, axis=1) / np.bincount(image, weights)[:, None]
        classes = np.array(table.classes, dtype=object)
        columns["predicted_label"] = classes[probabilities.round(_DECIMALS).argmax(axis=1)]
        columns[[f"p_{name}" for name in classes]] = probabilities
        if "true_label" in table.frame and not table.valued:
            columns["loss"] = log_loss(probabilities, table.truth()[first])
    return PredictionTable(columns, "image")


def _refuse_disagreement(
    table: PredictionTable, column: str, image: NDArray[np.int64], first: NDArray[np.int64]
) -> None:
    truth = table.frame[column]
    of_first = truth.iloc[first[image]].reset_index(drop=True)
    differs = ~((truth == of_first) | (truth.isna() & of_first.isna()))
    if differs.any():
        row = table.frame[differs].iloc[0]
        msg = (
            f"the parts of {row['participant_id']} {row['session_id']} have different true {column.partition('_')[2]}s."
        )
        raise TableError(msg)

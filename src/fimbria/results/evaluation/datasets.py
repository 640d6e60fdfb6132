"""How good the predictions of each data set are, where a group has people of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from fimbria.results.predictions.table import PredictionTable

if TYPE_CHECKING:
    from fimbria.results.evaluation.metric import Metrics


def by_data_set(metrics: Metrics, table: PredictionTable, *, seed: int = 0) -> pd.DataFrame | None:
    """Compute every metric of each data set by itself.

    Parameters
    ----------
    metrics
        Of the task.
    table
        Predictions of people from several data sets.
    seed
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        The tidy table of metrics behind a first column ``dataset``, one block for each, in the order of their names.
        None where all people are of one data set, which is the whole group.

    Raises
    ------
    InputError
        As the metrics.
    """
    groups = list(table.frame.groupby("dataset", sort=True))
    if len(groups) < 2:  # noqa: PLR2004  (nothing to tell apart)
        return None
    blocks = []
    for name, rows in groups:
        block = metrics.evaluate(PredictionTable(rows, table.part), seed=seed)
        block.insert(0, "dataset", str(name))
        blocks.append(block)
    return pd.concat(blocks, ignore_index=True)

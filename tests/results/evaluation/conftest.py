from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fimbria.results.predictions.table import PredictionTable


def rows_of(people, count):
    """Make the identifiers of slices: whose each one is, one person a row if not told."""
    return {
        "dataset": "",
        "participant_id": [f"sub-{p:04d}" for p in (range(count) if people is None else people)],
        "session_id": "ses-M000",
        "slice_id": np.arange(count),
    }


@pytest.fixture(scope="session")
def predicted():
    """Make a table from true and predicted codes, probabilities, and whose each row is (one person a row if not told)."""

    def make(truth, predictions=None, *, probabilities=None, people=None, losses=None):
        classes = "ABCDEFG"
        truth = np.asarray(truth)
        if probabilities is None:
            probabilities = np.eye(max(2, truth.max() + 1, max(predictions) + 1))[np.asarray(predictions)]
        probabilities = np.asarray(probabilities)
        predictions = probabilities.argmax(axis=1) if predictions is None else predictions
        frame = pd.DataFrame(
            rows_of(people, len(truth))
            | {
                "true_label": [classes[code] for code in truth],
                "predicted_label": [classes[code] for code in predictions],
            }
            | {f"p_{classes[code]}": column for code, column in enumerate(probabilities.T)}
            | ({} if losses is None else {"loss": losses})
        )
        return PredictionTable(frame, "slice")

    return make


@pytest.fixture(scope="session")
def valued():
    """Make a table from true and predicted values, and whose each row is."""

    def make(truth, predictions, *, people=None, **more):
        frame = pd.DataFrame(rows_of(people, len(truth)) | {"true_value": truth, "predicted_value": predictions} | more)
        return PredictionTable(frame, "slice")

    return make


@pytest.fixture(scope="session")
def measured():
    """Make a table from measures of reconstructed images, and whose each row is."""

    def make(people=None, **columns):
        count = len(next(iter(columns.values())))
        return PredictionTable(pd.DataFrame(rows_of(people, count) | columns), "slice")

    return make

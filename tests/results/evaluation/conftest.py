from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fimbria.results.predictions.table import PredictionTable


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
            {
                "dataset": "",
                "participant_id": [f"sub-{p:04d}" for p in (range(len(truth)) if people is None else people)],
                "session_id": "ses-M000",
                "slice_id": np.arange(len(truth)),
                "true_label": [classes[code] for code in truth],
                "predicted_label": [classes[code] for code in predictions],
            }
            | {f"p_{classes[code]}": column for code, column in enumerate(probabilities.T)}
            | ({} if losses is None else {"loss": losses})
        )
        return PredictionTable(frame, "slice")

    return make

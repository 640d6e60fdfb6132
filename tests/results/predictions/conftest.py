from __future__ import annotations

import pandas as pd
import pytest

from fimbria.results.predictions.table import PredictionTable


@pytest.fixture(scope="session")
def patches():
    """Make a table of AD and CN patches from rows (participant, part, true label, p_AD)."""

    def make(rows):
        frame = pd.DataFrame(rows, columns=["participant_id", "patch_id", "true_label", "p_AD"])
        frame = frame.assign(
            dataset="",
            session_id="ses-M000",
            p_CN=1 - frame["p_AD"],
            predicted_label=["AD" if p >= 0.5 else "CN" for p in frame["p_AD"]],
        )
        return PredictionTable(
            frame[[name for name in frame if name == "patch_id" or frame[name].notna().any()]], "patch"
        )

    return make

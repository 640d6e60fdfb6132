from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.cohort.cohort import Cohort
from fimbria.errors import ComponentError, ProblemsError
from fimbria.learning.tasks import task as tasks
from fimbria.learning.tasks.regression import Regression


def cohort(values):
    names = [f"sub-{number:02d}" for number in range(len(values))]
    frame = pd.DataFrame({"dataset": "", "participant_id": names, "session_id": "ses-M000"})
    return Cohort(frame.assign(age=list(values)))


VALUES = [60.1, 61.7, 80.3, 92.9]


def test_takes_mean_spread_and_range_and_is_made_again_from_them():
    fitted = Regression().fit(cohort(VALUES))
    kept = {"mean": np.mean(VALUES), "deviation": np.std(VALUES, ddof=1), "low": 60.1, "high": 92.9}
    assert fitted.fitted == {name: pytest.approx(value, rel=1e-12) for name, value in kept.items()}
    again = tasks.find("regression").build({}, dict(fitted.fitted))
    assert again.fitted == fitted.fitted


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8).filter(lambda values: max(values) - min(values) > 1e-3))
def test_true_values_come_back_to_the_last_bit_and_a_perfect_answer_has_no_loss(values):
    task = Regression().fit(cohort(values))
    targets = task.targets(cohort(values))
    assert targets.dtype == torch.float64
    outputs = ((targets - task.fitted["mean"]) / task.fitted["deviation"])[:, None]
    columns = task.read(outputs, targets)
    assert columns["true_value"].tolist() == [float(value) for value in values]
    np.testing.assert_allclose(columns["predicted_value"], values, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(columns["loss"], 0, atol=1e-18)


def test_making_targets_of_a_column_of_floats_warns_of_nothing():
    frame = cohort(VALUES)
    targets = Regression().targets(frame)
    targets += 1  # what is made is the task's own
    assert frame.column("age").tolist() == VALUES


def test_as_it_is_the_value_itself_is_learnt():
    task = Regression(standardize=False).fit(cohort(VALUES))
    outputs, targets = torch.tensor([[61.0]]), torch.tensor([60.0], dtype=torch.float64)
    assert task.loss(outputs, targets).tolist() == [1.0]
    assert task.read(outputs, None)["predicted_value"].tolist() == [61.0]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([70.0, 70.0], r"age has one value only \(70\)"),
        (["old", "young"], "age holds what is no number in .*old, young"),
        ([70.0, np.nan], "age"),
        ([70.0, np.inf], "no number"),
    ],
)
def test_refuses_what_cannot_be_learnt(values, sentence):
    with pytest.raises(ProblemsError, match=sentence):
        Regression().fit(cohort(values))


@pytest.mark.parametrize("loss", ["bce", "kl-div", {"name": "bce"}])
def test_a_loss_of_shares_needs_values_that_are_shares(loss):
    with pytest.raises(ComponentError, match=r"--task.standardize false"):
        Regression(loss=loss)
    assert Regression(loss=loss, standardize=False).outputs == 1


def test_says_how_many_lie_beyond_the_training():
    task = Regression().fit(cohort(VALUES))
    assert task.beyond(cohort([60.1, 92.9])) == ""
    assert task.beyond(cohort([60.0, 70.0, 93.0])).startswith("2 sessions with age outside 60.1 to 92.9")
    assert Regression().beyond(cohort([1.0])) == ""

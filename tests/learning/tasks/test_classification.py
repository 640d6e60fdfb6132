from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from fimbria.data.cohort.cohort import Cohort, label_text
from fimbria.errors import ProblemsError
from fimbria.learning.tasks import task as tasks
from fimbria.learning.tasks.classification import Classification


def cohort(values):
    """Give a cohort with a label for each of as many people."""
    names = [f"sub-{number:02d}" for number in range(len(values))]
    frame = pd.DataFrame({"dataset": "", "participant_id": names, "session_id": "ses-M000"})
    return Cohort(frame.assign(diagnosis=list(values)))


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 5


def test_says_its_outputs_and_what_it_is_made_again_from(task):
    assert task.outputs == 2
    assert task.fitted == {"classes": ["AD", "CN"], "positive": "AD", "counts": []}
    again = tasks.find("classification").build({}, task.fitted)
    assert (again.classes, again.positive) == (task.classes, task.positive)


@pytest.mark.parametrize(
    ("classes", "positive", "sentence"),
    [
        (["AD"], None, r"one value only \(AD\).*is it the right column"),
        (["AD", "CN"], None, r"positive class is not said \(AD, CN\).*--task.positive AD, or CN"),
        (["AD", "CN"], "ADD", "'ADD' is no class.*did you mean 'AD'"),
        (["AD", "CN", "MCI"], "AD", "for two classes; there are 3.*leave task.positive out"),
    ],
)
def test_refuses_classes_that_cannot_be_told_apart_as_asked(classes, positive, sentence):
    with pytest.raises(ProblemsError, match=sentence):
        Classification(positive=positive, classes=classes)


def test_a_class_that_nobody_in_training_is_of_is_refused():
    task = Classification(classes=["AD", "CN", "MCI"])
    with pytest.raises(ProblemsError, match="nobody in training is of class MCI"):
        task.fit(cohort(["AD", "CN", "AD"]))


def test_three_classes_need_no_positive_one():
    assert Classification(classes=["AD", "CN", "MCI"]).outputs == 3


def test_targets_are_the_places_of_the_classes(task):
    targets = task.targets(cohort(["CN", "AD", "CN"]))
    assert targets.tolist() == [1, 0, 1]
    assert targets.dtype == torch.int64


@pytest.mark.parametrize("values", [[1.0, 0.0, 1.0], [1, 0, 1], ["1", "0", "1"], np.array([1.0, 0.0, 1.0])])
def test_a_number_is_the_same_class_however_it_was_read(values):
    assert Classification(positive="1", classes=["0", "1"]).targets(cohort(values)).tolist() == [1, 0, 1]


@pytest.mark.parametrize(("value", "text"), [(1.0, "1"), (np.float32(2), "2"), (1.5, "1.5"), (True, "True"), (7, "7")])
def test_labels_become_text(value, text):
    assert label_text(value) == text


def test_refuses_every_label_that_is_no_class_at_once(task):
    with pytest.raises(ProblemsError) as caught:
        task.targets(cohort(["AD", "MCI", "cn", "MCI"]))
    said = str(caught.value)
    assert [problem.what.split(" ")[1] for problem in caught.value.problems] == ["'MCI'", "'cn'"]
    assert "there is: AD, CN" in said


def test_refuses_labels_that_are_missing(task):
    with pytest.raises(ProblemsError, match="diagnosis"):
        task.targets(cohort(["AD", float("nan"), "CN"]))


def test_the_training_people_complete_it():
    frame = cohort(["AD", "AD", "CN", "CN", "CN"]).frame
    frame = frame.assign(
        participant_id=["sub-1", "sub-1", "sub-2", "sub-3", "sub-3"],
        session_id=[f"ses-M{month:03d}" for month in range(5)],
    )
    fitted = Classification(positive="AD").fit(Cohort(frame)).fitted
    assert fitted == {"classes": ["AD", "CN"], "positive": "AD", "counts": [1.0, 2.0]}


def test_the_loss_is_torchs_cross_entropy_of_each_sample(task):
    outputs, targets = drawn(6, 2), torch.tensor([0, 1, 1, 0, 1, 0])
    losses = task.loss(outputs, targets)
    assert losses.shape == (6,)
    assert torch.equal(losses, functional.cross_entropy(outputs, targets, reduction="none"))
    torch.testing.assert_close(losses.mean(), functional.cross_entropy(outputs, targets))


def test_outputs_are_read_as_probabilities_by_name_that_sum_to_one():
    task = Classification(classes=["AD", "CN", "MCI"])
    outputs, targets = drawn(20, 3), torch.arange(20) % 3
    columns = task.read(outputs, targets)
    probabilities = np.stack([columns["p_AD"], columns["p_CN"], columns["p_MCI"]], axis=1)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    names = ["AD", "CN", "MCI"]
    assert list(columns["predicted_label"]) == [names[best] for best in outputs.argmax(dim=1)]
    assert list(columns["true_label"]) == [names[code] for code in targets]
    np.testing.assert_allclose(columns["loss"], -np.log(probabilities[np.arange(20), targets]), rtol=1e-9)


def test_without_truth_there_is_neither_label_nor_loss(task):
    assert sorted(task.read(drawn(3, 2), None)) == ["p_AD", "p_CN", "predicted_label"]


def test_outputs_far_apart_give_no_nan(task):
    columns = task.read(torch.tensor([[1e30, -1e30], [-1e4, 1e4]]), torch.tensor([1, 1]))
    assert columns["p_AD"].tolist() == [1, 0]
    assert np.isfinite(columns["loss"]).all()

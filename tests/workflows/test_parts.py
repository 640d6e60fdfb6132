"""From names to things: names and options first, then tables, then images."""

import pytest

from fimbria.data.cohort.splits import read_splits
from fimbria.errors import ProblemsError
from fimbria.workflows import train as workflow
from fimbria.workflows.parts import chosen_sessions, learnable, resolve
from fimbria.workflows.train import plan


def test_a_maps_can_record_every_choice_with_its_provider_and_all_its_options(begun):
    record = resolve(begun.experiment).record
    assert record["network"] == {
        "name": "conv4-fc3",
        "provider": "fimbria",
        "version": record["network"]["version"],
        "options": {"dropout": 0.3},
    }
    assert set(record) == {"pipeline", "extraction", "normalization", "network", "optimizer", "task"}


def test_the_sessions_of_each_side_are_those_that_were_asked_for(begun):
    split = read_splits(begun.folds)[0]
    default = chosen_sessions(split, begun.experiment)
    assert len(default.train) == len(split.train)
    assert len(default.other) == split.other.participant_count
    other = begun.experiment.changed({"data": {"training_sessions": "baseline", "validation_sessions": "all"}})
    chosen = chosen_sessions(split, other)
    assert len(chosen.train) == split.train.participant_count
    assert len(chosen.other) == len(split.other)


def labels(begun, change, metrics=("loss",)):
    experiment = begun.experiment.changed({"task": {"selection_metrics": list(metrics)}})
    splits = [change(split) for split in read_splits(begun.folds)]
    return learnable(splits, experiment, resolve(experiment))


def with_labels(split, train=None, other=None):
    sides = {}
    for name, values in (("train", train), ("other", other)):
        side = getattr(split, name)
        frame = side.frame.assign(diagnosis=values or side.frame["diagnosis"])
        sides[name] = type(side)(frame, side.name)
    return type(split)(split.index, sides["train"], sides["other"], split.name)


def test_classes_are_those_of_training_in_alphabetical_order(begun):
    assert labels(begun, lambda split: split).fitted == {"classes": ["AD", "CN"], "positive": "AD"}


def test_a_class_that_training_never_sees_is_refused(begun):
    with pytest.raises(ProblemsError, match="MCI is in validation and never in training"):
        labels(begun, lambda split: with_labels(split, other="MCI"))


def test_a_metric_that_validation_leaves_undefined_is_refused_before_training(begun):
    with pytest.raises(ProblemsError, match="nobody of CN is in validation, so roc-auc is undefined"):
        labels(begun, lambda split: with_labels(split, other="AD"), ["roc-auc"])
    assert labels(begun, lambda split: with_labels(split, other="AD")).outputs == 2


def test_a_network_that_does_not_fit_into_memory_or_onto_the_disk_is_refused(begun, monkeypatch):
    monkeypatch.setattr(workflow, "memory_gib", lambda: 1e-5)
    monkeypatch.setattr(workflow, "free_bytes", lambda _: 1000)
    with pytest.raises(ProblemsError) as caught:
        plan(begun.experiment)
    assert "million parameters" in str(caught.value)
    assert "GB of disk" in str(caught.value)

"""From names to things: names and options first, then tables, then images."""

import json

import pytest
import torch

from fimbria.data.cohort.splits import read_splits
from fimbria.data.images import nifti
from fimbria.errors import ProblemsError
from fimbria.workflows import plan as workflow
from fimbria.workflows.choices import resolve
from fimbria.workflows.learnt import learnable
from fimbria.workflows.parts import Parts, chosen_sessions, images
from fimbria.workflows.plan import plan


def test_a_maps_can_record_every_choice_with_its_provider_and_all_its_options(begun):
    record = resolve(begun.experiment).record
    assert record["network"] == {
        "name": "conv4-fc3",
        "provider": "fimbria",
        "version": record["network"]["version"],
        "options": {"dropout": 0.3},
    }
    assert set(record) == {
        *(
            "pipeline",
            "channels",
            "extraction",
            "normalization",
            "augmentation",
            "network",
            "optimizer",
            "sampler",
            "task",
        )
    }


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
    assert [one.fitted["task"]["classes"] for one in labels(begun, lambda split: split).values()] == [["AD", "CN"]] * 2


def test_a_class_that_training_never_sees_is_refused(begun):
    with pytest.raises(ProblemsError, match=r"'MCI' is no class of the training people .*--stratify diagnosis"):
        labels(begun, lambda split: with_labels(split, other="MCI"))


def test_a_metric_that_validation_leaves_undefined_is_refused_before_training(begun):
    with pytest.raises(ProblemsError, match="nobody of CN is in validation, so roc-auc is undefined"):
        labels(begun, lambda split: with_labels(split, other="AD"), ["roc-auc"])
    assert labels(begun, lambda split: with_labels(split, other="AD"))[0].task.outputs == 2


def test_a_network_that_does_not_fit_into_memory_or_onto_the_disk_is_refused(begun, monkeypatch):
    monkeypatch.setattr(workflow, "memory_gib", lambda: 1e-5)
    monkeypatch.setattr(workflow, "free_bytes", lambda _: 1000)
    with pytest.raises(ProblemsError) as caught:
        plan(begun.experiment)
    assert "million parameters" in str(caught.value)
    assert "MB of disk" in str(caught.value)


def parts_of(begun, **data):
    experiment = begun.experiment.changed({"data": data})
    choices = resolve(experiment)
    splits = [chosen_sessions(split, experiment) for split in read_splits(begun.folds)]
    everybody = list(dict.fromkeys(s for split in splits for side in (split.train, split.other) for s in side.sessions))
    found = images(experiment, choices, everybody)
    return Parts(experiment, choices, found, learnable(splits, experiment, choices)[splits[0].index]), splits


def test_what_is_fitted_sees_training_sessions_and_nobody_else(begun, tmp_path):
    study = begun.copy(tmp_path)
    parts, (split, *_) = parts_of(study, normalization={"name": "histogram", "scope": "image"})
    fitted = parts.fitted_on(split.train)
    seen = [parts.images.entries[session] for session in split.train.sessions]
    expected = parts.choices.normalization.build().fit([(e.statistics, e.nonzero) for e in seen])
    assert fitted.fitted == [expected.fitted]
    everybody = parts.choices.normalization.build().fit(
        [(e.statistics, e.nonzero) for e in parts.images.entries.values()]
    )
    assert fitted.fitted != [everybody.fitted]
    for session in split.other.sessions:  # whatever those who are held out look like
        path = next((study.caps / "subjects" / session.participant_id / session.session_id / "t1_linear").iterdir())
        image = nifti.read(path)
        nifti.write(path, image.array**3, image.grid)
    again, _ = parts_of(study, normalization={"name": "histogram", "scope": "image"})
    assert again.images.entries[split.other.sessions[0]].content != (
        parts.images.entries[split.other.sessions[0]].content
    )
    assert again.fitted_on(split.train).fitted == fitted.fitted


def test_what_was_fitted_is_taken_up_again(begun):
    parts, (split, *_) = parts_of(begun, normalization={"name": "histogram", "scope": "image"})
    fitted = parts.fitted_on(split.train)
    again = parts.scaled_as(json.loads(json.dumps(fitted.fitted)))
    assert again.scaling == fitted.scaling
    one, other = fitted.dataset(split.other), again.dataset(split.other)
    assert all(torch.equal(one[number].image, other[number].image) for number in range(len(one)))


def test_what_needs_no_fitting_keeps_nothing(begun):
    parts, (split, *_) = parts_of(begun)
    assert parts.fitted_on(split.train).fitted == []
    assert parts.scaled_as([]).scaling == parts.fitted_on(split.train).scaling
    assert len(parts.scaled_as([]).scaling) == 1


def test_validation_is_never_augmented(begun):
    parts, (split, *_) = parts_of(begun, augmentation=["noise"])
    parts = parts.fitted_on(split.train)
    assert parts.loader(split.train, learning=True).parts.augmenting is not None
    assert parts.loader(split.train).parts.augmenting is None
    for loader in (parts.loader(split.other), parts.loader(split.train)):
        for epoch in (0, 1):
            assert all(drawn == () for batch in loader.batches(epoch) for drawn in batch.drawn)

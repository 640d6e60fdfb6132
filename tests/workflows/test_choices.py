"""From names to components: every unknown name and unfit option at once, nothing built for good."""

import pytest

from fimbria.errors import ProblemsError
from fimbria.workflows.choices import resolve


def changed(begun, **sections):
    return begun.experiment.changed(sections)


def problems(experiment):
    with pytest.raises(ProblemsError) as caught:
        resolve(experiment)
    return [str(problem) for problem in caught.value.problems]


def test_channels_and_augmentations_are_found_in_their_order(begun):
    data = {
        "channels": ["flair-linear", {"name": "pet-linear", "tracer": "18FFDG", "region": "pons"}],
        "augmentation": ["noise", {"name": "flip", "probability": 0.25}, "noise"],
    }
    choices = resolve(changed(begun, data=data))
    assert [choice.component.name for choice in choices.pipelines] == ["t1-linear", "flair-linear", "pet-linear"]
    assert choices.channels[1].options["tracer"] == "18FFDG"
    assert [choice.component.name for choice in choices.augmentation] == ["noise", "flip", "noise"]
    assert choices.augmentation[1].options["probability"] == 0.25
    record = choices.record
    assert [one["name"] for one in record["channels"]] == ["flair-linear", "pet-linear"]
    assert [one["name"] for one in record["augmentation"]] == ["noise", "flip", "noise"]
    found = [(kind, place, component.name) for kind, place, component in choices.components()]
    assert ("channels", 1, "pet-linear") in found
    assert ("augmentation", 2, "noise") in found
    assert ("pipeline", None, "t1-linear") in found


def test_everything_wrong_is_said_at_once(begun):
    data = {
        "channels": ["flair-linea", {"name": "pet-linear", "tracer": "18FFDG", "region": "moon"}],
        "augmentation": ["noize", {"name": "flip", "probability": 2}, {"name": "gamma", "colour": 1}],
    }
    said = problems(changed(begun, data=data, network={"name": "conv9"}))
    assert len(said) == 6
    for word in ("flair-linea", "moon", "noize", "probability = 2", "colour", "conv9"):
        assert sum(word in text for text in said) == 1, (word, said)


def test_what_cannot_run_on_the_device_is_refused_there_only(begun):
    pytest.importorskip("torchio")
    data = {"augmentation": ["noise", {"name": "torchio", "transform": "RandomNoise"}]}
    here = changed(begun, data=data)
    assert len(resolve(here).augmentation) == 2
    said = problems(here.changed({"compute": {"augment_on": "device"}}))
    assert len(said) == 1
    assert "'torchio' cannot run on the device" in said[0]


def test_what_is_arithmetic_runs_on_the_device(begun):
    data = {"augmentation": ["noise", "flip", "gamma", "motion"]}
    assert len(resolve(changed(begun, data=data, compute={"augment_on": "device"})).augmentation) == 4

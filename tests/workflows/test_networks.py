"""One network for each part of an image, and trainings side by side."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import fimbria
from breaking import Breaking, PowerCutError, kept_bytes
from fimbria import tables
from fimbria.errors import FimbriaError
from fimbria.results.maps.integrity import damage
from fimbria.results.maps.maps import Maps
from fimbria.results.maps.training import networks_in
from fimbria.results.predictions.ensemble import part_weights, vote, vote_left_out
from fimbria.results.predictions.table import together
from fimbria.workflows import train as workflow
from fimbria.workflows.plan import plan
from fimbria.workflows.scoring import score_training
from fimbria.workflows.train import resume

EACH = {
    "data": {"extraction": {"name": "patch", "size": 8, "stride": 4}},
    "optimization": {"networks": "per-part", "epochs": 1},
}


@pytest.fixture(scope="module")
def each(begun, tmp_path_factory):
    """A study with a network for each patch."""
    study = begun.copy(tmp_path_factory.mktemp("each"))
    fimbria.train(study.experiment.changed(EACH), study.maps)
    return study


def numbers(maps):
    return networks_in(maps.paths, 0, "loss")


def test_each_part_has_its_own_weights_log_and_contract(each):
    maps = Maps(each.maps)
    assert len(numbers(maps)) > 1
    for split in (0, 1):
        for number in numbers(maps):
            training = maps.training(split, number)
            assert training.is_trained()
            assert training.weights("loss").is_file()
            assert len(training.read_log()) == 1
            own = maps.scores.predictions(split, "loss", "validation", "patch", number).frame
            assert set(own["patch_id"]) == {number}
        together = maps.scores.predictions(split, "loss", "validation", "patch").frame
        assert sorted(set(together["patch_id"])) == numbers(maps)
        assert maps.scores.predictions(split, "loss", "validation", "image").sessions == 3
    assert damage(maps.paths) == []


def test_each_network_predicts_its_own_part(each):
    made = fimbria.predict(each.maps, each.test, group="test")
    maps = Maps(each.maps)
    assert made.metrics is not None
    for split in (0, 1):
        parts = maps.scores.predictions(split, "loss", "test", "patch").frame
        assert sorted(set(parts["patch_id"])) == numbers(maps)
    assert np.isfinite(made.table.probabilities()).all()


def said_otherwise(maps, split, group, network, rng):
    """Keep other predictions of a network, drawn by lot: those of a training so short are all alike."""
    table = maps.scores.predictions(split, "loss", group, "patch", network)
    ad = rng.random(len(table.frame))
    called = np.where(ad > 0.5, "AD", "CN")
    frame = table.frame.assign(p_AD=ad, p_CN=1 - ad, predicted_label=called)
    maps.scores.keep_predictions(split, "loss", group, replace(table, frame=frame), network)


def test_nobody_is_voted_with_weights_that_he_had_a_part_in(each, tmp_path):
    study = each.copy(tmp_path)
    maps, planned, rng = Maps(study.maps), plan(each.experiment.changed(EACH)), np.random.default_rng(3)
    for split in planned.splits:
        for group, network in product(("train", "validation"), numbers(maps)):
            said_otherwise(maps, split.index, group, network, rng)
        score_training(planned.of(split.index), split, maps)
        training, validation = (
            maps.scores.predictions(split.index, "loss", group, "patch") for group in ("train", "validation")
        )
        fair = {"train": vote(training, part_weights(validation)), "validation": vote_left_out(validation)}
        unfair = {
            group: vote(own, part_weights(own)) for group, own in (("train", training), ("validation", validation))
        }
        for group in ("train", "validation"):
            kept = maps.scores.predictions(split.index, "loss", group, "image").probabilities()
            np.testing.assert_allclose(kept, fair[group].probabilities(), rtol=1e-9)
            assert not np.allclose(kept, unfair[group].probabilities(), rtol=1e-3)


def test_a_group_is_voted_with_the_weights_of_each_split_s_own_validation_people(each, tmp_path):
    study, rng = each.copy(tmp_path), np.random.default_rng(4)
    maps = Maps(study.maps)
    for split, network in product((0, 1), numbers(maps)):
        said_otherwise(maps, split, "validation", network, rng)
    fimbria.predict(study.maps, study.test, group="voted")
    weights = [
        part_weights(
            together([maps.scores.predictions(split, "loss", "validation", "patch", n) for n in numbers(maps)])
        )
        for split in (0, 1)
    ]
    for split in (0, 1):
        table, kept = (maps.scores.predictions(split, "loss", "voted", level) for level in ("patch", "image"))
        np.testing.assert_allclose(kept.probabilities(), vote(table, weights[split]).probabilities(), rtol=1e-9)
        others = vote(table, weights[1 - split]).probabilities()
        assert not np.allclose(kept.probabilities(), others, rtol=1e-9)


def of_training(maps):
    return {name: content for name, content in kept_bytes(maps).items() if "/test/" not in name}


@pytest.mark.parametrize("after", [2, 5])
def test_broken_within_and_between_networks_and_resumed_is_the_unbroken_run(each, begun, tmp_path, after):
    experiment = begun.experiment.changed(EACH).changed({"compute": {"checkpoint_minutes": 1e-6}})
    with pytest.raises(PowerCutError):
        fimbria.train(experiment, tmp_path / "maps", show=Breaking(after))
    resume(tmp_path / "maps")
    assert of_training(tmp_path / "maps") == of_training(each.maps)
    assert damage(Maps(tmp_path / "maps").paths) == []


def cut(*_):
    raise PowerCutError


def test_broken_between_training_and_scoring_is_the_unbroken_run(each, begun, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(workflow, "score_training", cut)
        with pytest.raises(PowerCutError):
            fimbria.train(begun.experiment.changed(EACH), tmp_path / "maps")
    assert not Maps(tmp_path / "maps").training(0).is_finished()
    resume(tmp_path / "maps")
    assert of_training(tmp_path / "maps") == of_training(each.maps)


def test_side_by_side_gives_the_bytes_of_one_after_the_other(each, begun, tmp_path):
    changes = {"compute": {"side_by_side": 2}}
    fimbria.train(begun.experiment.changed(EACH).changed(changes), tmp_path / "maps")
    assert of_training(tmp_path / "maps") == of_training(each.maps)


def test_splits_side_by_side_give_the_bytes_of_one_after_the_other(trained, begun, tmp_path):
    fimbria.train(begun.experiment.changed({"compute": {"side_by_side": 2}}), tmp_path / "maps")
    ours = {name: content for name, content in kept_bytes(trained.maps).items() if "test" not in name}
    assert kept_bytes(tmp_path / "maps") == ours


def test_one_network_each_for_one_part_is_refused(begun):
    with pytest.raises(FimbriaError, match=r"gives one part only.*--optimization.networks one"):
        plan(begun.experiment.changed({"optimization": {"networks": "per-part"}}))


def test_networks_of_parts_begin_with_those_of_the_same_parts(each, begun, tmp_path):
    experiment = begun.experiment.changed(EACH).changed({"transfer": {"maps": str(each.maps), "freeze": 2}})
    maps = fimbria.train(experiment, tmp_path / "maps")
    for number in numbers(maps):
        first = (maps.root / "transfer/split-0" / f"network-{number}" / "initial.safetensors").is_file()
        assert first
    with pytest.raises(FimbriaError, match="one for each part, do not fit one network for all"):
        plan(begun.experiment.changed({"transfer": {"maps": str(each.maps)}}))


def test_one_network_for_all_serves_each_part(trained, begun, tmp_path):
    experiment = begun.experiment.changed(EACH).changed({"transfer": {"maps": str(trained.maps)}})
    with pytest.raises(FimbriaError):
        plan(experiment.changed({"network": {"name": "ae-conv5-fc3"}}))
    maps = fimbria.train(experiment, tmp_path / "maps")
    assert maps.training(1).is_finished()


def test_values_of_parts_are_combined_at_image_level(begun, tmp_path):
    study = begun.copy(tmp_path)
    experiment = study.experiment.changed(EACH).changed({"task": {"name": "regression", "label": "age"}})
    study_maps = fimbria.train(experiment, study.maps)
    image = study_maps.scores.predictions(0, "loss", "validation", "image")
    listed = tables.read(study.folds / "split-0" / "validation.tsv")
    assert set(image.numbers("true_value")) <= set(listed["age"])

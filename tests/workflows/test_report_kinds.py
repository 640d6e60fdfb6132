"""A report of whatever was learnt: values with their agreement, images by their measures, data sets apart."""

import re
from dataclasses import replace

import pytest

import fimbria
from fimbria.results.maps.maps import Maps
from fimbria.workflows.report import report


@pytest.fixture(scope="module")
def ages(begun, tmp_path_factory):
    study = begun.copy(tmp_path_factory.mktemp("ages"))
    chosen = study.experiment.changed({"task": {"name": "regression", "label": "age"}})
    fimbria.train(chosen, study.maps)
    fimbria.predict(study.maps, study.test, group="test")
    return study


def words(study):
    text = report(study.maps).read_text(encoding="utf-8")
    return text, re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)))


def test_a_value_is_told_in_its_unit_beside_the_mean_of_the_training_people(ages):
    text, told = words(ages)
    fitted = [Maps(ages.maps).fitted(split)["task"] for split in (0, 1)]
    low, high = min(one["low"] for one in fitted), max(one["high"] for one in fitted)
    assert "it reached a mean absolute error of" in told
    assert f"Their values went from {low:g} to {high:g}" in told
    assert "It minimised the loss mse." in told
    assert re.search(r"the mean value of the training people would have an error of \d+\.\d+ \[", told)
    assert "With several classes" not in told
    assert "MAE of mean" in told
    assert "Predicted against true values" in told
    assert "guessing" not in told
    assert "Balanced accuracy" not in told
    assert len(re.findall("Predicted against true, test", text)) >= 2


def test_a_reconstruction_is_told_by_its_measures(begun, tmp_path):
    study = begun.copy(tmp_path)
    chosen = {"task": {"name": "reconstruction"}, "network": "ae-conv5-fc3", "optimization": {"epochs": 1}}
    fimbria.train(study.experiment.changed(chosen), study.maps)
    _, told = words(study)
    assert "learnt to give back the images themselves" in told
    assert "the structural similarity is" in told
    assert {"SSIM", "PSNR", "MAE", "MSE"} <= set(told.split())


def test_other_weights_covariates_and_networks_of_parts_are_told(begun, ages, tmp_path):
    study = begun.copy(tmp_path)
    weights = ages.maps / "split-0" / "best-loss" / "model.safetensors"
    chosen = {
        "data": {"extraction": {"name": "patch", "size": 8, "stride": 4}, "covariates": ["sex"]},
        "task": {"loss": {"label_smoothing": 0.1}},
        "network": {"name": "with-covariates", "encoder": "conv4-fc3", "encoder_options": {"dropout": 0.1}},
        "optimization": {"epochs": 1, "networks": "per-part", "sampler": "balanced"},
    }
    fimbria.train(study.experiment.changed(chosen), study.maps)
    _, told = words(study)
    assert re.search(
        r"8 networks \(with-covariates\), one for each part of an image, learnt to tell AD and CN apart", told
    )
    assert "and was told sex from the tables" in told
    assert (
        "It minimised the loss cross-entropy (label_smoothing = 0.1); samples were drawn by the sampler balanced."
        in told
    )
    other = begun.copy(tmp_path / "other")
    begin = {"transfer": {"weights": str(weights), "freeze": 2}, "optimization": {"epochs": 1}}
    fimbria.train(other.experiment.changed(begin), other.maps)
    fimbria.predict(other.maps, other.test, group="test")
    _, told = words(other)
    assert re.search(r"It began with the weights of model.safetensors: \d+ of \d+ tensors were taken over", told)
    assert "4 of 26 tensors that could learn stay as they are" in told
    assert "Whom those weights had seen is not known" in told
    assert "Whom the weights had seen before is not known" in told


def test_people_of_weights_that_were_begun_with_are_not_counted_as_those_of_the_training(begun, trained, tmp_path):
    study = begun.copy(tmp_path)
    fimbria.train(
        study.experiment.changed({"transfer": {"maps": str(trained.maps)}, "optimization": {"epochs": 1}}), study.maps
    )
    before, own = (Maps(one.maps).group("train", 0).participant_count for one in (trained, study))
    _, told = words(study)
    assert before
    assert own
    assert "splits of 6 participants" in told
    assert "It began with the weights of maps:" in told


def test_a_value_that_is_the_same_for_everybody_tells_nobody_apart(ages, tmp_path):
    study = ages.copy(tmp_path)
    maps = Maps(study.maps)
    table = maps.scores.predictions(None, "loss", "test", "image")
    frame = table.frame.assign(predicted_value=[64.0 + 1e-4 * row for row in range(len(table.frame))])
    maps.scores.keep_predictions(None, "loss", "test", replace(table, frame=frame))
    _, told = words(study)
    assert "every image was called about 64.0" in told


def test_of_people_whose_truth_is_known_in_part_the_number_is_told(ages, tmp_path):
    study = ages.copy(tmp_path)
    maps = Maps(study.maps)
    for split in (None, 0, 1):
        table = maps.scores.predictions(split, "loss", "test", "image")
        frame = table.frame.assign(true_value=table.frame["true_value"].where(table.frame.index > 0))
        maps.scores.keep_predictions(split, "loss", "test", replace(table, frame=frame))
        scores = maps.scores.metrics(split, "loss", "test", "image")
        maps.scores.keep_metrics(split, "loss", "test", "image", scores.assign(n_participants=1))
    _, told = words(study)
    assert "The truth is known of 1 of the 2 participants of this group" in told

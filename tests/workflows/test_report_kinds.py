"""A report of whatever was learnt: values with their agreement, images by their measures, data sets apart."""

import re

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
    fitted = Maps(ages.maps).fitted(0)["task"]
    assert "it reached a mean absolute error of" in told
    assert f"Their values went from {fitted['low']:g} to {fitted['high']:g}" in told
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

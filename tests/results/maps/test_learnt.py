"""What a MAPS keeps of a task: what each split took from its people, each network's place, code, metrics by data set."""

from __future__ import annotations

import hashlib

import pandas as pd
import pytest

from fimbria.errors import MapsError
from fimbria.results.maps.maps import Maps
from fimbria.results.maps.training import networks_in


@pytest.fixture
def make(tmp_path, experiment):
    def made(**record):
        given = {"splits": [0, 1], "components": {}, "fitted": [], **record}
        return Maps.create(tmp_path / "made", experiment, given)

    return made


def test_what_each_split_took_is_its_own(make):
    maps = make(fitted=[{"split": 1, "task": {"mean": 2}, "covariates": [1]}, {"split": 0, "task": {"mean": 1}}])
    assert maps.fitted(0) == {"task": {"mean": 1}, "covariates": []}
    assert maps.fitted(1) == {"task": {"mean": 2}, "covariates": [1]}
    with pytest.raises(MapsError, match="split-2"):
        maps.fitted(2)


def test_the_first_version_kept_one_for_all(make):
    maps = make(fitted={"classes": ["AD", "CN"]})
    assert maps.fitted(0) == maps.fitted(1) == {"task": {"classes": ["AD", "CN"]}, "covariates": []}
    assert maps.columns == ["diagnosis"]


@pytest.mark.parametrize("broken", [[3], [{"split": 0}], [{"split": 0, "task": 3}]])
def test_a_split_of_which_nothing_is_kept_is_said(make, broken):
    with pytest.raises(MapsError, match="does not say what split-0"):
        make(fitted=broken).fitted(0)


def test_networks_are_told_by_their_numbers_in_order(make, predictions):
    maps = make()
    assert networks_in(maps.paths, 0, "loss") == [None]
    for number in (10, 2):
        maps.training(0, number).keep_weights("loss", lambda path: path.write_text("x"), {})
        maps.training(0, number).mark_trained({})
        maps.scores.keep_predictions(0, "loss", "train", predictions("patch"), number)
    assert networks_in(maps.paths, 0, "loss") == [2, 10]
    assert networks_in(maps.paths, 1, "loss") == [None]
    assert maps.training(0, 2).is_trained()
    assert not maps.training(0, 3).is_trained()
    assert not maps.training(0).is_trained()
    assert maps.scores.predictions(0, "loss", "train", "patch", 10).sessions == 2
    with pytest.raises(MapsError, match="no predictions"):
        maps.scores.predictions(0, "loss", "train", "patch")


def test_code_is_kept_by_its_hash(make, tmp_path):
    file = tmp_path / "mine.py"
    file.write_bytes("x = 'ä'\r\n".encode())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    maps = make(code={f"{file}:net": digest})
    maps.code.keep({f"{file}:net": file})
    found, copy = maps.code.find(f"{file}:net")
    assert found == digest
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == digest


def test_metrics_of_each_data_set_come_back(make):
    maps = make()
    assert maps.scores.by_data_set(0, "loss", "test", "image") is None
    frame = pd.DataFrame({"dataset": ["001", "2"], "metric": "mae", "class": "overall", "value": [1.5, 2.5]})
    maps.scores.keep_by_data_set(0, "loss", "test", "image", frame)
    again = maps.scores.by_data_set(0, "loss", "test", "image")
    assert again["dataset"].tolist() == ["001", "2"]
    assert again["value"].tolist() == [1.5, 2.5]

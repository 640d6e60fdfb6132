"""What a network is given beside the image, from the tables of a training to those of a prediction."""

from __future__ import annotations

import numpy as np
import pytest

import fimbria
from breaking import Breaking, PowerCutError, Telling, kept_bytes
from fimbria import tables
from fimbria.cli.app import run
from fimbria.errors import FimbriaError, ProblemsError
from fimbria.results.maps.maps import Maps
from fimbria.workflows import plan as planning
from fimbria.workflows.plan import plan
from fimbria.workflows.train import resume

WITH = {"data": {"covariates": ["age", "sex"]}, "network": {"name": "with-covariates", "features": 4, "hidden": 4}}


def changed_lists(study, change):
    for path in [*study.folds.rglob("train.tsv"), *study.folds.rglob("validation.tsv"), study.test]:
        tables.write(change(tables.read(path, text=["participant_id", "session_id"])), path)
    (study.folds / "kfold.json").unlink()


@pytest.fixture(scope="module")
def given(begun, tmp_path_factory):
    """A study whose network is given age and sex; somebody's age is missing."""
    study = begun.copy(tmp_path_factory.mktemp("given"))
    changed_lists(study, lambda frame: frame.assign(age=frame["age"].where(frame["participant_id"] != "sub-04")))
    fimbria.train(study.experiment.changed(WITH), study.maps)
    return study


def test_everything_is_fitted_on_the_training_people_of_each_split(given):
    maps = Maps(given.maps)
    for split in (0, 1):
        frame = maps.group("train", split).frame
        age, sex = maps.fitted(split)["covariates"]
        ages = frame["age"].dropna().to_numpy(float)
        assert (age["mean"], age["deviation"]) == (pytest.approx(ages.mean()), pytest.approx(ages.std()))
        assert list(sex["categories"]) == sorted(set(frame["sex"]))
    assert maps.fitted(0)["covariates"] != maps.fitted(1)["covariates"]


def test_a_prediction_hears_of_the_table_and_a_strange_value_is_none(given, tmp_path):
    frame = tables.read(given.test, text=["participant_id", "session_id"])
    said = {}
    for name, table in {
        "known": frame,
        "older": frame.assign(age=frame["age"] + 30),
        "strange": frame.assign(sex="X"),
        "missing": frame.assign(sex=None, age=None),
        "lacking": frame.assign(sex=None),
    }.items():
        tables.write(table, tmp_path / f"{name}.tsv")
        said[name] = fimbria.predict(given.maps, tmp_path / f"{name}.tsv", group=name).table.probabilities()
        assert np.isfinite(said[name]).all()
    assert not np.allclose(said["known"], said["older"], atol=1e-9)
    np.testing.assert_array_equal(said["strange"], said["lacking"])


def test_values_that_the_network_cannot_be_told_are_counted(given, tmp_path):
    frame = tables.read(given.test, text=["participant_id", "session_id"])
    tables.write(frame.assign(sex=["X", *frame["sex"][1:]], age=np.nan), tmp_path / "test.tsv")
    study, said = given.copy(tmp_path / "study"), Telling()
    fimbria.predict(study.maps, tmp_path / "test.tsv", group="untold", show=said)
    assert any("Note: sex is empty, or was never seen in training, for 1 session" in one for one in said.said)
    assert any(
        f"Note: age is empty, or was never seen in training, for {len(frame)} sessions" in one for one in said.said
    )


def test_numbers_in_another_unit_are_told(given, tmp_path):
    frame = tables.read(given.test, text=["participant_id", "session_id"])
    tables.write(frame.assign(age=frame["age"] * 12), tmp_path / "months.tsv")
    study, said = given.copy(tmp_path / "study"), Telling()
    fimbria.predict(study.maps, tmp_path / "months.tsv", group="months", show=said)
    assert any("more than 5 standard deviations from the mean of the training people" in one for one in said.said)


def test_a_prediction_without_the_column_is_refused_before_an_image_is_read(given, tmp_path, monkeypatch):
    frame = tables.read(given.test, text=["participant_id", "session_id"])
    tables.write(frame.drop(columns=["age", "sex"]), tmp_path / "bare.tsv")
    monkeypatch.setattr("fimbria.workflows.predict.images", None)
    with pytest.raises(ProblemsError, match=r"'age'[\s\S]*'sex'"):
        fimbria.predict(given.maps, tmp_path / "bare.tsv", group="bare")
    assert "bare" not in Maps(given.maps).groups


@pytest.mark.parametrize("after", [2, 5])
def test_broken_anywhere_and_resumed_is_the_unbroken_run(given, tmp_path, after):
    experiment = given.experiment.changed(WITH).changed({"compute": {"checkpoint_minutes": 1e-6}})
    with pytest.raises(PowerCutError):
        fimbria.train(experiment, tmp_path / "maps", show=Breaking(after))
    resume(tmp_path / "maps")
    of_training = {
        name: content for name, content in kept_bytes(given.maps).items() if name in kept_bytes(tmp_path / "maps")
    }
    assert kept_bytes(tmp_path / "maps") == of_training


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"data": {"covariates": ["age"]}}, "covariates"),
        ({"network": {"name": "with-covariates"}}, "covariates"),
        ({"data": {"covariates": ["age", "height"]}, "network": {"name": "with-covariates"}}, "height"),
        (
            {"data": {"covariates": ["age"]}, "network": {"name": "with-covariates", "encoder": "ae-conv5-fc3"}},
            "ae-conv5-fc3",
        ),
        ({"data": {"covariates": ["age"]}, "network": {"name": "with-covariates", "encoder": "conv"}}, "conv"),
    ],
)
def test_networks_and_covariates_that_do_not_go_together_are_refused(begun, changes, sentence):
    with pytest.raises(FimbriaError, match=sentence):
        plan(begun.experiment.changed(changes))


def test_a_column_that_nobody_in_training_has_a_value_of_is_refused_before_an_image_is_read(
    begun, tmp_path, monkeypatch
):
    study = begun.copy(tmp_path)
    changed_lists(study, lambda frame: frame.assign(age=None))
    monkeypatch.setattr(planning, "images", None)
    with pytest.raises(ProblemsError, match=r"split-0.*no session of .* has a value of 'age'"):
        plan(study.experiment.changed(WITH))


def test_words_among_the_numbers_of_a_group_are_not_silently_missing(given, tmp_path):
    frame = tables.read(given.test, text=["participant_id", "session_id"])
    tables.write(frame.assign(age="seventy"), tmp_path / "words.tsv")
    with pytest.raises(FimbriaError, match="seventy"):
        fimbria.predict(given.maps, tmp_path / "words.tsv", group="words")


def test_an_infinite_number_of_somebody_in_training_is_refused_before_an_image_is_read(begun, tmp_path):
    study = begun.copy(tmp_path)
    changed_lists(
        study, lambda frame: frame.assign(age=frame["age"].where(frame["participant_id"] != "sub-04", np.inf))
    )
    with pytest.raises(ProblemsError, match=r"split-1: age holds what is no number in .*train.tsv: inf"):
        plan(study.experiment.changed(WITH))


def test_the_label_is_no_covariate(begun):
    experiment = begun.experiment.changed(
        {"data": {"covariates": ["diagnosis"]}, "network": {"name": "with-covariates"}}
    )
    with pytest.raises(FimbriaError, match="diagnosis"):
        plan(experiment)


def test_the_command_line_takes_several(begun, tmp_path, capsys):
    words = [
        "train",
        begun.toml,
        tmp_path / "maps",
        "--data.covariates",
        "age",
        "sex",
        "--network.name",
        "with-covariates",
        "--quiet",
    ]
    assert run([str(word) for word in words]) == 0, capsys.readouterr().err
    words = ["predict", tmp_path / "maps", begun.test, "--group", "test", "--quiet"]
    assert run([str(word) for word in words]) == 0, capsys.readouterr().err

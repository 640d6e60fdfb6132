"""Classes of one data set learnt with the help of another, from end to end."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

import fimbria
from breaking import Breaking, PowerCutError, kept_bytes
from fimbria import tables
from fimbria.data.images import nifti
from fimbria.errors import FimbriaError, ProblemsError
from fimbria.geometry import Grid
from fimbria.results.maps.maps import Maps
from fimbria.workflows import plan as planning
from fimbria.workflows.plan import plan
from fimbria.workflows.train import resume

NETWORK = {"name": "conv5-fc3-ssda", "dropout": 0.3}


def in_two(frame):
    """Put the first people of a list into one data set and the others into another."""
    home = frame["participant_id"].isin(["sub-01", "sub-02", "sub-03", "sub-04"])
    return frame.assign(dataset=np.where(home, "HOME", "AWAY"))


def described(study, **task):
    caps = {"HOME": study.caps, "AWAY": study.root / "away"}
    chosen = {"name": "domain-adaptation", "target": "HOME", "label": "diagnosis", "positive": "AD", **task}
    return study.experiment.elsewhere(caps).changed({"task": chosen, "network": NETWORK, "optimization": {"epochs": 3}})


@pytest.fixture(scope="module")
def two(begun, tmp_path_factory):
    """A study of two data sets; one participant of the target has no label."""
    study = begun.copy(tmp_path_factory.mktemp("two"))
    rows = {}
    for split, (train, validation) in enumerate([("13567", "248"), ("24568", "137")]):
        for side, numbers in (("train", train), ("validation", validation)):
            rows[split, side] = [f"sub-{int(number):02d}" for number in numbers]
    everybody = tables.read(study.caps / "data.tsv", text=["participant_id", "session_id"])
    for (split, side), who in rows.items():
        frame = in_two(everybody[everybody["participant_id"].isin(who)])
        unknown = frame["participant_id"].isin(["sub-03" if side == "train" else "sub-04"]) & (split == 0)
        frame = frame.assign(diagnosis=frame["diagnosis"].where(~unknown))
        tables.write(frame, study.folds / f"split-{split}" / f"{side}.tsv")
    (study.folds / "kfold.json").unlink()
    shutil.copytree(study.caps, study.root / "away")
    return study


@pytest.fixture(scope="module")
def adapted(two, tmp_path_factory):
    study = two.copy(tmp_path_factory.mktemp("adapted"))
    fimbria.train(described(study, selection_metrics=["loss"]), study.maps)
    return study


def test_validates_on_labelled_people_of_the_target_alone(adapted):
    maps = Maps(adapted.maps)
    validation = maps.scores.predictions(0, "loss", "validation", "image").frame
    assert set(validation["dataset"]) == {"HOME"}
    assert set(validation["participant_id"]) == {"sub-02"}
    assert validation["true_label"].notna().all()


def test_learns_from_people_of_the_target_without_a_label(adapted):
    table = Maps(adapted.maps).scores.predictions(0, "loss", "train", "image").frame
    labels = table.groupby("participant_id")["true_label"].agg(lambda column: set(column.dropna()))
    assert labels.to_dict() == {"sub-01": {"AD"}, "sub-03": set(), "sub-05": {"AD"}, "sub-06": {"CN"}, "sub-07": {"AD"}}
    assert np.isfinite(table["loss"]).all()
    assert set(table["dataset"]) == {"HOME", "AWAY"}


def test_predicts_a_group_of_the_target(adapted, tmp_path):
    place = adapted.caps / "subjects" / "sub-99" / "ses-M000" / "t1_linear"
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (-6, -7, -6)
    array = np.random.default_rng(5).normal(100, 10, (12, 14, 13)).astype("f4")
    name = adapted.image("sub-01").name.replace("sub-01", "sub-99")
    nifti.write(place / name, array, Grid(array.shape, affine))
    listed = {"dataset": ["HOME"], "participant_id": ["sub-99"], "session_id": ["ses-M000"], "diagnosis": ["CN"]}
    tables.write(pd.DataFrame(listed), tmp_path / "new.tsv")
    made = fimbria.predict(adapted.maps, tmp_path / "new.tsv", group="new")
    assert made.table.classes == ("AD", "CN")
    assert made.metrics is not None


@pytest.mark.parametrize("after", [4, 9])
def test_broken_anywhere_and_resumed_is_the_unbroken_run(adapted, two, tmp_path, after):
    study = two.copy(tmp_path)
    experiment = described(study, selection_metrics=["loss"]).changed({"compute": {"checkpoint_minutes": 1e-6}})
    with pytest.raises(PowerCutError):
        fimbria.train(experiment, study.maps, show=Breaking(after))
    resume(study.maps)
    again = kept_bytes(study.maps)
    assert again == {name: content for name, content in kept_bytes(adapted.maps).items() if name in again}
    assert any(name.endswith(".safetensors") for name in again)


@pytest.mark.parametrize("sampler", ["weighted", "balanced"])
def test_samplers_take_data_set_and_class_together(two, tmp_path, sampler):
    study = two.copy(tmp_path)
    experiment = described(study).changed({"optimization": {"sampler": {"name": sampler}}})
    maps = fimbria.train(experiment, study.maps)
    assert maps.training(0).is_finished()


@pytest.mark.parametrize(
    ("task", "network", "sentence"),
    [
        ({"target": "NOWHERE"}, NETWORK, "nobody in training is of the target data set 'NOWHERE'.*AWAY, HOME"),
        ({"target": None}, NETWORK, "target"),
        ({"domain_weight": -1}, NETWORK, "domain_weight"),
        ({"selection_metrics": ["mae"]}, NETWORK, "mae"),
    ],
)
def test_what_does_not_fit_is_refused_before_an_image_is_read(two, monkeypatch, task, network, sentence):
    monkeypatch.setattr(planning, "images", None)
    with pytest.raises(FimbriaError, match=sentence):
        plan(described(two, **task).changed({"network": network}))


def test_a_network_without_heads_for_domains_is_refused_before_training(two):
    with pytest.raises(FimbriaError, match=r"domain"):
        plan(described(two).changed({"network": {"name": "conv5-fc3"}}))


def test_a_network_with_heads_for_domains_is_refused_for_a_classification(begun):
    with pytest.raises(FimbriaError, match=r"a head for each of two data sets.*--task.name domain-adaptation"):
        plan(begun.experiment.changed({"network": NETWORK}))


def test_nobody_of_the_target_in_validation_is_said_in_words(two, tmp_path, monkeypatch):
    study = two.copy(tmp_path)
    path = study.folds / "split-0" / "validation.tsv"
    frame = tables.read(path, text=["participant_id", "session_id"])
    tables.write(frame.assign(dataset="AWAY", diagnosis="CN"), path)
    monkeypatch.setattr(planning, "images", None)
    with pytest.raises(FimbriaError, match=r"split-0.*HOME|validat"):
        plan(described(study))


def test_a_source_without_a_label_is_refused(two, tmp_path):
    study = two.copy(tmp_path)
    path = study.folds / "split-0" / "train.tsv"
    frame = tables.read(path, text=["participant_id", "session_id"])
    tables.write(frame.assign(diagnosis=frame["diagnosis"].where(frame["participant_id"] != "sub-05")), path)
    with pytest.raises(ProblemsError, match="split-0"):
        plan(described(study))

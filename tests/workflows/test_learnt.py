"""Everything that can be learnt, from end to end: values, images, several classes; what is refused before it starts."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import fimbria
from breaking import Breaking, PowerCutError, Telling, kept_bytes
from fimbria import tables
from fimbria.cli.app import run
from fimbria.errors import FimbriaError, ProblemsError
from fimbria.experiment import files
from fimbria.results.maps.maps import Maps
from fimbria.workflows import plan as planning
from fimbria.workflows.plan import plan
from fimbria.workflows.train import resume

REGRESSION = {"task": {"name": "regression", "label": "age", "selection_metrics": ["loss", "MAE", "r2"]}}
RECONSTRUCTION = {
    "task": {"name": "reconstruction", "selection_metrics": ["loss", "ssim"]},
    "network": {"name": "ae-conv5-fc3"},
}
VARIATIONAL = {
    "task": {"name": "reconstruction", "loss": "vae-gaussian"},
    "network": {"name": "vae-dense", "latent_size": 4, "n_conv": 1},
}


def rewritten(path, change):
    frame = tables.read(path, text=["participant_id", "session_id"])
    tables.write(change(frame), path)


def each_list(study):
    return [*study.folds.rglob("train.tsv"), *study.folds.rglob("validation.tsv"), study.test]


def changed_lists(study, change):
    for path in each_list(study):
        rewritten(path, change)
    (study.folds / "kfold.json").unlink()  # it has the hash of each list


@pytest.fixture(scope="module")
def of_age(begun, tmp_path_factory):
    """A study whose ages have more digits than any text is kind to, trained and predicted."""
    study = begun.copy(tmp_path_factory.mktemp("age"))
    changed_lists(study, lambda frame: frame.assign(age=frame["age"] / 3 + 0.1))
    fimbria.train(study.experiment.changed(REGRESSION), study.maps)
    said = Telling()
    fimbria.predict(study.maps, study.test, group="test", show=said)
    return study, said.said


@pytest.fixture(scope="module")
def of_images(begun, tmp_path_factory):
    """An autoencoder of tables that hold nothing but whose images they are."""
    study = begun.copy(tmp_path_factory.mktemp("images"))
    changed_lists(study, lambda frame: frame[["participant_id", "session_id"]])
    fimbria.train(study.experiment.changed(RECONSTRUCTION), study.maps)
    return study


def test_true_values_come_back_to_the_last_bit(of_age):
    study, _ = of_age
    maps = Maps(study.maps)
    for split in (0, 1):
        for group, name in (("train", "train"), ("validation", "validation")):
            table = maps.scores.predictions(split, "loss", group, "image").frame
            listed = maps.group(name, split).frame.set_index(["participant_id", "session_id"])["age"]
            given = table.set_index(["participant_id", "session_id"])["true_value"]
            assert given.to_dict() == listed.loc[given.index].to_dict()
    test = tables.read(study.test).sort_values(["participant_id", "session_id"])
    kept = maps.scores.predictions(None, "loss", "test", "image").frame
    assert kept["true_value"].tolist() == test["age"].tolist()


def test_values_are_standardized_by_the_training_people_of_their_split_alone(of_age):
    study, _ = of_age
    maps = Maps(study.maps)
    for split in (0, 1):
        ages = maps.group("train", split).frame["age"].to_numpy(float)
        fitted = maps.fitted(split)["task"]
        assert fitted == {
            "mean": pytest.approx(ages.mean(), rel=1e-12),
            "deviation": pytest.approx(ages.std(ddof=1), rel=1e-12),
            "low": ages.min(),
            "high": ages.max(),
        }
        table = maps.scores.predictions(split, "loss", "validation", "image").frame
        errors = (table["true_value"] - table["predicted_value"]) / fitted["deviation"]
        np.testing.assert_allclose(table["loss"], errors**2, rtol=1e-5)
    assert maps.fitted(0) != maps.fitted(1)


def test_the_measure_of_who_says_the_mean_is_of_the_mean_of_the_training(of_age):
    study, _ = of_age
    maps = Maps(study.maps)
    metrics = maps.scores.metrics(0, "loss", "validation", "image").set_index("metric")["value"]
    truth = maps.scores.predictions(0, "loss", "validation", "image").numbers("true_value")
    assert metrics["mae-of-mean"] == pytest.approx(np.abs(truth - maps.fitted(0)["task"]["mean"]).mean())


def test_a_group_is_predicted_in_the_units_of_each_split_s_own_training_people(of_age):
    study, _ = of_age
    maps = Maps(study.maps)
    for split in (0, 1):
        table = maps.scores.predictions(split, "loss", "test", "image").frame
        deviations = np.abs(table["true_value"] - table["predicted_value"]) / np.sqrt(table["loss"])
        np.testing.assert_allclose(deviations, maps.fitted(split)["task"]["deviation"], rtol=1e-4)


def test_the_mean_of_splits_is_scored_against_the_mean_of_the_training(of_age):
    study, _ = of_age
    maps = Maps(study.maps)
    metrics = maps.scores.metrics(None, "loss", "test", "image").set_index("metric")["value"]
    truth = maps.scores.predictions(None, "loss", "test", "image").numbers("true_value")
    sides = [maps.group("train", split).frame for split in (0, 1)]
    everybody = pd.concat(sides).drop_duplicates(["participant_id", "session_id"])
    assert metrics["mae-of-mean"] == pytest.approx(np.abs(truth - everybody["age"].astype(float).mean()).mean())


def test_people_beyond_the_range_of_the_training_are_told(of_age, tmp_path):
    study, _ = of_age
    rewritten_test = tmp_path / "old.tsv"
    frame = tables.read(study.test, text=["participant_id", "session_id"])
    tables.write(frame.assign(age=200.5), rewritten_test)
    said = Telling()
    fimbria.predict(study.maps, rewritten_test, group="old", show=said)
    (note,) = [one for one in said.said if "outside" in one]
    assert f"{len(frame)} sessions with age outside" in note
    assert "range of the training people" in note
    fitted = [Maps(study.maps).fitted(split)["task"] for split in (0, 1)]
    assert f"{min(one['low'] for one in fitted):g} to {max(one['high'] for one in fitted):g}" in note


def test_a_metric_of_spread_cannot_choose_where_validation_has_one_value(begun, tmp_path):
    study = begun.copy(tmp_path)
    for path in study.folds.rglob("validation.tsv"):
        rewritten(path, lambda frame: frame.assign(age=70))
    (study.folds / "kfold.json").unlink()
    with pytest.raises(ProblemsError, match=r"split-0: everybody in validation has the same age, so r2 is undefined"):
        plan(study.experiment.changed(REGRESSION))


def test_a_group_without_values_is_predicted_and_not_scored(of_age, tmp_path):
    study, _ = of_age
    frame = tables.read(study.test, text=["participant_id", "session_id"])
    tables.write(frame[["participant_id", "session_id"]], tmp_path / "some.tsv")
    made = fimbria.predict(study.maps, tmp_path / "some.tsv", group="unlabelled")
    assert made.metrics is None
    assert "true_value" not in made.table.frame
    assert np.isfinite(made.table.numbers("predicted_value")).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda frame: frame.assign(age=70), r"split-0: age has one value only \(70\)"),
        (lambda frame: frame.assign(age="old"), "split-0: age holds what is no number in .*old"),
        (lambda frame: frame.assign(age=frame["age"].where(frame["participant_id"] != "sub-05")), "age"),
        (lambda frame: frame.assign(age=np.inf), "no number"),
        (lambda frame: frame.drop(columns="age"), "age"),
    ],
)
def test_refuses_values_that_cannot_be_learnt_before_an_image_is_read(begun, tmp_path, monkeypatch, change, sentence):
    study = begun.copy(tmp_path)
    changed_lists(study, change)
    monkeypatch.setattr(planning, "images", None)
    with pytest.raises(FimbriaError, match=sentence):
        plan(study.experiment.changed(REGRESSION))


def test_a_group_with_text_for_values_is_refused_in_words(of_age, tmp_path):
    study, _ = of_age
    frame = tables.read(study.test, text=["participant_id", "session_id"])
    tables.write(frame.assign(age="old"), tmp_path / "text.tsv")
    with pytest.raises(ProblemsError, match="no number"):
        fimbria.predict(study.maps, tmp_path / "text.tsv", group="text")
    assert "text" not in Maps(study.maps).groups


@pytest.mark.parametrize("after", [2, 5])
@pytest.mark.parametrize(
    "what",
    [
        REGRESSION,
        VARIATIONAL,
        {"task": {"selection_metrics": ["loss", "roc_auc"]}, "optimization": {"sampler": {"name": "weighted"}}},
    ],
    ids=["regression", "variational", "weighted"],
)
def test_broken_anywhere_and_resumed_is_the_unbroken_run(begun, tmp_path, whole, what, after):
    experiment = begun.experiment.changed(what)
    with pytest.raises(PowerCutError):
        fimbria.train(
            experiment.changed({"compute": {"checkpoint_minutes": 1e-6}}), tmp_path / "maps", show=Breaking(after)
        )
    resume(tmp_path / "maps")
    assert kept_bytes(tmp_path / "maps") == whole(experiment)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Give what an unbroken run keeps, trained once."""
    known = {}

    def bytes_of(experiment):
        key = json.dumps(experiment.plain(), sort_keys=True)
        if key not in known:
            folder = tmp_path_factory.mktemp("whole") / "maps"
            fimbria.train(experiment, folder)
            known[key] = kept_bytes(folder)
        return known[key]

    return bytes_of


def test_images_are_learnt_of_tables_without_any_column(of_images):
    maps = Maps(of_images.maps)
    table = maps.scores.predictions(0, "ssim", "validation", "image")
    assert table.measures == ("mse", "mae", "psnr", "ssim")
    assert {"ssim", "psnr", "mse", "mae"} <= set(maps.scores.metrics(0, "ssim", "validation", "image")["metric"])
    log = maps.training(0).read_log()
    assert {"loss_train", "loss_valid", "ssim_valid"} <= set(log)
    assert np.isfinite(log[["loss_train", "loss_valid"]].to_numpy(float)).all()


def test_a_reconstruction_predicts_people_without_any_column(of_images):
    made = fimbria.predict(of_images.maps, of_images.test, group="test")
    assert made.metrics is not None
    assert made.table.measures == ("mse", "mae", "psnr", "ssim")
    np.testing.assert_allclose(
        10 * np.log10(1 / made.table.numbers("mse")).mean(), made.table.numbers("psnr").mean(), rtol=0.2
    )


def test_a_variational_autoencoder_learns_with_its_own_loss(begun, tmp_path):
    study = begun.copy(tmp_path)
    fimbria.train(study.experiment.changed(VARIATIONAL), study.maps)
    made = fimbria.predict(study.maps, study.test, group="test")
    assert np.isfinite(made.table.losses()).all()
    assert set(made.table.measures) == {"mse", "mae", "psnr", "ssim"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"task": {"name": "reconstruction", "loss": "vae-gaussian"}, "network": {"name": "ae-conv5-fc3"}},
            "variational",
        ),
        ({"task": {"name": "reconstruction"}, "network": {"name": "conv4-fc3"}}, "output_size|image"),
        ({"network": {"name": "ae-conv5-fc3"}}, "network"),
        ({"task": {"name": "regression", "label": "age", "loss": "cross-entropy"}}, "cross-entropy.*values are learnt"),
        ({"task": {"name": "regression", "label": "age", "loss": "bce"}}, "standardize false"),
        (
            {"task": {"name": "reconstruction", "loss": "focal"}, "network": {"name": "ae-conv5-fc3"}},
            "images are learnt",
        ),
        (
            {"task": {"name": "regression", "label": "age", "selection_metrics": ["roc_auc"]}},
            "task.selection_metrics.*roc-auc",
        ),
        ({"task": {"selection_metrics": ["mae"]}}, "task.selection_metrics.*mae"),
        ({"task": {"name": "reconstruction", "selection_metrics": ["r2"]}, "network": {"name": "ae-conv5-fc3"}}, "r2"),
        ({"task": {"name": "regression", "label": "age", "positive": "AD"}}, "positive"),
        ({"task": {"name": "reconstruction", "label": "age"}, "network": {"name": "ae-conv5-fc3"}}, "label"),
        ({"task": {"name": "regresion", "label": "age"}}, "regression"),
        ({"task": {"name": "reconstruction", "kl_weight": -1}, "network": {"name": "ae-conv5-fc3"}}, "kl_weight"),
        ({"task": {"name": "reconstruction", "measures": ["rmse"]}, "network": {"name": "ae-conv5-fc3"}}, "measures"),
        ({"task": {"label": "nothing"}}, "nothing"),
        ({"optimization": {"sampler": {"name": "balance"}}}, "balanced"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_trained(begun, changes, sentence):
    with pytest.raises(FimbriaError, match=sentence):
        plan(begun.experiment.changed(changes))


@pytest.fixture(scope="module")
def three(begun, tmp_path_factory):
    """A study with three classes in each side of each fold."""
    study = begun.copy(tmp_path_factory.mktemp("three"))
    for path in each_list(study):
        people = sorted(set(tables.read(path)["participant_id"]))
        names = {who: "ABC"[number % 3] for number, who in enumerate(people)}
        rewritten(path, lambda frame, names=names: frame.assign(group=frame["participant_id"].map(names)))
    (study.folds / "kfold.json").unlink()
    return study


@pytest.mark.parametrize("sampler", ["weighted", "balanced"])
def test_three_classes_are_learnt_and_read(three, tmp_path, sampler):
    changes = {
        "task": {
            "name": "classification",
            "label": "group",
            "loss": {"name": "focal"},
            "selection_metrics": ["balanced_accuracy", "loss"],
        },
        "optimization": {"sampler": {"name": sampler}},
        "data": {"augmentation": [{"name": "noise"}]},
    }
    fresh = three.copy(tmp_path)
    experiment = fresh.experiment.plain()
    experiment["task"] = {}
    maps = fimbria.train(fresh.experiment.of(experiment).changed(changes), fresh.maps)
    table = maps.scores.predictions(0, "balanced_accuracy", "train", "image")
    assert table.classes == ("A", "B", "C")
    sides = maps.group("train", 0)
    assert table.sessions <= len(sides)
    assert not table.frame.duplicated(["participant_id", "session_id"]).any()
    made = fimbria.predict(fresh.maps, fresh.test, group="test")
    assert made.table.classes == ("A", "B", "C")


def test_a_sample_that_comes_again_is_augmented_anew(begun):
    experiment = begun.experiment.changed(
        {"optimization": {"sampler": {"name": "weighted"}}, "data": {"augmentation": [{"name": "noise"}]}}
    )
    planned = plan(experiment)
    split = planned.splits[0]
    loader = planned.of(split.index).fitted_on(split.train).loader(split.train, learning=True)
    drawn = {}
    for epoch in range(4):
        for batch in loader.batches(epoch):
            for who, image in zip(batch.whose, batch.images, strict=True):
                drawn.setdefault(who, []).append(image)
    again = [images for images in drawn.values() if len(images) > 4]
    assert again, "nobody came twice in an epoch"
    for images in drawn.values():
        for number, one in enumerate(images):
            assert not any(bool((one == other).all()) for other in images[number + 1 :])


def test_a_maps_of_the_first_version_still_predicts(trained, tmp_path):
    study = trained.copy(tmp_path)
    path = study.maps / "maps.json"
    record = json.loads(path.read_text())
    task = record["fitted"][0]["task"]
    record["fitted"] = {"classes": task["classes"], "positive": task["positive"]}
    for name in ("learns", "code"):
        record.pop(name, None)
    record["experiment"].pop("transfer", None)
    record["components"].pop("sampler", None)
    path.write_text(json.dumps(record))
    (study.maps / "checksums.sha256").unlink()
    made = fimbria.predict(study.maps, study.test, group="again")
    before = Maps(trained.maps).scores.predictions(None, "loss", "test", "image")
    np.testing.assert_array_equal(made.table.probabilities(), before.probabilities())


@pytest.mark.parametrize(
    "flags",
    [
        ["--task.name", "regression", "--task.label", "age"],
        ["--task.name", "reconstruction", "--network.name", "ae-conv5-fc3"],
    ],
    ids=["regression", "reconstruction"],
)
def test_the_command_line_trains_predicts_and_reports_it(begun, tmp_path, capsys, flags):
    maps = str(tmp_path / "maps")
    plain = {name: section for name, section in begun.experiment.plain().items() if name not in ("task", "network")}
    toml = tmp_path / "plain.toml"
    files.write(begun.experiment.of(plain), toml)
    assert run(["train", str(toml), maps, *flags, "--quiet"]) == 0, capsys.readouterr().err
    assert run(["predict", maps, str(begun.test), "--group", "test", "--quiet"]) == 0, capsys.readouterr().err
    assert run(["report", maps]) == 0, capsys.readouterr().err

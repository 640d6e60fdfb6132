"""Prediction: nobody who was seen, no image that breaks the contract, no weights that are damaged, no code unasked."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from fimbria import tables
from fimbria.data.images import nifti
from fimbria.errors import InputError, LeakError, MapsError, ProblemsError
from fimbria.geometry import Grid
from fimbria.results.maps.integrity import damage
from fimbria.results.maps.maps import Maps
from fimbria.workflows.predict import predict
from fimbria.workflows.report import report
from fimbria.workflows.train import resume, train


def test_scores_a_group_that_was_never_seen(trained):
    maps = Maps(trained.maps)
    together = maps.scores.predictions(None, "loss", "test", "image")
    assert together.participants == 2
    assert {"accuracy", "roc-auc"} <= set(maps.scores.metrics(None, "loss", "test", "image")["metric"])
    of_splits = [maps.scores.predictions(split, "loss", "test", "image").frame["p_AD"].to_numpy() for split in (0, 1)]
    assert np.allclose(together.frame["p_AD"], np.mean(of_splits, axis=0))
    assert damage(maps.paths) == []


def test_one_split_can_be_asked_for(trained, tmp_path):
    study = trained.copy(tmp_path)
    done = predict(study.maps, study.test, group="again", splits=[1])
    expected = Maps(trained.maps).scores.predictions(1, "loss", "test", "image").frame
    assert done.table.frame["p_AD"].equals(expected["p_AD"])


def test_refuses_people_that_were_seen(trained):
    with pytest.raises(LeakError, match="were seen in training or validation"):
        predict(trained.maps, trained.folds / "split-0" / "validation.tsv", group="again")


def test_refuses_people_of_an_unnamed_data_set_who_may_have_been_seen(trained, tmp_path):
    people = tables.read(trained.folds / "split-0" / "validation.tsv").assign(dataset="elsewhere")
    tables.write(people, tmp_path / "people.tsv")
    with pytest.raises(LeakError):
        predict(trained.maps, tmp_path / "people.tsv", group="again")


@pytest.mark.parametrize("name", ["train", "validation", "test", "network-0", "../outside", ""])
def test_refuses_a_name_that_is_taken_or_leads_elsewhere(trained, name):
    with pytest.raises(InputError):
        predict(trained.maps, trained.test, group=name)


def test_predicts_without_labels(trained, tmp_path):
    study = trained.copy(tmp_path)
    unlabelled = tables.read(study.test).drop(columns="diagnosis")
    tables.write(unlabelled, tmp_path / "unlabelled.tsv")
    done = predict(study.maps, tmp_path / "unlabelled.tsv", group="unlabelled")
    assert done.metrics is None
    assert "true_label" not in done.table.frame
    labelled = Maps(trained.maps).scores.predictions(None, "loss", "test", "image").frame
    assert np.array_equal(done.table.frame["p_AD"], labelled["p_AD"])


def test_refuses_a_label_that_is_no_class(trained, tmp_path):
    people = tables.read(trained.test)
    people.loc[0, "diagnosis"] = "ADD"
    tables.write(people, tmp_path / "people.tsv")
    with pytest.raises(ProblemsError, match=r"'ADD' is no class of the training people.*did you mean 'AD'"):
        predict(trained.maps, tmp_path / "people.tsv", group="again")


def changed_image(study, change):
    people = tables.read(study.test)
    path = study.image(people["participant_id"][0])
    array, grid = change(nifti.read(path))
    nifti.write(path, array, grid)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda i: (i.array[:-1], Grid((11, 14, 13), i.grid.affine)), "on another grid"),
        (lambda i: (i.array, Grid(i.grid.shape, i.grid.affine @ np.diag([-1, 1, 1, 1]))), "on another grid"),
        (lambda i: (i.array * (i.array > i.array.max() * 0.98), i.grid), "other intensities"),
    ],
)
def test_refuses_images_that_break_the_contract(trained, tmp_path, change, sentence):
    study = trained.copy(tmp_path)
    changed_image(study, change)
    tables.write(tables.read(study.test).iloc[[0]], tmp_path / "one.tsv")
    with pytest.raises(ProblemsError, match=sentence):
        predict(study.maps, tmp_path / "one.tsv", group="again", caps=study.caps)


def test_the_scanner_s_scale_does_not_matter(trained, tmp_path):
    study = trained.copy(tmp_path)
    changed_image(study, lambda image: (image.array * 40, image.grid))
    done = predict(study.maps, study.test, group="again", caps=study.caps)
    before = Maps(trained.maps).scores.predictions(None, "loss", "test", "image").frame
    assert np.allclose(done.table.frame["p_AD"], before["p_AD"], atol=1e-4)


def test_refuses_weights_that_are_damaged(trained, tmp_path):
    study = trained.copy(tmp_path)
    path = Maps(study.maps).training(0).weights("loss")
    weights = {name: np.array(value) for name, value in load_file(path).items()}
    weights["fc.6.bias"] += 1
    save_file(weights, path)
    with pytest.raises(MapsError, match="was changed or damaged"):
        predict(study.maps, study.test, group="again")
    (study.maps / "checksums.sha256").unlink()
    with pytest.raises(MapsError, match="golden input"):
        predict(study.maps, study.test, group="again")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(MapsError, match="cannot be used"):
        predict(study.maps, study.test, group="again")


def test_code_of_a_study_runs_only_when_it_is_trusted_by_name(begun, tmp_path):
    study = begun.copy(tmp_path)
    code = tmp_path / "mine.py"
    code.write_text(
        "from torch import nn\n"
        "def net(input_size, output_size):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(2184, output_size))\n"
    )
    maps = train(study.experiment.changed({"network": {"name": f"{code}:net"}}), study.maps)
    digest = maps.record["components"]["network"]["version"].removeprefix("sha256:")
    first = predict(study.maps, study.test, group="first")  # the user's own file, as it was
    code.write_text(code.read_text().replace("Flatten()", "Flatten(), nn.Dropout(0.9)"))
    with pytest.raises(ProblemsError, match=f"a file stands there, with another content.*--trust-code {digest}"):
        predict(study.maps, study.test, group="again")
    code.unlink()
    with pytest.raises(ProblemsError, match=f"--trust-code {digest}"):
        predict(study.maps, study.test, group="again")
    done = predict(study.maps, study.test, group="again", trust_code=[digest])  # the copy that the MAPS keeps
    pd.testing.assert_frame_equal(done.table.frame, first.table.frame)
    kept = study.maps / "code" / f"{digest}.py"
    kept.write_text(kept.read_text() + "# another\n")
    with pytest.raises(MapsError, match="was changed: its SHA-256 is not"):
        predict(study.maps, study.test, group="third", trust_code=[digest])


def test_a_file_where_the_maps_says_it_stands_does_not_run_in_an_account_that_never_trained_with_it(
    begun, tmp_path, monkeypatch
):
    code = tmp_path / "mine.py"
    code.write_text(
        "from torch import nn\n"
        "def net(input_size, output_size):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(2184, output_size))\n"
    )
    maps = train(begun.experiment.changed({"network": {"name": f"{code}:net"}}), tmp_path / "maps")
    (digest,) = maps.record["code"].values()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    with pytest.raises(ProblemsError, match=f"nobody has trained with it from this account.*--trust-code {digest}"):
        predict(maps.root, begun.test, group="test")
    assert predict(maps.root, begun.test, group="test", trust_code=[digest]).metrics is not None


@pytest.mark.parametrize("inside", ["rmtree", "other"])
def test_of_a_file_that_was_trained_with_a_stranger_chooses_nothing_else(begun, tmp_path, inside):
    study = begun.copy(tmp_path / "study")
    code, victim = tmp_path / "mine.py", tmp_path / "victim"
    victim.mkdir()
    code.write_text(
        "from shutil import rmtree\n"
        "from torch import nn\n"
        "def net(input_size, output_size):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(2184, output_size))\n"
        "def other(path: str):\n"
        "    rmtree(path)\n"
    )
    maps = train(study.experiment.changed({**ONE_EPOCH, "network": {"name": f"{code}:net"}}), study.maps)
    (digest,) = maps.record["code"].values()
    record = json.loads((study.maps / "maps.json").read_text())
    record["experiment"]["data"]["normalization"] = {"name": f"{code}:{inside}", "path": str(victim)}
    record["code"][f"{code}:{inside}"] = digest
    (study.maps / "maps.json").write_text(json.dumps(record))
    for trusted in ((), (digest,)) if inside == "rmtree" else ((),):
        with pytest.raises(InputError):
            predict(study.maps, study.test, group="again", trust_code=trusted)
    assert victim.is_dir()


@pytest.mark.parametrize("home", ["file", "none"])
def test_an_account_that_keeps_nothing_trains_and_is_asked_for_the_hash(begun, tmp_path, monkeypatch, home):
    code = tmp_path / "mine.py"
    code.write_text(
        "from torch import nn\n"
        "def net(input_size, output_size):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(2184, output_size))\n"
    )
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file" / "state") if home == "file" else "")
    if home == "none":

        def nowhere():
            msg = "no home"
            raise RuntimeError(msg)

        monkeypatch.setattr(Path, "home", nowhere)
    changes = {**ONE_EPOCH, "network": {"name": f"{code}:net"}, "compute": {"side_by_side": 2}}
    maps = train(begun.experiment.changed(changes), tmp_path / "maps")
    (digest,) = maps.record["code"].values()
    with pytest.raises(ProblemsError, match=f"--trust-code {digest}"):
        predict(maps.root, begun.test, group="test")
    assert predict(maps.root, begun.test, group="test", trust_code=[digest]).metrics is not None


def test_a_file_that_came_with_the_maps_is_not_the_users_own(begun, tmp_path):
    study = begun.copy(tmp_path / "study")
    code = tmp_path / "mine.py"
    code.write_text(
        "from torch import nn\n"
        "def net(input_size, output_size):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(2184, output_size))\n"
    )
    maps = train(study.experiment.changed({"network": {"name": f"{code}:net"}}), study.maps)
    ((name, digest),) = maps.record["code"].items()
    inside = study.maps / "code" / f"{digest}.py"
    text = (study.maps / "maps.json").read_text().replace(name, f"{inside}:net")
    (study.maps / "maps.json").write_text(text)
    with pytest.raises(ProblemsError, match=f"--trust-code {digest}"):
        predict(study.maps, study.test, group="again")


def test_refuses_a_maps_of_a_training_that_is_not_finished(trained, tmp_path):
    study = trained.copy(tmp_path)
    for split in (0, 1):
        (study.maps / f"split-{split}" / "finished.json").unlink()
    with pytest.raises(MapsError, match="fimbria resume"):
        predict(study.maps, study.test, group="again")


def test_with_a_split_that_is_not_finished_the_others_are_used_only_where_they_are_named(trained, tmp_path):
    study = trained.copy(tmp_path)
    (study.maps / "split-1" / "finished.json").unlink()
    with pytest.raises(MapsError, match=r"split 1 of .* is not trained to its end.*--split 0"):
        predict(study.maps, study.test, group="again")
    assert predict(study.maps, study.test, group="again", splits=[0]).metrics is not None


def test_keeps_the_list_of_the_group(trained):
    group = Maps(trained.maps).group("test")
    expected = pd.read_csv(trained.test, sep="\t")
    assert list(group.frame["participant_id"]) == list(expected["participant_id"])
    about = json.loads((trained.maps / "groups" / "test" / "maps.json").read_text())
    assert about["splits"] == [0, 1]


ONE_EPOCH = {"optimization": {"epochs": 1}}
EVIL = "from pathlib import Path\nPath({!r}).write_text('ran')\ndef net(*a, **k): ...\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda record, evil: record["experiment"].update(network={"name": evil}),
        lambda record, evil: record["experiment"]["task"].update(selection_metrics=["loss", evil]),
        lambda record, evil: record["experiment"]["data"].update(pipeline={"name": evil}),
        lambda record, evil: record["experiment"]["data"].update(extraction={"name": evil}),
        lambda record, evil: record["experiment"]["task"].update(name=evil),
        lambda record, evil: [of["task"].update(loss=evil) for of in record["fitted"]],
        lambda record, evil: [of["task"].update(loss={"name": evil}) for of in record["fitted"]],
        lambda record, evil: [of["task"].update(classes=[evil]) for of in record["fitted"]],
    ],
)
def test_a_maps_of_a_stranger_never_runs_code(trained, tmp_path, change):
    study = trained.copy(tmp_path / "study")
    (study.maps / "evil.py").write_text(EVIL.format(str(tmp_path / "ran")))
    record = json.loads((study.maps / "maps.json").read_text())
    change(record, f"{study.maps / 'evil.py'}:net")
    (study.maps / "maps.json").write_text(json.dumps(record))
    for act in (lambda: predict(study.maps, study.test, group="again"), lambda: resume(study.maps)):
        (study.maps / "checksums.sha256").unlink(missing_ok=True)
        with pytest.raises(InputError):
            act()
    with contextlib.suppress(InputError):
        report(study.maps)
    assert not (tmp_path / "ran").exists()


def test_a_record_without_classes_is_a_sentence(trained, tmp_path):
    study = trained.copy(tmp_path)
    record = json.loads((study.maps / "maps.json").read_text())
    (study.maps / "maps.json").write_text(json.dumps({**record, "fitted": {}}))
    with pytest.raises(InputError, match="does not say what the task took"):
        predict(study.maps, study.test, group="again")


def test_a_table_of_a_stranger_never_runs_code(trained, tmp_path):
    study = trained.copy(tmp_path / "study")
    (study.maps / "evil.py").write_text(EVIL.format(str(tmp_path / "ran")))
    path = Maps(study.maps).paths.metrics(None, "loss", "test", "image")
    path.write_text(path.read_text().replace("accuracy", f"{study.maps / 'evil.py'}:net", 1))
    report(study.maps)
    assert not (tmp_path / "ran").exists()


def test_refuses_seen_images_under_other_names(trained, tmp_path):
    study = trained.copy(tmp_path)
    seen = tables.read(study.folds / "split-0" / "train.tsv")["participant_id"][0]
    new = tables.read(study.test).iloc[[0]]
    study.image(new["participant_id"][0]).write_bytes(study.image(seen).read_bytes())
    tables.write(new, tmp_path / "new.tsv")
    with pytest.raises(LeakError, match=f"{new['participant_id'][0]} ses-M000 = {seen} ses-M000"):
        predict(study.maps, tmp_path / "new.tsv", group="again", caps=study.caps)


def test_each_look_at_people_is_counted_and_another_candidate_is_said(trained, tmp_path):
    study = trained.copy(tmp_path)
    people = Maps(study.maps).audits
    before = len(people.looks())
    for group, splits in (("first", [0]), ("again", [0]), ("other", [1])):
        predict(study.maps, study.test, group=group, caps=study.caps, splits=splits)
    looks = people.looks().iloc[before:]
    assert looks["group"].tolist() == ["first", "again", "other"]
    assert looks["candidate"].iloc[0] == looks["candidate"].iloc[1] != looks["candidate"].iloc[2]
    families = {group: {f.check for f in people.read(group).findings} for group in ("other",)}
    assert "looks" in families["other"]
    assert damage(Maps(study.maps).paths) == []


def test_people_without_labels_are_looked_at_and_not_scored(trained, tmp_path):
    study = trained.copy(tmp_path)
    people = Maps(study.maps).audits
    before = len(people.looks())
    tables.write(tables.read(study.test).drop(columns="diagnosis"), tmp_path / "new.tsv")
    predict(study.maps, tmp_path / "new.tsv", group="unlabelled", caps=study.caps)
    assert len(people.looks()) == before
    assert people.read("unlabelled").open("leak") == []


def test_what_a_broken_prediction_left_is_never_taken_for_a_result(trained, tmp_path, monkeypatch):
    study = trained.copy(tmp_path)

    def cut(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Maps, "keep_group", cut)
        with pytest.raises(KeyboardInterrupt):
            predict(study.maps, study.test, group="again")
    assert "Group “again”" not in report(study.maps).read_text()
    unlabelled = tables.read(study.test).drop(columns="diagnosis").iloc[[0]]
    tables.write(unlabelled, tmp_path / "one.tsv")
    assert predict(study.maps, tmp_path / "one.tsv", group="again", splits=[0]).metrics is None
    assert Maps(study.maps).scores.metrics(1, "loss", "again", "image") is None


def test_a_prediction_does_not_bless_what_was_damaged(trained, tmp_path):
    study = trained.copy(tmp_path)
    (study.maps / "split-0" / "training_logs" / "training.tsv").write_text("epoch\n")
    predict(study.maps, study.test, group="again")
    maps = Maps(study.maps)
    assert [problem.what for problem in damage(maps.paths)] == [
        "split-0/training_logs/training.tsv was changed or damaged"
    ]


@pytest.mark.parametrize("content", ["{}", "[]", "{", '{"pipeline": 3}', "\x00"])
def test_a_contract_that_is_none_is_a_sentence(trained, tmp_path, content):
    study = trained.copy(tmp_path)
    (study.maps / "split-0" / "best-loss" / "contract.json").write_text(content)
    with pytest.raises(MapsError):
        predict(study.maps, study.test, group="again")

"""Training from end to end: what is kept, that it can be broken anywhere, and what is refused before it starts."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from safetensors.numpy import load_file

from fimbria import tables
from fimbria.errors import LeakError, MapsError, ProblemsError
from fimbria.results.maps.integrity import damage
from fimbria.results.maps.maps import Maps
from fimbria.results.maps.training import Training
from fimbria.workflows import train as workflow
from fimbria.workflows.plan import plan
from fimbria.workflows.show import Quiet
from fimbria.workflows.train import resume, train

KEPT = (".safetensors", "model.json", "contract.json", "training.tsv", "prediction.tsv", "metrics.tsv", "finished.json")


def kept_bytes(maps):
    return {
        path.relative_to(maps).as_posix(): path.read_bytes() for path in maps.rglob("*") if path.name.endswith(KEPT)
    }


def trained_bytes(study):
    """Give what the training kept; the group that was predicted later is left out."""
    return {name: content for name, content in kept_bytes(study.maps).items() if "test" not in name}


class Breaking(Quiet):
    """Lets the power fail after so many events of the training."""

    def __init__(self, after):
        self.after = after

    def track(self, items, what, total):  # noqa: ARG002
        for item in items:
            yield item
            if what.startswith("split"):
                self.after -= 1
                if self.after == 0:
                    raise PowerCutError


class PowerCutError(Exception):
    pass


def test_keeps_what_a_results_folder_promises(trained):
    maps = Maps(trained.maps)
    for split in (0, 1):
        assert maps.training(split).is_finished()
        assert not maps.paths.checkpoint(split).parent.exists()
        assert list(maps.training(split).read_log()["epoch"]) == [0, 1]
        assert set(load_file(maps.training(split).weights("loss"))) >= {"convolutions.0.weight", "fc.2.weight"}
        assert maps.scores.predictions(split, "loss", "validation", "image").participants == 3
        assert maps.scores.metrics(split, "loss", "train", "image")["n_participants"].eq(3).all()
    assert json.loads((trained.maps / "split-0/best-loss/contract.json").read_text())["shape"] == [12, 14, 13]
    assert damage(maps.paths) == []
    assert "torch==" in maps.paths.environment.read_text()


def test_the_same_experiment_gives_the_same_bytes(trained, begun, tmp_path):
    train(begun.experiment, tmp_path / "again")
    assert kept_bytes(tmp_path / "again") == trained_bytes(trained)


def test_the_number_of_workers_changes_nothing(trained, begun, tmp_path):
    train(begun.experiment.changed({"compute": {"workers": 2}}), tmp_path / "maps")
    assert kept_bytes(tmp_path / "maps") == trained_bytes(trained)


@pytest.mark.parametrize("after", [1, 2, 3, 4, 7])
def test_broken_anywhere_and_resumed_is_the_unbroken_run(trained, begun, tmp_path, after):
    experiment = begun.experiment.changed({"compute": {"checkpoint_minutes": 1e-6}})
    with pytest.raises(PowerCutError):
        train(experiment, tmp_path / "maps", show=Breaking(after))
    resume(tmp_path / "maps")
    assert kept_bytes(tmp_path / "maps") == trained_bytes(trained)


def cut(*_):
    raise PowerCutError


def test_broken_between_log_and_weights_is_repaired_by_doing_the_epoch_again(trained, begun, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(Training, "keep_weights", cut)
        with pytest.raises(PowerCutError):
            train(begun.experiment, tmp_path / "maps")
    assert len(Maps(tmp_path / "maps").training(0).read_log()) == 1
    resume(tmp_path / "maps")
    assert kept_bytes(tmp_path / "maps") == trained_bytes(trained)


def test_killed_and_resumed_is_the_unbroken_run(trained, begun, tmp_path):
    words = [sys.executable, "-m", "fimbria", "train", begun.toml, tmp_path / "maps", "--quiet"]
    process = subprocess.Popen(
        [str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    log = tmp_path / "maps" / "split-0" / "training_logs" / "training.tsv"
    deadline = time.monotonic() + 120
    while not log.is_file() and process.poll() is None and time.monotonic() < deadline:
        os.sched_yield()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    resume(tmp_path / "maps")
    assert kept_bytes(tmp_path / "maps") == trained_bytes(trained)


def test_resuming_what_is_finished_changes_nothing(trained):
    before = kept_bytes(trained.maps)
    resume(trained.maps)
    assert kept_bytes(trained.maps) == before


def test_refuses_to_go_on_with_images_that_have_changed(begun, tmp_path):
    study = begun.copy(tmp_path)
    with pytest.raises(PowerCutError):
        train(study.experiment, study.maps, show=Breaking(3))
    other = study.image("sub-08")
    for who in ("sub-02", "sub-04", "sub-06"):
        study.image(who).write_bytes(other.read_bytes())
    with pytest.raises(MapsError, match="images have changed since this training began"):
        resume(study.maps)


def test_stops_when_patience_is_out_also_after_a_break(begun, tmp_path, monkeypatch):
    experiment = begun.experiment.changed(
        {"optimization": {"epochs": 9, "patience": 1, "optimizer": {"learning_rate": 1e-9}}}
    )
    maps = train(experiment, tmp_path / "whole")
    epochs = len(maps.training(0).read_log())
    assert epochs < 9
    with monkeypatch.context() as patched:
        patched.setattr(workflow, "trained_network", cut)
        with pytest.raises(PowerCutError):
            train(experiment, tmp_path / "broken")
    resume(tmp_path / "broken")
    assert len(Maps(tmp_path / "broken").training(0).read_log()) == epochs


def test_each_selection_metric_keeps_its_own_epoch(begun, tmp_path):
    experiment = begun.experiment.changed({"task": {"selection_metrics": ["loss", "BA"]}})
    maps = train(experiment, tmp_path / "maps")
    log = maps.training(0).read_log()
    kept = json.loads((tmp_path / "maps/split-0/best-BA/model.json").read_text())
    assert kept["chosen_by"] == "balanced-accuracy"
    assert kept["epoch"] == log["balanced-accuracy_valid"].idxmax()


@pytest.mark.parametrize(
    ("extraction", "shape"),
    [
        ({"name": "patch", "size": 6, "stride": 4}, [1, 6, 6, 6]),
        ({"name": "slice", "direction": 2, "discard": [4, 4]}, [1, 12, 14]),
    ],
)
def test_parts_are_voted_into_images(begun, tmp_path, extraction, shape):
    maps = train(begun.experiment.changed({"data": {"extraction": extraction}}), tmp_path / "maps")
    assert maps.record["input_size"] == shape
    part = extraction["name"]
    parts = maps.scores.predictions(0, "loss", "validation", part)
    images = maps.scores.predictions(0, "loss", "validation", "image")
    assert len(images.frame) == 3
    assert len(parts.frame) == 3 * parts.frame[f"{part}_id"].nunique()
    assert set(maps.scores.metrics(0, "loss", "train", part)["level"]) == {part}


def test_people_without_image_are_left_out_where_that_is_allowed(begun, tmp_path):
    study = begun.copy(tmp_path)
    people = tables.read(study.root / "labels" / "train.tsv")["participant_id"]
    gone = people[people.duplicated()].iloc[0]  # somebody with another visit, who stays
    study.image(gone).unlink()
    maps = train(study.experiment.changed({"data": {"allow_missing": True}}), study.maps)
    left = json.loads(maps.paths.flow.read_text())["without_image"]
    assert [name for name in left if f"{gone} ses-M000" in name]


def test_a_participant_on_both_sides_is_refused(begun, tmp_path):
    study = begun.copy(tmp_path)
    fold = study.folds / "split-0"
    (study.folds / "kfold.json").unlink()
    (fold / "validation.tsv").write_text((fold / "train.tsv").read_text())
    with pytest.raises(ProblemsError, match=r"sub-\d+.* in .*train.*validation"):
        plan(study.experiment)
    assert issubclass(LeakError, ValueError)


def test_says_everything_that_is_wrong_with_the_options_at_once(begun):
    wrong = begun.experiment.changed(
        {
            "network": {"name": "conv5-fc"},
            "data": {"extraction": {"name": "patch", "sise": 3}},
            "task": {"selection_metrics": ["los"]},
            "optimization": {"optimizer": {"learning_rate": -5}},
        }
    )
    with pytest.raises(ProblemsError) as caught:
        plan(wrong)
    assert len(caught.value.problems) == 4
    assert "did you mean 'conv5-fc3'" in str(caught.value)
    assert "'sise'" in str(caught.value)
    assert "did you mean 'loss'" in str(caught.value)
    assert "learning_rate = -5" in str(caught.value)


def test_says_every_image_that_cannot_be_used_at_once(begun, tmp_path):
    study = begun.copy(tmp_path)
    people = [p.name for p in sorted((study.caps / "subjects").iterdir())]
    held = study.test.read_text()
    used = [who for who in people if who not in held]
    study.image(used[0]).unlink()
    study.image(used[1]).write_bytes(b"")
    second = study.image(used[2])
    second.with_name(second.name.replace("_space", "_run-2_space")).write_bytes(second.read_bytes())
    with pytest.raises(ProblemsError) as caught:
        plan(study.experiment)
    text = str(caught.value)
    assert len(caught.value.problems) == 3
    assert f"no t1-linear image for {used[0]}" in text
    assert "is an empty file" in text
    assert "2 files for the t1-linear image" in text


def test_the_same_image_under_two_names_on_two_sides_is_refused(begun, tmp_path):
    study = begun.copy(tmp_path)
    sides = (tables.read(study.folds / "split-0" / f"{side}.tsv") for side in ("train", "validation"))
    one, other = (side["participant_id"][0] for side in sides)
    study.image(other).write_bytes(study.image(one).read_bytes())
    with pytest.raises(LeakError, match=f"{one} ses-M000 = {other} ses-M000") as refused:
        plan(study.experiment)
    assert "--accept-finding" in str(refused.value)


def test_a_leak_that_somebody_answers_for_is_trained_and_its_reason_kept(begun, tmp_path):
    study = begun.copy(tmp_path)
    sides = (tables.read(study.folds / "split-0" / f"{side}.tsv") for side in ("train", "validation"))
    one, other = (side["participant_id"][0] for side in sides)
    study.image(other).write_bytes(study.image(one).read_bytes())
    with pytest.raises(LeakError) as refused:
        plan(study.experiment)
    names = re.findall(r"^    (\S+-[0-9a-f]{8})$", str(refused.value), re.MULTILINE)
    certificate = plan(
        study.experiment, accept=tuple((name, "one phantom, scanned twice") for name in names)
    ).certificate
    assert certificate.open("leak") == []
    assert {acceptance.because for acceptance in certificate.accepted} == {"one phantom, scanned twice"}
    with pytest.raises(ProblemsError, match="no finding is called"):
        plan(begun.experiment, accept=(("same-image-00000000", "because"),))


def test_a_training_keeps_the_certificate_of_its_splits(trained):
    certificate = Maps(trained.maps).audits.read()
    assert certificate.open("leak") == []
    looked = {check.check: check for check in certificate.checks}
    assert len(looked) == 16
    assert looked["participant"].verdict == looked["same-image"].verdict == "clean"
    assert looked["acquisition"].verdict == "not checked"
    assert (trained.maps / "certificate.html").is_file()


def test_two_data_sets_need_two_places_for_their_images(begun, tmp_path):
    study = begun.copy(tmp_path)
    (study.folds / "kfold.json").unlink()
    for split in ("split-0", "split-1"):
        train_list = tables.read(study.folds / split / "train.tsv")
        tables.write(train_list.assign(dataset="A"), study.folds / split / "train.tsv")
        tables.write(train_list.assign(dataset="B"), study.folds / split / "validation.tsv")
    with pytest.raises(ProblemsError, match="are one file"):
        plan(study.experiment)


def test_whoever_began_must_go_on_also_where_missing_images_are_allowed(begun, tmp_path):
    study = begun.copy(tmp_path)
    with pytest.raises(PowerCutError):
        train(study.experiment.changed({"data": {"allow_missing": True}}), study.maps, show=Breaking(3))
    who = Maps(study.maps).group("train", 0).sessions[0].participant_id
    study.image(who).unlink()
    with pytest.raises(ProblemsError, match=f"no t1-linear image for {who}"):
        resume(study.maps)


def test_a_class_that_loses_its_images_is_missed_before_training(begun, tmp_path):
    study = begun.copy(tmp_path)
    for number in range(1, 9, 2):  # those with AD
        for path in (study.caps / "subjects" / f"sub-{number:02d}").rglob("*_T1w.nii.gz"):
            path.unlink()
    with pytest.raises(ProblemsError, match="one value only"):
        train(study.experiment.changed({"data": {"allow_missing": True}}), study.maps)
    assert not study.maps.exists()


def test_a_maps_that_cannot_be_begun_whole_is_not_begun(begun, tmp_path, monkeypatch):
    monkeypatch.setattr(Maps, "keep_group", cut)
    with pytest.raises(PowerCutError):
        train(begun.experiment, tmp_path / "maps")
    assert list(tmp_path.iterdir()) == []


def test_the_threads_that_are_recorded_are_those_that_are_used(trained):
    assert Maps(trained.maps).record["environment"]["threads"] == 1


@pytest.mark.parametrize("content", [b"", b"PK", b"cos\nsystem\n(S'touch ran'\ntR."])
def test_a_state_that_cannot_be_read_is_a_sentence_and_is_never_unpickled(begun, tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    experiment = begun.experiment.changed({"compute": {"checkpoint_minutes": 1e-6}})
    with pytest.raises(PowerCutError):
        train(experiment, tmp_path / "maps", show=Breaking(2))
    Maps(tmp_path / "maps").paths.checkpoint(0).write_bytes(content)
    with pytest.raises(MapsError, match="Remove that file to begin this split again"):
        resume(tmp_path / "maps")
    assert not (tmp_path / "ran").exists()

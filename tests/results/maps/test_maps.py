from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from fimbria.data.cohort.cohort import Cohort
from fimbria.errors import FimbriaError, MapsError
from fimbria.results.maps.integrity import damage, seal
from fimbria.results.maps.maps import Maps, refuse_occupied


def said(maps):
    return [problem.what for problem in damage(maps.paths)]


def rewritten(maps, **changes):
    record = json.loads(maps.paths.record.read_text())
    maps.paths.record.write_text(json.dumps({name: v for name, v in (record | changes).items() if v is not None}))
    return maps.root


def test_what_was_made_can_be_opened(maps, experiment):
    opened = Maps(maps.root)
    assert opened.experiment == experiment
    assert opened.splits == [0, 1]
    assert opened.groups == []
    assert "numpy==" in opened.paths.environment.read_text()


@pytest.mark.parametrize("name", ["maps.json", "notes.txt", ".hidden"])
def test_refuses_to_make_one_where_something_stands(tmp_path, experiment, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(MapsError, match="nothing is ever written over"):
        Maps.create(tmp_path, experiment, {"splits": [0], "components": {}, "fitted": {}})
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_refuses_to_make_one_in_place_of_another_and_says_how_to_go_on(maps):
    with pytest.raises(MapsError, match=r"holds a MAPS already.*fimbria resume"):
        refuse_occupied(maps.root)


def test_refuses_to_make_one_in_place_of_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(MapsError, match="is a file; a folder"):
        refuse_occupied(tmp_path / "file")


def test_an_empty_or_missing_folder_is_free(tmp_path):
    refuse_occupied(tmp_path)
    refuse_occupied(tmp_path / "not" / "there")


@pytest.mark.parametrize("content", ["", "{", '{"schema_version": 1', "\x00\x01", "[]", "3", "null"])
def test_refuses_a_broken_record_with_its_file(maps, content):
    maps.paths.record.write_text(content)
    with pytest.raises(MapsError, match=r"maps\.json"):
        Maps(maps.root)


def test_refuses_a_record_that_is_not_text(maps):
    maps.paths.record.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MapsError, match="cannot be read"):
        Maps(maps.root)


@pytest.mark.parametrize("place", ["empty", "missing", "file"])
def test_refuses_what_is_no_maps(tmp_path, place):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(MapsError, match=r"no MAPS|cannot be read"):
        Maps(tmp_path / place)


def test_refuses_the_record_of_a_newer_fimbria(maps):
    with pytest.raises(MapsError, match=r"newer Fimbria \(schema 2; this one reads 1\). Upgrade"):
        Maps(rewritten(maps, schema_version=2))


def test_refuses_clinicadls_record_with_a_sentence(maps):
    maps.paths.record.write_text(json.dumps({"architecture": "Conv5_FC3", "network_task": "classification"}))
    with pytest.raises(MapsError, match="A MAPS of ClinicaDL cannot be opened yet"):
        Maps(maps.root)


@pytest.mark.parametrize("described", [{"data": {"cap": "x"}}, [], "conv5-fc3"])
def test_refuses_a_record_whose_experiment_does_not_hold_together(maps, described):
    with pytest.raises(FimbriaError, match=r"maps\.json"):
        Maps(rewritten(maps, experiment=described))


def test_groups_come_back_with_identifiers_as_they_were(maps):
    frame = pd.DataFrame(
        {"participant_id": ["sub-001", "sub-1e5"], "session_id": ["ses-01", "ses-1"], "age": [60.5, np.nan]}
    )
    maps.keep_group("train", Cohort(frame), split=1)
    maps.keep_group("test", Cohort(frame), about={"caps": "x"})
    maps.keep_group("test-2", Cohort(frame[:1]))
    assert maps.group("train", 1).frame["participant_id"].tolist() == ["sub-001", "sub-1e5"]
    pd.testing.assert_frame_equal(maps.group("test").frame, Cohort(frame).frame)
    assert json.loads((maps.paths.group("test") / "maps.json").read_text()) == {"caps": "x"}
    assert maps.groups == ["test", "test-2"]


def test_the_log_takes_the_rows_of_epochs_that_are_made_again_for_the_old_ones(maps):
    for epoch in range(4):
        log = maps.training(0).log({"epoch": epoch, "loss_valid": 1.0 / (epoch + 3)})
    assert log["loss_valid"].tolist() == [1 / 3, 1 / 4, 1 / 5, 1 / 6]
    log = maps.training(0).log({"epoch": 2, "loss_valid": 0.1})
    assert log["epoch"].tolist() == [0, 1, 2]
    assert log["loss_valid"].tolist() == [1 / 3, 1 / 4, 0.1]
    pd.testing.assert_frame_equal(maps.training(0).read_log(), log)


def test_the_log_of_a_training_gone_on_has_the_bytes_of_one_that_was_not(maps):
    rows = [{"epoch": epoch, "loss_valid": value} for epoch, value in enumerate([0.1, np.nan, 1 / 3, np.nan])]
    for row in rows:
        maps.training(0).log(row)
    for row in [*rows[:3], *rows[1:]]:
        maps.training(1).log(row)
    one, other = (maps.paths.logs(split) / "training.tsv" for split in (0, 1))
    assert one.read_bytes() == other.read_bytes()


def test_a_split_that_was_not_begun_has_an_empty_log(maps):
    assert len(maps.training(1).read_log()) == 0
    assert "epoch" in maps.training(1).read_log()


def test_times_are_kept_apart_and_only_added_to(maps):
    maps.training(0).log_time(0, 1.23456, "then")
    maps.training(0).log_time(0, 2.0, "later")
    assert (maps.paths.logs(0) / "times.tsv").read_text().splitlines()[1:] == ["0\t1.235\tthen", "0\t2.0\tlater"]


def test_a_checkpoint_comes_back_and_half_of_one_never_does(maps):
    assert maps.training(0).checkpoint() is None
    maps.training(0).keep_checkpoint(lambda path: path.write_bytes(b"state"))

    def fail(path):
        path.write_bytes(b"ha")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maps.training(0).keep_checkpoint(fail)
    assert maps.training(0).checkpoint().read_bytes() == b"state"
    assert [path.name for path in maps.training(0).checkpoint().parent.iterdir()] == ["checkpoint.pt"]


def test_weights_come_back_with_what_they_are(maps):
    maps.training(0).keep_weights("loss", lambda path: path.write_bytes(b"weights"), {"epoch": 3})
    assert maps.training(0).weights("loss").read_bytes() == b"weights"
    assert json.loads((maps.training(0).weights("loss").parent / "model.json").read_text()) == {"epoch": 3}


def test_weights_that_are_not_there_are_answered_with_those_that_are(maps):
    with pytest.raises(MapsError, match="fimbria resume"):
        maps.training(0).weights("loss")
    maps.training(0).keep_weights("loss", lambda path: path.write_bytes(b"x"), {})
    with pytest.raises(MapsError, match=r"chosen by 'los' in split-0: did you mean 'loss'"):
        maps.training(0).weights("los")


def test_a_contract_comes_back_and_a_lost_one_is_named(maps):
    maps.training(0).keep_contract("loss", {"space": "MNI"})
    assert maps.training(0).contract("loss") == {"space": "MNI"}
    (maps.paths.best(0, "loss") / "contract.json").write_text("{")
    for split in (0, 1):
        with pytest.raises(MapsError, match=r"contract.json is missing or broken"):
            maps.training(split).contract("loss")


@pytest.mark.parametrize("split", [1, None])
@pytest.mark.parametrize("level", ["image", "patch"])
def test_predictions_come_back_to_the_last_bit(maps, predictions, split, level):
    table = predictions(level)
    maps.scores.keep_predictions(split, "loss", "test", table)
    again = maps.scores.predictions(split, "loss", "test", level)
    pd.testing.assert_frame_equal(again.frame, table.frame, check_exact=True)


def test_predictions_that_are_not_there_are_named(maps):
    with pytest.raises(MapsError, match="no predictions of group 'test' at image level"):
        maps.scores.predictions(0, "loss", "test", "image")


def test_metrics_come_back_with_classes_as_text(maps):
    frame = pd.DataFrame({"metric": ["f1", "f1"], "class": ["0", "01"], "value": [1 / 3, np.nan]})
    assert maps.scores.metrics(0, "loss", "test", "image") is None
    maps.scores.keep_metrics(0, "loss", "test", "image", frame)
    pd.testing.assert_frame_equal(maps.scores.metrics(0, "loss", "test", "image"), frame, check_exact=True)


def test_a_second_writer_is_refused_until_the_first_is_done(maps):
    with maps.locked(), pytest.raises(MapsError, match="another process is writing"), Maps(maps.root).locked():
        pytest.fail("both are writing")
    with maps.locked():
        pass


def test_a_second_process_is_refused(maps):
    script = (
        "from pathlib import Path; import sys\n"
        "from fimbria.results.maps.maps import Maps\n"
        "with Maps(Path(sys.argv[1])).locked(): print('writing')\n"
    )
    command = [sys.executable, "-c", script, str(maps.root)]
    with maps.locked():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "another process is writing" in done.stderr
    assert done.stdout == ""
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "writing\n"


def test_the_lock_is_let_go_when_something_breaks(maps):
    with pytest.raises(ZeroDivisionError), maps.locked():
        raise ZeroDivisionError
    with maps.locked():
        pass


def test_finishing_marks_the_split_and_drops_the_state_of_its_training(maps):
    maps.training(0).keep_checkpoint(lambda path: path.write_bytes(b"state"))
    assert not maps.training(0).is_finished()
    maps.training(0).finish({"epochs": 3})
    assert maps.training(0).is_finished()
    assert not maps.training(1).is_finished()
    assert not maps.paths.checkpoint(0).parent.exists()
    maps.training(0).finish({"epochs": 3})


def filled(maps, predictions):
    people = pd.DataFrame({"participant_id": ["sub-01"], "session_id": ["ses-01"]})
    maps.keep_group("tmp", Cohort(people))
    maps.scores.keep_predictions(0, "loss", "tmp", predictions())
    seal(maps.paths)


def test_a_sealed_maps_is_undamaged_until_a_file_changes_or_goes(maps, predictions):
    filled(maps, predictions)
    assert said(maps) == []
    path = maps.paths.predictions(0, "loss", "tmp", "image")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"0.9", b"0.8"))
    assert said(maps) == ["split-0/best-loss/tmp/tmp_image_level_prediction.tsv was changed or damaged"]
    path.unlink()
    (maps.paths.group("tmp") / "data.tsv").unlink()
    assert said(maps) == [
        "groups/tmp/data.tsv is missing",
        "split-0/best-loss/tmp/tmp_image_level_prediction.tsv is missing",
    ]


def test_every_file_is_sealed_but_what_passes_and_the_page_made_from_the_rest(maps, predictions):
    filled(maps, predictions)
    (maps.root / "report.html").write_text("page")
    maps.training(1).keep_checkpoint(lambda path: path.write_bytes(b"state"))
    with maps.locked():
        seal(maps.paths)
    sealed = {line.split("  ")[1] for line in maps.paths.checksums.read_text().splitlines()}
    assert sealed == {
        "environment.txt",
        "maps.json",
        "groups/tmp/data.tsv",
        "split-0/best-loss/tmp/tmp_image_level_prediction.tsv",
    }
    (maps.root / "report.html").write_text("another page")
    assert said(maps) == []


def test_a_maps_moved_elsewhere_is_still_undamaged(maps, predictions, tmp_path):
    filled(maps, predictions)
    maps.root.rename(tmp_path / "moved")
    assert said(Maps(tmp_path / "moved")) == []


def test_a_maps_that_was_never_sealed_says_so(maps):
    assert said(maps) == [f"{maps.root} has no checksums"]

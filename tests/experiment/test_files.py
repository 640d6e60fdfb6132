from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given

from fimbria.errors import ExperimentError, ProblemsError
from fimbria.experiment import files
from fimbria.experiment.experiment import Component, Experiment
from strategies import experiments

LEAST = '[data]\ncaps = "CAPS"\nsplits = "folds"\n'


@given(experiments())
@pytest.mark.parametrize("name", ["e.toml", "e.json"])
def test_any_experiment_survives_a_file(tmp_path_factory, name, experiment):
    path = tmp_path_factory.mktemp("e") / name
    files.write(experiment, path)
    assert files.read(path) == experiment


@given(experiments())
def test_the_same_experiment_gives_the_same_toml(experiment):
    assert files.as_toml(experiment) == files.as_toml(Experiment.of(experiment.plain()))


def test_toml_says_what_each_option_is():
    lines = files.as_toml(Experiment.of({"data": {"caps": "CAPS", "splits": "folds"}})).splitlines()
    assert lines[0] == "schema_version = 1"
    assert "epochs = 20 # Passes over the training images, at most." in lines
    for section in ("data", "task", "network", "optimization", "compute"):
        assert any(line.startswith(f"[{section}] # ") for line in lines)
    assert not any("spacing" in line for line in lines)


def test_changes_win_over_the_file(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text(LEAST + "[optimization]\nepochs = 3\npatience = 2\n")
    experiment = files.read(path, {"optimization": {"epochs": 5}})
    assert (experiment.optimization.epochs, experiment.optimization.patience) == (5, 2)


def test_what_belongs_to_the_task_of_the_file_is_told_where_another_is_asked_for(tmp_path):
    path, told = tmp_path / "e.toml", []
    path.write_text('[data]\ncaps = "a"\nsplits = "b"\n[task]\nlabel = "sex"\npositive = "F"\n')
    files.read(path, {"task": {"name": "regression", "label": "age"}}, tell=told.append)
    assert told == [
        "positive of the file belongs to its task classification, and regression was asked for: not taken over."
    ]
    files.read(path, {"task": {"name": "classification"}, "network": {"name": "sfcn"}}, tell=told.append)
    assert len(told) == 1


def test_another_network_named_in_a_change_has_no_option_of_the_files_unnamed_one(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text(LEAST + "[network]\ndropout = 0.2\n")
    assert files.read(path, {"network": {"name": "resnet"}}).network == Component(name="resnet")
    assert files.read(path, {"network": {"width": 2}}).network == Component(name="conv5-fc3", dropout=0.2, width=2)


THEIRS = {"architecture": "Conv5_FC3", "network_task": "classification", "optimizer": "SGD", "epochs": 3}
THEIRS |= {
    "caps_directory": "/caps",
    "tsv_path": "/folds",
    "evaluation_steps": 5,
    "preprocessing_dict": {"mode": "slice"},
}


def cut(content, source):
    assert content == {"mode": "slice", "slice_mode": "rgb"}
    assert source.endswith("maps.json")
    return {"pipeline": {"name": "t1-linear"}, "extraction": {"name": "slice", "direction": 1}}


def test_an_experiment_of_clinicadl_is_read_as_ours_and_changes_win(tmp_path):
    path, told = tmp_path / "maps.json", []
    path.write_text(json.dumps(THEIRS))
    changes = {"optimization": {"epochs": 5}, "data": {"caps": "/elsewhere"}}
    experiment = files.read(path, changes, read_cut=cut, tell=told.append)
    assert (experiment.optimization.epochs, str(experiment.data.caps)) == (5, "/elsewhere")
    assert experiment.optimization.optimizer == Component(name="sgd")
    assert experiment.data.extraction == Component(name="slice", direction=1)
    assert [note.partition(" = ")[0] for note in told] == ["maps.json: evaluation_steps"]
    assert files.read(path, changes, read_cut=cut) == experiment


def test_an_experiment_of_clinicadl_is_refused_where_nobody_can_read_how_images_are_cut(tmp_path):
    (tmp_path / "maps.json").write_text(json.dumps(THEIRS))
    with pytest.raises(
        ExperimentError, match=r"maps\.json is an experiment of ClinicaDL, .*`fimbria train .*` reads it"
    ):
        files.read(tmp_path / "maps.json")


def test_a_missing_file_is_said_so(tmp_path):
    with pytest.raises(ExperimentError, match=r"there is no experiment file .*e\.toml"):
        files.read(tmp_path / "e.toml")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("e.toml", b"[data\n", "is not TOML: .*line 1"),
        ("e.json", b'{"data": ', "is not JSON: .*line 1"),
        ("e.json", b"[1, 2]", "holds a list; an experiment with sections was wanted"),
        ("e.toml", b"\xff\xfe\x00", "is not a text file"),
        ("e.toml", b"schema_version = 99\n", r"newer Fimbria \(schema 99; this one reads 1\)"),
        ("e.toml", b'schema_version = "two"\n', "newer Fimbria"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, name, content, sentence):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ExperimentError, match=sentence) as caught:
        files.read(path)
    assert str(path) in str(caught.value)


def test_a_folder_is_no_experiment(tmp_path):
    with pytest.raises(ExperimentError, match="is not a text file"):
        files.read(tmp_path)


def test_everything_wrong_in_a_file_is_said_at_once_with_its_name(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text('[data]\ncap = "CAPS"\nsplits = "folds"\n[compute]\nsede = 1\n')
    with pytest.raises(ProblemsError) as caught:
        files.read(path)
    assert len(caught.value.problems) == 3
    assert caught.value.about == str(path)
    assert "did you mean 'caps'?" in str(caught.value)
    assert "did you mean 'seed'?" in str(caught.value)


def test_a_file_saved_by_an_editor_that_marks_its_bytes_is_read(tmp_path):
    (tmp_path / "e.toml").write_bytes(b"\xef\xbb\xbf" + LEAST.encode())
    assert files.read(tmp_path / "e.toml").data.splits.name == "folds"


def test_the_version_is_written_and_not_taken_for_an_option(tmp_path):
    experiment = Experiment.of(tomllib.loads(LEAST))
    files.write(experiment, tmp_path / "e.json")
    assert json.loads((tmp_path / "e.json").read_text())["schema_version"] == files.SCHEMA_VERSION
    assert files.upgraded({"schema_version": 1, "task": {}}, "x") == {"task": {}}


def test_the_schema_describes_every_option_and_refuses_others():
    schema = files.schema()
    sections = [schema, *(schema["$defs"][name] for name in ("Data", "Task", "Optimization", "Compute"))]
    assert set(schema["properties"]) == set(Experiment.model_fields)
    for section in sections:
        # what else stands in a task are the task's own options, checked against its signature
        assert section["additionalProperties"] is (section["title"] == "Task")
        for option, described in section["properties"].items():
            said = {**schema["$defs"].get(described.get("$ref", "").rpartition("/")[2], {}), **described}
            assert said.get("description"), option
    assert json.loads(json.dumps(schema)) == schema

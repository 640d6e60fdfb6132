"""Experiments of ClinicaDL 1.x, typed in the place of ours."""

from __future__ import annotations

import json

import pytest

from fimbria.cli.app import run
from fimbria.results.maps.maps import Maps

THEIRS = {  # what 1.6.1 writes after a training, less what it says with an empty value
    "architecture": "Conv4_FC3",
    "dropout": 0.2,
    "latent_space_size": 64,
    "normalization": "batch",
    "network_task": "classification",
    "selection_metrics": ["BA"],
    "label": "diagnosis",
    "label_code": {"AD": 0, "CN": 1},
    "selection_threshold": 0.0,
    "loss": "CrossEntropyLoss",
    "gpu": False,
    "n_proc": 0,
    "batch_size": 2,
    "evaluation_steps": 3,
    "deterministic": True,
    "transfer_path": False,
    "preprocessing_dict": {
        "preprocessing": "t1-linear",
        "mode": "image",
        "use_uncropped_image": False,
        "prepare_dl": True,
        "extract_json": "image.json",
    },
    "mode": "image",
    "baseline": True,
    "normalize": True,
    "data_augmentation": False,
    "sampler": "random",
    "validation": "KFoldSplit",
    "optimizer": "Adamax",
    "epochs": 30,
    "learning_rate": 1e-3,
    "num_networks": 1,
    "output_size": 2,
    "input_size": [1, 12, 14, 13],
}


def test_what_clinicadl_trained_is_trained_again(begun, tmp_path, capsys):
    file, maps = tmp_path / "maps.json", tmp_path / "new"
    file.write_text(json.dumps(THEIRS | {"caps_directory": str(begun.caps), "tsv_path": str(begun.folds)}))
    assert run(["train", str(file), str(maps), "--optimization.epochs", "1", "--compute.threads", "1"]) == 0
    said = capsys.readouterr().err
    assert "maps.json: evaluation_steps = 3 has no twin here" in said
    assert "maps.json: latent_space_size = 64 is left out: ClinicaDL's Conv4_FC3 does not take it." in said
    trained = Maps(maps).experiment
    assert trained.network.name == "conv4-fc3"
    assert (trained.network.options, trained.task.positive) == ({"dropout": 0.2}, "AD")
    assert trained.optimization.optimizer.model_dump() == {"name": "adamax", "learning_rate": 1e-3}
    assert (trained.optimization.epochs, trained.data.training_sessions) == (1, "baseline")
    assert Maps(maps).splits == [0, 1]


@pytest.fixture
def config(tmp_path):
    """Write a TOML file as ClinicaDL takes it with --config_file."""

    def write(content):
        path = tmp_path / "train_config.toml"
        path.write_text(content)
        return path

    return write


TOML = """
[Model]
architecture = "default"
[Classification]
label = "sex"
[Regression]
label = "age"
loss = "L1Loss"
[Computational]
gpu = false
n_proc = 0
"""


def test_a_configuration_of_clinicadl_is_read_for_the_task_that_is_named(begun, tmp_path, config, capsys):
    where = ["--data.caps", str(begun.caps), "--data.splits", str(begun.folds)]
    words = ["train", str(config(TOML)), str(tmp_path / "new"), *where, "--dry-run"]
    assert run(words) == 2
    assert "several tasks: classification, regression" in capsys.readouterr().err
    assert run([*words, "--task.name", "regression"]) == 0
    said = capsys.readouterr()
    assert "--data.described" in said.err
    assert "Ready: " in said.out


def test_everything_wrong_in_a_configuration_of_clinicadl_is_said_as_in_ours(tmp_path, config, capsys):
    path = config('[Model]\narchitecture = "Conv5_FC4"\n[Optimization]\nepoch = 3\n')
    assert run(["train", str(path), str(tmp_path / "new")]) == 2
    said = capsys.readouterr().err
    assert "2 problems with" in said
    assert "did you mean 'Conv5_FC3'?" in said
    assert "did you mean 'epochs'?" in said
    assert not (tmp_path / "new").exists()

from __future__ import annotations

import re

import pytest
import torch

from fimbria.data.extraction.clinicadl import read_content
from fimbria.errors import ProblemsError
from fimbria.experiment.clinicadl import NAMES, is_clinicadl, read_clinicadl
from fimbria.experiment.experiment import Experiment
from fimbria.learning.networks import network
from fimbria.learning.samples.augmentation import augmentation
from fimbria.learning.samples.sampler import sampler
from fimbria.learning.tasks.losses import loss
from fimbria.learning.training.optimizers import optimizer
from fimbria.results.evaluation.metric import metric

CUT = {"preprocessing": "t1-linear", "mode": "patch", "use_uncropped_image": False, "prepare_dl": True}
CUT |= {"patch_size": 50, "stride_size": 25}
MAPS = {  # as 1.6.1 writes it
    "architecture": "Conv5_FC3",
    "multi_network": False,
    "ssda_network": False,
    "dropout": 0.3,
    "latent_space_size": 128,
    "feature_size": 1024,
    "n_conv": 4,
    "io_layer_channels": 8,
    "normalization": "batch",
    "recons_weight": 1,
    "kl_weight": 1,
    "network_task": "classification",
    "selection_metrics": ["loss", "BA"],
    "label": "diagnosis",
    "label_code": {"AD": 0, "CN": 1},
    "selection_threshold": 0.5,
    "loss": "CrossEntropyLoss",
    "gpu": False,
    "n_proc": 3,
    "batch_size": 4,
    "evaluation_steps": 0,
    "fully_sharded_data_parallel": False,
    "amp": False,
    "seed": 7,
    "deterministic": True,
    "compensation": "memory",
    "track_exp": "",
    "profiler": False,
    "save_all_models": False,
    "emissions_calculator": False,
    "transfer_path": "",
    "nb_unfrozen_layer": 0,
    "transfer_selection_metric": "loss",
    "caps_directory": "/data/caps",
    "tsv_path": "/data/folds",
    "preprocessing_dict": CUT,
    "mode": "patch",
    "use_extracted_features": False,
    "multi_cohort": False,
    "diagnoses": ["AD", "CN"],
    "baseline": True,
    "valid_longitudinal": True,
    "normalize": True,
    "data_augmentation": ["Noise", "CropPad"],
    "sampler": "random",
    "size_reduction": False,
    "size_reduction_factor": 2,
    "caps_target": "",
    "tsv_target_lab": "",
    "tsv_target_unlab": "",
    "preprocessing_dict_target": "",
    "n_splits": 0,
    "split": [],
    "validation": "SingleSplit",
    "optimizer": "Adam",
    "epochs": 30,
    "learning_rate": 1e-3,
    "adaptive_learning_rate": False,
    "weight_decay": 0.0,
    "patience": 5,
    "tolerance": 0.1,
    "accumulation_steps": 1,
    "num_networks": 36,
    "output_size": 2,
    "input_size": [1, 50, 50, 50],
}


@pytest.fixture
def read():
    """Read an experiment of ClinicaDL; how images are cut is read as its own file is."""

    def cut(content, source):
        return read_content(content, source).options

    return lambda plain, **options: read_clinicadl(plain, "maps.json", cut, **options)


def without(plain, *keys):
    return {key: value for key, value in plain.items() if key not in keys}


def test_a_maps_is_read_whole_in_our_words(read):
    found, notes = read(MAPS)
    assert found == {
        "data": {
            "caps": "/data/caps",
            "splits": "/data/folds",
            "training_sessions": "baseline",
            "validation_sessions": "all",
            "normalization": {"name": "min-max", "scope": "part"},
            "augmentation": [{"name": "noise"}, {"name": "crop-pad"}],
            "pipeline": {"name": "t1-linear", "cropped": True},
            "extraction": {"name": "patch", "size": 50, "stride": 25},
        },
        "task": {
            "name": "classification",
            "label": "diagnosis",
            "loss": "cross-entropy",
            "selection_metrics": ["loss", "balanced-accuracy"],
            "positive": "AD",
            "voting_threshold": 0.5,
        },
        "network": {"name": "conv5-fc3", "dropout": 0.3},
        "optimization": {
            "optimizer": {"name": "adam", "learning_rate": 1e-3, "weight_decay": 0.0},
            "sampler": {"name": "shuffle"},
            "batch_size": 4,
            "epochs": 30,
            "patience": 5,
            "tolerance": 0.1,
        },
        "compute": {"accelerator": "cpu", "precision": "32", "seed": 7, "workers": 3, "deterministic": True},
    }
    assert len(notes) == 1
    assert "fimbria cohort restrict" in notes[0]


def test_what_is_read_is_an_experiment_of_ours(read):
    plain = MAPS | {"transfer_path": "/data/older", "nb_unfrozen_layer": 2, "multi_network": True}
    experiment = Experiment.of(read(plain)[0])
    assert experiment.network.options == {"dropout": 0.3}
    assert (experiment.optimization.epochs, experiment.compute.workers) == (30, 3)
    assert experiment.transfer.unfrozen == 2
    assert experiment.optimization.networks == "per-part"


def test_a_maps_of_1_0_is_read_by_its_older_names(read):
    names = {
        "architecture": "model",
        "multi_network": "multi",
        "normalize": "minmaxnormalization",
        "n_proc": "num_workers",
    }
    older = {names.get(key, key): value for key, value in MAPS.items()}
    older = without(older, "preprocessing_dict", "gpu", "deterministic", "optimizer", "loss", "sampler")
    sliced = {"preprocessing": "t1-linear", "mode": "slice", "slice_direction": 1, "discarded_slices": 20}
    found, _ = read(older | sliced | {"use_cpu": True, "nondeterministic": True})
    assert found["data"]["extraction"] == {"name": "slice", "direction": 1, "channels": 3, "discard": [20, 20]}
    assert found["data"]["pipeline"] == {"name": "t1-linear", "cropped": True}
    assert (found["compute"]["accelerator"], found["compute"]["deterministic"]) == ("cpu", False)
    assert found["optimization"]["optimizer"]["name"] == "adam"
    assert (found["network"]["name"], found["compute"]["workers"]) == ("conv5-fc3", 3)
    assert "loss" not in found["task"]
    assert Experiment.of(found).task.name == "classification"


def test_a_toml_file_is_read_by_sections(read):
    plain = {
        "Model": {"architecture": "default"},
        "Architecture": {"latent_space_size": 16},
        "Reconstruction": {"loss": "VAEGaussianLoss", "selection_metrics": ["PSNR"]},
        "Random_Search": {"network_task": "anything"},
        "Computational": {"gpu": True, "amp": True},
        "Data": {"normalize": False},
    }
    found, notes = read(plain)
    assert found["network"] == {"name": "ae-conv5-fc3"}
    assert found["task"] == {"name": "reconstruction", "loss": "vae-gaussian", "selection_metrics": ["psnr"]}
    assert found["data"] == {"normalization": {"name": "none"}}
    assert found["compute"] == {"accelerator": "auto", "precision": "16"}
    assert any("data.described" in note for note in notes)


def test_the_task_of_a_toml_file_with_several_is_asked_for(read):
    plain = {"Classification": {"label": "sex"}, "Regression": {"label": "age", "loss": "L1Loss"}}
    with pytest.raises(
        ProblemsError, match=r"several tasks: classification, regression  -> .*--task\.name classification"
    ):
        read(plain)
    wanted = {"name": "regression", "label": "age", "loss": "mae"}
    assert read(plain, given={"task": {"name": "regression"}})[0]["task"] == wanted
    assert read(plain, given={"task": "regression"})[0]["task"] == wanted


def test_everything_wrong_is_said_at_once_with_the_nearest_name(read):
    wrong = MAPS | {"lerning_rate": 1, "architecture": "Conv5_FC4", "loss": "MSE", "optimizer": "adam"}
    wrong |= {"data_augmentation": "Noisy", "preprocessing_dict": without(CUT, "patch_size")}
    with pytest.raises(ProblemsError, match=r"(?s)maps\.json.*'lerning_rate'.*did you mean 'learning_rate'") as caught:
        read(wrong)
    said = str(caught.value)
    for part in ("'Conv5_FC3'", "'MSELoss'", "'Adam'", "'Noise'", "patch_size is missing"):
        assert part in said
    assert len(caught.value.problems) == 6
    with pytest.raises(ProblemsError, match=r"no section 'Modell'.*'Model'"):
        read({"Modell": {}, "Data": {}})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evaluation_steps", 10),
        ("accumulation_steps", 4),
        ("adaptive_learning_rate", True),
        ("size_reduction", True),
        ("track_exp", "wandb"),
        ("n_splits", 5),
        ("split", [0, 2]),
        ("ssda_network", True),
        ("compensation", "time"),
        ("convolutions_dict", {"conv0": {}}),
        ("nb_unfrozen_layer", 3),
        ("seed", -1),
        ("multi_cohort", True),
        ("kl_weight", 5),
        ("label_code", {"sMCI": 0, "AD": 1, "pMCI": 1}),
        ("caps_directory", "caps"),
    ],
)
def test_what_has_no_twin_here_is_noted(read, key, value):
    before = read(without(MAPS, "diagnoses"))[1]
    after = read(without(MAPS, "diagnoses") | {key: value})[1]
    assert before == []
    assert len(after) == 1
    assert re.search(rf"\b{key if key not in ('multi_cohort', 'caps_directory') else 'tsv_path|caps'}\b", after[0])


def test_options_go_to_the_networks_that_have_them(read):
    found = read(MAPS | {"architecture": "Vanilla3DdenseVAE"})[0]
    assert found["network"] == {
        "name": "vae-dense",
        "latent_size": 128,
        "features": 1024,
        "n_conv": 4,
        "io_channels": 8,
    }
    assert read(MAPS | {"architecture": "ResNet3D"})[0]["network"] == {"name": "resnet3d"}
    heavy = MAPS | {"network_task": "reconstruction", "loss": "VAEBernoulliLoss", "kl_weight": 5, "label": None}
    assert read(heavy)[0]["task"]["loss"] == {"name": "vae-bernoulli", "kl_weight": 5}


def test_an_option_that_the_network_does_not_have_is_noted_where_it_says_something(read):
    quiet = without(MAPS, "diagnoses")
    assert read(quiet | {"architecture": "ResNet3D", "dropout": 0.0, "latent_space_size": 256})[1] == []
    notes = read(quiet | {"architecture": "ResNet3D", "dropout": 0.3, "n_conv": 3})[1]
    assert notes == [
        "dropout = 0.3 is left out: ClinicaDL's ResNet3D does not take it.",
        "n_conv = 3 is left out: ClinicaDL's ResNet3D does not take it.",
    ]


@pytest.mark.parametrize(
    ("ours", "taken"), [(name, network.find(name)) for name in sorted(set(NAMES["network"].values()))]
)
def test_every_option_that_is_passed_on_is_one_of_the_network(read, ours, taken):
    theirs = next(name for name, other in NAMES["network"].items() if other == ours)
    found = read(MAPS | {"architecture": theirs, "latent_space_size": 7, "n_conv": 3})[0]["network"]
    given = {"input_size": (1, 64, 64, 64), "output_size": 2}
    assert taken.options(given, without(found, "name")).items() >= without(found, "name").items()


def test_gradient_descent_has_no_momentum_as_in_theirs(read):
    chosen = read(MAPS | {"optimizer": "SGD"})[0]["optimization"]["optimizer"]
    assert optimizer.build("sgd", without(chosen, "name"), parameters=[torch.zeros(1)]).defaults["momentum"] == 0


def test_whole_images_are_reduced_as_theirs_were(read):
    plain = MAPS | {"size_reduction": True, "size_reduction_factor": 3, "diagnoses": []}
    found, notes = read(
        plain | {"mode": "image", "preprocessing_dict": {"preprocessing": "t1-linear", "mode": "image"}}
    )
    assert found["data"]["extraction"] == {"name": "image", "reduce": 3}
    assert notes == []


def test_a_value_is_learnt_in_units_of_its_spread_and_that_is_said(read):
    plain = without(MAPS, "diagnoses") | {"network_task": "regression", "label": "age", "label_code": None}
    found, notes = read(plain | {"loss": "L1Loss"})
    assert "standardize" not in found["task"]
    assert [note for note in notes if "--task.standardize false" in note] == notes
    found, notes = read(plain | {"loss": "BCEWithLogitsLoss"})
    assert (found["task"]["standardize"], notes) == (False, [])


def test_what_is_said_anew_is_neither_asked_for_nor_noted(read):
    plain = without(MAPS, "diagnoses", "preprocessing_dict", "mode")
    plain |= {"caps_directory": "caps", "tsv_path": "folds"}
    assert len(read(plain)[1]) == 2
    given = {"data": {"caps": "/c", "splits": "/s", "described": "mine"}}
    assert read(plain, given=given)[1] == []
    assert read(plain, given={"data": {"caps": "/c", "splits": "/s"}})[1] == [
        "how images are cut stands in the file of tensor_extraction that ClinicaDL was given: name it with --data.described."
    ]
    wrong = MAPS | {"preprocessing_dict": {"preprocessing": "t1-volume", "mode": "image"}}
    with pytest.raises(ProblemsError, match="t1-volume"):
        read(wrong, given={"data": {"pipeline": "t1-linear"}})
    anew = {"data": {"pipeline": "t1-linear", "extraction": {"name": "image"}}}
    assert "extraction" not in read(wrong, given=anew)[0]["data"]


def test_a_transfer_says_where_from_by_which_metric_and_what_goes_on_learning(read):
    plain = MAPS | {"transfer_path": "/older", "transfer_selection_metric": "BA", "nb_unfrozen_layer": 1}
    assert read(plain)[0]["transfer"] == {"maps": "/older", "metric": "balanced-accuracy", "unfrozen": 1}
    assert "unfrozen" not in read(plain | {"nb_unfrozen_layer": 0})[0]["transfer"]


def test_without_codes_the_first_of_two_diagnoses_is_positive(read):
    found, notes = read({"Classification": {"label_code": {}}, "Data": {"diagnoses": ["pMCI", "CN"]}})
    assert found["task"]["positive"] == "CN"
    assert any("task.positive is CN" in note for note in notes)


def test_theirs_are_told_from_ours():
    ours = Experiment.of({"data": {"caps": "CAPS", "splits": "folds"}}).plain()
    assert not is_clinicadl(ours)
    assert not is_clinicadl({"schema_version": 1, "experiment": ours})
    assert is_clinicadl(MAPS)
    assert is_clinicadl({"Cross_validation": {"n_splits": 5}})
    assert not is_clinicadl({"data": {}, "model": "conv5-fc3"})  # ours, with a slip


def test_each_name_of_theirs_is_one_of_ours():
    assert len(NAMES["network"]) == 19
    for registry in (network, loss, metric, optimizer, augmentation, sampler):
        assert set(NAMES[registry.kind].values()) - {"none"} <= set(registry.names()), registry.kind

"""Bad input gets a sentence and exit code 2, never a traceback, and nothing is lost."""

import errno
import os

import numpy as np
import pandas as pd
import pytest

from fimbria import tables
from fimbria.cli.app import run
from fimbria.data.images import nifti
from fimbria.geometry import Grid


@pytest.fixture
def study(begun, tmp_path):
    """A study of one's own, to spoil."""
    return begun.copy(tmp_path / "study")


def refused(capsys, *words):
    """Run a command that must be refused; give what it said."""
    code = run([str(word) for word in words])
    said = " ".join(capsys.readouterr().err.split())
    assert code == 2, said
    assert "Traceback" not in said
    assert said
    return said


def train(study, *flags):
    return ("train", study.toml, study.maps, "--quiet", *flags)


def used(study, number=0):
    """Give a participant who is trained on."""
    held = study.test.read_text()
    people = sorted(p.name for p in (study.caps / "subjects").iterdir())
    return [who for who in people if who not in held][number]


def spoil_image(study, change):
    path = study.image(used(study))
    array, grid = change(nifti.read(path))
    nifti.write(path, array.astype(np.float32), grid)
    return path.name


def spoil_fold(study, change):
    """Change the training list of the first fold, as somebody who edits tables by hand would."""
    (study.folds / "kfold.json").unlink()
    path = study.folds / "split-0" / "train.tsv"
    tables.write(change(tables.read(path)), path)


def put_nan(image):
    array = image.array.copy()
    array[3, 3, 3] = np.nan
    return array, image.grid


def test_a_label_that_is_no_column(study, capsys):
    said = refused(capsys, *train(study, "--task.label", "diagnossis"))
    assert "has no column 'diagnossis'; did you mean 'diagnosis'? (it has:" in said


def test_a_column_to_stratify_on_that_is_not_there(study, tmp_path, capsys):
    said = refused(
        capsys, "cohort", "split", study.caps / "data.tsv", tmp_path / "new", "--test", 2, "--stratify", "gender"
    )
    assert "has no column 'gender'" in said
    assert not (tmp_path / "new").exists()


def test_a_comma_where_a_tab_belongs(tmp_path, capsys):
    table = tmp_path / "commas.tsv"
    table.write_text("participant_id,session_id,diagnosis\nsub-01,ses-M000,AD\n")
    said = refused(capsys, "cohort", "kfold", table, tmp_path / "new", "--folds", 2)
    assert "is separated by commas; tabs were wanted" in said


def test_a_session_that_stands_there_twice(study, capsys):
    spoil_fold(study, lambda frame: pd.concat([frame, frame.iloc[[0]]]))
    assert "more than once" in refused(capsys, *train(study))


def test_a_participant_on_both_sides(study, capsys):
    other = tables.read(study.folds / "split-0" / "validation.tsv")
    spoil_fold(study, lambda frame: pd.concat([frame, other.iloc[[0]]]))
    said = refused(capsys, *train(study))
    assert other["participant_id"][0] in said
    assert "they cannot overlap" in said


def test_a_list_that_was_changed_after_the_splits_were_made(study, capsys):
    path = study.folds / "split-0" / "train.tsv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    assert "is not the list that was made" in refused(capsys, *train(study))


def test_an_unknown_label_value(trained, tmp_path, capsys):
    people = tables.read(trained.test)
    people.loc[0, "diagnosis"] = "AD "
    tables.write(people, tmp_path / "people.tsv")
    said = refused(capsys, "predict", trained.maps, tmp_path / "people.tsv", "--group", "spoilt", "--quiet")
    assert "'AD '" in said
    assert "'AD'?" in said


def test_one_class_only(study, capsys):
    for split in ("split-0", "split-1"):
        for side in ("train", "validation"):
            path = study.folds / split / f"{side}.tsv"
            tables.write(tables.read(path).assign(diagnosis="AD"), path)
    (study.folds / "kfold.json").unlink()
    assert "one value only (AD)" in refused(capsys, *train(study))


def test_a_positive_class_that_is_not_said(study, capsys):
    said = refused(capsys, *train(study, "--task.positive", "none"))
    assert "--task.positive AD, or CN" in said


def test_a_participant_without_image(study, capsys):
    who = used(study)
    study.image(who).unlink()
    said = refused(capsys, *train(study))
    assert f"no t1-linear image for {who}" in said
    assert "fimbria preprocess t1-linear" in said


def test_a_truncated_image(study, capsys):
    path = study.image(used(study))
    path.write_bytes(path.read_bytes()[:4000])
    said = refused(capsys, *train(study))
    assert path.name in said
    assert "cut short" in said


def test_an_empty_image(study, capsys):
    path = study.image(used(study))
    path.write_bytes(b"")
    said = refused(capsys, *train(study))
    assert path.name in said
    assert "empty file" in said


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put_nan, "NaN or infinity in 1 of 2184 voxels"),
        (lambda image: (image.array * 0, image.grid), "holds nothing but 0"),
        (lambda image: (image.array[:, 1:], Grid((12, 13, 13), image.grid.affine)), "is on another grid"),
        (lambda image: (np.stack([image.array] * 2, -1), image.grid), "three-dimensional image was wanted"),
    ],
)
def test_an_image_that_cannot_be_used(study, capsys, change, sentence):
    name = spoil_image(study, change)
    said = refused(capsys, *train(study))
    assert sentence in said
    assert name in said or used(study) in said
    assert not study.maps.exists()


def test_several_files_where_one_is_wanted(study, capsys):
    path = study.image(used(study))
    path.with_name(path.name.replace("_space", "_run-2_space")).write_bytes(path.read_bytes())
    assert "2 files for the t1-linear image" in refused(capsys, *train(study))


def test_a_patch_larger_than_the_image(study, capsys):
    said = refused(capsys, *train(study, "--data.extraction.name", "patch", "--data.extraction.size", "50"))
    assert "patches of 50x50x50 are larger than the image (12x14x13)" in said
    said = refused(capsys, "extract", "patch", study.caps, "--size", "50")
    assert "larger than the image" in said
    assert not (study.caps / "tensor_extraction").exists()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda image: (np.zeros(image.grid.shape), image.grid), "is empty"),
        (lambda image: (np.full(image.grid.shape, 2.0), image.grid), "is not a binary mask"),
        (lambda image: (np.ones((12, 14, 9)), Grid((12, 14, 9), image.grid.affine)), "is on another grid"),
    ],
)
def test_a_mask_that_is_none(study, capsys, make, sentence):
    space = "tpl-MNI152NLin2009cSym"
    path = study.caps / "masks" / space / f"{space}_desc-Crop_res-1x1x1_roi-mine_mask.nii.gz"
    array, grid = make(nifti.read(study.image()))
    nifti.write(path, array.astype(np.uint8), grid)
    said = refused(capsys, *train(study, "--data.extraction.name", "roi", "--data.extraction.roi", "mine"))
    assert sentence in said
    assert path.name in said


def test_a_mask_that_is_not_there(study, capsys):
    assert "no mask of region 'mine'" in refused(capsys, "extract", "roi", study.caps, "--roi", "mine")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--network.name", "conv5-fc"], "did you mean 'conv5-fc3'?"),
        (["--task.selection_metrics", "acuracy"], "did you mean 'accuracy'?"),
        (["--optimization.epoch", "3"], "did you mean 'epochs'?"),
        (["--optimisation.epochs", "3"], "did you mean '--optimization.epochs'?"),
        (["--optimization.epochs", "0"], "should be greater than 0"),
        (["--optimization.batch_size", "0"], "should be greater than 0"),
        (["--optimization.optimizer.learning_rate", "-5"], "learning_rate = -5"),
        (["--network.dropout", "1.5"], "dropout = 1.5"),
        (["--compute.precision", "64"], "should be '32', 'bf16' or '16'"),
        (["--compute.accelerator", "cuda"], "finds no CUDA device"),
        (["--compute.devices", "2"], "Use 1"),
        (["stray"], "belongs to no option"),
    ],
)
def test_an_option_that_is_none(study, capsys, flags, sentence):
    if "cuda" in flags and os.environ.get("CUDA_VISIBLE_DEVICES"):
        pytest.skip("there is one here")
    assert sentence in refused(capsys, *train(study, *flags))
    assert not study.maps.exists()


def test_a_results_folder_that_holds_something(study, capsys):
    study.maps.mkdir()
    (study.maps / "thesis.docx").write_text("mine")
    assert "holds something already; nothing is ever written over" in refused(capsys, *train(study))
    assert (study.maps / "thesis.docx").read_text() == "mine"


def test_a_results_folder_that_holds_a_maps(trained, capsys):
    assert "fimbria resume" in refused(capsys, "train", trained.toml, trained.maps)


@pytest.mark.parametrize("name", ["no.toml", "no.json"])
def test_an_experiment_that_is_not_there(tmp_path, capsys, name):
    assert "there is no experiment file" in refused(capsys, "train", tmp_path / name, tmp_path / "maps")


def test_an_experiment_that_is_no_toml(tmp_path, capsys):
    path = tmp_path / "experiment.toml"
    path.write_text("[data\ncaps = 1")
    assert "is not TOML" in refused(capsys, "train", path, tmp_path / "maps")


def test_a_folder_that_is_no_maps(tmp_path, capsys):
    for command in ("resume", "report", "doctor"):
        assert "is no MAPS" in refused(capsys, command, tmp_path)


def test_a_bids_data_set_that_is_a_caps_and_the_other_way(tiny_bids, study, tmp_path, capsys):
    assert "is it a CAPS?" in refused(capsys, "cohort", "from-bids", study.caps, tmp_path / "c.tsv")
    assert "looks like a BIDS data set" in refused(capsys, "cohort", "from-caps", tiny_bids, tmp_path / "c.tsv")


def test_splits_are_never_written_over(study, capsys):
    said = refused(capsys, "cohort", "kfold", study.caps / "data.tsv", study.folds, "--folds", 2)
    assert "never written over" in said


def test_more_held_out_than_there_are(study, tmp_path, capsys):
    said = refused(capsys, "cohort", "split", study.caps / "data.tsv", tmp_path / "new", "--test", 80)
    assert "would hold out 80 of 8 participants" in said


@pytest.mark.parametrize("failing", ["model.safetensors", "training.tsv", "checkpoint.pt"])
def test_a_full_disk_while_writing_loses_nothing(study, capsys, monkeypatch, failing):
    replace = type(study.maps).replace

    def full(self, target):
        if target.name == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(type(study.maps), "replace", full)
        said = refused(capsys, *train(study))
    assert "the disk is full" in said
    assert failing in said
    assert not list(study.maps.rglob("*.part"))
    assert run(["resume", str(study.maps), "--quiet"]) == 0

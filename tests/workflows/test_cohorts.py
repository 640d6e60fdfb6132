"""Tables and splits as files: written once, the same for the same seed, with the flow of those who left."""

import json

import pytest

from fimbria import tables
from fimbria.data.cohort import flow
from fimbria.data.cohort.splits import read_flow, read_splits
from fimbria.errors import InputError, TableError
from fimbria.workflows.cohorts import cohort_from_bids, cohort_from_caps, kfold_cohort, split_cohort


def test_a_cohort_of_bids_says_who_left_and_why(tiny_bids, tmp_path):
    cohort = cohort_from_bids(tiny_bids, tmp_path / "cohort.tsv")
    written = tables.read(tmp_path / "cohort.tsv")
    assert len(written) == len(cohort) == 6
    assert {"sex", "age", "MMSE", "acq_time"} <= set(written)
    left = [reason for step in flow.read(tmp_path / "cohort.flow.json") for _, reason in step.left]
    assert left == ["in participants.tsv, without a folder"]


def test_a_cohort_of_caps_lists_its_images(tiny_caps, tmp_path):
    cohort = cohort_from_caps(tiny_caps, tmp_path / "cohort.tsv")
    assert cohort.participant_count == 8


def test_the_flow_goes_with_the_people_from_table_to_folds(tiny_bids, tmp_path):
    cohort_from_bids(tiny_bids, tmp_path / "cohort.tsv")
    split_cohort(tmp_path / "cohort.tsv", tmp_path / "labels", test=1)
    kfold_cohort(tmp_path / "labels" / "train.tsv", tmp_path / "folds", folds=2)
    rules = [step.rule for step in read_flow(tmp_path / "folds")]
    assert rules[0].startswith("in ")
    assert rules[-1] == "train of a split (seed 0)"


def test_a_split_writes_clinicadl_s_files_and_a_manifest(tiny_caps, tmp_path):
    split_cohort(tiny_caps / "data.tsv", tmp_path / "labels", test=0.25, stratify=["diagnosis"], seed=7)
    names = {path.name for path in (tmp_path / "labels").iterdir()}
    assert {"train.tsv", "train_baseline.tsv", "test.tsv", "test_baseline.tsv", "split.json"} <= names
    manifest = json.loads((tmp_path / "labels" / "split.json").read_text())
    assert (manifest["seed"], manifest["n_test"], manifest["stratify"]) == (7, 0.25, ["diagnosis"])
    assert set(manifest["sha256"]) == {name for name in names if name.endswith(".tsv")}


def test_a_single_split_to_train_on(tiny_caps, tmp_path):
    split_cohort(tiny_caps / "data.tsv", tmp_path / "split", test=2, name="validation")
    splits = read_splits(tmp_path / "split")
    assert [(split.index, split.other.participant_count) for split in splits] == [(0, 2)]


def test_a_test_split_cannot_be_trained_on_by_mistake(tiny_caps, tmp_path):
    split_cohort(tiny_caps / "data.tsv", tmp_path / "split", test=2)
    with pytest.raises(InputError, match=r"test\.tsv is kept for prediction"):
        read_splits(tmp_path / "split")


def test_the_same_seed_gives_the_same_files_and_another_others(tiny_caps, tmp_path):
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        kfold_cohort(tiny_caps / "data.tsv", tmp_path / name, folds=2, seed=seed)
    read = {name: (tmp_path / name / "split-0" / "train.tsv").read_bytes() for name in ("one", "again", "other")}
    assert read["one"] == read["again"] != read["other"]


def test_nothing_is_written_over(tiny_caps, tmp_path):
    kfold_cohort(tiny_caps / "data.tsv", tmp_path / "folds", folds=2)
    with pytest.raises(InputError, match="never written over"):
        kfold_cohort(tiny_caps / "data.tsv", tmp_path / "folds", folds=2)
    with pytest.raises(TableError):
        split_cohort(tmp_path / "no.tsv", tmp_path / "new", test=1)
    assert not (tmp_path / "new").exists()

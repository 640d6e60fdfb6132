from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.splits import HoldOut, KFold, Split, read_flow, read_splits, write_manifest, write_split
from fimbria.errors import ProblemsError, TableError


def people(count=8, name="people", **columns):
    frame = pd.DataFrame({"participant_id": [f"sub-{i:02d}" for i in range(count)], "session_id": "ses-M000"})
    return Cohort(frame.assign(**({"diagnosis": ["AD", "CN"] * (count // 2)} | columns)), name)


def rng(seed=0):
    return np.random.default_rng(seed)


def made(folder, folds=2, seed=0):
    digests = {}
    for split in KFold(folds, ("diagnosis",)).split(people(), rng(seed)):
        written = write_split(split, folder / f"split-{split.index}")
        digests |= {f"split-{split.index}/{name}": digest for name, digest in written.items()}
    write_manifest(folder / "kfold.json", {"folds": folds, "seed": seed}, people().flow, digests)
    return folder


def test_splits_survive_their_files(tmp_path):
    read = read_splits(made(tmp_path), ["diagnosis"])
    for back, split in zip(read, KFold(2, ("diagnosis",)).split(people(), rng()), strict=True):
        assert (back.index, back.name) == (split.index, "validation")
        pd.testing.assert_frame_equal(back.train.frame, split.train.frame)
        pd.testing.assert_frame_equal(back.other.frame, split.other.frame)
    assert read_flow(tmp_path) == people().flow


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    made(tmp_path / "one")
    made(tmp_path / "two")
    for path in sorted((tmp_path / "one").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_each_side_has_all_its_sessions_and_its_first_ones(tmp_path):
    rows = [("sub-01", "ses-M12"), ("sub-01", "ses-M6"), ("sub-02", "ses-M0")]
    whole = Cohort(pd.DataFrame(rows, columns=["participant_id", "session_id"]))
    split = Split(0, whole.of_participants({("", "sub-01")}).named("train"), whole.of_participants({("", "sub-02")}))
    assert sorted(write_split(split, tmp_path)) == [
        "train.tsv",
        "train_baseline.tsv",
        "validation.tsv",
        "validation_baseline.tsv",
    ]
    assert (tmp_path / "train_baseline.tsv").read_text() == "participant_id\tsession_id\nsub-01\tses-M6\n"
    assert len(read_splits(tmp_path)[0].train) == 2


def test_splits_are_numbered_and_not_sorted_as_text(tmp_path):
    for number in (10, 9, 0):
        write_split(KFold(2).split(people(), rng())[0], tmp_path / f"split-{number}")
    (tmp_path / "split-x").mkdir()
    assert [split.index for split in read_splits(tmp_path)] == [0, 9, 10]


def test_a_list_that_was_changed_is_noticed(tmp_path):
    made(tmp_path)
    path = tmp_path / "split-1" / "train.tsv"
    path.write_text(path.read_text().replace("AD", "CN"))
    with pytest.raises(ProblemsError, match=r"split-1/train\.tsv is not the list that was made .*SHA-256") as caught:
        read_splits(tmp_path)
    assert len(caught.value.problems) == 1


def test_a_list_that_is_gone_is_not_replaced_by_the_baseline_in_silence(tmp_path):
    made(tmp_path)
    (tmp_path / "split-0" / "train.tsv").unlink()
    with pytest.raises(ProblemsError, match=r"split-0/train\.tsv was made and is gone"):
        read_splits(tmp_path)


def test_a_split_may_be_taken_away_whole(tmp_path):
    made(tmp_path)
    for path in (tmp_path / "split-1").iterdir():
        path.unlink()
    (tmp_path / "split-1").rmdir()
    assert [split.index for split in read_splits(tmp_path)] == [0]


def test_lists_of_another_program_without_a_manifest_are_read(tmp_path):
    made(tmp_path)
    (tmp_path / "kfold.json").unlink()
    for path in tmp_path.glob("split-*/train.tsv"):
        path.unlink()
    assert len(read_splits(tmp_path)) == 2
    assert read_flow(tmp_path) == ()


def test_a_manifest_that_is_no_json_is_named(tmp_path):
    (made(tmp_path) / "kfold.json").write_text("{")
    with pytest.raises(ProblemsError, match=r"kfold\.json cannot be read as JSON"):
        read_splits(tmp_path)


def test_a_missing_validation_side_says_what_to_do(tmp_path):
    write_split(HoldOut(2).split(people(), rng())[0], tmp_path)
    with pytest.raises(ProblemsError, match=r"no validation\.tsv .*test\.tsv is kept for prediction; to train, split"):
        read_splits(tmp_path)


def test_a_missing_folder_says_how_to_make_one(tmp_path):
    with pytest.raises(TableError, match=r"no folder of splits .*`fimbria cohort kfold`"):
        read_splits(tmp_path / "none")


def test_every_unfit_split_is_named_at_once(tmp_path):
    made(tmp_path)
    (tmp_path / "kfold.json").unlink()
    (tmp_path / "split-0" / "validation.tsv").write_text("participant_id\nsub-01\n")
    leaky = tmp_path / "split-1" / "train.tsv"
    leaky.write_text(leaky.read_text() + (tmp_path / "split-1" / "validation.tsv").read_text().partition("\n")[2])
    with pytest.raises(ProblemsError) as caught:
        read_splits(tmp_path)
    first, second = map(str, caught.value.problems)
    assert "no column 'session_id'" in first
    assert "would be scored on the same participant" in second


def test_the_manifest_says_the_rule_and_the_seed(tmp_path):
    manifest = json.loads((made(tmp_path) / "kfold.json").read_text())
    assert (manifest["folds"], manifest["seed"]) == (2, 0)
    assert len(manifest["sha256"]) == 8


def test_the_manifest_says_how_alike_the_sides_are_and_how_large(tmp_path):
    splits = KFold(2, ("diagnosis",)).split(people(), rng())
    write_manifest(tmp_path / "kfold.json", {}, (), {}, splits)
    manifest = json.loads((tmp_path / "kfold.json").read_text())
    assert manifest["balance"] == [{"variable": "diagnosis", "before": 0.0, "achieved": 0.0}]
    assert manifest["splits"][1]["validation"] == {"participants": 4, "sessions": 4}
    assert (tmp_path / "balance.tsv").read_text().startswith("split\tvariable\tlevel\tbefore\tachieved\n")


def test_what_was_kept_whole_may_not_be_on_two_sides_when_it_is_read(tmp_path):
    whole = people(8, family_id=["F1", "F2"] * 4)
    half = whole.frame.index < 4
    split = Split(0, Cohort(whole.frame[half], "train"), Cohort(whole.frame[~half], "validation"))
    write_split(split, tmp_path)
    write_manifest(tmp_path / "split.json", {"group": ["family_id"]}, (), {})
    with pytest.raises(ProblemsError, match="family_id F1, F2 in "):
        read_splits(tmp_path)


def test_nested_folds_are_pointed_at_where_the_outer_ones_are_given(tmp_path):
    write_split(HoldOut(2).split(people(), rng())[0], tmp_path)
    (tmp_path / "3_fold").mkdir()
    with pytest.raises(ProblemsError, match=r"to train, its folds are in .*3_fold"):
        read_splits(tmp_path)

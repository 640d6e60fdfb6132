from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from fimbria.data.audit.readers import fimbria
from fimbria.data.audit.readers.identity import Naming
from fimbria.errors import InputError


def listed(path, *people, sessions=("ses-M000",), **columns):
    rows = [(f"sub-{who:02d}", session) for who in people for session in sessions]
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(rows, columns=["participant_id", "session_id"]).assign(**columns)
    frame.to_csv(path, sep="\t", index=False)


def fold(place, train, validation):
    listed(place / "train.tsv", *train)
    listed(place / "validation.tsv", *validation)


def manifest(path, **content):
    path.write_text(json.dumps(content))


def people(material):
    rows = material.items.groupby(["split", "side"])["participant_id"]
    return {place: sorted({int(name[4:]) for name in names}) for place, names in rows}


def test_folders_of_splits_keep_their_numbers(tmp_path):
    fold(tmp_path / "split-0", [1], [2])
    fold(tmp_path / "split-10", [2], [1])
    fold(tmp_path / "split-2", [3], [1])
    material = fimbria.read(tmp_path, Naming())
    assert list(dict.fromkeys(material.items["split"])) == [0, 2, 10]
    assert people(material)[10, "train"] == [2]
    assert material.items["image"].tolist()[0] == "sub-01 ses-M000"
    assert not material.notes


def test_a_test_side_is_held_out_of_every_fold_inside(tmp_path):
    listed(tmp_path / "train.tsv", 1, 2)
    listed(tmp_path / "test.tsv", 9)
    manifest(tmp_path / "split.json", subset_name="test", sha256={})
    fold(tmp_path / "folds" / "split-0", [1], [2])
    fold(tmp_path / "folds" / "split-1", [2], [1])
    manifest(tmp_path / "folds" / "kfold.json", sha256={})
    expected = {
        (0, "train"): [1],
        (0, "validation"): [2],
        (0, "test"): [9],
        (1, "train"): [2],
        (1, "validation"): [1],
        (1, "test"): [9],
    }
    assert people(fimbria.read(tmp_path, Naming())) == expected
    inside = fimbria.read(tmp_path / "folds", Naming())
    assert people(inside) == expected
    assert "test.tsv of the folder above" in inside.notes[0]


def test_a_training_side_with_people_of_no_fold_counts_by_itself(tmp_path):
    listed(tmp_path / "train.tsv", 1, 2, 9)
    listed(tmp_path / "test.tsv", 9)
    fold(tmp_path / "2_fold" / "split-0", [1], [2])
    material = fimbria.read(tmp_path, Naming())
    assert people(material)[1, "train"] == [1, 2, 9]
    assert "split-1 is the folder itself" in material.notes[0]


def test_nested_splits_hold_the_outer_test_side_out(tmp_path):
    for i in range(2):
        outer = tmp_path / f"split-{i}"
        listed(outer / "train.tsv", 1 + i, 3 + i)
        listed(outer / "test.tsv", 8 + i)
        for j in range(2):
            fold(outer / "2_fold" / f"split-{j}", [1 + i + 2 * j], [3 + i - 2 * j])
    material = fimbria.read(tmp_path, Naming())
    assert people(material)[2, "test"] == people(material)[3, "test"] == [9]
    assert people(material)[2, "train"] == [2]
    assert "split-2 is split-1/2_fold/split-0" in material.notes[0]


def test_a_validation_side_outside_stays_apart_from_the_one_inside(tmp_path):
    fold(tmp_path, [1, 2], [7])
    fold(tmp_path / "split" / "split-0", [1], [2])
    found = people(fimbria.read(tmp_path, Naming()))
    assert found == {(0, "train"): [1], (0, "validation"): [2], (0, "outer validation"): [7]}


def test_sessions_of_a_baseline_list_that_the_whole_one_lacks_are_read(tmp_path):
    listed(tmp_path / "train.tsv", 1, 2, sessions=("ses-1", "ses-2"))
    listed(tmp_path / "train_baseline.tsv", 1, 5, sessions=("ses-1",))
    listed(tmp_path / "validation_baseline.tsv", 5)
    items = fimbria.read(tmp_path, Naming()).items
    assert (items["side"] == "train").sum() == 5
    assert set(items.loc[items["participant_id"] == "sub-05", "side"]) == {"train", "validation"}


def test_rows_that_stand_there_twice_are_read_twice(tmp_path):
    listed(tmp_path / "train.tsv", 1, 1)
    listed(tmp_path / "validation.tsv", 2)
    assert len(fimbria.read(tmp_path, Naming()).items) == 3


def test_the_manifest_names_the_held_out_side_and_the_flow(tmp_path):
    listed(tmp_path / "train.tsv", 1)
    listed(tmp_path / "held.tsv", 2)
    left = [{"dataset": "", "participant_id": "sub-05", "session_id": "ses-1", "reason": "no image"}]
    flow = [{"rule": "has an image", "participants": 2, "sessions": 2, "left": left}]
    manifest(tmp_path / "split.json", subset_name="held", sha256={}, flow=flow)
    material = fimbria.read(tmp_path, Naming(), "diagnosis")
    assert people(material)[0, "held"] == [2]
    assert material.kind == "splits"
    assert material.label == "diagnosis"
    assert material.flow[0].left[0][0].participant_id == "sub-05"


def test_a_list_that_is_not_the_one_that_was_made_is_told(tmp_path):
    fold(tmp_path / "split-0", [1], [2])
    right = hashlib.sha256((tmp_path / "split-0" / "train.tsv").read_bytes()).hexdigest()
    digests = {
        "split-0/train.tsv": right,
        "split-0/validation.tsv": "0" * 64,
        "split-9/train.tsv": right,
        "../x": right,
    }
    manifest(tmp_path / "kfold.json", sha256=digests)
    notes = fimbria.read(tmp_path, Naming()).notes
    assert [note.split()[0] for note in notes] == ["split-0/validation.tsv", "kfold.json", "kfold.json"]


def test_a_list_of_a_side_nobody_named_is_told(tmp_path):
    fold(tmp_path, [1], [2])
    listed(tmp_path / "external_baseline.tsv", 3)
    assert "external_baseline.tsv was not read" in fimbria.read(tmp_path, Naming()).notes[0]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"sha256": 3, "flow": 4, "subset_name": "../x"}'])
def test_a_manifest_that_is_none_stops_nothing(tmp_path, content):
    fold(tmp_path, [1], [2])
    (tmp_path / "split.json").write_text(content)
    assert people(fimbria.read(tmp_path, Naming())) == {(0, "train"): [1], (0, "validation"): [2]}


def test_a_list_that_cannot_be_read_is_refused(tmp_path):
    fold(tmp_path / "split-0", [1], [2])
    (tmp_path / "split-0" / "train.tsv").write_text("")
    with pytest.raises(InputError, match=r"split-0/train\.tsv is empty"):
        fimbria.read(tmp_path, Naming())


def test_each_list_is_read_once(tmp_path, monkeypatch):
    listed(tmp_path / "train.tsv", *range(8))
    listed(tmp_path / "test.tsv", 9)
    for k in range(4):
        fold(tmp_path / "4_fold" / f"split-{k}", np.setdiff1d(range(8), [k, k + 4]), [k, k + 4])
    opened = []
    plainly = fimbria.folder.identity.read
    monkeypatch.setattr(
        fimbria.folder.identity, "read", lambda path, naming: opened.append(path) or plainly(path, naming)
    )
    fimbria.read(tmp_path, Naming())
    assert len(opened) == len(set(opened)) == 10

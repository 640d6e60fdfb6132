from __future__ import annotations

import pytest

from fimbria.data.audit.readers import gandlf
from fimbria.data.audit.readers.identity import Naming
from fimbria.errors import InputError


def listed(path, *people, header="SubjectID,Channel_0,Label"):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{who:03d},{who:03d}_t1.nii,{who:03d}_seg.nii" for who in people]
    path.write_text("\n".join([header, *rows]) + "\n")


def people(material):
    rows = material.items.groupby(["split", "side"])["participant_id"]
    return {place: sorted(map(int, names)) for place, names in rows}


@pytest.mark.parametrize("names", [("train", "val", "test"), ("data_training", "data_validation", "data_testing")])
def test_tables_named_after_sides_are_one_split(tmp_path, names):
    for who, name in enumerate(names):
        listed(tmp_path / f"{name}.csv", who, header="subjectid,CHANNEL_0,label")
    material = gandlf.read(tmp_path, Naming())
    assert people(material) == {(0, "train"): [0], (0, "validation"): [1], (0, "test"): [2]}
    assert material.kind == "GaNDLF splits"
    assert material.items["participant_id"].tolist()[0] == "000"
    assert material.items["image"].tolist()[0] == "000_t1.nii"


def test_the_first_test_list_belongs_to_the_training_lists_that_split_csv_keeps(tmp_path):
    for k in range(3):
        listed(tmp_path / f"training_{k}.csv", 4 + (k + 1) % 3)
        listed(tmp_path / f"validation_{k}.csv", 4 + k)
        listed(tmp_path / f"testing_{k}.csv", 0 if k == 0 else 4)
    material = gandlf.read(tmp_path, Naming())
    assert [people(material)[k, "test"] for k in range(3)] == [[0]] * 3
    assert [people(material)[k, "validation"] for k in range(3)] == [[4], [5], [6]]
    assert len(material.notes) == 1
    assert "testing_1.csv, testing_2.csv: not read" in material.notes[0]


def test_tables_of_another_tool_are_paired_by_their_number(tmp_path):
    for k in range(2):
        listed(tmp_path / f"fold{k}_train.csv", 1 + k, header="patient,path,x")
        listed(tmp_path / f"fold{k}_test.csv", 2 - k, header="patient,path,x")
    material = gandlf.read(tmp_path, Naming())
    assert people(material) == {(0, "train"): [1], (0, "test"): [2], (1, "train"): [2], (1, "test"): [1]}
    assert material.kind == "lists named after sides"


def test_a_test_list_without_number_is_held_out_of_all(tmp_path):
    listed(tmp_path / "testing.csv", 9)
    for k in range(2):
        listed(tmp_path / f"training_{k}.csv", 1 + k)
        listed(tmp_path / f"validation_{k}.csv", 2 - k)
    assert [people(gandlf.read(tmp_path, Naming()))[k, "test"] for k in range(2)] == [[9], [9]]


def test_folders_of_a_nested_training_are_splits(tmp_path):
    for i in range(2):
        listed(tmp_path / f"testing_{i}" / "data_testing.csv", 8 + i)
        for j in range(2):
            place = tmp_path / f"testing_{i}" / f"validation_{j}"
            listed(place / "data_training.csv", 1 + i)
            listed(place / "data_validation.csv", 5 + j)
    material = gandlf.read(tmp_path, Naming())
    assert people(material)[2, "test"] == people(material)[3, "test"] == [9]
    assert "split-3 is testing_1/validation_1" in material.notes[0]


def test_two_lists_of_one_side_are_refused(tmp_path):
    listed(tmp_path / "train.csv", 1)
    listed(tmp_path / "train_labels.csv", 1)
    listed(tmp_path / "test.csv", 2)
    with pytest.raises(InputError, match=r"train\.csv and train_labels\.csv could both be the train list"):
        gandlf.read(tmp_path, Naming())


def test_other_folders_are_none(tmp_path):
    assert not gandlf.is_folder(tmp_path)
    listed(tmp_path / "train.csv", 1)
    assert not gandlf.is_folder(tmp_path)

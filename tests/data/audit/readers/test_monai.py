from __future__ import annotations

from pathlib import Path

import pytest

from fimbria.data.audit.readers import monai
from fimbria.data.audit.readers.identity import Naming
from fimbria.errors import InputError

PATH = Path("datalist.json")


def item(who, **more):
    return {"image": f"./imagesTr/sub-{who:02d}_T1w.nii.gz", "label": who % 2, **more}


def counts(material):
    return material.items.groupby(["split", "side"]).size().to_dict()


def test_lists_are_sides_whatever_the_form_of_their_items():
    plain = {
        "name": "Task",
        "numTraining": 2,
        "training": [item(1), item(2)],
        "val": [["imagesTr/sub-03_T1w.nii.gz", "labelsTr/sub-03.nii.gz"]],
        "test": ["imagesTs/sub-04_T1w.nii.gz"],
    }
    material = monai.read(PATH, plain, Naming(), "label")
    assert counts(material) == {(0, "train"): 2, (0, "validation"): 1, (0, "test"): 1}
    assert sorted(material.items["participant_id"]) == ["sub-01", "sub-02", "sub-03", "sub-04"]
    assert material.items["image"].tolist()[0] == "./imagesTr/sub-01_T1w.nii.gz"
    assert material.columns == ["label"]


def test_each_fold_of_the_training_list_is_held_out_once():
    plain = {"training": [item(k, fold=k % 3) for k in range(6)], "testing": [item(9)]}
    material = monai.read(PATH, plain, Naming())
    assert counts(material) == {
        (k, side): n for k in range(3) for side, n in (("train", 4), ("validation", 2), ("test", 1))
    }
    held = material.items[(material.items["side"] == "validation") & (material.items["split"] == 1)]
    assert held["participant_id"].tolist() == ["sub-01", "sub-04"]


def test_an_item_without_a_fold_is_learnt_from():
    plain = {"training": [item(0, fold=0), item(1, fold=1), item(2)], "validation": [item(3)]}
    assert counts(monai.read(PATH, plain, Naming()))[0, "train"] == 2


def test_an_image_of_several_channels_is_named_by_the_first():
    plain = {"training": [{"image": ["sub-01_T1w.nii", "sub-01_FLAIR.nii"], "box": [1, 2]}], "test": ["sub-02.nii"]}
    items = monai.read(PATH, plain, Naming()).items
    assert items["image"].tolist() == ["sub-01_T1w.nii", "sub-02.nii"]
    assert not items.astype(str).duplicated().any()


def test_a_key_that_names_participants_counts_before_names_of_files():
    plain = {
        "training": [{"image": "a.nii", "subject_id": "7"}],
        "validation": [{"image": "b.nii", "subject_id": 7}],
        "test": ["c.nii"],
    }
    assert monai.read(PATH, plain, Naming()).items["participant_id"].tolist() == ["7", "7", ""]


def test_lists_one_level_down_are_found_and_lists_of_no_side_are_told():
    plain = {"partitions": {"train": ["sub-01"], "val": ["sub-02"]}}
    assert monai.read(PATH, plain, Naming()).items["participant_id"].tolist() == ["sub-01", "sub-02"]
    plain = {"training": [item(1)], "test": [item(2)], "calibration": [item(3)]}
    assert "calibration" in monai.read(PATH, plain, Naming()).notes[0]


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        ({"a": 1}, "is no datalist"),
        ({"training": {"a": 1}}, "is no datalist"),
        ({"training": [1, 2]}, "cannot be read"),
        ({"training": [item(1), "x"]}, "cannot be read"),
        ({"training": [[]]}, "cannot be read"),
        ({"training": [item(1, fold="one"), item(2, fold=0)]}, "'fold': 'one'"),
        ({"training": [item(1, fold=-1), item(2, fold=0)]}, "'fold': '-1'"),
        ({"training": [item(1, fold=0), item(2, fold=0)]}, "one fold only"),
    ],
)
def test_a_json_of_another_shape_is_refused_in_one_sentence(plain, says):
    with pytest.raises(InputError, match=says) as refused:
        monai.read(PATH, plain, Naming())
    assert "datalist.json" in str(refused.value)
    assert "\n" not in str(refused.value)

from __future__ import annotations

import json

import pandas as pd
import pytest

from fimbria.data.audit.readers import clinicadl
from fimbria.data.audit.readers.identity import Naming
from fimbria.errors import InputError


def listed(path, *people, index=False, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"participant_id": [f"sub-{who:02d}" for who in people], "session_id": "ses-M000"})
    frame.assign(**columns).to_csv(path, sep="\t", index=index)


def people(material):
    rows = material.items.groupby(["split", "side"])["participant_id"]
    return {place: sorted(int(name[4:]) for name in names) for place, names in rows}


@pytest.fixture
def maps(tmp_path):
    groups = tmp_path / "groups"
    for split, (train, validation) in enumerate([([1, 2], [3]), ([2, 3], [1])]):
        prefix = ("split", "fold")[split]
        listed(groups / "train" / f"{prefix}-{split}" / "data.tsv", *train, index=True, cohort="single", diagnosis="AD")
        listed(groups / "validation" / f"{prefix}-{split}" / "data.tsv", *validation, index=True, cohort="single")
    listed(groups / "test-OASIS" / "data.tsv", 7, cohort="single")
    listed(groups / "test" / "data.tsv", 8, cohort="single")
    listed(groups / "train+validation.tsv", 1, 2, 3)
    record = {"label": "diagnosis", "transfer_path": False, "preprocessing_dict": {"preprocessing": "t1-linear"}}
    (tmp_path / "maps.json").write_text(json.dumps(record))
    return tmp_path


def test_the_groups_of_a_maps_are_sides_of_its_splits(maps):
    material = clinicadl.read_maps(maps, Naming())
    assert people(material) == {
        (0, "train"): [1, 2],
        (0, "validation"): [3],
        (1, "train"): [2, 3],
        (1, "validation"): [1],
        **{(split, "test-OASIS"): [7] for split in range(2)},
        **{(split, "test"): [8] for split in range(2)},
    }
    assert material.label == "diagnosis"
    assert material.pipeline == "t1-linear"
    assert material.pretrained == frozenset()
    assert set(material.items["dataset"]) == {""}
    assert material.items["image"].tolist()[0] == "sub-01 ses-M000"
    assert material.columns == ["diagnosis"]


def test_who_was_seen_and_is_in_no_split_was_seen_before(maps):
    listed(maps / "groups" / "train+validation.tsv", 1, 2, 3, 8)
    assert clinicadl.read_maps(maps, Naming()).pretrained == {("", "sub-08")}


def test_data_sets_scope_participants(maps):
    listed(maps / "groups" / "test" / "data.tsv", 1, cohort="AIBL")
    items = clinicadl.read_maps(maps, Naming()).items
    assert set(items.loc[items["side"] == "test", "dataset"]) == {"AIBL"}


@pytest.mark.parametrize(
    ("file", "says"), [("groups/train+validation.tsv", "seen before"), ("maps.json", "which column was learnt")]
)
def test_what_a_maps_lacks_is_told(maps, file, says):
    (maps / file).unlink()
    material = clinicadl.read_maps(maps, Naming())
    assert says in material.notes[0]
    assert material.pretrained is None or material.label is None


def test_weights_trained_before_on_nobody_known_are_told(maps):
    (maps / "maps.json").write_text(json.dumps({"label": 3, "transfer_path": "other/maps"}))
    material = clinicadl.read_maps(maps, Naming())
    assert material.pretrained is None
    assert material.label is None
    assert "trained before" in material.notes[0]


def test_a_maps_without_lists_of_its_training_is_refused(tmp_path):
    (tmp_path / "maps.json").write_text("{}")
    with pytest.raises(InputError, match="no groups/train/split"):
        clinicadl.read_maps(tmp_path, Naming())
    (tmp_path / "maps.json").write_text("[]")
    with pytest.raises(InputError, match="not the record of a MAPS"):
        clinicadl.read_maps(tmp_path, Naming())


def test_older_lists_are_put_together_over_their_labels(tmp_path):
    listed(tmp_path / "AD.tsv", 1, 2, 3)
    for label, shift in (("AD", 0), ("CN", 10)):
        listed(tmp_path / "train" / f"{label}.tsv", 1 + shift, 2 + shift)
        listed(tmp_path / "train" / f"{label}_baseline.tsv", 1 + shift, 2 + shift)
        listed(tmp_path / "test" / f"{label}_baseline.tsv", 3 + shift)
    assert clinicadl.is_older(tmp_path)
    material = clinicadl.read_older(tmp_path, Naming())
    assert people(material) == {(0, "train"): [1, 2, 11, 12], (0, "test"): [3, 13]}
    assert set(material.items["diagnosis"]) == {"AD", "CN"}


def test_older_folds_inside_a_training_side_hold_its_test_side_out(tmp_path):
    listed(tmp_path / "train" / "AD.tsv", 1, 2)
    listed(tmp_path / "test" / "AD_baseline.tsv", 3)
    for k in range(2):
        listed(tmp_path / "train" / "train_splits-2" / f"split-{k}" / "AD.tsv", 1 + k)
        listed(tmp_path / "train" / "validation_splits-2" / f"split-{k}" / "AD_baseline.tsv", 2 - k)
    assert people(clinicadl.read_older(tmp_path, Naming())) == {
        (k, side): [who] for k in range(2) for side, who in (("train", 1 + k), ("validation", 2 - k), ("test", 3))
    }


def test_another_folder_is_no_older_list(tmp_path):
    listed(tmp_path / "train" / "data.tsv", 1)
    assert not clinicadl.is_older(tmp_path)
    assert not clinicadl.is_maps(tmp_path)

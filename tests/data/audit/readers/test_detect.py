from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.audit.people import participants
from fimbria.data.audit.readers import detect
from fimbria.errors import InputError, MapsError
from strategies import values


def listed(path, *people, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"participant_id": [f"sub-{who:02d}" for who in people], "session_id": "ses-1"})
    frame.assign(**columns).to_csv(path, sep="\t" if path.suffix == ".tsv" else ",", index=False)
    return path


def ours(root):
    listed(root / "split-0" / "train.tsv", 1)
    listed(root / "split-0" / "validation.tsv", 2)
    (root / "kfold.json").write_text('{"sha256": {}}')
    return root


def theirs(root):
    listed(root / "train_baseline.tsv", 1)
    listed(root / "validation_baseline.tsv", 2)
    return root


def older(root):
    listed(root / "train" / "AD.tsv", 1)
    listed(root / "test" / "AD_baseline.tsv", 2)
    return root


def maps(root):
    listed(root / "groups" / "train" / "split-0" / "data.tsv", 1)
    listed(root / "groups" / "validation" / "split-0" / "data.tsv", 2)
    (root / "maps.json").write_text('{"label": "diagnosis"}')
    return root


def nnunet(root):
    path = root / "splits_final.json"
    path.write_text(json.dumps([{"train": ["sub-01"], "val": ["sub-02"]}]))
    return path


def monai(root):
    path = root / "datalist.json"
    path.write_text(json.dumps({"training": ["sub-01_T1w.nii"], "test": ["sub-02_T1w.nii"]}))
    return path


def sheets(root):
    listed(root / "train.csv", 1)
    listed(root / "test.csv", 2)
    return root


def table(root):
    return listed(root / "people.csv", 1, 2, split=["train", "val"])


@pytest.mark.parametrize(
    ("build", "kind"),
    [
        (ours, "splits"),
        (theirs, "ClinicaDL splits"),
        (older, "ClinicaDL 1.1 splits"),
        (maps, "ClinicaDL MAPS"),
        (nnunet, "nnU-Net splits"),
        (lambda root: nnunet(root).parent, "nnU-Net splits"),
        (monai, "MONAI datalist"),
        (sheets, "lists named after sides"),
        (table, "table"),
    ],
)
def test_the_kind_is_told_by_what_lies_there(tmp_path, build, kind):
    material = detect.read(build(tmp_path))
    assert material.kind == kind
    assert sorted(material.items["participant_id"]) == ["sub-01", "sub-02"]
    assert participants.look(material).verdict == "clean"


def test_more_tables_are_held_out_of_every_split(tmp_path):
    listed(tmp_path / "a" / "split-1" / "train.tsv", 2)
    listed(tmp_path / "a" / "split-1" / "validation.tsv", 1)
    tests = [listed(tmp_path / "t.csv", 1), listed(tmp_path / "u.tsv", 5)]
    items = detect.read(ours(tmp_path / "a"), test=tests).items
    held = items[items["side"] == "test"]
    assert sorted(zip(held["split"], held["participant_id"], strict=True)) == [
        (split, who) for split in range(2) for who in ("sub-01", "sub-05")
    ]


def test_a_table_without_sides_is_learnt_from_where_others_are_held_out(tmp_path):
    material = detect.read(listed(tmp_path / "a.csv", 1, 2), test=[listed(tmp_path / "b.csv", 2)])
    assert participants.look(material).verdict == "leak"


def test_what_the_user_says_of_the_columns_is_heeded(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("scan,code,visit,part\nP01_1.nii,x,V1,train\nP01_2.nii,y,V2,test\n")
    plain = detect.read(path, participant="code", session="visit", partition="part", label="age")
    assert plain.items["image"].tolist() == ["x V1", "y V2"]
    assert plain.label == "age"
    assert participants.look(plain).verdict == "clean"
    assert participants.look(detect.read(path, pattern=r"(P\d+)_", participant="scan")).verdict == "leak"


def test_a_maps_of_fimbria_is_told_from_one_of_clinicadl(tmp_path):
    theirs = maps(tmp_path / "theirs")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "maps.json").write_text('{"schema_version": 1}')
    assert detect.is_fimbria_maps(tmp_path / "ours")
    assert not detect.is_fimbria_maps(theirs)
    assert not detect.is_fimbria_maps(tmp_path)
    with pytest.raises(MapsError, match="a MAPS of Fimbria"):
        detect.read(tmp_path / "ours")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", "{}", "neither nnU-Net's"),
        ("a.json", "3", "neither nnU-Net's"),
        ("a.json", "{", "is no JSON"),
        ("splits_final.json", "{}", "not as nnU-Net writes it"),
        ("a.xlsx", "", "of no kind that is known"),
        ("a.csv", "", "is empty"),
        ("folder/readme.txt", "x", "holds nothing that is known. What can be audited"),
        ("folder/maps.json", "{", "is no JSON"),
        ("folder/train.tsv", "participant_id\tsession_id\nsub-01\tses-1\n", "one side only"),
        ("a.json", '{"training": ["a"]}', "one side only"),
        ("nothing", None, "there is no file or folder"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path, name, content, says):
    path = tmp_path / name
    if content is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    what = path.parent if name.startswith("folder") else path
    with pytest.raises(InputError, match=says) as refused:
        detect.read(what)
    assert str(what) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("build", [ours, nnunet, monai, sheets, maps])
def test_a_partition_is_asked_of_tables_alone(tmp_path, build):
    with pytest.raises(InputError, match="--partition fold names a column of a table"):
        detect.read(build(tmp_path), partition="fold")


@pytest.mark.parametrize(("name", "says"), [("no.csv", "no such file"), ("a.json", "a CSV or TSV was wanted")])
def test_a_test_list_that_is_none_is_refused(tmp_path, name, says):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InputError, match=says):
        detect.read(ours(tmp_path / "splits"), test=[tmp_path / name])


def test_no_image_is_opened(tmp_path):
    (tmp_path / "a.csv").write_text("image,split\n/etc/passwd,train\n../../x.nii,test\n")
    material = detect.read(tmp_path / "a.csv")
    assert material.items["image"].tolist() == ["/etc/passwd", "../../x.nii"]
    assert not material.has_people


@given(st.dictionaries(st.sampled_from(["training", "val", "test", "partitions", "fold"]), values) | st.lists(values))
def test_any_json_is_read_or_refused(tmp_path_factory, plain):
    path = tmp_path_factory.mktemp("any") / "splits_final.json"
    for name in ("datalist.json", "splits_final.json"):
        path = path.with_name(name)
        path.write_text(json.dumps(plain))
        try:
            material = detect.read(path)
        except InputError as refused:
            assert str(path) in str(refused)  # noqa: PT017  (either is right)
        else:
            assert len(set(material.items["side"])) > 1

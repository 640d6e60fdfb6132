from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.splits import HoldOut, KFold, RepeatedKFold
from fimbria.data.cohort.splits.exports import TOOLS, export, export_problems


@pytest.fixture
def people():
    """Six people, one of them seen twice."""
    rows = [(f"sub-{i}", "ses-1", ["AD", "CN"][i % 2], 60 + i) for i in range(6)] + [("sub-0", "ses-2", "AD", 61)]
    return Cohort(pd.DataFrame(rows, columns=["participant_id", "session_id", "diagnosis", "age"]))


@pytest.fixture
def folds(people):
    return KFold(3, ("diagnosis",)).split(people, np.random.default_rng(0))


def cases(cohort):
    return [f"{session.participant_id}_{session.session_id}" for session in cohort.sessions]


def test_nnunet_reads_a_list_of_train_and_val(folds, tmp_path):
    export(folds, ["nnunet"], tmp_path)
    read = json.loads((tmp_path / "export-nnunet" / "splits_final.json").read_text())
    assert read == [{"train": cases(split.train), "val": cases(split.other)} for split in folds]


def test_monai_reads_one_list_with_the_fold_of_each_case(folds, people, tmp_path):
    export(folds, ["monai"], tmp_path, "diagnosis")
    read = json.loads((tmp_path / "export-monai" / "datalist.json").read_text())
    assert read["classes"] == {"AD": 0, "CN": 1}
    assert sorted(item["image"] for item in read["training"]) == sorted(cases(people))
    for fold, split in enumerate(folds):
        of = {item["image"]: item["label"] for item in read["training"] if item["fold"] == fold}
        labels = [read["classes"][word] for word in split.other.column("diagnosis")]
        assert of == dict(zip(cases(split.other), labels, strict=True))


@pytest.mark.parametrize(("name", "key"), [("test", "testing"), ("validation", "validation")])
def test_monai_reads_a_hold_out_as_two_lists_with_numbers_to_predict(people, tmp_path, name, key):
    splits = HoldOut(2, name=name).split(people, np.random.default_rng(0))
    images = {session: f"subjects/{session.participant_id}.nii.gz" for session in people.sessions}
    export(splits, ["monai"], tmp_path, "age", images)
    read = json.loads((tmp_path / "export-monai" / "datalist.json").read_text())
    assert list(read) == ["training", key]
    assert [item["label"] for item in read[key]] == splits[0].other.column("age").tolist()
    assert all(item["image"].startswith("subjects/sub-") for item in read["training"])


def test_monai_has_one_list_a_repeat(people, tmp_path):
    export(RepeatedKFold(KFold(2), 2).split(people, np.random.default_rng(0)), ["monai"], tmp_path)
    names = sorted(path.name for path in (tmp_path / "export-monai").iterdir())
    assert names == ["datalist_repeat-0.json", "datalist_repeat-1.json"]


def test_gandlf_reads_a_table_a_side_whose_subjects_are_people(folds, tmp_path):
    export(folds, ["gandlf"], tmp_path, "diagnosis")
    for split in folds:
        read = pd.read_csv(tmp_path / "export-gandlf" / f"split-{split.index}" / "train.csv")
        assert list(read) == ["SubjectID", "Channel_0", "ValueToPredict"]
        assert read["SubjectID"].tolist() == split.train.frame["participant_id"].tolist()
        assert read["Channel_0"].tolist() == cases(split.train)
        assert read["ValueToPredict"].tolist() == [["AD", "CN"].index(w) for w in split.train.column("diagnosis")]
    assert (tmp_path / "export-gandlf" / "classes.json").is_file()


def test_a_csv_tells_the_partition_of_every_session(folds, people, tmp_path):
    export(folds, ["csv"], tmp_path)
    for split in folds:
        read = pd.read_csv(tmp_path / "export-csv" / f"split-{split.index}.csv")
        assert len(read) == len(people)
        held = read[read["partition"] == "validation"]
        assert held["participant_id"].tolist() == split.other.frame["participant_id"].tolist()


def test_people_of_two_data_sets_keep_their_names_apart(tmp_path):
    rows = [(dataset, f"sub-{i}", "ses-1") for i in range(2) for dataset in ("one", "two")]
    whole = Cohort(pd.DataFrame(rows, columns=["dataset", "participant_id", "session_id"]))
    export(HoldOut(2).split(whole, np.random.default_rng(0)), ["nnunet"], tmp_path)
    (read,) = json.loads((tmp_path / "export-nnunet" / "splits_final.json").read_text())
    assert sorted(read["train"] + read["val"]) == sorted(f"{d}_{p}_{s}" for d, p, s in rows)


def test_what_cannot_be_exported_is_said_at_once(people):
    gappy = Cohort(people.frame.assign(diagnosis=[None, *people.frame["diagnosis"][1:]]))
    said = [str(problem) for problem in export_problems(gappy, ["nnunet", "monay"], "diagnosis")]
    assert "did you mean 'monai'" in said[0]
    assert said[1].startswith("diagnosis is missing for sub-0 ses-1")
    assert "no column 'label'" in str(export_problems(people, [], "label")[0])
    assert export_problems(people, list(TOOLS), None) == []

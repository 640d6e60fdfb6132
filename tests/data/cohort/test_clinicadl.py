from __future__ import annotations

import pytest

from fimbria.data.cohort import clinicadl
from fimbria.errors import InputError, ProblemsError

LABELS = ("AD", "CN")


def write(path, label, people, sessions=("ses-M00", "ses-M12")):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{who}\t{session}\t{label}\n" for who in people for session in sessions]
    path.write_text("participant_id\tsession_id\tdiagnosis\n" + "".join(rows))


@pytest.fixture
def old(tmp_path):
    """Two labels of three people each: two to learn from in two folds, one to test."""
    root = tmp_path / "lists"
    for label in LABELS:
        people = [f"sub-{label}{number}" for number in (2, 10, 3)]
        write(root / f"{label}.tsv", label, people)
        write(root / "train" / f"{label}.tsv", label, people[:2])
        write(root / "train" / f"{label}_baseline.tsv", label, people[:2], ["ses-M00"])
        write(root / "test" / f"{label}_baseline.tsv", label, people[2:], ["ses-M00"])
        for fold in (0, 1):
            write(root / "train" / "train_splits-2" / f"split-{fold}" / f"{label}.tsv", label, [people[fold]])
            place = root / "train" / "validation_splits-2" / f"split-{fold}"
            write(place / f"{label}_baseline.tsv", label, [people[1 - fold]], ["ses-M00"])
    (root / "getlabels.json").write_text("{}")
    return root


def test_the_labels_of_each_list_are_put_together(old):
    lists = clinicadl.read(old)
    assert list(lists) == [
        "labels.tsv",
        "test_baseline.tsv",
        "train.tsv",
        "train_baseline.tsv",
        *(f"train/2_fold/split-{fold}/{name}" for fold in (0, 1) for name in ("train.tsv", "validation_baseline.tsv")),
    ]
    assert lists["labels.tsv"].frame["diagnosis"].value_counts().to_dict() == {"AD": 6, "CN": 6}
    assert [str(session) for session in lists["train/2_fold/split-0/train.tsv"].sessions] == [
        "sub-AD2 ses-M00",
        "sub-AD2 ses-M12",
        "sub-CN2 ses-M00",
        "sub-CN2 ses-M12",
    ]


def test_sessions_are_renamed_only_if_asked(old):
    lists = clinicadl.read(old, ["CN"], pad_sessions=True)
    assert set(lists["labels.tsv"].frame["session_id"]) == {"ses-M000", "ses-M012"}
    assert set(lists["labels.tsv"].frame["diagnosis"]) == {"CN"}


def test_a_session_with_two_labels_is_refused_by_name(old):
    write(old / "CN.tsv", "CN", ["sub-AD2"], ["ses-M00", "ses-M06"])
    with pytest.raises(ProblemsError, match=r"lists: sessions with two labels: sub-AD2 ses-M00 \(AD and CN\);"):
        clinicadl.read(old)
    assert len(clinicadl.read(old, ["AD"])["labels.tsv"]) == 6


def test_mci_and_its_parts_are_never_taken_together(old):
    write(old / "MCI.tsv", "MCI", ["sub-1"])
    write(old / "pMCI.tsv", "pMCI", ["sub-1"])
    with pytest.raises(ProblemsError, match="choose --labels AD CN MCI or --labels AD CN pMCI"):
        clinicadl.read(old)


def test_everything_wrong_is_said_at_once(old):
    (old / "test" / "CN_baseline.tsv").unlink()
    write(old / "train" / "CN.tsv", "Control", ["sub-CN2"])
    write(old / "train" / "AD_baseline.tsv", "AD", ["sub-AD2", "sub-AD2"])
    with pytest.raises(ProblemsError) as caught:
        clinicadl.read(old)
    said = [str(problem) for problem in caught.value.problems]
    assert len(said) == 3
    assert "has AD_baseline.tsv, but no CN_baseline.tsv" in said[0]
    assert "is the table of CN, but diagnosis is 'Control' for sub-CN2 ses-M00" in said[1]
    assert "AD_baseline.tsv: sessions that stand there more than once" in said[2]


def test_somebody_on_two_sides_is_refused(old):
    write(old / "test" / "AD_baseline.tsv", "AD", ["sub-AD2"])
    with pytest.raises(ProblemsError, match=r"sub-AD2 in lists/train/.* and in lists/test/"):
        clinicadl.read(old)


def test_a_folder_of_something_else_is_refused(tmp_path, old):
    with pytest.raises(InputError, match="there is no folder"):
        clinicadl.read(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no table of a label"):
        clinicadl.read(tmp_path / "empty")
    with pytest.raises(ProblemsError, match=r"no table of label CM .*did you mean 'CN'"):
        clinicadl.read(old, ["AD", "CM"])

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.audit.readers import identity
from fimbria.data.audit.readers.identity import Naming
from fimbria.data.cohort.cohort import Session
from fimbria.errors import InputError

labels = st.text("abcXYZ0123", min_size=1, max_size=6)


def told(frame, naming=None):
    frame = pd.DataFrame(frame)
    naming = naming or Naming()
    return identity.identify(frame, identity.roles(list(frame), naming, "table"), naming, "table")


@given(labels, labels, st.sampled_from(["{s}_{e}_T1w.nii.gz", "d/{s}/{e}/anat/t.nii", "{s}-{e}", "ds_{s}_x_{e}.pt"]))
def test_bids_names_say_whose_a_file_is(who, when, name):
    names = pd.Series([name.format(s=f"sub-{who}", e=f"ses-{when}")])
    assert identity.by_bids(names).iloc[0].tolist() == [f"sub-{who}", f"ses-{when}"]


@pytest.mark.parametrize("name", ["BRATS_001", "mysub-01.nii", "", "subject-1", "sub-"])
def test_other_names_say_nothing(name):
    assert identity.by_bids(pd.Series([name])).iloc[0].tolist() == ["", ""]


def test_the_name_of_the_file_counts_before_the_folders_above():
    names = pd.Series(["sub-01/ses-1/sub-02_ses-3_T1w.nii"])
    assert identity.by_bids(names).iloc[0].tolist() == ["sub-02", "ses-3"]


@pytest.mark.parametrize("name", ["participant_id", "SubjectID", "Patient ID", "PTID", "subject", "my_subject_code"])
def test_participants_are_found_by_the_name_of_their_column(name):
    rows, _ = told({"age": [1], name: ["001"]})
    assert rows["participant_id"].tolist() == ["001"]
    assert name not in rows or name == "participant_id"


@pytest.mark.parametrize("dataset", ["", "ADNI"])
def test_the_image_of_a_session_is_keyed_as_sessions_are_named(dataset):
    rows, _ = told({"dataset": [dataset], "participant_id": ["sub-01"], "session_id": ["ses-1"], "slice_id": [12]})
    assert rows["image"].tolist() == [str(Session(dataset, "sub-01", "ses-1"))]
    assert rows["item"].tolist() == ["slice-12"]


def test_the_image_of_a_file_is_keyed_by_the_file():
    rows, _ = told({"subject": ["sub-01"], "Channel_0": ["a/b.nii"], "Channel_1": ["a/c.nii"]})
    assert rows[["item", "image"]].iloc[0].tolist() == ["a/b.nii", "a/b.nii"]
    assert "Channel_1" in rows


def test_sessions_that_stand_for_participants_are_taken_apart_and_it_is_said():
    rows, notes = told({"SubjectID": ["sub-01_ses-1", "sub-01_ses-2", "P7"]})
    assert rows["participant_id"].tolist() == ["sub-01", "sub-01", "P7"]
    assert rows["session_id"].tolist() == ["ses-1", "ses-2", ""]
    assert "sub-01_ses-1" in notes[0]


def test_columns_that_bear_a_name_of_ours_are_kept_under_another():
    rows, _ = told({"participant_id": ["sub-01"], "side": ["left"], "person": ["x"]})
    assert {"side (of the table)", "person (of the table)"} <= set(rows)


def test_missing_identifiers_are_empty_and_bad_ones_as_they_are_written():
    rows, _ = told({"participant_id": [None, "sub/01 a"]})
    assert rows["participant_id"].tolist() == ["", "sub/01 a"]


def test_spaces_around_an_identifier_make_nobody_somebody_else():
    rows, _ = told({"participant_id": ["S1 ", "S1"]})
    assert rows["participant_id"].tolist() == ["S1", "S1"]


def test_a_cohort_that_changes_within_a_person_is_no_data_set():
    rows, notes = told({"participant_id": ["S1", "S1", "S2"], "cohort": ["ADNI1", "ADNI2", "ADNI1"]})
    assert rows["dataset"].tolist() == ["", "", ""]
    assert "S1 stand under several values of cohort" in notes[-1]
    scoped, _ = told({"participant_id": ["S1", "S2"], "cohort": ["ADNI", "OASIS"]})
    assert scoped["dataset"].tolist() == ["ADNI", "OASIS"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"(P\d+)_", ["", "P01", ""]),
        (r"(?P<dataset>\w)/(?P<participant>P\d+)_(?P<session>V\d)", ["d", "P01", "V2"]),
    ],
)
def test_a_pattern_of_the_users_own_is_searched_for(pattern, expected):
    rows, notes = told({"path": ["d/P01_V2.nii"]}, Naming(pattern=pattern))
    assert rows[["dataset", "participant_id", "session_id"]].iloc[0].tolist() == expected
    assert not notes


def test_a_pattern_is_searched_for_in_the_column_that_names_participants():
    rows, _ = told({"code": ["P01_V2"], "path": ["x.nii"]}, Naming("code", pattern=r"(P\d+)"))
    assert rows["participant_id"].tolist() == ["P01"]


def test_names_that_a_pattern_does_not_match_are_told():
    rows, notes = told({"path": ["P01.nii", "Q01.nii"]}, Naming(pattern=r"(P\d+)"))
    assert rows["participant_id"].tolist() == ["P01", ""]
    assert "'Q01.nii'" in notes[0]


def test_a_pattern_that_matches_nothing_is_refused_with_examples():
    with pytest.raises(InputError, match=r"in none of the 2 names of table, which look like 'a\.nii', 'b\.nii'"):
        told({"path": ["a.nii", "b.nii"]}, Naming(pattern=r"(P\d+)"))


@pytest.mark.parametrize(
    "pattern", ["(", "P1", "(a)(b)", "(?P<who>a)", "(?P<session>a)", "[", "(?P<participant>a)(?P<x>b)"]
)
def test_a_pattern_that_cannot_tell_is_refused(pattern):
    with pytest.raises(InputError, match="--participant-pattern"):
        Naming(pattern=pattern)


def test_one_column_cannot_say_participant_and_session():
    with pytest.raises(InputError, match="are one column"):
        Naming("a", "a")


@pytest.mark.parametrize("flag", ["participant", "session"])
def test_a_column_that_is_not_there_is_refused_with_the_nearest(flag):
    with pytest.raises(InputError, match=f"--{flag} subjet: table has no such column; did you mean 'subject'"):
        told({"subject": ["a"]}, Naming(**{flag: "subjet"}))

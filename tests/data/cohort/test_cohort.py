from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from fimbria.data.cohort.cohort import Cohort, Session, clean_labels, shared_participants
from fimbria.errors import ProblemsError, TableError
from strategies import cohorts


def cohort(rows, name="people", **columns):
    frame = pd.DataFrame(rows, columns=["participant_id", "session_id"])
    return Cohort(frame.assign(**columns), name)


def first_of(sessions, **columns):
    """Give the baseline of one participant who has these sessions."""
    baseline = cohort([("sub-01", session) for session in sessions], **columns).baseline()
    assert len(baseline) == 1
    return baseline.sessions[0].session_id


def test_puts_identifiers_first_and_keeps_the_order_of_rows():
    people = Cohort(pd.DataFrame({"age": [2, 1], "session_id": ["ses-2", "ses-1"], "participant_id": "sub-01"}))
    assert list(people.frame) == ["dataset", "participant_id", "session_id", "age"]
    assert people.sessions == [Session("", "sub-01", "ses-2"), Session("", "sub-01", "ses-1")]


def test_does_not_touch_the_table_it_was_given():
    frame = pd.DataFrame({"participant_id": ["sub-01"], "session_id": ["ses-1"], "dataset": [None]}, index=[7])
    before = frame.copy()
    Cohort(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_the_same_name_in_two_datasets_is_two_people():
    people = cohort([("sub-01", "ses-1")] * 2, dataset=["one", "two"])
    assert people.participants == [("one", "sub-01"), ("two", "sub-01")]
    assert people.participant_count == 2


def test_a_session_says_its_dataset_only_where_it_has_one():
    assert str(Session("", "sub-01", "ses-1")) == "sub-01 ses-1"
    assert str(Session("one", "sub-01", "ses-1")) == "one: sub-01 ses-1"


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("sub-01", "ses-1"), ("sub-01", "ses-1")], "more than once: sub-01 ses-1"),
        ([("sub-01", None)], "session_id is missing in row 1"),
        ([("sub-01 ", "ses-1")], r"participant_id is 'sub-01 ' in row 1  -> remove the spaces: 'sub-01'"),
        ([("01", "ses-1")], r"participant_id does not begin with 'sub-' in 1 rows \('01'\)  -> BIDS writes sub-01"),
        ([("sub-01", "M000")], "BIDS writes ses-M000"),
        ([], "there is no session in it"),
    ],
)
def test_rows_that_cannot_be_used_are_refused_with_the_table_named(rows, sentence):
    with pytest.raises(ProblemsError, match=sentence) as caught:
        cohort(rows, "data.tsv")
    assert "data.tsv" in str(caught.value)


def test_everything_wrong_with_the_rows_is_said_at_once():
    with pytest.raises(ProblemsError) as caught:
        cohort([("01", "ses-1"), ("sub-02", "ses-1 "), ("sub-03", None), ("sub-04", "ses-1"), ("sub-04", "ses-1")])
    assert len(caught.value.problems) == 4


def test_a_missing_column_is_answered_with_those_there_are():
    with pytest.raises(TableError, match=r"'people' has no column 'diagnosis'; .*it has: .*participant_id"):
        cohort([("sub-01", "ses-1")]).column("diagnosis")


def test_identifiers_that_look_like_numbers_stay_text(tmp_path):
    (tmp_path / "t.tsv").write_text("participant_id\tsession_id\tdataset\nsub-01\tses-1\t007\n")
    assert Cohort.read(tmp_path / "t.tsv").participants == [("007", "sub-01")]


@given(cohorts())
def test_any_cohort_survives_a_file(tmp_path_factory, people):
    path = tmp_path_factory.mktemp("c") / "people.tsv"
    people.write(path)
    back = Cohort.read(path)
    pd.testing.assert_frame_equal(back.frame, people.frame, check_dtype=False)
    assert back.name == str(path)


def test_a_dataset_that_says_nothing_is_not_written(tmp_path):
    cohort([("sub-01", "ses-1")]).write(tmp_path / "t.tsv")
    assert (tmp_path / "t.tsv").read_text() == "participant_id\tsession_id\nsub-01\tses-1\n"


def test_the_flow_remembers_who_left_and_why():
    people = cohort([("sub-01", "ses-1"), ("sub-01", "ses-2"), ("sub-02", "ses-1")], age=[70, 71, 50])
    old = people.keep(people.column("age") > 60, "is over 60", ["", "", "is 50"])
    late = old.keep([False, True], "is late")
    assert [(step.rule, step.participants, step.sessions) for step in late.flow] == [
        ("in people", 2, 3),
        ("is over 60", 1, 2),
        ("is late", 1, 1),
    ]
    assert late.flow[1].left == ((Session("", "sub-02", "ses-1"), "is 50"),)
    assert late.flow[2].left == ((Session("", "sub-01", "ses-1"), "is late"),)
    assert len(people) == 3


def test_a_rule_that_nobody_passes_is_named_with_the_first_who_left():
    people = cohort([("sub-01", "ses-1"), ("sub-02", "ses-1")])
    with pytest.raises(
        ProblemsError, match=r"no session passes: has an image  -> the first of 2, sub-01 ses-1: blurred"
    ):
        people.keep([False, False], "has an image", ["blurred", "dark"])


@given(cohorts())
def test_every_step_of_a_flow_adds_up(people):
    kept = np.arange(len(people)) % 2 == 0
    fewer = people.keep(kept, "is even")
    assert fewer.flow[-2].sessions == fewer.flow[-1].sessions + len(fewer.flow[-1].left)
    assert (fewer.flow[-1].sessions, fewer.flow[-1].participants) == (len(fewer), fewer.participant_count)


@given(cohorts())
def test_the_baseline_is_one_session_each_the_one_of_the_lowest_month(people):
    baseline = people.baseline()
    assert sorted(baseline.participants) == sorted(people.participants)
    assert len(baseline) == people.participant_count
    lowest = people.frame.groupby(["dataset", "participant_id"])["month"].min()
    found = baseline.frame.set_index(["dataset", "participant_id"])["month"]
    assert found.sort_index().tolist() == lowest.sort_index().tolist()


@pytest.mark.parametrize(
    ("sessions", "columns", "first"),
    [
        (["ses-M12", "ses-M6"], {}, "ses-M6"),
        (["ses-M012", "ses-M006", "ses-M000"], {}, "ses-M000"),
        (["ses-late", "ses-M12"], {}, "ses-M12"),
        (["ses-b", "ses-a"], {}, "ses-b"),
        (["ses-1", "ses-2"], {"age": [71.0, 70.0]}, "ses-2"),
        (["ses-1", "ses-2"], {"age": [71.0, None]}, "ses-1"),
        (["ses-M12", "ses-M6", "ses-M24"], {"age": [70, 70, 72]}, "ses-M6"),
        (["ses-1", "ses-2"], {"age": [70, 71], "acq_time": ["2021-01-01", "2020-01-01T10:00:00"]}, "ses-2"),
        (["ses-1", "ses-2"], {"age": [71, 70], "acq_time": ["2021-01-01", None]}, "ses-2"),
        (["ses-1", "ses-2"], {"age": [71, 70], "acq_time": ["2021-01-01", "2021-01-01"]}, "ses-2"),
        (["ses-1", "ses-2"], {"acq_time": [None, None]}, "ses-1"),
        (["ses-1", "ses-2"], {"acq_time": ["2020-01-01T23:30:00-05:00", "2020-01-02T01:00:00+00:00"]}, "ses-2"),
    ],
)
def test_the_first_session_is_told_by_date_then_age_then_month_and_never_by_text(sessions, columns, first):
    assert first_of(sessions, **columns) == first


def test_a_clock_that_one_participant_lacks_still_tells_of_another():
    rows = [("sub-01", "ses-1"), ("sub-01", "ses-2"), ("sub-02", "ses-1"), ("sub-02", "ses-2")]
    baseline = cohort(rows, age=[71, 70, None, 60]).baseline()
    assert [str(session) for session in baseline.sessions] == ["sub-01 ses-2", "sub-02 ses-1"]


def test_participants_of_named_datasets_are_shared_only_within_one():
    one = cohort([("sub-01", "ses-1"), ("sub-02", "ses-1")], dataset="one")
    other = cohort([("sub-01", "ses-1"), ("sub-02", "ses-1")], dataset=["two", "one"])
    assert shared_participants(one, other) == ["sub-02"]


def test_an_unnamed_dataset_may_be_the_same_on_either_side():
    named = cohort([("sub-01", "ses-1"), ("sub-02", "ses-1")], dataset="one")
    unnamed = cohort([("sub-01", "ses-9")])
    assert shared_participants(named, unnamed) == ["sub-01"]
    assert shared_participants(unnamed, named) == ["sub-01"]


def test_labels_that_are_missing_or_padded_are_named():
    people = cohort([("sub-01", "ses-1"), ("sub-02", "ses-1"), ("sub-03", "ses-1")], diagnosis=["AD", None, "CN "])
    missing, padded = clean_labels(people, "diagnosis")
    assert missing.what == "diagnosis is missing for sub-02 ses-1 in people"
    assert padded.what == "diagnosis is 'CN ' in people, row 3"
    assert not clean_labels(people.keep([True, False, False], "is clean"), "diagnosis")


def test_a_date_that_is_no_date_is_refused_with_whose_it_is():
    people = pd.DataFrame(
        {"participant_id": ["sub-01", "sub-02"], "session_id": ["ses-1"] * 2, "acq_time": ["2020-02-30", None]}
    )
    with pytest.raises(ProblemsError, match=r"acq_time is no date for sub-01 ses-1 \('2020-02-30'\)"):
        Cohort(people)


@pytest.mark.parametrize("name", ["sub-../../etc", "sub-a b", "sub-a/b", "sub-", "sub-a..b", "sub-é", "sub-a\n"])
def test_a_name_that_cannot_be_part_of_a_path_is_refused(name):
    with pytest.raises(ProblemsError):
        Cohort(pd.DataFrame({"participant_id": [name], "session_id": ["ses-1"]}))


@pytest.mark.parametrize("name", ["sub-01", "sub-ADNI002S0295", "sub-OAS1_0001", "sub-a.b", "sub-x+y"])
def test_names_of_the_field_s_data_sets_are_taken(name):
    assert Cohort(pd.DataFrame({"participant_id": [name], "session_id": ["ses-1"]})).participant_count == 1


def test_it_is_said_by_what_the_first_session_was_told():
    rows = {
        "participant_id": ["sub-01"] * 2 + ["sub-02"] * 2 + ["sub-03"] * 2 + ["sub-04"] * 2 + ["sub-05"],
        "session_id": ["ses-1", "ses-2", "ses-1", "ses-2", "ses-1", "ses-2", "ses-a", "ses-b", "ses-1"],
        "acq_time": ["2021-01-01", "2020-01-01", *[None] * 7],
        "age": [70, 71, 71, 70, *[None] * 5],
    }
    told = Cohort(pd.DataFrame(rows)).told_baseline()
    assert told.startswith("first session: ")
    for by in ("by date", "by age", "by the number in its name", "in the order of the table, for nothing else tells"):
        assert f"{by} (1 participant)" in told


def test_with_one_session_each_nothing_has_to_be_told():
    assert Cohort(pd.DataFrame({"participant_id": ["sub-1"], "session_id": ["ses-1"]})).told_baseline() == (
        "one session a participant"
    )

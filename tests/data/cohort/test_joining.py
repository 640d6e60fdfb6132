from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.joining import join, match, strangers
from fimbria.errors import ProblemsError, TableError
from strategies import cohorts


def table(text, **columns):
    """Give a table of participants written as ``1 2 3``."""
    return pd.DataFrame({"participant_id": [f"sub-{word}" for word in text.split()], **columns})


@pytest.fixture
def people():
    """Three sessions of two people."""
    frame = table("1 1 2", session_id=["ses-1", "ses-2", "ses-1"], age=[70, 71, None], sex=["F", None, "M"])
    return Cohort(frame, "people.tsv")


def test_a_table_of_participants_speaks_of_all_their_sessions(people):
    assert match(people, table("2 1"), "other").tolist() == [1, 1, 0]
    assert match(people, table("1 9", session_id="ses-2"), "other").tolist() == [-1, 0, -1]
    assert strangers(table("1 9", session_id="ses-2"), match(people, table("1 9", session_id="ses-2"), "o")) == [
        "sub-9 ses-2"
    ]


def test_columns_are_joined_and_who_is_unknown_has_them_missing(people):
    joined = join(people, table("1", MMSE=[29], site=["x"]), "other.tsv", ["MMSE"])
    assert joined.sessions == people.sessions
    assert joined.frame["MMSE"].tolist()[:2] == [29, 29]
    assert joined.frame["MMSE"].isna().tolist() == [False, False, True]
    assert "site" not in joined.frame
    assert joined.flow == people.flow


def test_what_is_missing_is_filled_and_what_is_known_is_kept(people):
    joined = join(people, table("1 2", sex=["F", None], age=[None, 80.0]), "other.tsv")
    assert joined.frame["sex"].tolist() == ["F", "F", "M"]
    assert joined.frame["age"].tolist() == [70, 71, 80]


def test_tables_that_disagree_are_refused_with_who_and_both_values(people):
    with pytest.raises(ProblemsError) as caught:
        join(people, table("1 2", sex=["M", "M"], age=[70.0, 70]), "other.tsv")
    assert [problem.what for problem in caught.value.problems] == [
        "sex is not the same in people.tsv and in other.tsv for sub-1 ses-1 (F and M)",
        "age is not the same in people.tsv and in other.tsv for sub-1 ses-2 (71 and 70)",
    ]


@pytest.mark.parametrize(
    ("other", "columns", "sentence"),
    [
        (table("1 1", x=[1, 2]), None, "other has more than one row for sub-1"),
        (
            table("8 9", x=[1, 2]),
            None,
            "no session of people.tsv is in other  -> are they written alike? sub-1 ses-1 and",
        ),
        (table("1 2", x=[1, 2]), ["y", "x"], "other has no column 'y'; it has: participant_id, x"),
        (table("1 2"), None, "other has no column but identifiers"),
        (pd.DataFrame({"participant_id": ["sub-1", None], "x": 1}), None, "participant_id is missing in row 2"),
        (pd.DataFrame({"who": ["sub-1"]}), None, "other has no column 'participant_id'"),
    ],
)
def test_a_table_that_cannot_be_joined_is_refused(people, other, columns, sentence):
    with pytest.raises(ProblemsError) as caught:
        join(people, other, "other", columns)
    assert sentence in str(caught.value)


def test_a_name_of_several_data_sets_needs_the_data_set():
    people = Cohort(table("1 1", session_id="ses-1", dataset=["one", "two"]), "people.tsv")
    with pytest.raises(TableError, match="sub-1 are of several data sets, and other does not say which"):
        match(people, table("1"), "other")
    assert match(people, table("1 1", dataset=["two", "one"]), "other").tolist() == [1, 0]


def test_a_data_set_that_only_one_table_names_does_not_keep_them_apart(people):
    assert match(people, table("2 1", dataset="one"), "other").tolist() == [1, 1, 0]


@given(cohorts())
def test_a_cohort_joined_with_its_own_columns_is_itself(people):
    shuffled = people.frame.sort_values("month", kind="stable")
    joined = join(people, shuffled.assign(extra=shuffled["month"] + 1), "itself")
    pd.testing.assert_frame_equal(joined.frame.drop(columns="extra"), people.frame)
    assert (joined.frame["extra"] == people.frame["month"] + 1).all()

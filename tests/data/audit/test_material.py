from __future__ import annotations

import pandas as pd
import pytest

from fimbria.data.audit.material import Material, as_texts, column_called, crossings, joined, of_sides, session_keys
from fimbria.data.cohort.cohort import Cohort, Session
from fimbria.errors import InputError, ProblemsError


def material(*rows, **facts):
    """Items as (split, side, participant, session, *more)."""
    columns = ["split", "side", "participant_id", "session_id", *facts.pop("columns", ())]
    return Material("here", "splits", pd.DataFrame(rows, columns=columns), **facts)


def test_completes_what_an_item_may_say_of_itself():
    made = Material("here", "list", pd.DataFrame({"side": ["train"], "participant_id": ["sub-01"], "age": [70]}))
    assert made.items.loc[0, ["split", "dataset", "session_id", "item", "image", "person"]].tolist() == [
        0,
        "",
        "",
        "",
        "",
        "sub-01",
    ]
    assert made.columns == ["age"]


def test_people_are_scoped_by_their_data_set():
    frame = pd.DataFrame({"participant_id": ["sub-01", "sub-01"], "dataset": ["A", "B"], "side": ["train", "test"]})
    assert Material("here", "list", frame).items["person"].tolist() == ["A: sub-01", "B: sub-01"]


def test_identifiers_are_compared_as_they_were_meant():
    assert as_texts(pd.Series([1.0, 2.5, None])).tolist() == ["1", "2.5", ""]
    assert as_texts(pd.Series(["01", " F1 ", None])).tolist() == ["01", "F1", ""]


def test_a_table_of_nobody_known_is_refused():
    anonymous = Material("here", "list", pd.DataFrame({"side": ["train"], "item": ["case_1"]}))
    with pytest.raises(InputError, match="not known whose the items are"):
        joined(anonymous, pd.DataFrame({"participant_id": ["sub-01"], "sex": ["F"]}), "cohort.tsv")


def test_a_gap_in_a_column_of_codes_is_no_disagreement():
    made = material((0, "train", "sub-01", "ses-1", 1), (0, "test", "sub-02", "ses-1", 0), columns=["label"])
    table = pd.DataFrame(
        {"participant_id": ["sub-01", "sub-02", "sub-03"], "session_id": "ses-1", "label": [1, 0, None]}
    )
    assert len(joined(made, table, "cohort.tsv").everybody) == 3


def test_items_without_a_name_are_nobody():
    frame = pd.DataFrame({"participant_id": [None, None], "dataset": ["A", ""], "side": ["train", "test"]})
    made = Material("here", "list", frame)
    assert made.items["person"].tolist() == ["", ""]
    assert not made.has_people
    assert crossings(made.items, "person") == []


def test_a_crossing_names_both_sides_its_splits_and_its_rows():
    made = material(
        (0, "train", "sub-01", "ses-1"),
        (0, "test", "sub-01", "ses-2"),
        (1, "train", "sub-01", "ses-1"),
        (1, "validation", "sub-02", "ses-1"),
        (2, "train", "sub-02", "ses-1"),
        (2, "test", "sub-02", "ses-1"),
    )
    (crossing,) = crossings(made.items, "person")
    assert crossing.sides == ("train", "test")
    assert crossing.keys == ("sub-01", "sub-02")
    assert crossing.where == "train and test of split-0, split-2"
    assert len(crossing.rows) == 4


def test_three_sides_give_every_pair():
    made = material(*((0, side, "sub-01", "ses-1") for side in ("test", "validation", "train")))
    assert [c.sides for c in crossings(made.items, "person")] == [
        ("train", "validation"),
        ("train", "test"),
        ("validation", "test"),
    ]


def test_what_is_on_other_sides_of_other_splits_crosses_nothing():
    made = material((0, "train", "sub-01", "ses-1"), (1, "validation", "sub-01", "ses-1"))
    assert crossings(made.items, "person") == []


def test_session_keys_are_what_sessions_call_themselves():
    people = Cohort(
        pd.DataFrame({"participant_id": ["sub-01"] * 2, "session_id": ["ses-1"] * 2, "dataset": ["", "OASIS"]})
    )
    assert session_keys(people.frame).tolist() == [str(session) for session in people.sessions]
    assert of_sides([(0, "train", people)])["image"].tolist() == [str(session) for session in people.sessions]
    assert str(Session("OASIS", "sub-01", "ses-1")) == "OASIS: sub-01 ses-1"


def test_a_table_adds_its_columns_by_session_where_both_know_it():
    made = material((0, "train", "sub-01", "ses-1"), (0, "test", "sub-02", "ses-1"))
    table = pd.DataFrame(
        {"participant_id": ["sub-02", "sub-01", "sub-03"], "session_id": ["ses-1"] * 3, "sex": ["F", "M", "F"]}
    )
    more = joined(made, table, "cohort.tsv")
    assert more.items["sex"].tolist() == ["M", "F"]
    assert len(more.everybody) == 3


def test_a_table_without_sessions_speaks_of_participants():
    made = material((0, "train", "sub-01", "ses-1"), (0, "train", "sub-01", "ses-2"))
    more = joined(made, pd.DataFrame({"participant_id": ["sub-01"], "family_id": ["F1"]}), "people.tsv")
    assert more.items["family_id"].tolist() == ["F1", "F1"]


def test_a_table_that_says_something_else_is_refused_with_who_and_what():
    made = material((0, "train", "sub-01", "ses-1", "AD"), columns=["diagnosis"])
    table = pd.DataFrame({"participant_id": ["sub-01"], "session_id": ["ses-1"], "diagnosis": ["CN"]})
    with pytest.raises(ProblemsError, match=r"disagree on diagnosis of sub-01 ses-1 \(AD, CN\)"):
        joined(made, table, "cohort.tsv")


def test_columns_are_known_whatever_their_capitals_unless_they_are_empty():
    made = material((0, "train", "sub-01", "ses-1", "F1", None), columns=["Family_ID", "twin_id"])
    assert column_called(made, ("family_id", "twin_id")) == ["Family_ID"]

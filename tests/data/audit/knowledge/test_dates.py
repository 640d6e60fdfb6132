from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.audit.knowledge import dates
from fimbria.data.audit.material import Material


@pytest.mark.parametrize(
    "columns",
    [
        {"acq_time": "2012-05-02T09:00:00", "label_date": "2012-05-01"},
        {"age": 71.3, "label_age": 70.2},
        {"label_month": 6, "session_id": "ses-M012"},
    ],
)
def test_a_visit_after_the_label_was_decided_is_a_leak(material, table, columns):
    frame = table().assign(**{"label_date": None, **columns}).dropna(axis=1)
    findings = dates.look(material(frame)).findings
    assert [found.where for found in findings] == [f"{side} of split-0" for side in ("test", "train", "validation")]
    assert {found.level for found in findings} == {"leak"}
    assert findings[1].who[0] == f"sub-0000 {frame['session_id'].iloc[0]}"


@pytest.mark.parametrize(
    "columns",
    [
        {"acq_time": "2012-05-01T23:30:00-05:00", "label_date": "2012-05-01"},
        {"acq_time": "2012-05-01", "label_date": "2012-05-01T08:00:00"},
        {"age": 70.4, "label_age": 70},
        {"age": 70.44, "label_age": 70.4},
        {"label_month": 12, "session_id": "ses-M012"},
        {"label_month": 11.8, "session_id": "ses-M012"},
    ],
)
def test_a_visit_at_the_decision_is_clean(material, table, columns):
    checked = dates.look(material(table().assign(**columns)))
    assert checked.verdict == "clean"
    assert "40 of 40 rows have" in checked.looked_at


def test_a_clock_that_cannot_be_read_is_said(material, table):
    frame = table().assign(label_date="2012-05-01", acq_time="2012-04-01")
    frame.loc[:2, "acq_time"] = ["spring", "01/04/2012", None]
    checked = dates.look(material(frame))
    assert "37 of 40 rows have acq_time and label_date" in checked.looked_at
    assert "3 rows lack, or do not give in a form that is read, acq_time or label_date" in checked.unchecked


def test_dates_that_were_moved_to_hide_them_are_not_compared(material, table):
    checked = dates.look(material(table().assign(label_date="1890-05-01", acq_time="1900-04-01")))
    assert checked.findings == ()
    assert "40 rows lack" in checked.unchecked


def test_labels_whose_time_is_not_known_are_said(material):
    assert "label_date" in dates.look(material()).unchecked


def visits(**columns):
    """One person learnt from at one visit, scored at another."""
    given = {"side": ["train", "test"], "participant_id": "sub-01", "session_id": ["ses-M012", "ses-M000"]}
    return pd.DataFrame({**given, **columns})


@pytest.mark.parametrize(
    ("columns", "certainty"),
    [
        ({}, "probable"),
        ({"age": [71.0, 70.0], "session_id": "ses-1"}, "certain"),
        ({"acq_time": ["2012-05-01T10:00:00", "2012-05-01T09:00:00"]}, "certain"),
        ({"side": ["validation", "test"]}, "probable"),
    ],
)
def test_learning_from_a_later_visit_of_a_person_who_is_scored_is_a_leak(material, columns, certainty):
    (found,) = dates.look(material(visits(**columns))).findings
    assert (found.level, found.certainty, found.who) == ("leak", certainty, ("sub-01",))
    assert "later visit" in found.what


@pytest.mark.parametrize(
    "columns",
    [
        {"session_id": ["ses-M000", "ses-M012"]},
        {"acq_time": ["2012-05-01", "2013-05-01"]},  # the clock counts, not the name
        {"session_id": "ses-M000"},
        {"split": [0, 1]},
        {"side": ["test", "another"]},
    ],
)
def test_learning_from_an_earlier_visit_is_not_of_the_future(material, columns):
    assert dates.look(material(visits(**columns))).findings == ()


def test_people_whose_visits_have_no_order_are_said(material):
    assert "orders the visits of sub-01" in dates.look(material(visits(session_id=["ses-a", "ses-b"]))).unchecked


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 60)), min_size=1, max_size=30))
def test_people_on_one_side_with_labels_decided_at_the_end_never_raise_an_alarm(drawn):
    frame = pd.DataFrame(
        {
            "participant_id": [f"sub-{side}-{who}" for side, who, _ in drawn],
            "session_id": [f"ses-M{month:03d}" for _, _, month in drawn],
            "side": [["train", "train", "validation", "test"][side] for side, _, _ in drawn],
            "label_month": 60,
        }
    )
    assert dates.look(Material("here", "splits", frame)).findings == ()

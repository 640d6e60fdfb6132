from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.audit.evidence import Evidence, ImageFacts
from fimbria.data.audit.knowledge import contradictions
from fimbria.data.audit.material import Material


def rows(*labels, **columns):
    """Sessions of one person, with their labels."""
    frame = pd.DataFrame({"participant_id": "sub-01", "session_id": "ses-M000", "diagnosis": labels, "side": "train"})
    return frame.assign(**columns)


def test_one_session_with_two_labels_is_a_leak(material):
    (found,) = contradictions.look(material(rows("AD", "CN"))).findings
    assert (found.level, found.certainty) == ("leak", "certain")
    assert found.who == ("sub-01 ses-M000",)
    assert "sub-01 ses-M000 (AD, CN)" in found.what


def test_it_is_found_across_splits_and_sides(material):
    frame = rows("AD", "CN", split=[0, 3], side=["train", "test"])
    assert contradictions.look(material(frame)).verdict == "leak"


def test_it_is_found_between_the_splits_and_the_table_they_were_made_of(material):
    everybody = rows("CN").drop(columns="side")
    assert contradictions.look(material(rows("AD"), everybody=everybody)).verdict == "leak"


def test_the_same_row_twice_is_noted_and_no_leak(material):
    checked = contradictions.look(material(rows("AD", "AD")))
    assert checked.verdict == "clean"
    assert "1 rows stand on their side more than once" in checked.looked_at


@pytest.mark.parametrize(
    "columns",
    [{"session_id": ["ses-M000", "ses-M012"]}, {"item": ["slice-1", "slice-2"]}, {"dataset": ["ADNI", "OASIS"]}],
)
def test_other_visits_slices_and_data_sets_may_have_other_labels(material, columns):
    assert contradictions.look(material(rows("AD", "CN", **columns))).verdict == "clean"


@pytest.mark.parametrize(("one", "other", "verdict"), [(70.5, 70.5 + 1e-9, "clean"), (70.5, 70.6, "leak")])
def test_a_quantity_may_be_written_twice(material, one, other, verdict):
    assert contradictions.look(material(rows(one, other))).verdict == verdict


def test_copies_of_one_image_with_two_labels_are_a_leak(material):
    frame = rows("AD", "CN", participant_id=["sub-01", "sub-02"], image=["a", "b"])
    same = Evidence("CAPS", {"a": ImageFacts(1, "digest"), "b": ImageFacts(2, "digest")})
    (found,) = contradictions.look(material(frame, evidence=same)).findings
    assert found.who == ("sub-01 ses-M000", "sub-02 ses-M000")
    other = Evidence("CAPS", {"a": ImageFacts(1, "digest"), "b": ImageFacts(2, "another")})
    assert contradictions.look(material(frame, evidence=other)).verdict == "clean"


def test_copies_of_an_image_whose_parts_have_labels_of_their_own_tell_nothing(material):
    frame = rows("AD", "CN", "AD", participant_id=["sub-01", "sub-01", "sub-02"], item=["1", "2", "1"])
    same = Evidence("CAPS", {"a": ImageFacts(1, "digest"), "b": ImageFacts(2, "digest")})
    assert contradictions.look(material(frame.assign(image=["a", "a", "b"]), evidence=same)).verdict == "clean"


def test_a_person_whose_sex_is_learnt_has_one(material):
    frame = rows("F", "M", session_id=["ses-1", "ses-2"]).rename(columns={"diagnosis": "sex"})
    (found,) = contradictions.look(material(frame, label="sex")).findings
    assert (found.certainty, found.who) == ("probable", ("sub-01 ses-1", "sub-01 ses-2"))


def test_a_person_whose_sex_changes_is_a_risk(material):
    checked = contradictions.look(material(rows("AD", "AD", session_id=["ses-1", "ses-2"], sex=["F", "M"])))
    (found,) = checked.findings
    assert (found.level, found.who) == ("risk", ("sub-01",))
    assert "may be two under one name" in found.what


def test_a_sex_that_is_only_written_another_way_does_not_change(material):
    session = ["ses-1", "ses-2", "ses-3"]
    checked = contradictions.look(material(rows("AD", "AD", "AD", session_id=session, sex=["F", "f", "Female"])))
    assert checked.findings == ()


def test_rows_that_do_not_say_what_they_are_of_are_said(material):
    checked = contradictions.look(material(rows("AD", "CN", session_id="")))
    assert checked.findings == ()
    assert "2 rows say neither session nor item" in checked.unchecked


def test_no_label_is_said(material):
    assert "--label" in contradictions.look(material(label=None)).unchecked
    assert "--table" in contradictions.look(material(label="other")).unchecked


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40))
def test_labels_that_follow_from_the_session_never_contradict(drawn):
    frame = pd.DataFrame(
        {
            "participant_id": [f"sub-{who}" for who, _, _ in drawn],
            "session_id": [f"ses-{visit}" for _, visit, _ in drawn],
            "split": [split for _, _, split in drawn],
            "side": "train",
            "diagnosis": ["AD" if (who + visit) % 2 else "CN" for who, visit, _ in drawn],
        }
    )
    assert contradictions.look(Material("here", "splits", frame, label="diagnosis")).verdict == "clean"

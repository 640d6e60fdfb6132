"""The whole way from a table to a labelled cohort: its order, its flow, and that no table breaks it."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria import tables
from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.labels.files import read
from fimbria.data.cohort.labels.labelling import label
from fimbria.data.cohort.labels.progression import progression
from fimbria.errors import InputError, TableError
from histories import adds_up, left, table, told

SESSIONS, PARTICIPANTS = read("alzheimer-sessions"), read("alzheimer-participants")


def test_every_step_of_the_way_is_in_the_flow(tmp_path):
    rows = {"a": {0: "CN", 12: None, 24: "CN"}, "b": {0: "AD", "ses-later": "AD"}, "c": {0: "MCI"}, "d": {0: "AD"}}
    people = table(**rows)
    frame = people.frame.assign(diagnosis_bl=["CN"] * 3 + ["AD"] * 2 + ["SMC", "AD"], age=[60, 61, 62, 80, 80, 70, 70])
    once = pd.DataFrame(
        {"participant_id": ["sub-a", "sub-a", "sub-b"], "session_id": ["ses-M000", "ses-M024", "ses-M000"]}
    )
    tables.write(once, tmp_path / "list.tsv")
    images = frame[["participant_id"]].drop_duplicates().assign(t1w=[1, 1, 1, 0])
    for month in ("000", "012", "024"):
        tables.write(images, tmp_path / f"missing_mods_ses-M{month}.tsv")
    found = label(
        Cohort(frame, "people"),
        SESSIONS.changed(inclusion=("age > 60",)),
        missing_mods=tmp_path,
        restriction=tmp_path / "list.tsv",
    )
    assert adds_up(found)
    assert [(step.rule, step.sessions) for step in found.flow] == [
        ("in people", 7),
        ("the session's name says a month (ses-M012)", 6),
        ("not smc: SMC", 5),
        ("diagnosis is read from 'diagnosis'", 5),
        ("diagnosis is known, or the same before and after", 5),
        ("diagnosis is one that is labelled (AD, CN)", 5),
        (f"has an image t1w ({tmp_path.name})", 4),
        ("stands once in list.tsv", 3),
        ("age > 60", 2),
    ]
    assert told(found, "diagnosis") == {("a", "M024"): "CN", ("b", "M000"): "AD"}
    assert left(found)["a", "M000"] == "age is 60"


def test_a_visit_that_is_not_used_still_tells_what_became_of_a_participant(tmp_path):
    row = {"diagnosis": "MCI", "MMSE": 28}
    people = table(a={0: row, 24: {"diagnosis": "AD", "MMSE": 18}}, b={0: row, 36: row})
    tables.write(pd.DataFrame({"participant_id": ["sub-a", "sub-b"], "t1w": 1}), tmp_path / "missing_mods_ses-M000.tsv")
    found = label(people, PARTICIPANTS.changed(keep=("sMCI", "pMCI"), inclusion=("MMSE >= 24",)), missing_mods=tmp_path)
    assert told(found, "diagnosis") == {("a", "M000"): "pMCI", ("b", "M000"): "sMCI"}


def test_who_is_excluded_leaves_the_months_of_the_others_as_they_are():
    people = table(a={6: {"diagnosis": "CN", "diagnosis_bl": "SMC"}}, b={0: {"diagnosis": "CN", "diagnosis_bl": "CN"}})
    assert told(label(people, SESSIONS), "label_month") == {("b", "M000"): 0}


def test_conditions_speak_of_the_table_and_not_of_the_label():
    people = table(a={0: "EMCI", 36: "MCI"}, b={0: "MCI", 36: "MCI"})
    found = label(people, PARTICIPANTS.changed(keep=("sMCI",), inclusion=("diagnosis == EMCI",)))
    assert told(found, "diagnosis") == {("a", "M000"): "sMCI"}


def test_only_the_columns_asked_for_are_written_beside_the_label():
    people = table(a={0: {"diagnosis": "CN", "age": 70, "site": "x"}})
    found = label(people, SESSIONS, columns=("age", "participant_id"))
    assert list(found.frame) == ["dataset", "participant_id", "session_id", "diagnosis", "label_month", "age"]
    with pytest.raises(TableError, match="no column 'sex'"):
        label(people, SESSIONS, columns=("sex",))


def test_the_table_is_left_as_it_was():
    people = table(b={12: "CN", 0: None}, a={0: "AD"})
    before = people.frame.copy()
    label(people, SESSIONS)
    pd.testing.assert_frame_equal(people.frame, before)


def test_the_same_rows_in_any_order_give_the_same_cohort():
    people = table(a={0: "MCI", 24: "AD"}, b={0: "MCI", 36: "MCI"})
    chosen = PARTICIPANTS.changed(keep=("sMCI", "pMCI"))
    turned = Cohort(people.frame.iloc[::-1], "people")
    pd.testing.assert_frame_equal(label(people, chosen).frame, label(turned, chosen).frame)


diagnoses = st.sampled_from(["CN", "MCI", "EMCI", "AD", "Dementia", "SMC", "x", " ", None])
codes = st.sampled_from([None, -1, 1, 2, 3, 10])
sessions = st.sampled_from(["ses-M0", "ses-M000", "ses-M6", "ses-M12", "ses-M036", "ses-M48", "ses-M99999", "ses-x"])


@st.composite
def merged(draw):
    """Any merged table: a few people, any sessions, any diagnoses, columns that may be missing."""
    rows = []
    for number in range(draw(st.integers(1, 5))):
        for session in draw(st.lists(sessions, min_size=1, max_size=5, unique=True)):
            row = {"diagnosis": draw(diagnoses), "adni_diagnosis_change": draw(codes), "diagnosis_bl": draw(diagnoses)}
            rows.append(
                {"participant_id": f"sub-{number // 2}", "session_id": session, **row, "dataset": f"{number % 2}"}
            )
    gone = draw(st.sets(st.sampled_from(["diagnosis", "adni_diagnosis_change", "diagnosis_bl", "dataset"]), max_size=1))
    return pd.DataFrame(rows).drop(columns=list(gone))


@given(
    merged(),
    st.sampled_from(
        [("sMCI", "pMCI"), ("MCI", "CN", "AD"), ("CN",), ("sMCI", "BV"), ("pMCI", "AD"), ("AD", "CN", "sMCI", "pMCI")]
    ),
    st.booleans(),
)
def test_any_table_gives_a_cohort_whose_flow_adds_up_or_a_sentence(frame, keep, unique):
    chosen = (SESSIONS, PARTICIPANTS.changed(keep=keep, remove_unique_session=unique))
    ways = [
        *(lambda people, one=one: label(people, one) for one in chosen),
        lambda people: progression(people, SESSIONS),
    ]
    for way in ways:
        try:
            found = way(Cohort(frame, "people"))
        except InputError as error:
            assert str(error)  # noqa: PT017  (either is right: a cohort, or a sentence)
        else:
            assert adds_up(found)
            assert found.frame.notna()["session_id"].all()


@given(merged())
def test_a_label_of_sessions_is_the_diagnosis_that_is_there(frame):
    frame = frame.assign(diagnosis=frame.get("diagnosis", "CN"))
    try:
        found = label(Cohort(frame, "people"), SESSIONS.changed(admit=("smc",)))
    except InputError:
        return
    given_one = Cohort(frame, "people").frame.set_index(["dataset", "participant_id", "session_id"])["diagnosis"]
    mine = found.frame.set_index(["dataset", "participant_id", "session_id"])["diagnosis"]
    there = given_one.reindex(mine.index)
    known = there.notna() & (there.astype(str).str.strip() != "")
    assert (mine[known] == there[known]).all()
    assert set(mine) <= {"CN", "AD"}

"""Months, the column of the diagnosis, and diagnoses that their neighbours tell."""

import pytest

from fimbria.data.cohort.labels.definition import Definition
from fimbria.data.cohort.labels.files import read
from fimbria.data.cohort.labels.timeline import column_of, interpolated, timeline, with_months
from fimbria.errors import ProblemsError, TableError
from histories import UNKNOWN, adds_up, left, table

SESSIONS = read("alzheimer-sessions")
PLAIN = {"column": ["group"], "keep": "ill", "states": {"ill": "1"}, "labels": {"ill": {"state": "ill"}}}


def states(people, definition=SESSIONS, *, fill=True):
    """Give the states of a table and the reasons of those who left."""
    line = timeline(*with_months(people), definition)
    if fill:
        line = interpolated(line, "diagnosis")
    assert adds_up(line.cohort)
    names = [
        f"{s.participant_id[4:]} {month}" for s, month in zip(line.cohort.sessions, line.month.tolist(), strict=True)
    ]
    return dict(zip(names, line.named(line.state), strict=True)), left(line.cohort)


def test_sessions_are_put_in_the_order_of_their_months_not_of_their_names():
    people = table(b={"ses-M100": "CN", "ses-M6": "CN", "ses-M12": "CN"}, a={"ses-M00": "AD"})
    cohort, months = with_months(people)
    assert [str(session) for session in cohort.sessions] == [
        "sub-a ses-M00",
        "sub-b ses-M6",
        "sub-b ses-M12",
        "sub-b ses-M100",
    ]
    assert months.tolist() == [0, 6, 12, 100]


@pytest.mark.parametrize("name", ["ses-baseline", "ses-M", "ses-M12b", "ses-m12", "ses-M-1", "ses-M123456"])
def test_a_session_that_says_no_month_leaves(name):
    cohort, months = with_months(table(a={name: "CN", "ses-M012": "CN"}))
    assert months.tolist() == [12]
    assert left(cohort) == {("a", name[4:]): f"{name} says no month"}


def test_one_month_under_two_names_is_refused():
    with pytest.raises(ProblemsError, match="sub-a ses-M000"):
        with_months(table(a={"ses-M00": "CN", "ses-M000": "AD"}, b={"ses-M00": "CN"}))


def test_the_same_name_in_two_data_sets_is_two_histories():
    people = table(a={0: {"diagnosis": "CN", "dataset": "one"}, 6: {"diagnosis": None, "dataset": "two"}})
    assert states(people)[1] == {("a", "M006"): "no diagnosis, and none before it"}


@pytest.mark.parametrize(
    ("story", "known", "reasons"),
    [
        ({0: "CN", 6: UNKNOWN, 12: "CN"}, "CN CN CN", []),
        ({0: "CN", 6: UNKNOWN, 12: UNKNOWN, 18: "CN"}, "CN CN CN CN", []),
        ({0: "CN", 6: UNKNOWN, 12: "MCI"}, "CN MCI", ["no diagnosis, CN before and MCI after"]),
        ({0: "CN", 6: UNKNOWN}, "CN", ["no diagnosis, and none after it"]),
        ({0: "CN", 6: UNKNOWN, 12: UNKNOWN}, "CN", ["no diagnosis, and none after it"] * 2),
        ({0: UNKNOWN, 6: "CN"}, "CN", ["no diagnosis, and none before it"]),
        ({0: UNKNOWN, 6: UNKNOWN, 12: "CN"}, "CN", ["no diagnosis, and none before it"] * 2),
        ({0: "BV", 6: UNKNOWN, 12: "BV"}, "BV BV BV", []),
        ({0: "BV", 6: UNKNOWN, 12: "XX"}, "BV XX", ["no diagnosis, BV before and XX after"]),
    ],
)
def test_a_missing_diagnosis_is_that_of_both_neighbours_or_the_session_leaves(story, known, reasons):
    found, gone = states(table(a=story, z={0: "AD"}))
    assert [state for name, state in found.items() if name[0] == "a"] == known.split()
    assert list(gone.values()) == reasons


def test_neighbours_are_the_participant_s_own():
    found, gone = states(table(a={0: "CN"}, b={0: UNKNOWN}, c={0: "CN"}))
    assert found == {"a 0": "CN", "c 0": "CN"}
    assert gone == {("b", "M000"): "no diagnosis, and none before it"}


def test_another_column_fills_in_where_the_first_is_silent_only():
    codes = {0: 1, 1: 7, 2: 9, 3: 2, 4: 4, 5: 8, 6: 3, 7: 5, 8: 6, 9: -1, 10: 42}
    story = {month: {"diagnosis": None, "adni_diagnosis_change": code} for month, code in codes.items()}
    story[11] = {"diagnosis": "CN", "adni_diagnosis_change": 3}
    found, _ = states(table(a=story), fill=False)
    assert list(found.values()) == ["CN"] * 3 + ["MCI"] * 3 + ["AD"] * 3 + ["unknown"] * 2 + ["CN"]


def test_codes_beside_empty_cells_are_still_the_codes():
    story = {0: {"diagnosis": None, "adni_diagnosis_change": 1}, 6: {"diagnosis": "CN", "adni_diagnosis_change": None}}
    assert list(states(table(a=story))[0].values()) == ["CN", "CN"]


def test_the_flow_says_which_column_was_taken_and_what_filled_it():
    row = {"dx1": "CN", "diagnosis": "AD", "adni_diagnosis_change": 1}
    line = timeline(*with_months(table(a={0: row, 6: row | {"dx1": None}})), SESSIONS)
    said = "diagnosis is read from 'dx1' (not 'diagnosis'), filled from 'adni_diagnosis_change' in 1 sessions"
    assert line.cohort.flow[-1].rule == said
    assert line.named(line.state) == ["CN", "CN"]


@pytest.mark.parametrize(
    ("columns", "taken"),
    [
        ("group other_group", "group"),
        ("my_Group_now the_group", "the_group"),
        ("a_group b_group", "a_group"),
        ("subgroup_at_baseline Groups group_id", "Groups"),
    ],
)
def test_the_shortest_column_that_has_the_word_is_taken_where_a_definition_asks_for_it(columns, taken):
    people = table(a={0: dict.fromkeys(columns.split(), "1")})
    name, said = column_of(people, Definition.of(PLAIN | {"find": "GROUP"}))
    assert name == taken
    assert said.startswith(f"read from {taken!r}")


def test_no_column_is_found_by_likeness_unless_the_definition_asks():
    with pytest.raises(TableError, match=r"no column 'dx1' or 'diagnosis'; .*it has: .*diagnosis_bl"):
        column_of(table(a={0: {"diagnosis_bl": "CN"}}), SESSIONS)


def test_values_of_a_definition_meet_numbers_of_a_table():
    definition = Definition.of(PLAIN | {"states": {"ill": [1, 2.5]}, "missing": [-4]})
    people = table(a={month: {"group": value} for month, value in enumerate([1.0, 2.5, -4.0, 3.0])})
    assert list(states(people, definition, fill=False)[0].values()) == ["ill", "ill", "unknown", "3"]
    texts = table(a={month: {"group": value} for month, value in enumerate(["1", " 2.5 ", "-4", "x", "  "])})
    assert list(states(texts, definition, fill=False)[0].values()) == ["ill", "ill", "unknown", "x", "unknown"]


def test_a_value_that_is_called_like_a_state_and_not_listed_is_not_that_state():
    people = table(a={0: {"group": "ill"}, 6: {"group": 1}})
    line = timeline(*with_months(people), Definition.of(PLAIN))
    assert line.state[0] != line.state[1]

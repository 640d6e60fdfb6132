from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fimbria import tables
from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.condition import Condition, contradictions
from fimbria.errors import InputError, TableError

PEOPLE = Cohort(
    pd.DataFrame(
        {
            "participant_id": ["sub-1", "sub-2", "sub-3", "sub-4"],
            "session_id": "ses-1",
            "age": [50, 62.0, None, 70.5],
            "dx": ["AD", None, "CN", "3"],
            "acq_time": ["2020-01-31T10:00:00", "2020-02-01", None, "2020-01-31T23:30:00-05:00"],
            "ok": [True, False, None, True],
            "MMSE score": [29, 28, 27, 26],
        }
    ),
    "people.tsv",
)


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("age >= 62", "24"),
        ("age>62", "4"),
        ("age < 62.0", "1"),
        ("age <= 6.2e1", "12"),
        ("age = 62", "2"),
        ("age != 62", "14"),
        ("age is missing", "3"),
        ("age  is  known", "124"),
        ("dx in AD, CN", "13"),
        ("dx not in AD", "34"),
        ("dx == 3", "4"),
        ("dx == '3'", "4"),
        ("dx == 3.0", "4"),
        ("dx == ad", ""),
        ("ok == true", "14"),
        ("ok != True", "2"),
        ("'MMSE score' >= 28", "12"),
        ("acq_time == 2020-01-31", "1"),
        ("acq_time <= 2020-01-31", "1"),
        ("acq_time > 2020-01-31", "24"),
        ("acq_time > 2020-01-31T09:59:59", "124"),
        ("acq_time in 2020-01-31, 2020-02-01", "124"),
        ("participant_id in sub-2, sub-9", "2"),
        ("dataset is missing", "1234"),
    ],
)
def test_a_condition_holds_for_those_who_meet_it_and_never_for_a_missing_value(text, who):
    held = Condition.parse(text).holds(PEOPLE)
    assert held.dtype == bool
    assert "".join(session.participant_id[-1] for session, yes in zip(PEOPLE.sessions, held, strict=True) if yes) == who


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("  age>=62.0 ", "age >= 62"),
        ("age = .5", "age == 0.5"),
        ('"MMSE score"<28', "'MMSE score' < 28"),
        ("""site not in Paris,'New York' , "L'Aquila" """, """site not in Paris, 'New York', "L'Aquila\""""),
        ("code == '007'", "code == '007'"),
        ("code == 'plain'", "code == plain"),
        ("x not   in A", "x not in A"),
        ("007 == 07", "007 == 7"),
    ],
)
def test_a_condition_is_written_in_one_way(text, canonical):
    assert str(Condition.parse(text)) == canonical
    assert str(Condition.parse(canonical)) == canonical


words = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=8)


@given(words, st.sampled_from(["==", "!=", "in", "not in", "is missing", "is known"]), st.lists(words, min_size=1))
def test_what_was_read_is_read_again_from_what_is_written(column, operator, values):
    texts = [f"'{word}'" for word in [column, *values]]
    several = ", ".join(texts[1:]) if operator.endswith("in") else "" if operator.startswith("is") else texts[1]
    text = f"{texts[0]} {operator} {several}"
    assume(not any("'" in word or word in tables.MISSING for word in [column, *values]))
    condition = Condition.parse(text)
    assert (condition.column, condition.operator) == (column, operator)
    assert Condition.parse(str(condition)) == condition


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_every_digit(number):
    condition = Condition.parse(f"age >= {number!r}")
    assert float(condition.wanted[0].text) == number
    assert Condition.parse(str(condition)) == condition


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "cannot be read. What can be read: age >= 62"),
        ("age", "cannot be read"),
        ("age >=", "cannot be read"),
        ("age => 62", "cannot be read"),
        ("a b == 3", "cannot be read"),
        ("x == a b", "cannot be read"),
        ("x == 'a", "cannot be read"),
        ("x in A,,B", "cannot be read"),
        ("__import__('os').system('true')", "cannot be read"),
        ("age >= old", "old is neither a number nor a date"),
        ("age >= '62'", "'62' is neither a number nor a date"),
        ("acq_time == 2020-13-45", "2020-13-45 is no date"),
        ("age == n/a", "compares with a missing value. Write: age is missing"),
        ("age != nan", "Write: age is known"),
    ],
)
def test_what_cannot_be_read_is_answered_with_what_can(text, sentence):
    with pytest.raises(InputError) as caught:
        Condition.parse(text)
    assert sentence in str(caught.value)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("dx >= 3", "needs a number, but dx is none in people.tsv for sub-1 ses-1 ('AD'), sub-3 ses-1 ('CN')"),
        ("dx == 2020-01-31", "needs a date such as 2020-01-31, but dx is none"),
        ("age < 2020-01-31", "needs a date such as 2020-01-31, but age is none"),
        ("agee > 3", "no column 'agee'; did you mean 'age'?"),
    ],
)
def test_values_of_another_kind_are_refused_with_whose_they_are(text, sentence):
    with pytest.raises(TableError) as caught:
        Condition.parse(text).holds(PEOPLE)
    assert sentence in str(caught.value)


def test_reasons_can_be_counted():
    assert Condition.parse("age >= 62").reasons(PEOPLE) == ["age < 62", "age < 62", "age is missing", "age < 62"]
    assert Condition.parse("age != 62").reasons(PEOPLE)[:2] == ["age is 50", "age is 62"]
    assert Condition.parse("dx == AD").reasons(PEOPLE)[1:3] == ["dx is missing", "dx is CN"]


@pytest.mark.parametrize(
    "texts",
    [
        ["age >= 62", "age < 60"],
        ["age > 62", "sex == F", "age <= 62"],
        ["age == 63", "age < 60"],
        ["dx == AD", "dx in CN, MCI"],
        ["dx in AD, CN", "dx not in AD, CN, MCI"],
        ["t > 2020-01-31", "t < 2020-02-01"],
        ["t == 2020-01-31", "t != 2020-01-31"],
        ["t >= 2020-01-31T10:00", "t == 2020-01-30"],
        ["age is missing", "age > 3"],
        ["age is missing", "age is known"],
        ["a > 3", "a > 2020-01-01"],
    ],
)
def test_conditions_that_nobody_could_meet_are_found(texts):
    (problem,) = contradictions([Condition.parse(text) for text in texts])
    assert problem.what.startswith("nobody could pass ")
    assert "sex" not in problem.what


@pytest.mark.parametrize(
    "texts",
    [
        ["age >= 62", "age <= 62"],
        ["age > 62", "age < 63"],
        ["age > 62", "sex == F"],
        ["dx in AD, CN", "dx != AD"],
        ["dx == 3", "dx == '3'"],
        ["t >= 2020-01-31", "t <= 2020-01-31"],
        ["t == 2020-01-31", "t >= 2020-01-31T10:00"],
        ["age is missing", "age is missing"],
        ["age is known", "age == 3"],
        [],
    ],
)
def test_conditions_that_somebody_could_meet_are_not(texts):
    assert contradictions([Condition.parse(text) for text in texts]) == []


@given(
    st.lists(st.tuples(st.sampled_from([">=", "<=", ">", "<", "==", "!="]), st.integers(0, 4)), min_size=1, max_size=4)
)
def test_a_contradiction_is_called_exactly_where_nobody_passes(rules):
    ages = np.arange(-1, 6, 0.5)
    names = [f"sub-{i}" for i in range(len(ages))]
    people = Cohort(pd.DataFrame({"participant_id": names, "session_id": "ses-1", "age": ages}))
    conditions = [Condition.parse(f"age {sign} {number}") for sign, number in rules]
    passed = np.all([condition.holds(people) for condition in conditions], axis=0)
    assert bool(contradictions(conditions)) != passed.any()

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.splits.units import Units, column_problems, gaps, group_problems


@pytest.fixture
def visits():
    """Four people in the order of nothing; two of one family, one with two sessions, the later one first."""
    rows = [
        ("sub-4", "ses-M0", "F2", 64.0),
        ("sub-1", "ses-M12", "F1", 61.0),
        ("sub-1", "ses-M0", "F1", 60.0),
        ("sub-3", "ses-M0", "F1", None),
        ("sub-2", "ses-M0", "F3", 62.0),
    ]
    return Cohort(pd.DataFrame(rows, columns=["participant_id", "session_id", "family_id", "score"]), "visits")


def test_people_stand_in_the_order_of_their_names_with_their_first_session(visits):
    units = Units.of(visits)
    assert units.first["participant_id"].tolist() == ["sub-1", "sub-2", "sub-3", "sub-4"]
    assert units.first["score"].tolist()[0] == 60.0
    assert units.person.tolist() == [3, 0, 0, 2, 1]
    assert units.single


def test_a_family_is_one_unit(visits):
    units = Units.of(visits, ["family_id"])
    assert units.unit.tolist() == [0, 1, 0, 2]
    assert units.sizes.tolist() == [2, 1, 1]
    assert not units.single


def test_groups_that_are_linked_through_others_are_one():
    frame = pd.DataFrame({"participant_id": [f"sub-{i}" for i in range(5)], "session_id": "ses-1"})
    chain = Cohort(frame.assign(family_id=list("abbcd"), site=list("xxyyz")))
    assert Units.of(chain, ["family_id", "site"]).unit.tolist() == [0, 0, 0, 0, 1]


def test_what_people_have_is_added_up_by_unit(visits):
    values = np.arange(8.0).reshape(4, 2)
    assert Units.of(visits, ["family_id"]).totals(values).tolist() == [[4, 6], [2, 3], [6, 7]]
    assert Units.of(visits, ["family_id"]).totals(values[:, :0]).shape == (3, 0)
    assert Units.of(visits).totals(values) is values


def test_problems_name_whose_they_are(visits):
    assert [p.what for p in gaps(Units.of(visits).first, "score", "fill it in")] == [
        "score is missing for sub-3 ses-M0"
    ]
    assert group_problems(visits, "family_id") == []
    assert [p.what for p in group_problems(visits, "score")] == [
        "score is missing for sub-3",
        "score differs between sessions of sub-1",
    ]
    (problem,) = column_problems(visits, ["family_id", "famili", "famili"])
    assert "did you mean 'family_id'" in problem.what

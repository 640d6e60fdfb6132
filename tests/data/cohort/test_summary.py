from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis
from scipy.stats import ttest_ind
from sklearn.covariance import EmpiricalCovariance

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.summary import COLUMNS, SCANS, difference_of_means, difference_of_shares, summarize
from fimbria.errors import InputError, ProblemsError
from strategies import cohorts

counts = st.lists(st.integers(1, 40), min_size=4, max_size=4).map(np.array)


@pytest.fixture
def people():
    """Four people; the first has two sessions, and another diagnosis at the second."""
    return Cohort(
        pd.DataFrame(
            {
                "participant_id": ["sub-1", "sub-1", "sub-2", "sub-3", "sub-4"],
                "session_id": ["ses-M12", "ses-M0", "ses-M0", "ses-M0", "ses-M0"],
                "age": [71.0, 70, 74, 60, None],
                "sex": ["F", "F", "M", "F", None],
                "diagnosis": ["AD", "MCI", "MCI", "CN", "CN"],
                "apoe4": [1, 1, 0, 0, 1],
                "acq_time": ["2021-01-01", "2020-01-01T10:00:00", "2020-01-03", "2020-01-05", None],
                "site": [10, 10, 2, 2, 2],
                "family_id": ["a", "a", "b", "c", "d"],
            }
        ),
        "people",
    )


def row(summary, variable, group="all", level=None):
    """Give one row of the tidy table."""
    table = summary.table[(summary.table["variable"] == variable) & (summary.table["group"] == group)]
    found = table if level is None else table[table["level"] == level]
    assert len(found) == 1
    return found.iloc[0]


def test_numbers_are_those_of_the_first_session_and_missing_ones_are_counted(people):
    age = row(summarize(people), "age")
    assert (age["n"], age["missing"], age["mean"], age["median"], age["min"], age["max"]) == (3, 1, 68, 70, 60, 74)
    assert age["sd"] == pytest.approx(math.sqrt(52))
    assert (age["q1"], age["q3"]) == (65, 72)


def test_categories_are_counted_and_shares_are_of_the_known(people):
    found = summarize(people)
    assert [row(found, "sex", level=level)["count"] for level in "FM"] == [2, 1]
    assert row(found, "sex", level="F")["percent"] == pytest.approx(200 / 3)
    assert (row(found, "sex", level="F")["n"], row(found, "sex", level="F")["missing"]) == (3, 1)
    assert row(found, "apoe4", level="1")["count"] == 2


def test_codes_are_counted_in_the_order_of_numbers(people):
    table = summarize(people, ["site"], codes=["site"]).table
    assert table[table["variable"] == "site"]["level"].tolist() == ["2", "10"]


def test_dates_have_a_median_day_and_no_mean(people):
    date = row(summarize(people, ["acq_time"]), "acq_time")
    assert (date["median"], date["min"], date["max"]) == ("2020-01-03", "2020-01-01", "2020-01-05")
    assert pd.isna(date["mean"])


def test_sessions_are_counted_for_each_participant(people):
    found = summarize(people, [], by="diagnosis")
    assert row(found, "participants")["count"] == 4
    assert row(found, "sessions")["count"] == 5
    assert row(found, "sessions", "MCI")["count"] == 3
    scans = row(found, SCANS, "MCI")
    assert (scans["mean"], scans["min"], scans["max"]) == (1.5, 1, 2)


def test_identifiers_and_free_text_are_left_out_and_named():
    names = [f"sub-{i:02d}" for i in range(30)]
    frame = pd.DataFrame({"participant_id": names, "session_id": "ses-1", "note": names, "family_id": 1, "age": 3.0})
    found = summarize(Cohort(frame))
    assert set(found.table["variable"]) == {"participants", "sessions", SCANS, "age"}
    assert found.notes[-1] == "Left out as identifiers or free text: note, family_id."
    assert row(summarize(Cohort(frame), ["note"]), "note", level="sub-07")["count"] == 1


def test_groups_come_from_the_first_session_and_who_changes_is_said(people):
    found = summarize(people, by="diagnosis")
    assert found.groups == ("all", "CN", "MCI")
    assert "diagnosis" not in set(found.table["variable"])
    assert any("changes from session to session for 1 participants" in note for note in found.notes)


def test_who_has_no_group_is_in_none(people):
    found = summarize(people, ["age"], by="sex")
    assert [row(found, "participants", group)["count"] for group in ("all", "F", "M")] == [4, 2, 1]
    assert any("sex is missing for 1 participants" in note for note in found.notes)


def test_a_group_called_all_is_not_taken_for_the_whole(people):
    frame = people.frame.assign(sex=["all", "all", "M", "M", "M"])
    assert summarize(Cohort(frame), by="sex").groups == ("everybody", "M", "all")


def test_the_difference_of_means_is_that_worked_out_by_hand():
    # means 2 and 5, variances 1 and 4: 3 / sqrt(2.5)
    assert difference_of_means(np.array([1.0, 2, 3]), np.array([3.0, 5, 7])) == pytest.approx(1.8973665961010275)
    assert difference_of_means(np.array([5.0, 5]), np.array([5.0, 5])) == 0
    assert difference_of_means(np.array([5.0, 5]), np.array([6.0, 6])) == math.inf
    assert math.isnan(difference_of_means(np.array([5.0]), np.array([6.0, 7])))


@given(st.lists(st.floats(-99, 99), min_size=3, max_size=3), st.lists(st.floats(-99, 99), min_size=3, max_size=3))
def test_the_difference_of_means_agrees_with_scipy_where_groups_are_of_one_size(one, other):
    first, second = np.array(one), np.array(other)
    if min(first.std(), second.std()) < 1e-6:
        return
    t = ttest_ind(first, second, equal_var=False).statistic
    assert difference_of_means(first, second) == pytest.approx(abs(t) * math.sqrt(2 / 3), abs=1e-9)


def test_the_difference_of_two_shares_is_that_worked_out_by_hand():
    # 50 % and 80 %: 0.3 / sqrt((0.25 + 0.16) / 2)
    assert difference_of_shares(np.array([5, 5]), np.array([8, 2])) == pytest.approx(0.6625891564490792)
    assert difference_of_shares(np.array([5, 5, 0]), np.array([8, 2, 0])) == pytest.approx(0.6625891564490792)
    assert difference_of_shares(np.array([3, 3]), np.array([7, 7])) == pytest.approx(0)


def test_a_level_that_tells_groups_apart_is_an_infinite_difference():
    assert difference_of_shares(np.array([4, 0]), np.array([0, 4])) == math.inf
    assert difference_of_shares(np.array([2, 2, 0]), np.array([0, 0, 4])) == math.inf
    assert math.isnan(difference_of_shares(np.array([0, 0]), np.array([1, 2])))
    assert difference_of_shares(np.array([4, 0]), np.array([9, 0])) == 0


@given(counts, counts)
def test_the_difference_of_shares_is_scipy_s_mahalanobis_distance_of_the_levels_but_one(one, other):
    rows = [np.repeat(np.eye(4)[:, 1:], own, axis=0) for own in (one, other)]
    covariance = np.mean([EmpiricalCovariance().fit(own).covariance_ for own in rows], axis=0)
    expected = mahalanobis(rows[0].mean(axis=0), rows[1].mean(axis=0), np.linalg.inv(covariance))
    assert difference_of_shares(one, other) == pytest.approx(expected, abs=1e-6)


def test_of_several_groups_the_largest_difference_counts():
    ages = [1.0, 3, 2, 4, 11, 13]
    frame = pd.DataFrame({"participant_id": [f"sub-{i}" for i in range(6)], "session_id": "ses-1", "age": ages})
    found = summarize(Cohort(frame.assign(site=list("aabbcc"))), by="site")
    assert row(found, "age")["smd"] == pytest.approx(10 / math.sqrt(2))


def test_everything_missing_is_said_at_once(people):
    with pytest.raises(ProblemsError) as caught:
        summarize(people, ["agee", "age"], by="diagnosi")
    assert len(caught.value.problems) == 2


def test_too_many_groups_or_none_are_refused():
    names = [f"sub-{i:02d}" for i in range(30)]
    many = Cohort(pd.DataFrame({"participant_id": names, "session_id": "ses-1", "age": range(30), "empty": None}))
    with pytest.raises(InputError, match="age has 30 different values"):
        summarize(many, by="age")
    with pytest.raises(InputError, match="empty is missing for everybody"):
        summarize(many, by="empty")


@given(cohorts())
def test_the_groups_add_up_to_the_whole_whatever_the_order_of_rows(people):
    found = summarize(people, ["sex", "month"], by="diagnosis")
    assert tuple(found.table.columns) == COLUMNS
    for variable in ("participants", "sessions"):
        counted = found.table[found.table["variable"] == variable]["count"].tolist()
        assert counted[0] == sum(counted[1:])
    turned = summarize(Cohort(people.frame.iloc[::-1], "people"), ["sex", "month"], by="diagnosis")
    pd.testing.assert_frame_equal(found.table, turned.table, rtol=1e-9)

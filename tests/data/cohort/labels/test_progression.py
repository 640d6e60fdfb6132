"""Progression, against the cases that ClinicaDL 1.6 was seen to give and those where ours differs on purpose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.cohort.labels.definition import Definition
from fimbria.data.cohort.labels.files import read
from fimbria.data.cohort.labels.progression import progression
from fimbria.errors import ProblemsError
from histories import UNKNOWN, adds_up, left, table, told

DEFINITION = read("alzheimer-sessions")


def words(story, **options):
    found = progression(table(a=story), DEFINITION, **options)
    assert adds_up(found)
    return " ".join(told(found, "progression").values())


@pytest.mark.parametrize(
    ("story", "clinicadl", "ours"),
    [
        ({0: "CN", 12: "CN", 24: "CN"}, "s s uk", "uk uk uk"),
        ({0: "MCI", 12: "AD"}, "p uk", "p uk"),
        ({0: "AD", 12: "MCI"}, "r uk", "r uk"),
        ({0: "MCI", 12: "MCI"}, "s uk", "uk uk"),
    ],
)
def test_the_four_participants_of_the_synthetic_run(story, clinicadl, ours):
    assert words(story, as_clinicadl=True) == clinicadl
    assert words(story) == ours


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ({0: "CN", 36: "CN"}, "s uk"),
        ({0: "CN", 36: "MCI"}, "p uk"),
        ({0: "MCI", 36: "CN"}, "r uk"),
        ({0: "AD", 36: "Dementia"}, "s uk"),
        ({0: "CN", 24: "CN", 48: "CN"}, "s uk uk"),
        ({0: "CN", 24: "CN", 48: "AD"}, "p p uk"),
        ({0: "CN", 24: "MCI", 48: "CN"}, "us us us"),
        ({0: "MCI", 24: "CN", 60: "CN"}, "r s uk"),
        ({0: "CN", 12: "AD", 24: "CN"}, "uk r uk"),
        ({0: "CN", 36: "AD", 72: "CN"}, "us us us"),
        ({0: "AD", 36: "CN", 72: "AD"}, "us us us"),
        ({0: "CN", 36: "AD", 72: "AD", 108: "CN"}, "us us us us"),
        ({0: "CN", 36: "MCI", 72: "AD"}, "p p uk"),
        ({0: "CN"}, "uk"),
    ],
)
def test_each_case_of_the_horizon(story, expected):
    assert words(story) == expected


def test_an_unstable_participant_does_not_make_the_next_one_so():
    found = progression(table(a={0: "CN", 36: "AD"}, b={0: "AD", 36: "CN"}), DEFINITION)
    assert list(told(found, "progression").values()) == ["p", "uk", "r", "uk"]


def test_the_month_that_decided_stands_beside_it():
    found = progression(table(a={0: "CN", 24: "CN", 48: "AD"}, b={0: "MCI", 12: "MCI"}), DEFINITION)
    assert list(told(found, "progression_month").values()) == [48, 48, 48, 12, 12]


def test_missing_diagnoses_are_told_by_their_neighbours_and_those_without_rank_leave():
    found = progression(table(a={0: "CN", 12: UNKNOWN, 36: "CN"}, b={0: "CN", 6: "stroke"}), DEFINITION)
    assert told(found, "progression")[("a", "M012")] == "uk"
    assert left(found) == {("b", "M006"): "diagnosis is stroke, which has no rank"}


def test_a_shorter_horizon_sees_less():
    story = {0: "MCI", 12: "MCI", 24: "AD"}
    assert words(story) == "p p uk"
    near = progression(table(a=story), DEFINITION.changed(horizon=12))
    assert list(told(near, "progression").values()) == ["s", "p", "uk"]


def test_the_flow_says_how_far_it_looked():
    people = table(a={0: "CN"})
    assert progression(people, DEFINITION).flow[-1].rule == "compared with 36 months later"
    assert "as ClinicaDL 1.6" in progression(people, DEFINITION, as_clinicadl=True).flow[-1].rule


def test_a_definition_without_ranks_is_refused():
    plain = {"column": "g", "keep": "x", "states": {"x": "1"}, "labels": {"x": {"state": "x"}}}
    with pytest.raises(ProblemsError, match=r"\[ahead\] is needed"):
        progression(table(a={0: "CN"}), Definition.of(plain))


def by_hand(story, horizon):
    """Walk through one participant as the rule is told in words."""
    rank = {"CN": 0, "MCI": 1, "AD": 2}
    months = sorted(story)
    found = {}
    for month in months:
        here, goal = rank[story[month]], month + horizon
        before = max(m for m in months if m <= goal)
        after = min((m for m in months if m > goal), default=None)
        change = rank[story[before]] - here
        if not change and before != goal and after is not None:
            change = rank[story[after]] - here
        followed = before == goal or after is not None
        found[month] = "p" if change > 0 else "r" if change < 0 else "s" if followed else "uk"
    turns = [word for word in found.values() if word in "pr"]
    if "p" in turns and "r" in turns:
        return ["us"] * len(months)
    return [*list(found.values())[:-1], "uk"]


@given(
    st.dictionaries(st.integers(0, 60), st.sampled_from(["CN", "MCI", "AD"]), min_size=1, max_size=8),
    st.integers(1, 70),
)
def test_any_history_is_told_as_a_walk_by_hand_tells_it(story, horizon):
    found = progression(table(a=story, b={0: "AD", 36: "CN"}), DEFINITION.changed(horizon=horizon))
    assert list(told(found, "progression").values())[: len(story)] == by_hand(story, horizon)

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.audit.knowledge import held_out
from fimbria.data.audit.material import Material


def placed(**sides):
    """People by number on sides."""
    rows = [(side, f"sub-{number:02d}") for side, numbers in sides.items() for number in numbers]
    return pd.DataFrame(rows, columns=["side", "participant_id"])


@pytest.mark.parametrize(
    ("validation", "test", "said", "shared"),
    [
        ([3, 4], [3, 4], "validation is test", 2),
        ([3], [3, 4], "validation lies inside test", 1),
        ([3, 4], [4], "validation holds all of test", 1),
        ([3, 4], [4, 5], "validation shares people with test", 1),
    ],
)
def test_a_validation_side_that_is_scored_is_a_leak(material, validation, test, said, shared):
    (found,) = held_out.look(material(placed(train=[1, 2], validation=validation, test=test))).findings
    assert found.what.startswith(said)
    assert (found.level, found.certainty, len(found.who)) == ("leak", "certain", shared)
    assert found.where == "validation and test of split-0"


def test_items_without_people_are_compared_by_name(material):
    frame = pd.DataFrame({"side": ["train", "validation", "test"], "item": ["a.nii", "b.nii", "b.nii"]})
    (found,) = held_out.look(material(frame)).findings
    assert found.who == ("item b.nii",)


def test_people_are_compared_within_a_split(material):
    one = placed(train=[1, 2], validation=[3], test=[4]).assign(split=0)
    other = placed(train=[1, 2], validation=[4], test=[3]).assign(split=1)
    assert held_out.look(material(pd.concat([one, other]))).verdict == "clean"
    leak = placed(train=[1, 2], validation=[4], test=[4]).assign(split=2)
    (found,) = held_out.look(material(pd.concat([one, other, leak]))).findings
    assert found.where == "validation and test of split-2"


def test_two_groups_of_test_people_may_overlap(material):
    frame = placed(train=[1], validation=[2], test=[3, 4], everybody=[3, 4, 5])
    assert held_out.look(material(frame)).verdict == "clean"


def test_a_design_without_a_test_says_so_and_raises_no_alarm(material):
    checked = held_out.look(material(sides=("train", "validation")))
    assert (checked.verdict, checked.findings) == ("not checked", ())
    assert "there is no test side" in checked.unchecked


def test_a_design_without_validation_says_so(material):
    assert "no validation side" in held_out.look(material(sides=("train", "test"))).unchecked


@given(st.lists(st.sampled_from(["train", "validation", "test"]), min_size=1, max_size=30))
def test_people_on_one_side_each_never_raise_an_alarm(sides):
    frame = pd.DataFrame({"side": sides, "participant_id": [f"sub-{number}" for number in range(len(sides))]})
    assert held_out.look(Material("here", "splits", frame)).findings == ()

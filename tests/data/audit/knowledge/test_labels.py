from __future__ import annotations

import pandas as pd
import pytest

from fimbria.data.audit.knowledge.labels import answers, is_quantity, one_each


@pytest.mark.parametrize(
    ("values", "people", "quantity"),
    [
        (["AD", "CN"], 40, False),
        (["0", "1"], 4, False),
        (["1", "2", "3", "4"], 4, False),
        ([str(code) for code in range(10)], 200, False),
        ([str(age) for age in range(60, 75)], 15, True),
        (["61", "64", "66", "70", "71", "77"], 6, True),
        (["0.5", "1.0"], 40, True),
        (["70", "old"], 40, False),
        ([], 0, False),
    ],
)
def test_a_quantity_is_told_from_codes_of_classes(values, people, quantity):
    assert is_quantity(pd.Series(values, dtype="str"), people) is quantity


def test_each_participant_is_drawn_once_and_always_the_same(material):
    rows = answers(material(people=20, sessions=5)).rows
    drawn = one_each(rows)
    assert sorted(drawn["person"]) == sorted(set(rows["person"]))
    assert set(drawn["session_id"]) > {"ses-M000"}
    pd.testing.assert_frame_equal(drawn, one_each(rows))


def test_items_without_a_label_or_a_participant_are_counted(material, table):
    frame = table()
    frame.loc[:1, "diagnosis"] = None
    frame.loc[2, "participant_id"] = ""
    known = answers(material(frame))
    assert len(known.rows) == 37
    assert known.unchecked == "3 items have no label or name no participant"

from __future__ import annotations

import pandas as pd
import pytest

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.splits import Split, Splits
from fimbria.errors import LeakError, TableError


def people(count=8, name="people", **columns):
    frame = pd.DataFrame({"participant_id": [f"sub-{i:02d}" for i in range(count)], "session_id": "ses-M000"})
    return Cohort(frame.assign(**columns), name)


def test_a_participant_on_two_sides_cannot_be():
    with pytest.raises(LeakError, match=r"sub-01, sub-02, sub-03 in train and in test: .*`fimbria cohort kfold`"):
        Split(0, people(4, "train"), people(4, "test").keep([False, True, True, True], "others"))


def test_a_participant_of_another_dataset_is_somebody_else():
    Split(0, people(2, dataset="one"), people(2, dataset="two"))
    with pytest.raises(LeakError):
        Split(0, people(2, dataset="one"), people(2))


def families(*names, first=0):
    frame = pd.DataFrame({"participant_id": [f"sub-{i + first:02d}" for i in range(len(names))], "session_id": "ses-1"})
    return Cohort(frame.assign(family_id=names), "train" if not first else "validation")


def test_a_family_on_two_sides_cannot_be_where_it_was_to_stay_whole():
    Split(0, families("F1", "F2"), families("F2", first=5))
    with pytest.raises(LeakError, match=r"family_id F2 in train and in validation: .*--group family_id"):
        Split(0, families("F1", "F2"), families("F2", first=5), group_by=("family_id",))


def test_those_without_a_family_are_not_one():
    split = Split(0, families("F1", None), families(None, "F2", first=5), group_by=("family_id",))
    assert split.group_by == ("family_id",)


def test_a_side_without_the_column_to_group_by_is_refused():
    with pytest.raises(TableError, match="no column 'site'"):
        Split(0, families("F1"), families("F2", first=5), group_by=("site",))


def test_the_largest_difference_of_each_variable_is_over_splits_and_levels():
    rows = [(0, "sex", "F", 0.3, 0.1), (0, "sex", "M", 0.2, 0.2), (1, "age", "", 0.5, 0.0), (1, "sex", "F", 0.1, 0.4)]
    table = pd.DataFrame(rows, columns=["split", "variable", "level", "before", "achieved"])
    largest = Splits((), table).largest()
    assert largest.to_dict("list") == {"variable": ["sex", "age"], "before": [0.3, 0.5], "achieved": [0.4, 0.0]}

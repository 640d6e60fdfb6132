from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fimbria.data.cohort.splits.balance import MOST_LEVELS, balance_problems, differences, table, variables

AGES = [60.0, 70.0, 80.0, 90.0]


def test_a_difference_is_of_means_over_everybody_s_standard_deviation():
    told = variables(pd.DataFrame({"age": AGES}), ["age"])
    found = differences(told.measures, np.ones(4), np.array([0, 0, 1, 1]), 2)
    assert found[:, 0] == pytest.approx([-20 / np.std(AGES), 20 / np.std(AGES)])


def test_a_word_is_one_variable_a_level_and_its_difference_is_of_shares():
    told = variables(pd.DataFrame({"sex": ["F", "F", "M", "F"]}), ["sex"])
    assert (told.columns, told.levels) == (("sex", "sex"), ("F", "M"))
    found = differences(told.measures, np.ones(4), np.array([0, 0, 1, 1]), 2)
    assert found[0] == pytest.approx([0.5 / np.sqrt(0.1875), -0.5 / np.sqrt(0.1875)])


def test_units_of_several_count_as_many():
    told = variables(pd.DataFrame({"age": AGES}), ["age"]).measures
    units = np.stack([told[0] + told[3], told[1], told[2]])
    alone = differences(told, np.ones(4), np.array([0, 1, 1, 0]), 2)
    assert differences(units, np.array([2, 1, 1]), np.array([0, 1, 1]), 2) == pytest.approx(alone)


def test_what_is_missing_is_the_mean_and_a_variable_of_its_own():
    first = pd.DataFrame({"age": [60.0, None, 80.0, 90.0, np.inf], "sex": ["F", None, "M", "F", "M"]})
    told = variables(first, ["age", "sex", "age"])
    assert list(zip(told.columns, told.levels, strict=True)) == [
        ("age", ""),
        ("age", "missing"),
        ("sex", "F"),
        ("sex", "M"),
        ("sex", "missing"),
    ]
    assert told.measures[[1, 4], 0] == pytest.approx([0.0, 0.0])
    assert told.notes[0].startswith("age is missing for 2 participants: taken for the mean")
    assert told.notes[1].startswith("sex is missing for 1 participants: no level")


def test_what_nobody_differs_in_is_no_difference():
    told = variables(pd.DataFrame({"age": [70.1] * 3, "sex": ["F"] * 3}), ["age", "sex"])
    assert not told.measures.any()


def test_a_column_that_cannot_be_balanced_is_named():
    names = [f"name-{i}" for i in range(MOST_LEVELS + 1)]
    first = pd.DataFrame({"name": names, "empty": [None] * len(names), "age": np.arange(len(names))})
    said = [problem.what for problem in balance_problems(first, ["name", "empty", "age"])]
    assert said == ["name has 101 different words to balance on", "empty has no value to balance on"]


def test_the_table_has_a_row_a_split_and_variable():
    told = variables(pd.DataFrame({"age": AGES, "sex": list("FMFM")}), ["age", "sex"])
    rows = table(told, np.full((2, 3), -0.5), np.full((2, 3), 0.1))
    assert rows["split"].tolist() == [0, 0, 0, 1, 1, 1]
    assert rows["variable"].tolist() == ["age", "sex", "sex"] * 2
    assert set(rows["before"]) == {0.5}

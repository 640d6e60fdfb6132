from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.audit.readers import sides
from fimbria.errors import InputError


@pytest.mark.parametrize(
    ("side", "words"),
    [
        ("train", ["train", "Training", "TRAIN_SET", "trn", "tr"]),
        ("validation", ["val", "Valid", "validation", "dev", "val-set"]),
        ("test", ["test", "Testing", "hold-out", "held_out", "test data"]),
        (None, ["trainee", "external", "value", "tested", "", "12"]),
    ],
)
def test_words_mean_sides(side, words):
    assert {sides.side_of(word) for word in words} == {side}


@given(st.lists(st.integers(0, 4), min_size=2, max_size=20).filter(lambda folds: len(set(folds)) > 1))
def test_each_fold_is_held_out_once_and_learnt_from_otherwise(folds):
    rows = pd.DataFrame({"item": range(len(folds))})
    laid = sides.folded(rows, pd.Series(folds), "table")
    held = laid[laid["side"] == "validation"]
    assert sorted(held["item"]) == list(range(len(folds)))
    assert [folds[item] for item in held["item"]] == held["split"].tolist()
    assert len(laid) == len(folds) * len(set(folds))


def test_a_row_without_a_fold_is_learnt_from_in_every_split():
    laid = sides.folded(pd.DataFrame({"item": "abc"}, index=range(3)), pd.Series([0, 1, None]), "table")
    assert set(laid.loc[2::3, "side"]) == {"train"}


def test_one_fold_alone_and_folds_without_number_are_refused():
    with pytest.raises(InputError, match="one fold only"):
        sides.folded(pd.DataFrame({"item": [1, 2]}), pd.Series([3, 3]), "table")
    many = pd.Series(range(3000))
    with pytest.raises(InputError, match="too many"):
        sides.folded(pd.DataFrame({"item": many}), many, "table")


def test_rows_are_held_out_of_every_split():
    splits = pd.DataFrame({"item": ["a", "b"], "split": [0, 3], "side": "train"})
    laid = sides.everywhere(splits, {"test": pd.DataFrame({"item": ["z"]}), "none": pd.DataFrame({"item": []})})
    assert laid[laid["side"] == "test"]["split"].tolist() == [0, 3]
    assert set(laid["side"]) == {"train", "test"}

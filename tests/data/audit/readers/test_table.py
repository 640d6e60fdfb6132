from __future__ import annotations

import pandas as pd
import pytest

from fimbria.data.audit.readers import table
from fimbria.data.audit.readers.identity import Naming
from fimbria.errors import InputError

WHO = [f"P{k}" for k in range(6)]


def read(folder, partition=None, name="people.csv", *, whole=False, **columns):
    path = folder / name
    pd.DataFrame({"subject": WHO, **columns}).to_csv(path, sep="\t" if name.endswith("tsv") else ",", index=False)
    return table.read(path, Naming(), partition, whole=whole)


def sides(material):
    return material.items.sort_values(["split", "participant_id"]).groupby("split")["side"].apply(list).to_dict()


@pytest.mark.parametrize("name", ["people.csv", "people.tsv"])
@pytest.mark.parametrize("column", ["split", "Partition", "dataset", "anything"])
def test_a_column_of_words_is_found_whatever_its_name(tmp_path, name, column):
    words = ["Training", "train", "VAL", "dev", "test", "Testing"]
    material = read(tmp_path, name=name, **{column: words})
    assert sides(material) == {0: ["train"] * 2 + ["validation"] * 2 + ["test"] * 2}
    assert f"column {column}" in material.notes[0]
    assert material.columns == []
    assert set(material.items["dataset"]) == {""}


@pytest.mark.parametrize("values", [[0, 0, 1, 1, 2, 2], ["0", "0", "1", "1", "2", "2"], [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]])
def test_a_column_of_numbers_holds_each_fold_out_once(tmp_path, values):
    assert sides(read(tmp_path, cv_fold=values)) == {
        k: ["validation" if who // 2 == k else "train" for who in range(6)] for k in range(3)
    }


def test_words_among_folds_are_sides_of_every_split(tmp_path):
    found = sides(read(tmp_path, "part", part=["0", "0", "1", "1", "test", "train"]))
    assert found == {
        0: ["validation"] * 2 + ["train"] * 2 + ["test", "train"],
        1: ["train"] * 2 + ["validation"] * 2 + ["test", "train"],
    }


@pytest.mark.parametrize(
    ("name", "held"), [("is_val", "validation"), ("is_valid", "validation"), ("isTest", "test"), ("is_train", "train")]
)
@pytest.mark.parametrize(("yes", "no"), [(True, False), (1, 0), ("yes", "no")])
def test_a_column_that_says_yes_or_no_of_a_side_is_read(tmp_path, name, held, yes, no):
    other = "validation" if held == "train" else "train"
    assert sides(read(tmp_path, **{name: [yes, no, no, no, no, yes]})) == {0: [held] + [other] * 4 + [held]}


def test_columns_that_differ_in_a_number_are_one_split_each(tmp_path):
    found = read(tmp_path, split_10=["train"] * 5 + ["val"], split_2=["val"] + ["train"] * 5)
    assert sides(found) == {0: ["validation"] + ["train"] * 5, 1: ["train"] * 5 + ["validation"]}


def test_words_of_no_side_are_held_out_under_their_own_name_and_told(tmp_path):
    material = read(tmp_path, split=["train"] * 3 + ["val", "external", "external"])
    assert sides(material)[0][4:] == ["external"] * 2
    assert "external" in material.notes[1]


def test_rows_of_no_side_are_left_out_and_told(tmp_path):
    material = read(tmp_path, "split", split=["train"] * 3 + ["val", None, "n/a"])
    assert len(material.items) == 4
    assert material.notes == ("2 rows have no value in column split and were left out.",)


def test_identifiers_stay_text_and_the_other_columns_what_they_are(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("pid,split,age\n001,train,60\n1,test,61\n")
    items = table.read(path, Naming()).items
    assert items["participant_id"].tolist() == ["001", "1"]
    assert items["age"].tolist() == [60, 61]


def test_without_a_column_all_rows_are_learnt_from_if_others_are_held_out_apart(tmp_path):
    assert sides(read(tmp_path, whole=True, age=range(6))) == {0: ["train"] * 6}


@pytest.mark.parametrize(
    ("partition", "columns", "says"),
    [
        (None, {"age": range(6)}, "no column that says on which side"),
        ("splitt", {"split": ["train", "test"] * 3}, "did you mean 'split'"),
        (None, {"split": ["train", "test"] * 3, "fold": [0, 1] * 3}, "several columns"),
        ("sex", {"sex": ["F", "M"] * 3}, "does not say what is learnt from: it holds 'F', 'M'"),
        ("split", {"split": ["val", "test"] * 3}, "does not say what is learnt from"),
        ("fold", {"fold": [0, 1, -1] * 2}, "holds '-1'"),
        ("fold", {"fold": [0.5, 1, 2] * 2}, "holds '0.5'"),
        ("fold", {"fold": ["1", "2", "later"] * 2}, "holds 'later'"),
        ("fold", {"fold": [1] * 6}, "one fold only"),
        ("is_val", {"is_val": ["maybe", "true"] * 3}, "yes or no were wanted"),
        ("split", {"split": [None] * 6}, "does not say what is learnt from"),
    ],
)
def test_a_table_that_does_not_say_is_refused_in_one_sentence(tmp_path, partition, columns, says):
    with pytest.raises(InputError, match=says) as refused:
        read(tmp_path, partition, **columns)
    assert "people.csv" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_column_cannot_say_the_side_and_whose_a_row_is(tmp_path):
    (tmp_path / "a.csv").write_text("subject,split\na,train\nb,test\n")
    with pytest.raises(InputError, match="whose a row is too"):
        table.read(tmp_path / "a.csv", Naming("split"), "split")


def test_a_column_of_many_numbers_is_not_taken_for_folds(tmp_path):
    path = tmp_path / "a.csv"
    pd.DataFrame({"subject": "a", "fold": range(300)}).to_csv(path, index=False)
    with pytest.raises(InputError, match="300 different numbers"):
        table.read(path, Naming(), "fold")

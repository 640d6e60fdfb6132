from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria import tables
from fimbria.errors import TableError


def table(tmp_path, text, name="t.tsv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_reads_numbers_text_and_what_is_missing(tmp_path):
    path = table(tmp_path, "participant_id\tage\tsex\n001\t70.5\tF\nn/a\t\tNA\n")
    frame = tables.read(path, ["age"], text=["participant_id", "not there"])
    assert frame["participant_id"].tolist()[0] == "001"
    assert frame.loc[0, "age"] == 70.5
    assert frame.loc[1].isna().all()


def test_a_diagnosis_called_none_is_not_missing(tmp_path):
    assert tables.read(table(tmp_path, "x\nNone\nnull\n"))["x"].tolist() == ["None", "null"]


def test_a_byte_order_mark_and_windows_lines_are_no_part_of_it(tmp_path):
    frame = tables.read(table(tmp_path, b"\xef\xbb\xbfa\tb\r\n1\tx\r\n"))
    assert frame.to_dict("list") == {"a": [1], "b": ["x"]}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_floats_come_back_to_the_last_bit(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("t") / "t.tsv"
    tables.write(pd.DataFrame({"x": numbers}), path)
    assert np.array_equal(tables.read(path)["x"].to_numpy(float), np.array(numbers))


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), min_size=1, max_size=5))
def test_any_text_comes_back_as_it_was(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("t") / "t.tsv"
    kept = [word for word in words if word not in tables.MISSING] or ["x"]
    tables.write(pd.DataFrame({"x": kept, "y": 1}), path)
    assert tables.read(path, text=["x"])["x"].tolist() == kept


def test_the_same_table_gives_the_same_bytes(tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "b": [0.1, None], "c": ["x", None]})
    tables.write(frame, tmp_path / "t.tsv")
    assert (tmp_path / "t.tsv").read_bytes() == b"a\tb\tc\n1\t0.1\tx\n2\tn/a\tn/a\n"
    tables.write(tables.read(tmp_path / "t.tsv"), tmp_path / "u.tsv")
    assert (tmp_path / "u.tsv").read_bytes() == (tmp_path / "t.tsv").read_bytes()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty; a table with a header line was wanted"),
        ("\n", "is empty"),
        (b"a\tb\n\xe9\t1\n", "is not UTF-8 text"),
        ("participant_id,age\nsub-01,3\n", "separated by commas; tabs were wanted"),
        ("a\tb\n1\t2\n1\t2\t3\n", "Expected 2 fields in line 3, saw 3"),
        ("a\tb\n1\t2\t3\n", "rows with more cells than its header line"),
        ("a\tb\ta\n1\t2\t3\n", "more than one column 'a'"),
        ('a\tb\n"x\t2\n', "cannot be read as a tab-separated table"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_by_name(tmp_path, text, sentence):
    path = table(tmp_path, text)
    with pytest.raises(TableError, match=sentence) as caught:
        tables.read(path)
    assert str(path) in str(caught.value)


def test_a_missing_table_is_answered_with_the_nearest_name(tmp_path):
    table(tmp_path, "a\n1\n", "participants.tsv")
    with pytest.raises(TableError, match=r"there is no table .*participant\.tsv. Did you mean .*participants\.tsv\?"):
        tables.read(tmp_path / "participant.tsv")


def test_a_missing_table_in_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(TableError, match=r"there is no table .*x\.tsv\.$"):
        tables.read(tmp_path / "none" / "x.tsv")


def test_a_missing_column_is_answered_with_those_it_has(tmp_path):
    path = table(tmp_path, "participant_id\tdiagnoses\nsub-01\tAD\n")
    with pytest.raises(
        TableError, match=r"no column 'diagnosis'; did you mean 'diagnoses'\? \(it has: diagnoses, part"
    ):
        tables.read(path, ["diagnosis"])


def test_a_header_alone_is_a_table_without_rows(tmp_path):
    assert len(tables.read(table(tmp_path, "a\tb\n"))) == 0

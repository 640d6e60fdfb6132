from __future__ import annotations

import pytest

from fimbria.data.audit.readers import lists
from fimbria.errors import InputError, TableError


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ","), ("a.tsv", "\t"), ("a.csv", "\t"), ("a.tsv", ",")])
def test_commas_and_tabs_are_told_apart_by_what_stands_there(tmp_path, name, mark):
    path = tmp_path / name
    path.write_text(mark.join(["who", "age"]) + "\n" + mark.join(["001", "60"]) + "\n")
    frame = lists.read_table(path, text=["who"])
    assert frame.to_dict("list") == {"who": ["001"], "age": [60]}


def test_the_index_that_pandas_writes_is_left_out(tmp_path):
    (tmp_path / "data.tsv").write_text("\tparticipant_id\n0\tsub-01\n")
    assert list(lists.read_table(tmp_path / "data.tsv")) == ["participant_id"]


def test_duplicate_rows_and_unfit_identifiers_are_read(tmp_path):
    (tmp_path / "a.csv").write_text("participant_id,session_id\n sub-01 ,1\n sub-01 ,1\n,\n")
    assert len(lists.read_table(tmp_path / "a.csv", text=["participant_id"])) == 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"who;side\nsub-01;train\n", "separated by semicolons"),
        (b"who,who\n1,2\n", "more than one column 'who'"),
        (b"who,side\n1,2,3\n", "more cells than its header"),
        (b'who,side\n"1,2\n', "cannot be read as a table"),
        (b"who\xff\n1\n", "not UTF-8"),
        (b"who,side\n" + b"a,train\n" * 9000 + b"\xff,train\n", "not UTF-8"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_sentence(tmp_path, content, says):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(TableError) as refused:
        lists.read_table(path)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000])
def test_a_json_that_is_none_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json is no JSON") as refused:
        lists.read_json(path)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        lists.read_json(tmp_path / "a.json")
    with pytest.raises(TableError, match="No such file"):
        lists.columns(tmp_path / "a.csv")

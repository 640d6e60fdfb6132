from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from fimbria.atomic import replacing, write_bytes, write_json, write_text
from fimbria.errors import StorageError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def broken_off(path, error):
    """Write half a file, and then something happens."""
    with replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise error


def failing(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


def test_writes_what_it_was_given_and_makes_the_folders(tmp_path):
    write_text(tmp_path / "a" / "b" / "c.txt", "ä\n")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "ä\n".encode()


def test_takes_the_place_of_the_old_file(tmp_path):
    path = tmp_path / "x"
    write_bytes(path, b"old and longer")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["x"]


def test_json_keeps_letters_and_ends_with_a_line(tmp_path):
    write_json(tmp_path / "x.json", {"name": "Zoë"})
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert "Zoë" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {"name": "Zoë"}


def test_json_refuses_what_is_not_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", float("nan"))
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "the disk is full. Free some room"),
        (errno.EDQUOT, "quota is used up"),
        (errno.EACCES, "you may not write there"),
        (errno.EROFS, "read-only"),
    ],
)
@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_no_room_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch, number, sentence, step):
    path = tmp_path / "x.tsv"
    write_bytes(path, b"old")
    monkeypatch.setattr(Path, step, failing(number))
    with pytest.raises(StorageError, match=sentence) as caught:
        write_bytes(path, b"new")
    assert str(path) in str(caught.value)
    assert caught.value.errno == number
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["x.tsv"]


def test_a_flush_that_fails_is_no_success(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", failing(errno.ENOSPC))
    with pytest.raises(StorageError, match="the disk is full"):
        write_bytes(tmp_path / "x", b"new")
    assert names(tmp_path) == []


def test_another_error_goes_through_as_it_is(tmp_path):
    with pytest.raises(KeyError, match="mine"):
        broken_off(tmp_path / "x", KeyError("mine"))
    assert names(tmp_path) == []


def test_an_interrupt_leaves_nothing_behind(tmp_path):
    path = tmp_path / "x"
    write_bytes(path, b"old")
    with pytest.raises(KeyboardInterrupt):
        broken_off(path, KeyboardInterrupt())
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["x"]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "x"
    write_bytes(path, b"old")
    with replacing(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
        assert temporary.parent == path.parent
    assert path.read_bytes() == b"new"


def test_others_may_read_what_was_written_as_far_as_the_umask_says(tmp_path):
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "x", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "x" / "y").mkdir(parents=True)
    with pytest.raises(StorageError, match="a folder of that name stands there"):
        write_bytes(tmp_path / "x", b"")
    assert names(tmp_path) == ["x"]


def test_a_file_where_a_folder_is_wanted_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="is a file, not a folder"):
        write_bytes(tmp_path / "file" / "deeper" / "x", b"")


def test_a_very_long_name_still_has_room_for_the_temporary_one(tmp_path):
    path = tmp_path / ("n" * 250)
    write_bytes(path, b"x")
    assert path.read_bytes() == b"x"


def test_a_library_that_writes_itself_and_finds_the_disk_full_is_understood(tmp_path):
    (tmp_path / "kept").write_text("old")
    with pytest.raises(StorageError, match="the disk is full"):
        broken_off(tmp_path / "kept", RuntimeError(f"I/O error: {os.strerror(errno.ENOSPC)} (os error 28)"))
    assert (tmp_path / "kept").read_text() == "old"


def test_an_error_of_another_kind_stays_what_it_is(tmp_path):
    with pytest.raises(RuntimeError, match="something else"):
        broken_off(tmp_path / "new", RuntimeError("something else"))
    assert not list(tmp_path.iterdir())

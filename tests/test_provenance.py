from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime, timedelta
from hashlib import sha256 as oracle
from importlib import metadata

import pytest

from fimbria import provenance
from fimbria.provenance import Fingerprint, environment, free_bytes, git_state, packages, sha256


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"content" * 300_000)
    return path


def test_the_digest_is_that_of_the_content(file):
    assert sha256(file) == oracle(b"content" * 300_000).hexdigest()


def test_a_fingerprint_survives_as_a_dictionary(file):
    print_ = Fingerprint.of(file)
    assert Fingerprint(**json.loads(json.dumps(print_.as_dict()))) == print_


def test_a_file_that_nobody_touched_has_the_date_it_had_and_is_not_read(file, monkeypatch):
    print_ = Fingerprint.of(file)
    monkeypatch.setattr(provenance, "sha256", None)
    assert print_.is_dated_as(file)


def test_a_file_that_was_touched_has_another_date(file):
    print_ = Fingerprint.of(file)
    os.utime(file, ns=(1, 1))
    assert not print_.is_dated_as(file)


def test_a_file_of_another_size_is_noticed_though_its_date_is_the_same(file):
    print_ = Fingerprint.of(file)
    file.write_bytes(b"shorter")
    os.utime(file, ns=(print_.modified_ns, print_.modified_ns))
    assert not print_.is_dated_as(file)


def test_the_environment_is_plain_and_says_the_version():
    said = environment()
    assert json.loads(json.dumps(said)) == said
    assert said["fimbria"] == metadata.version("fimbria")
    assert said["cpu_count"] >= 1


def test_the_date_is_in_utc_to_the_second():
    date = datetime.fromisoformat(provenance.now())
    assert date.utcoffset() == timedelta(0)
    assert date.microsecond == 0


def test_memory_is_none_where_the_system_does_not_tell(monkeypatch):
    monkeypatch.delattr(os, "sysconf")
    assert provenance.memory_gib() is None


def test_packages_are_sorted_and_hold_our_own():
    found = packages()
    assert found["fimbria"] == metadata.version("fimbria")
    assert list(found) == sorted(found, key=str.lower)


def test_room_is_told_for_a_folder_that_does_not_exist_yet(tmp_path):
    assert free_bytes(tmp_path / "a" / "b") > 0


def test_there_is_no_git_state_outside_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) is None


def test_there_is_no_git_state_without_git(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) is None


def test_a_checkout_is_clean_until_something_is_added(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    state = git_state(tmp_path)
    assert len(state["commit"]) == 40
    assert state["clean"]
    (tmp_path / "new").write_text("x")
    assert not git_state(tmp_path)["clean"]

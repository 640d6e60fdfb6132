"""Definitions as files: found by name or path, refused in a sentence, written so that they can be read back."""

import pytest

from fimbria.data.cohort.labels.definition import Definition
from fimbria.data.cohort.labels.files import as_toml, presets, read, shown
from fimbria.errors import InputError, ProblemsError


def test_there_is_a_preset_for_sessions_and_one_for_participants():
    assert {"alzheimer-sessions", "alzheimer-participants"} <= set(presets())
    assert all(sentence.endswith(".") for sentence in presets().values())


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_preset_is_written_read_back_and_the_same(name, tmp_path):
    (tmp_path / "again.toml").write_text(as_toml(read(name)))
    assert read(tmp_path / "again.toml") == read(name)


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_preset_as_shown_is_the_start_of_one_s_own(name, tmp_path):
    (tmp_path / "mine.toml").write_text("\ufeff" + shown(name), encoding="utf-8")
    assert read(str(tmp_path / "mine.toml")) == read(name)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("alzheimer-session", None, "did you mean 'alzheimer-sessions'"),
        ("no.toml", None, r"there is no definition .*no\.toml\. .*--show"),
        ("bad.toml", b"column = ", "is not TOML"),
        ("bytes.toml", b"\xff\xfe\x00", "cannot be read as text"),
    ],
)
def test_what_is_no_definition_is_refused_in_a_sentence(name, content, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read(name)


def test_a_folder_is_no_definition(tmp_path):
    (tmp_path / "x.toml").mkdir()
    with pytest.raises(InputError, match="cannot be read as text"):
        read(tmp_path / "x.toml")


def test_what_is_wrong_in_a_file_is_told_with_its_name(tmp_path):
    (tmp_path / "mine.toml").write_text(shown("alzheimer-sessions").replace("column =", "colum =", 1))
    with pytest.raises(ProblemsError, match=r"mine\.toml") as caught:
        read(tmp_path / "mine.toml")
    assert len(caught.value.problems) == 2


def test_showing_an_unknown_preset_names_those_there_are():
    with pytest.raises(InputError, match="alzheimer-participants"):
        shown("alzheimers")


def test_a_definition_of_another_disease_needs_no_code(tmp_path):
    text = 'column = "edss"\nkeep = "mild"\n[states]\nmild = [1, 1.5]\n[labels.mild]\nstate = "mild"\n'
    (tmp_path / "sclerosis.toml").write_text(text)
    assert read(tmp_path / "sclerosis.toml") == Definition.of(
        {
            "column": ["edss"],
            "keep": ["mild"],
            "states": {"mild": ["1", "1.5"]},
            "labels": {"mild": {"state": ["mild"]}},
        }
    )

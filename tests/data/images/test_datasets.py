from __future__ import annotations

from pathlib import Path

import pytest

from fimbria.data.cohort.cohort import Session
from fimbria.data.images import layout
from fimbria.data.images.datasets import DataSets
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import ImageError, InputError, ProblemsError, TableError

T1 = pipeline.build("t1-linear")


def test_one_folder_serves_the_sessions_of_whatever_name(tiny_caps):
    sets = DataSets.of(tiny_caps)
    assert dict(sets.items()) == {"": tiny_caps}
    assert sets.folder(Session("adni", "sub-01", "ses-M000")) == tiny_caps


def test_a_table_names_folders_relative_to_itself(tmp_path):
    (tmp_path / "sets.tsv").write_text("cohort\tpath\tother\nadni\tA\t1\naibl\t/data/B\t2\n")
    assert dict(DataSets.of(tmp_path / "sets.tsv").items()) == {"adni": tmp_path / "A", "aibl": Path("/data/B")}
    (tmp_path / "sets.tsv").write_text("dataset\tpath\n001\tA\n")
    assert list(DataSets.of(tmp_path / "sets.tsv")) == ["001"]


def test_names_are_told_with_their_folders():
    assert dict(DataSets.told(["a=x", "b=y=z"]).items()) == {"a": Path("x"), "b": Path("y=z")}
    assert dict(DataSets.told(["x"]).items()) == {"": Path("x")}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name\tpath\na\tx\n", "has no column 'cohort'"),
        ("cohort\nx\n", "has no column 'path'"),
        ("cohort\tpath\na\tx\na\ty\n", "a stands there more than once"),
        ("cohort\tpath\na\tn/a\n", "line 2 lacks a name or a path"),
        ("cohort\tpath\na\tx\nb\t./x\n", "a and b are one folder"),
        ("cohort\tpath\n", "there is none"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path, text, sentence):
    (tmp_path / "sets.tsv").write_text(text)
    with pytest.raises((TableError, ProblemsError), match=sentence):
        DataSets.of(tmp_path / "sets.tsv")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["a=x", "a=y"], "a is told more than once"),
        (["x", "b=y"], "x has no name"),
        (["a=x", "b=x/../x"], "a and b are one folder"),
        ([], "there is none"),
    ],
)
def test_words_that_contradict_each_other_are_refused(words, sentence):
    with pytest.raises(ProblemsError, match=sentence):
        DataSets.told(words)


def test_a_data_set_that_was_not_given_is_named_with_those_that_were_and_none_is_suggested():
    sets = DataSets.of({"adni": "A", "aibl": "B"})
    with pytest.raises(
        InputError,
        match=r"'adnl', whose folder was not given; there is: 'adni', 'aibl'\. Name it: --cohort adnl=FOLDER\.",
    ):
        sets.folder(Session("adnl", "sub-01", "ses-M000"))
    with pytest.raises(InputError, match="of a data set without a name"):
        sets.folder(Session("", "sub-01", "ses-M000"))


def test_each_data_set_is_asked_for_its_own_people_and_listed_once(tiny_caps, tmp_path, monkeypatch):
    name = "sub-01_ses-M000_space-MNI152NLin2009cSym_desc-Crop_res-1x1x1_T1w.nii.gz"
    (tmp_path / "subjects/sub-01/ses-M000/t1_linear").mkdir(parents=True)
    (tmp_path / "subjects/sub-01/ses-M000/t1_linear" / name).touch()
    asked, real = [], layout.source_of
    monkeypatch.setattr(layout, "source_of", lambda *given: asked.append(given[0]) or real(*given))
    source = DataSets({"one": tiny_caps, "two": tmp_path}).source(T1)
    for _ in range(2):
        assert source.find(Session("one", "sub-01", "ses-M000")).is_relative_to(tiny_caps)
        assert source.find(Session("two", "sub-01", "ses-M000")).is_relative_to(tmp_path)
    assert source.has(Session("one", "sub-02", "ses-M000"))
    with pytest.raises(ImageError, match="no t1-linear image for two: sub-02 ses-M000"):
        source.find(Session("two", "sub-02", "ses-M000"))
    assert asked == [tiny_caps, tmp_path]


def test_every_folder_that_is_missing_or_no_caps_is_told_at_once(tiny_bids, tmp_path):
    with pytest.raises(ProblemsError, match="2 problems with the data sets") as caught:
        DataSets({"a": tmp_path / "none", "b": tiny_bids}).source(T1)
    assert "a: there is no folder" in str(caught.value)
    assert "b: " in str(caught.value)
    assert "looks like a BIDS data set" in str(caught.value)

"""The tools of cohorts as they are typed: what is printed, what is written, what is refused."""

from __future__ import annotations

import pandas as pd
import pytest

from fimbria import tables
from fimbria.cli.app import run


@pytest.fixture
def merged(tmp_path):
    rows = [
        (f"sub-{who:02d}", f"ses-M{month:03d}", ("CN", "AD", "MCI")[who % 3], 58 + who, "FM"[who % 2])
        for who in range(12)
        for month in (0, 12)
    ]
    columns = ["participant_id", "session_id", "diagnosis", "age", "sex"]
    tables.write(pd.DataFrame(rows, columns=columns), tmp_path / "merged.tsv")
    return tmp_path / "merged.tsv"


def said(capsys, *words):
    assert run([str(word) for word in words]) == 0
    return capsys.readouterr().out


def test_a_merged_table_becomes_labels_that_are_restricted_and_described(merged, tmp_path, capsys):
    labels, older, table, picture = (tmp_path / name for name in ("labels.tsv", "older.tsv", "one.html", "flow.svg"))
    shown = said(capsys, "cohort", "labels", merged, labels, "--definition", "alzheimer-sessions")
    assert "AD" in shown
    assert set(tables.read(labels)["diagnosis"]) == {"AD", "CN"}
    shown = said(capsys, "cohort", "restrict", labels, older, "--where", "age >= 62", "sex == F")
    assert "age >= 62" in shown
    assert tables.read(older)["age"].min() >= 62
    shown = said(capsys, "cohort", "summary", older, "--by", "diagnosis", "--out", table, "--flow", picture)
    assert "age" in shown
    assert "<table" in table.read_text()
    assert "<svg" in picture.read_text()


def test_progression_and_metadata_stand_beside_each_session(merged, tmp_path, capsys):
    assert "uk" in said(capsys, "cohort", "progression", merged, tmp_path / "progression.tsv")
    scores = tables.read(merged)[["participant_id", "session_id"]].assign(score=range(24))
    tables.write(scores, tmp_path / "scores.tsv")
    said(capsys, "cohort", "metadata", merged, tmp_path / "scores.tsv", tmp_path / "joined.tsv")
    assert tables.read(tmp_path / "joined.tsv")["score"].tolist() == list(range(24))


def test_a_folder_of_the_first_clinicadl_is_adapted(tmp_path, capsys):
    for label in ("AD", "CN"):
        rows = {"participant_id": [f"sub-{label}{n}" for n in range(3)], "session_id": ["ses-M00"] * 3}
        tables.write(pd.DataFrame({**rows, "diagnosis": [label] * 3}), tmp_path / "old" / f"{label}.tsv")
    said(capsys, "cohort", "adapt", tmp_path / "old", tmp_path / "new")
    assert len(tables.read(tmp_path / "new" / "labels.tsv")) == 6


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["restrict", "{table}", "{out}", "--where", "age >= 62", "age < 60"], "nobody"),
        (["restrict", "{table}", "{out}", "--where", "height > 1"], "no column 'height'"),
        (["restrict", "{table}", "{out}", "--where", "age = "], "age"),
        (["labels", "{table}", "{out}", "--definition", "alzheimers"], "alzheimer-sessions"),
        (["labels", "{table}", "{out}", "--keep", "ADD"], "ADD"),
        (["metadata", "{table}", "nowhere.tsv", "{out}"], "there is no table"),
        (["summary", "{table}", "--by", "group"], "no column 'group'"),
        (["kfold", "{table}", "{out}", "--folds", "20"], "20"),
        (["kfold", "{table}", "{out}", "--group", "family"], "family"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_writes_nothing(merged, tmp_path, capsys, words, sentence):
    out = tmp_path / "out.tsv"
    assert run(["cohort", *(word.format(table=merged, out=out) for word in words)]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert sentence in shown
    assert "Traceback" not in shown
    assert not out.exists()

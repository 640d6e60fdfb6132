from __future__ import annotations

from fimbria.cli.app import run


def test_a_split_prints_its_sides_and_how_alike_they_are(tiny_caps, tmp_path, capsys):
    words = ["--test", "2", "--stratify", "diagnosis", "--balance", "age", "sex"]
    assert run(["cohort", "split", str(tiny_caps / "data.tsv"), str(tmp_path / "s"), *words]) == 0
    said = capsys.readouterr().out
    assert "standardised difference" in said
    assert [line.split()[0] for line in said.splitlines()[4:8]] == ["variable", "age", "sex", "diagnosis"]
    assert f"Kept in {tmp_path / 's'}" in said


def test_folds_print_what_is_held_out_and_what_there_is_to_say(tiny_caps, tmp_path, capsys):
    table = str(tiny_caps / "data.tsv")
    assert run(["cohort", "kfold", table, str(tmp_path / "sex"), "--leave-out", "sex", "--export", "csv"]) == 0
    assert "sex = F" in capsys.readouterr().out
    assert (tmp_path / "sex" / "export-csv" / "split-1.csv").is_file()
    assert run(["cohort", "kfold", table, str(tmp_path / "folds"), "--stratify", "sex"]) == 0
    assert "too few to be on every side." in capsys.readouterr().out


def test_contradictory_options_are_refused_together(tiny_caps, tmp_path, capsys):
    words = ["--leave-out", "sex", "--folds", "3", "--repeats", "2"]
    assert run(["cohort", "kfold", str(tiny_caps / "data.tsv"), str(tmp_path / "new"), *words]) == 2
    said = capsys.readouterr().err
    assert "--leave-out sex and --folds" in said
    assert "--leave-out sex and --repeats" in said
    assert not (tmp_path / "new").exists()

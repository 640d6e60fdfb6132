"""The door: help without torch, exit codes, and an interrupt that keeps what is done."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from fimbria.cli.app import run
from fimbria.results.maps.maps import Maps

HEAVY = ("torch", "pandas", "numpy", "scipy", "nibabel", "matplotlib", "lightning_fabric", "pydantic")


def modules_after(*words):
    """Run a command in a fresh interpreter and give the heavy packages it loaded."""
    code = (
        "import sys; from fimbria.cli.app import run; code = run(sys.argv[1:]);"
        f"print(code, *[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    return done.stderr.split()


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["train", "--help"], ["cohort", "--help"]])
def test_help_loads_nothing_heavy(words):
    # the flags of a training are made from the experiment, which pydantic describes; nothing else is
    needed = {"pydantic"} if "train" in words else set()
    assert set(modules_after(*words)) - needed == {"0"}


def test_tables_splits_and_audits_load_no_torch(tiny_bids, tiny_caps, tmp_path):
    assert "torch" not in modules_after("cohort", "from-bids", str(tiny_bids), str(tmp_path / "cohort.tsv"))
    words = [str(tiny_caps / "data.tsv"), str(tmp_path / "labels"), "--test", "2"]
    assert "torch" not in modules_after("cohort", "split", *words)
    assert "torch" not in modules_after("audit", str(tmp_path / "labels"))


def test_the_public_face_loads_nothing_until_it_is_asked():
    code = f"import sys, fimbria; dir(fimbria); print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_command_has_help_with_an_example(capsys):
    commands = [
        *(["cohort", name] for name in ("from-bids", "from-caps", "labels", "progression")),
        *(["cohort", name] for name in ("restrict", "metadata", "adapt", "summary", "split", "kfold")),
        *(["extract", name] for name in ("image", "patch", "slice", "roi")),
        ["preprocess", "t1-linear"],
        ["generate", "atrophy"],
        *([name] for name in ("demo", "doctor", "list", "audit", "train", "resume", "predict", "report")),
    ]
    for words in commands:
        assert run([*words, "--help"]) == 0
        assert f"Example: fimbria {' '.join(words)}" in " ".join(capsys.readouterr().out.split())


def test_help_of_train_shows_every_option_with_its_default(capsys):
    run(["train", "--help"])
    said = capsys.readouterr().out
    for flag in ("--optimization.epochs", "--optimization.optimizer.learning_rate", "--network.name", "--data.caps"):
        assert flag in said
    assert "[conv5-fc3]" in said


@pytest.mark.parametrize("words", [["frobnicate"], ["train"], ["cohort", "split", "x.tsv"], ["predict", "--nonsense"]])
def test_words_that_are_no_command_exit_with_2(words, capsys):
    assert run(words) == 2
    assert "--help" in capsys.readouterr().err


def test_an_interrupt_keeps_what_is_done_and_says_how_to_go_on(begun, tmp_path):
    maps = tmp_path / "maps"
    words = ["train", str(begun.toml), str(maps), "--quiet", "--optimization.epochs", "500"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fimbria", *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    log = maps / "split-0" / "training_logs" / "training.tsv"
    deadline = time.monotonic() + 120
    while not log.is_file() and process.poll() is None and time.monotonic() < deadline:
        os.sched_yield()
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 130, said
    assert f"fimbria resume {maps}" in said
    assert Maps(maps).training(0).checkpoint() is not None
    assert "Traceback" not in said


def test_train_predict_and_report_say_what_comes_next(begun, tmp_path, capsys):
    maps = str(tmp_path / "maps")
    assert run(["train", str(begun.toml), maps, "--quiet", "--optimization.epochs", "1"]) == 0
    assert f"fimbria predict {maps}" in capsys.readouterr().out
    assert run(["predict", maps, str(begun.test), "--group", "test", "--quiet"]) == 0
    assert f"fimbria report {maps}" in capsys.readouterr().out
    assert run(["report", maps]) == 0
    assert (tmp_path / "maps" / "report.html").stat().st_size > 10_000
    assert run(["doctor", maps]) == 0
    (tmp_path / "maps" / "split-0" / "best-loss" / "model.json").write_text("{}")
    assert run(["doctor", maps]) == 1


def test_a_dry_run_checks_everything_and_makes_no_maps(begun, tmp_path, capsys):
    assert run(["train", str(begun.toml), str(tmp_path / "maps"), "--dry-run", "--quiet"]) == 0
    assert re.search(r"Ready: \d+ images, 1 parts each, 2 splits\.", capsys.readouterr().out)
    assert not (tmp_path / "maps").exists()


def test_predict_prints_json_for_scripts(trained, tmp_path, capsys):
    study = trained.copy(tmp_path)
    assert run(["predict", str(study.maps), str(study.test), "--group", "again", "--json", "--quiet"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {row["metric"] for row in printed["metrics"]} >= {"accuracy", "roc-auc"}


def test_list_prints_json_for_scripts(capsys):
    assert run(["list", "networks", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"name", "provider", "summary"} == set(rows[0])
    assert run(["list", "networks", "conv5-fc3", "--input", "1x169x208x179", "--outputs", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"] == 42_293_972


def test_list_shows_the_layers_of_a_network_with_its_options(capsys):
    shown = ["list", "networks", "conv5-fc3", "--input", "1x169x208x179", "--option", "dropout=0.25", "--layers"]
    assert run(shown) == 0
    printed = capsys.readouterr().out
    assert "42,293,972" in printed
    assert "161.3 MiB" in printed
    assert "dropout 0.25" in printed
    assert re.search(r"convolutions\.0\s+Conv3d\s+8x169x208x179\s+224", printed)


def test_list_refuses_what_a_network_cannot_take(capsys):
    assert run(["list", "networks", "conv5-fc3", "--input", "1x8x8", "--option", "dropout=2"]) == 2
    assert "dropout = 2" in capsys.readouterr().err
    assert run(["list", "networks", "densenet121", "--input", "1x16x16x16"]) == 2
    assert "the smallest image that works is 1x29x29x29" in capsys.readouterr().err


def test_extract_describes_itself_in_clinicadl_s_words(begun, tmp_path, capsys):
    study = begun.copy(tmp_path)
    assert run(["extract", "patch", str(study.caps), "t1-linear", "--size", "6", "--stride", "3", "--quiet"]) == 0
    assert "297 parts in all, each 1x6x6x6" in capsys.readouterr().out
    written = json.loads((study.caps / "tensor_extraction" / "patch_size-6_stride-3.json").read_text())
    assert (written["mode"], written["patch_size"], written["stride_size"]) == ("patch", 6, 3)
    assert (
        run(["extract", "patch", str(study.caps), "t1-linear", "--size", "5", "--name", "patch_size-6_stride-3"]) == 2
    )

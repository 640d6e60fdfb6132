"""The worked example of a task of one's own: installed as anybody would, it trains, predicts and reports like ours."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fimbria import Cohort, Maps, kfold_cohort, split_cohort

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "docs" / "plug-ins" / "age-and-sex"
PAGE = ROOT / "docs" / "how-to" / "your-own-task.md"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Install the package into a folder of its own; give an environment in which it is there."""
    root = tmp_path_factory.mktemp("plug-in")
    shutil.copytree(PACKAGE, root / "source", ignore=shutil.ignore_patterns("__pycache__"))
    words = ["install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    done = run([sys.executable, "-m", "pip", *words, "--target", root / "site", root / "source"])
    assert done.returncode == 0, done.stderr
    return {**os.environ, "PYTHONPATH": str(root / "site")}


def run(words, environment=os.environ):
    return subprocess.run(list(map(str, words)), env=environment, capture_output=True, text=True, check=False)


def fimbria(installed, *words):
    done = run([sys.executable, "-m", "fimbria", *words], installed)
    assert done.returncode == 0, done.stderr


def test_it_trains_predicts_and_reports_through_the_command_line(installed, begun, tmp_path):
    maps = tmp_path / "maps"
    split_cohort(begun.caps / "data.tsv", tmp_path / "labels", test=2, stratify=["sex"], seed=1)
    kfold_cohort(tmp_path / "labels" / "train.tsv", tmp_path / "folds", folds=2, stratify=["sex"], seed=1)
    learn = ["--task.name", "age-and-sex", "--task.weight", "0.5", "--task.selection_metrics", "loss", "r2"]
    fimbria(installed, "train", begun.toml, maps, "--data.splits", tmp_path / "folds", *learn, "--quiet")
    fimbria(installed, "predict", maps, tmp_path / "labels" / "test.tsv", "--group", "test")
    fimbria(installed, "report", maps)
    kept, people = Maps(maps), Cohort.read(tmp_path / "labels" / "test.tsv").frame
    recorded = kept.record["components"]["task"]
    assert (recorded["provider"], recorded["version"]) == ("fimbria-age-and-sex", "0.1.0")
    assert recorded["options"]["weight"] == 0.5
    taken = kept.record["fitted"][0]["task"]
    assert taken["classes"] == ["F", "M"]
    assert taken["values"]["mean"] == pytest.approx(kept.group("train", 0).column("age").mean())
    said = kept.scores.predictions(None, "r2", "test", "image").frame
    assert {"p_F", "p_M", "predicted_label", "predicted_value"} <= set(said)
    wanted = people.sort_values(["participant_id", "session_id"])
    assert said["true_label"].tolist() == wanted["sex"].tolist()
    assert said["true_value"].tolist() == pytest.approx(wanted["age"].tolist())
    scored = set(kept.scores.metrics(None, "r2", "test", "image")["metric"])
    assert {"balanced-accuracy", "roc-auc", "mae", "r2"} <= scored
    assert (maps / "report.html").is_file()


def test_without_the_package_its_name_is_refused(begun, tmp_path):
    done = run([sys.executable, "-m", "fimbria", "train", begun.toml, tmp_path / "maps", "--task.name", "age-and-sex"])
    assert done.returncode == 2
    assert "no task is called 'age-and-sex'" in done.stderr


def test_its_own_test_passes(installed):
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", PACKAGE / "tests"]
    done = run([sys.executable, *words], installed)
    assert done.returncode == 0, done.stdout


def test_the_page_shows_the_package_as_it_is():
    page = PAGE.read_text(encoding="utf-8")
    for name in ("age_and_sex.py", "pyproject.toml", "tests/test_age_and_sex.py"):
        assert f"\n{(PACKAGE / name).read_text(encoding='utf-8')}```" in page, name

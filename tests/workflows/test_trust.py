"""Components of a study's own: kept with the MAPS, run again only when they are trusted; and losses that are no numbers."""

from __future__ import annotations

import hashlib
import shutil

import numpy as np
import pytest
import torch

import fimbria
from breaking import Breaking, PowerCutError, kept_bytes
from fimbria.cli.app import run
from fimbria.errors import DivergenceError, FimbriaError, MapsError, ProblemsError
from fimbria.results.maps.maps import Maps
from fimbria.workflows.plan import plan
from fimbria.workflows.train import resume

LOSS = """
from torch.nn import functional

def softened(smoothing: float = 0.1):
    def loss(outputs, targets):
        return functional.cross_entropy(outputs, targets, reduction="none", label_smoothing=smoothing)
    return loss

def averaged():
    return lambda outputs, targets: functional.cross_entropy(outputs, targets)

def breaking():
    calls = []
    def loss(outputs, targets):
        calls.append(1)
        found = functional.cross_entropy(outputs, targets, reduction="none")
        return found * float("nan") if len(calls) > 2 else found
    return loss
"""

TASK = """
import numpy as np
import torch
from fimbria.results.evaluation.regression import RegressionMetrics

class Decade:
    columns = ("age",)
    outputs = 1
    metrics = RegressionMetrics()

    def __init__(self, unit: float = 10.0):
        self.unit = unit

    def targets(self, cohort):
        return torch.tensor(cohort.column("age").to_numpy(float) / self.unit)

    def loss(self, outputs, targets):
        return (outputs.flatten() - targets.to(outputs.dtype)).square()

    def read(self, outputs, targets):
        said = {"predicted_value": outputs.flatten().cpu().double().numpy() * self.unit}
        said["word"] = np.array(["over" if one > 5 else "under" for one in said["predicted_value"]])
        if targets is not None:
            said["true_value"] = targets.cpu().double().numpy() * self.unit
            said["loss"] = self.loss(outputs.cpu().double(), targets.cpu()).numpy()
        return said
"""


@pytest.fixture
def mine(begun, tmp_path):
    """A study with files of its own, and a folder for its MAPS."""
    study = begun.copy(tmp_path / "study")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "losses.py").write_text(LOSS)
    (folder / "tasks.py").write_text(TASK)
    return study, folder


def with_task(study, **task):
    plain = study.experiment.plain()
    plain["task"] = {"label": "diagnosis", "positive": "AD", **task}
    return study.experiment.of(plain)


@pytest.mark.parametrize("nested", [False, True])
def test_an_own_loss_is_kept_and_runs_again_only_when_it_is_trusted(mine, nested):
    study, folder = mine
    name = f"{folder / 'losses.py'}:softened"
    maps = fimbria.train(with_task(study, loss={"name": name, "smoothing": 0.2} if nested else name), study.maps)
    digest = hashlib.sha256((folder / "losses.py").read_bytes()).hexdigest()
    assert (study.maps / "code" / f"{digest}.py").read_text() == LOSS
    first = fimbria.predict(study.maps, study.test, group="first")
    (folder / "losses.py").unlink()
    with pytest.raises(ProblemsError, match=f"--trust-code {digest}"):
        fimbria.predict(study.maps, study.test, group="again")
    with pytest.raises(ProblemsError, match="--trust-code"):
        fimbria.predict(study.maps, study.test, group="again", trust_code=["0" * 64])
    again = fimbria.predict(study.maps, study.test, group="again", trust_code=[digest])
    np.testing.assert_array_equal(again.table.losses(), first.table.losses())
    (study.maps / "code" / f"{digest}.py").write_text(LOSS + "#")
    with pytest.raises(MapsError, match="was changed"):
        fimbria.predict(study.maps, study.test, group="third", trust_code=[digest])
    assert maps.record["code"] == {name: digest}


def test_an_own_loss_broken_off_goes_on_only_when_it_is_trusted(mine, capsys):
    study, folder = mine
    experiment = with_task(study, loss=f"{folder / 'losses.py'}:softened")
    fimbria.train(experiment, folder / "whole")
    with pytest.raises(PowerCutError):
        fimbria.train(experiment.changed({"compute": {"checkpoint_minutes": 1e-6}}), study.maps, show=Breaking(2))
    digest = hashlib.sha256((folder / "losses.py").read_bytes()).hexdigest()
    (folder / "losses.py").write_text("raise SystemExit('it ran')")
    assert run(["resume", str(study.maps), "--quiet"]) == 2
    assert f"--trust-code {digest}" in " ".join(capsys.readouterr().err.split())
    assert run(["resume", str(study.maps), "--trust-code", digest, "--quiet"]) == 0, capsys.readouterr().err
    assert kept_bytes(study.maps).keys() == kept_bytes(folder / "whole").keys()
    of = {name: content for name, content in kept_bytes(study.maps).items() if name.endswith((".safetensors", ".tsv"))}
    assert of == {name: kept_bytes(folder / "whole")[name] for name in of}


def test_an_own_file_named_from_here_serves_when_the_maps_has_moved(mine, monkeypatch):
    study, folder = mine
    monkeypatch.chdir(folder)
    experiment = with_task(study, loss="losses.py:softened")
    fimbria.train(experiment, folder / "maps")
    shutil.move(folder / "maps", folder.parent / "moved")
    assert fimbria.predict(folder.parent / "moved", study.test, group="test").metrics is not None


def test_a_loss_that_gives_the_mean_of_a_batch_is_refused_before_training(mine):
    study, folder = mine
    with pytest.raises(FimbriaError, match="one value a sample"):
        plan(with_task(study, loss=f"{folder / 'losses.py'}:averaged"))


def test_a_loss_that_is_no_number_names_people_and_leaves_the_last_good_state(mine):
    study, folder = mine
    with pytest.raises(DivergenceError, match=r"epoch 0, step 1 \(sub-"):
        fimbria.train(with_task(study, loss=f"{folder / 'losses.py'}:breaking"), study.maps)
    state = torch.load(Maps(study.maps).training(0).checkpoint(), weights_only=True)
    assert (state["epoch"], state["step"], len(state["said"])) == (0, 1, 1)
    assert all(bool(value.isfinite().all()) for value in state["network"].values())


def test_an_own_task_with_words_in_its_table_is_broken_off_and_predicted(mine):
    study, folder = mine
    plain = study.experiment.plain()
    plain["task"] = {"name": f"{folder / 'tasks.py'}:Decade", "unit": 20}
    experiment = study.experiment.of(plain)
    maps = fimbria.train(experiment, folder / "whole")
    table = maps.scores.predictions(0, "loss", "validation", "image")
    assert set(table.numbers("true_value")) <= set(maps.group("validation", 0).frame["age"])
    with pytest.raises(PowerCutError):
        fimbria.train(experiment.changed({"compute": {"checkpoint_minutes": 1e-6}}), study.maps, show=Breaking(2))
    resume(study.maps)
    assert kept_bytes(study.maps) == kept_bytes(folder / "whole")
    (folder / "tasks.py").unlink()
    with pytest.raises(ProblemsError, match="--trust-code"):
        fimbria.predict(study.maps, study.test, group="test")
    made = fimbria.predict(study.maps, study.test, group="test", trust_code=list(maps.record["code"].values()))
    assert made.metrics is not None


def test_an_own_loss_that_fails_is_said_before_training(mine):
    study, folder = mine
    (folder / "losses.py").write_text("def broken():\n    return lambda outputs, targets: nothing\n")
    with pytest.raises(ProblemsError, match="NameError: name 'nothing' is not defined"):
        plan(with_task(study, loss=f"{folder / 'losses.py'}:broken", positive="AD"))


def test_an_own_file_that_is_not_there_is_refused_in_words(mine):
    study, folder = mine
    with pytest.raises(FimbriaError, match=r"nothing\.py"):
        plan(with_task(study, loss=f"{folder / 'nothing.py'}:mine"))
    with pytest.raises(FimbriaError, match="nobody"):
        plan(with_task(study, loss=f"{folder / 'losses.py'}:nobody"))

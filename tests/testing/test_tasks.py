"""The kit of tasks: ours go through it, and each thing that it promises to find, it finds."""

import numpy as np
import pytest
import torch

from fimbria.data.cohort.cohort import Cohort
from fimbria.learning.networks import network
from fimbria.learning.outputs import Domains
from fimbria.learning.tasks import task
from fimbria.learning.tasks.regression import Regression
from fimbria.testing import check_task, known_caps


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Twelve people of two data sets."""
    cohort = Cohort.read(known_caps(tmp_path_factory.mktemp("people"), people=12, side=4))
    return Cohort(cohort.plain().assign(dataset=["here", "here", "there", "there"] * 3), "people")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("classification", {"positive": "AD"}),
        ("classification", {"positive": "AD", "loss": {"name": "focal", "class_weights": "balanced"}}),
        ("classification", {"label": "dataset", "positive": "here", "loss": "multi-margin"}),
        ("regression", {}),
        ("regression", {"loss": "huber", "standardize": False}),
        ("reconstruction", {}),
        ("reconstruction", {"measures": ["mse", "ssim"], "loss": "mae"}),
    ],
)
def test_ours_keep_what_they_promise(people, name, options):
    check_task(task.find(name).factory, people, **options)


def test_ours_take_the_outputs_of_networks_that_give_several_things(people):
    size = (1, 6, 5, 4)
    variational = network.build("cvae", input_size=size).eval()
    check_task(task.find("reconstruction").factory, people, network=variational, loss="vae-gaussian")
    check_task(task.find("domain-adaptation").factory, people, network=three_heads, target="there", positive="AD")


def three_heads(images):
    return Domains(*(images.flatten(1)[:, at : at + 2] for at in (0, 2, 4)))


class _Ages(Regression):
    """A task that a test breaks."""


def broken(**changes):
    return type("Broken", (_Ages,), changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"columns": property(lambda _: ("weight",), lambda *_: None)}, "weight is in none"),
        ({"outputs": property(lambda _: 0, lambda *_: None)}, "outputs should be 1 or more"),
        ({"targets": lambda self, cohort: self._values(cohort)}, "targets should be a Tensor, not ndarray"),
        ({"targets": lambda *_: torch.zeros(3)}, "12 targets were wanted, one a session, not 3"),
        (
            {"targets": lambda self, cohort: torch.tensor(self._values(cohort) - self._values(cohort).mean())},
            "should not depend on who else is there",
        ),
        ({"loss": lambda *given: given[1].mean()}, r"one loss a sample was wanted, \(12,\), not \(\)"),
        ({"loss": lambda *given: given[1][:, 0] / 0}, "finite losses"),
        ({"loss": lambda *given: given[2].float()}, "should have a gradient"),
        ({"loss": lambda *given: 0 * given[1][:, 0]}, "its gradient is 0 everywhere"),
        ({"loss": lambda *given: given[1][:, 0] * given[1].mean()}, "should not depend on the batch"),
        ({"read": lambda *_: {"loss": np.zeros(3)}}, r"loss as an array of 12 samples, not \(3,\)"),
        ({"read": lambda *given: {"p_a": np.ones(len(given[1]))}}, "should make a table of predictions"),
        (
            {"read": lambda *given: {"predicted_value": (given[1][:, 0] - given[1][:, 0].mean()).numpy()}},
            "what is read of a sample should not depend on its batch; predicted_value does",
        ),
        (
            {"read": lambda self, outputs, targets: {**Regression.read(self, outputs, targets), "loss": np.ones(len(outputs))}},
            "loss should hold the loss of each sample",
        ),
        (
            {"read": lambda self, outputs, targets: {"true_value": np.ones(len(outputs)), **Regression.read(self, outputs, targets)}},
            "without targets no truth can be told; true_value was",
        ),
        ({"fitted": property(lambda self: {"mean": self.mean})}, "made again"),
        (
            {"fitted": property(lambda self: {} if self.mean is None else Regression.fitted.fget(self))},
            "named by `fitted` before too; deviation, high, low, mean is not",
        ),
    ],
)  # fmt: skip
def test_a_task_that_breaks_its_promise_is_found(people, changes, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_task(broken(**changes), people)


def test_a_metric_that_is_followed_must_be_there(people):
    class Silent(_Ages):
        @property
        def metrics(self):
            return type("None", (), {"followed": ("mae",)})()

        @metrics.setter
        def metrics(self, _):
            pass

    with pytest.raises(AssertionError, match="the loss was wanted among the metrics"):
        check_task(Silent, people)


def test_a_person_is_the_same_whoever_else_is_made_and_shows_what_the_table_says(tmp_path):
    few, many = (
        Cohort.read(known_caps(tmp_path / name, people=count, side=12)) for name, count in (("a", 2), ("b", 6))
    )
    assert few.frame.equals(many.frame[: len(few)])
    bytes_of = [
        [path.read_bytes() for path in sorted((tmp_path / name).rglob("sub-00[01]*.nii.gz"))] for name in ("a", "b")
    ]
    assert len(bytes_of[0]) == 2
    assert bytes_of[0] == bytes_of[1]

from __future__ import annotations

import pytest
import torch

from fimbria.errors import ComponentError
from fimbria.learning.training.optimizers import optimizer


@pytest.fixture
def parameters():
    return [torch.nn.Parameter(torch.ones(3))]


def test_adam_takes_its_options(parameters):
    made = optimizer.build("adam", {"learning_rate": 3e-4, "weight_decay": 0.1}, parameters=parameters)
    assert isinstance(made, torch.optim.Adam)
    assert (made.defaults["lr"], made.defaults["weight_decay"]) == (3e-4, 0.1)


def test_sgd_takes_its_options(parameters):
    made = optimizer.build("sgd", {"learning_rate": 0.5, "momentum": 0.0}, parameters=parameters)
    assert isinstance(made, torch.optim.SGD)
    assert (made.defaults["lr"], made.defaults["momentum"], made.defaults["weight_decay"]) == (0.5, 0.0, 0.0)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_a_step_goes_down(name, parameters):
    made = optimizer.build(name, {"learning_rate": 0.1}, parameters=parameters)
    parameters[0].square().sum().backward()
    made.step()
    assert torch.all(parameters[0] < 1)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("adam", {}, "option 'learning_rate' is needed"),
        ("adam", {"learning_rate": 0}, "learning_rate = 0: input should be greater than 0"),
        ("adam", {"learning_rate": 1e-3, "weight_decay": -1}, "weight_decay = -1"),
        ("sgd", {"momentum": 1.0}, "momentum = 1.0: input should be less than 1"),
        ("sgd", {"lr": 0.1}, "no option 'lr'"),
    ],
)
def test_refuses_options_that_cannot_be(name, options, sentence):
    with pytest.raises(ComponentError, match=sentence):
        optimizer.find(name).options({"parameters": None}, options)

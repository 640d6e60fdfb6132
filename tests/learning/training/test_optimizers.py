from __future__ import annotations

import inspect
from copy import deepcopy

import pytest
import torch

from fimbria.errors import ComponentError
from fimbria.experiment.clinicadl import NAMES
from fimbria.learning.training.optimizers import optimizer

THEIRS = {ours: getattr(torch.optim, name) for name, ours in NAMES["optimizer"].items()}


@pytest.fixture
def parameters():
    return [torch.nn.Parameter(torch.ones(3))]


def test_clinicadls_ten_are_there_and_no_other():
    assert optimizer.names() == sorted(THEIRS)
    assert len(THEIRS) == 10


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_each_is_pytorchs_with_its_defaults(name, parameters):
    made, plain = optimizer.build(name, parameters=parameters), THEIRS[name](parameters)
    assert type(made) is THEIRS[name]
    assert made.defaults == plain.defaults


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_each_begins_with_learning_rate_and_weight_decay_and_names_its_source(name):
    found = optimizer.find(name)
    assert list(inspect.signature(found.factory).parameters)[:3] == ["parameters", "learning_rate", "weight_decay"]
    assert "References" in found.details


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_every_option_reaches_pytorch(name, parameters):
    plain = optimizer.find(name).options({"parameters": None}, {})
    told = {"learning_rate": "lr"}
    for option, value in plain.items():
        changed = (0.5, 0.75) if isinstance(value, tuple) else not value if isinstance(value, bool) else 0.25
        also = {"momentum": 0.5} if option == "nesterov" else {}
        made = optimizer.build(name, {option: changed, **also}, parameters=parameters)
        assert made.defaults[told.get(option, option)] == changed


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_a_step_goes_down(name, parameters):
    made = optimizer.build(name, {"learning_rate": 0.1}, parameters=parameters)
    for _ in range(2):
        made.zero_grad()
        parameters[0].square().sum().backward()
        made.step()
    assert torch.all(parameters[0] < 1)


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_the_same_steps_follow_from_a_state_that_was_kept(name):
    def steps(weights, made, times):
        for _ in range(times):
            made.zero_grad()
            (weights**4).sum().backward()
            made.step()

    one, other = (torch.nn.Parameter(torch.tensor([1.0, -2.0])) for _ in range(2))
    made = optimizer.build(name, parameters=[one])
    steps(one, made, 3)
    again = optimizer.build(name, parameters=[other])
    other.data.copy_(one.data)
    again.load_state_dict(deepcopy(made.state_dict()))  # as from a file: nothing is shared
    steps(one, made, 2)
    steps(other, again, 2)
    assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("adam", {"learning_rate": 0}, "learning_rate = 0: input should be greater than 0"),
        ("adam", {"learning_rate": 1e-3, "weight_decay": -1}, "weight_decay = -1"),
        ("adamw", {"betas": [0.9, 1.0]}, r"betas = \[0.9, 1.0\]: input should be less than 1"),
        ("sgd", {"momentum": 1.0}, "momentum = 1.0: input should be less than 1"),
        ("sgd", {"lr": 0.1}, "no option 'lr'"),
        ("adam", {"momentum": 0.1}, "no option 'momentum'"),
    ],
)
def test_refuses_options_that_cannot_be(name, options, sentence):
    with pytest.raises(ComponentError, match=sentence):
        optimizer.find(name).options({"parameters": None}, options)


@pytest.mark.parametrize("options", [{"nesterov": True}, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}])
def test_a_momentum_that_looks_ahead_needs_one(options, parameters):
    with pytest.raises(ComponentError, match="nesterov needs a momentum and no dampening"):
        optimizer.build("sgd", options, parameters=parameters)

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from fimbria.errors import ComponentError
from fimbria.learning.networks import network, parameter_count
from fimbria.learning.networks.network import dimensions, on_no_memory, to_be_filled


def test_the_networks_are_known_by_name_and_say_what_they_take():
    assert {"conv4-fc3", "conv5-fc3"} <= set(network.names())
    for name in ("conv4-fc3", "conv5-fc3"):
        found = network.find(name)
        assert found.summary.endswith(".")


def test_a_network_is_made_by_name_and_options():
    made = network.build("conv5-fc3", {"dropout": 0.25}, input_size=(1, 9, 8, 7), output_size=4)
    assert [module.p for module in made.modules() if isinstance(module, nn.Dropout)] == [0.25]
    assert [module.out_features for module in made.modules() if isinstance(module, nn.Linear)] == [1300, 50, 4]


def test_an_unknown_network_is_answered_with_the_nearest():
    with pytest.raises(ComponentError, match="did you mean 'conv5-fc3'"):
        network.find("conv5_fc3")


def test_counts_every_number_that_is_learnt_and_no_running_statistic():
    assert parameter_count(nn.Sequential(nn.Conv3d(2, 4, 3), nn.BatchNorm3d(4))) == 4 * 2 * 27 + 4 + 4 + 4


@pytest.mark.parametrize(("input_size", "axes"), [((1, 5, 6), 2), ((3, 5, 6, 7), 3)])
def test_counts_the_axes_of_space(input_size, axes):
    assert dimensions(input_size) == axes


class Holding(nn.Module):
    """A network that keeps numbers where torch does not look for them."""

    def __init__(self, kept, taken):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.kept, self.taken = kept, taken

    def forward(self, images):
        return self.layer(images * self.taken(self.kept))


class Temporary(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.register_buffer("weights", torch.arange(3.0), persistent=False)

    def forward(self, images):
        return self.layer(images * self.weights)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight

    def forward(self, images):
        return self.second(self.first(images))


class Fixed(nn.Module):
    """Holds a layer that its state leaves out."""

    def __init__(self):
        super().__init__()
        self.layer, self.fixed = nn.Linear(3, 2), nn.Linear(3, 3)
        nn.init.ones_(self.fixed.weight)
        nn.init.zeros_(self.fixed.bias)
        self._register_state_dict_hook(
            lambda _, state, *__: [state.pop(f"fixed.{name}") for name in ("weight", "bias")] and None
        )
        self._register_load_state_dict_pre_hook(lambda *given: given[3] and None)

    def load_state_dict(self, state, **options):
        return super().load_state_dict(state, strict=False, **options)

    def forward(self, images):
        return self.layer(self.fixed(images))


def counting():
    return nn.Sequential(*[nn.Linear(3, 3, bias=rate.item() < 1) for rate in torch.linspace(0, 1, 3)])


@pytest.mark.parametrize(
    "build",
    [
        lambda: Holding(torch.arange(3.0), lambda kept: kept),
        lambda: Holding({"a": [(torch.arange(3.0),)]}, lambda kept: kept["a"][0][0]),
        lambda: Holding(SimpleNamespace(held=torch.arange(3.0)), lambda kept: kept.held),
        lambda: Holding([nn.Softmax(dim=1)], lambda kept: kept[0](torch.ones(1, 3))),
        Temporary,
        Tied,
        Fixed,
        counting,
    ],
)
def test_a_network_to_be_filled_says_what_the_filled_one_says(build):
    made, filled = build(), to_be_filled(build)
    filled.load_state_dict(made.state_dict())
    images = torch.rand(2, 3)
    assert torch.equal(filled(images), made(images))
    assert all(parameter.is_meta for parameter in on_no_memory(build).parameters())


def test_of_a_network_whose_numbers_are_all_at_hand_none_is_drawn():
    before = torch.get_rng_state()
    for name in ("conv4-fc3", "resnet10"):
        to_be_filled(lambda name=name: network.build(name, input_size=(1, 8, 8), output_size=2))
    assert torch.equal(torch.get_rng_state(), before)

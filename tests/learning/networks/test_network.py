from __future__ import annotations

import pytest
from torch import nn

from fimbria.errors import ComponentError
from fimbria.learning.networks import network, parameter_count
from fimbria.learning.networks.network import dimensions


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

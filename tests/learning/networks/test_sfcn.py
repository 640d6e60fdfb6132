from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from fimbria.errors import InputError
from fimbria.learning.networks import parameter_count
from fimbria.learning.networks.sfcn import sfcn
from fimbria.testing import check_network


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_passes_the_checks():
    check_network(sfcn, [(1, 33, 40), (2, 32, 33, 35)], 3)


def test_has_the_three_million_parameters_of_the_paper():
    widths = (1, 32, 64, 128, 256, 256)
    convolutions = sum(after * (27 * before + 1) + 2 * after for before, after in pairwise(widths))
    with torch.device("meta"):
        found = parameter_count(sfcn((1, 160, 192, 160), 40))
    assert found == convolutions + 64 * (256 + 1) + 2 * 64 + 40 * (64 + 1) == 2_952_936


def test_each_block_is_convolved_normalised_pooled_and_rectified_in_this_order():
    kinds = [type(module).__name__ for module in sfcn((1, 32, 32, 32), 2).convolutions]
    assert kinds == ["Conv3d", "BatchNorm", "MaxPool3d", "ReLU"] * 5 + ["Conv3d", "BatchNorm", "ReLU"]


def test_features_are_averaged_over_what_is_left_and_half_of_them_hidden_in_training():
    made, images = sfcn((1, 64, 97), 2).eval(), drawn(2, 1, 64, 97)
    features = made.convolutions(images)
    assert features.shape == (2, 64, 2, 3)
    last = made.fc[2]
    expected = features.mean((2, 3)) @ last.weight.flatten(1).T + last.bias
    torch.testing.assert_close(made(images), expected)
    assert [module.p for module in made.modules() if isinstance(module, nn.Dropout)] == [0.5]


@pytest.mark.parametrize("input_size", [(1, 32, 31, 40), (1, 31, 32)])
def test_says_how_large_images_need_to_be(input_size):
    with pytest.raises(InputError, match="sfcn needs 32 or more voxels along each axis; these images have 31 "):
        sfcn(input_size, 2)

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from fimbria.errors import ComponentError, InputError
from fimbria.learning.networks import network, parameter_count
from fimbria.learning.networks.conv import (
    BatchNorm,
    ConvNet,
    GlobalMean,
    HalvingMaxPool,
    conv4_fc3,
    conv5_fc3,
    stride_conv5_fc3,
    vae_encoder_fc,
)
from fimbria.testing import check_network

# what the networks of these names have in ClinicaDL 1.6, for two outputs
COUNTS = {
    (1, 169, 208, 179): (42_293_972, 1_909_692),
    (1, 193, 229, 193): (65_589_972, 2_805_692),
    (1, 50, 50, 50): (1_692_372, 348_092),
    (1, 128, 128, 128): (11_010_772, 706_492),
    (1, 128, 128): (2_827_588, 203_308),
    (3, 208, 179): (7_154_132, 369_852),
}
SMALL = [(1, 1, 1, 1), (1, 2, 1, 3), (1, 9, 8, 7), (2, 33, 5, 1), (1, 1, 1), (3, 17, 4)]


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("input_size", COUNTS)
def test_has_as_many_parameters_as_the_network_of_its_name(input_size):
    with torch.device("meta"):
        counted = tuple(parameter_count(make(input_size, 2)) for make in (conv5_fc3, conv4_fc3))
        strided = parameter_count(stride_conv5_fc3(input_size, 2))
    assert counted == COUNTS[input_size]
    assert strided == counted[0]


@pytest.mark.parametrize("input_size", SMALL)
@pytest.mark.parametrize("make", [conv5_fc3, conv4_fc3, stride_conv5_fc3])
def test_takes_images_of_any_size_and_a_batch_of_one_in_training(make, input_size):
    made = make(input_size, 3)
    for samples in (1, 2):
        outputs = made.train()(drawn(samples, *input_size))
        assert outputs.shape == (samples, 3)
        outputs.square().sum().backward()
        assert all(torch.isfinite(parameter.grad).all() for parameter in made.parameters())


@pytest.mark.parametrize("shape", [(2, 3, 4, 6, 8), (2, 3, 5, 7, 9), (1, 2, 1, 4, 3), (2, 3, 5, 4), (1, 1, 1, 1)])
def test_pooling_is_zeros_before_the_odd_axes_and_then_the_largest_of_each_pair(shape):
    images = drawn(*shape).abs()
    before = [pad for side in reversed(shape[2:]) for pad in (side % 2, 0)]
    pool = functional.max_pool3d if len(shape) == 5 else functional.max_pool2d
    assert torch.equal(HalvingMaxPool()(images), pool(functional.pad(images, before), 2))


def test_pooling_never_invents_a_zero():
    assert torch.equal(HalvingMaxPool()(torch.full((1, 1, 3, 3, 3), -2.0)), torch.full((1, 1, 2, 2, 2), -2.0))


def test_no_batch_has_gone_through_a_new_network():
    norms = [module for module in conv5_fc3((1, 9, 8, 7), 2).modules() if isinstance(module, BatchNorm)]
    assert [int(norm.num_batches_tracked) for norm in norms] == [0] * 5
    assert all(torch.all(norm.running_mean == 0) and torch.all(norm.running_var == 1) for norm in norms)


@pytest.mark.parametrize(("ours", "theirs"), [((4, 3, 5, 4, 3), nn.BatchNorm3d), ((4, 3, 5, 4), nn.BatchNorm2d)])
def test_batch_norm_is_torchs_where_torch_has_one(ours, theirs):
    one, other = BatchNorm(3), theirs(3)
    for seed in range(3):
        images = drawn(*ours, seed=seed)
        assert torch.equal(one(images), other(images))
    assert torch.equal(one.eval()(images), other.eval()(images))
    assert torch.equal(one.running_var, other.running_var)


def test_batch_norm_takes_one_value_a_channel_by_what_it_has_seen_and_learns_nothing_of_it():
    norm = BatchNorm(3)
    norm(drawn(4, 3, 2, 2, 2))
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    single = drawn(1, 3, 1, 1, 1, seed=1)
    outputs = norm(single)
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    assert torch.equal(outputs, norm.eval()(single))


@pytest.mark.parametrize("input_size", [(1, 9), (1, 9, 8, 7, 6)])
def test_refuses_images_with_other_than_two_or_three_axes(input_size):
    with pytest.raises(InputError, match=rf"2 or 3 axes; these have {len(input_size) - 1} "):
        ConvNet(input_size, (2,))


@pytest.mark.parametrize("dropout", [1.5, 1.0, -0.1])
@pytest.mark.parametrize("name", ["conv5-fc3", "conv4-fc3"])
def test_refuses_a_dropout_that_is_no_share_before_anything_is_built(name, dropout):
    given = {"input_size": None, "output_size": None}
    with pytest.raises(ComponentError, match=f"dropout = {dropout}: input should be"):
        network.find(name).options(given, {"dropout": dropout})


def test_dropout_hides_features_in_training_and_none_in_evaluation():
    made, images = conv4_fc3((1, 9, 8, 7), 2, dropout=0.5), drawn(2, 1, 9, 8, 7)
    assert not torch.equal(made(images), made(images))
    made.eval()
    assert torch.equal(made(images), made(images))


@pytest.mark.parametrize("training", [True, False])
def test_channels_last_gives_what_channels_first_gives(training):
    torch.manual_seed(4)
    made, images = conv4_fc3((2, 20, 17, 18), 2).train(training), drawn(3, 2, 20, 17, 18)
    expected = made(images)
    made.to(memory_format=torch.channels_last_3d)
    again = made(images.to(memory_format=torch.channels_last_3d))
    torch.testing.assert_close(again, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [stride_conv5_fc3, vae_encoder_fc])
def test_the_further_networks_pass_the_checks(make):
    check_network(make, [(1, 33, 27), (2, 20, 23, 19)])


def test_steps_of_two_stand_in_place_of_pooling():
    made = stride_conv5_fc3((1, 9, 8, 7), 2)
    assert [module.stride for module in made.modules() if isinstance(module, nn.Conv3d)] == [(2, 2, 2)] * 5
    assert not [module for module in made.modules() if isinstance(module, HalvingMaxPool)]


def test_the_mean_over_space_keeps_its_axes():
    images = drawn(2, 3, 4, 5, 6)
    torch.testing.assert_close(GlobalMean()(images), images.mean((2, 3, 4), keepdim=True))


# n_conv convolutions of 4 without bias (8, 16, 32, 64), a batch norm each, and 64 * 5 * 6 * 5 features to 2 outputs
ENCODER = 8 * 64 + 64 * (8 * 16 + 16 * 32 + 32 * 64) + 2 * (8 + 16 + 32 + 64)


def test_the_encoder_of_the_dense_vae_has_its_weights_and_a_dense_layer():
    with torch.device("meta"):
        made = vae_encoder_fc((1, 80, 96, 80), 2)
    assert parameter_count(made.convolutions) == ENCODER
    # the rest of the 20,411,360 that the whole autoencoder has: dense layers, and the way back
    beside = (9600 + 1) * 1024 + 2 * (1024 + 1) * 128 + (128 + 1) * 1024 + (1024 + 1) * 9600
    back = 8 * 64 + 64 * (8 * 16 + 16 * 32 + 32 * 64) + 2 * (8 + 16 + 32)
    assert parameter_count(made.convolutions) + beside + back == 20_411_360
    assert parameter_count(made.fc) == 9600 * 2 + 2


def test_the_encoder_doubles_its_channels_and_halves_its_sides():
    made = vae_encoder_fc((2, 19, 12), 3, io_channels=4, n_conv=2)
    assert made.convolutions(drawn(1, 2, 19, 12)).shape == (1, 8, 4, 3)
    assert [module.bias for module in made.modules() if isinstance(module, nn.Conv2d)] == [None, None]
    assert {module.negative_slope for module in made.modules() if isinstance(module, nn.LeakyReLU)} == {0.2}


def test_an_encoder_of_too_small_images_says_how_large_they_need_to_be():
    assert vae_encoder_fc((1, 16, 17, 16), 2)(drawn(2, 1, 16, 17, 16)).shape == (2, 2)
    with pytest.raises(InputError, match="needs 16 or more voxels along each axis; these images have 15 "):
        vae_encoder_fc((1, 16, 17, 15), 2)

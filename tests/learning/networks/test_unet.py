from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from fimbria.errors import ComponentError, InputError
from fimbria.learning.networks import network, parameter_count
from fimbria.learning.networks import unet as module
from fimbria.learning.networks.unet import EnlargingConvolution, InstanceNorm, generator_unet
from fimbria.testing import check_network


def drawn(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def narrow(monkeypatch):
    """Give the network fewer channels."""
    monkeypatch.setattr(module, "_DOWN", (4, 8, 8, 16, 16))
    monkeypatch.setattr(module, "_UP", (16, 8, 8, 4))


@pytest.mark.parametrize("input_size", [(1, 32, 32, 32), (1, 169, 208, 179)])
def test_has_as_many_parameters_as_the_network_of_its_name(input_size):
    with torch.device("meta"):
        assert parameter_count(generator_unet(input_size)) == 50_527_681


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("input_size", [(1, 1, 1, 1), (2, 32, 5, 33), (1, 31, 40, 64), (1, 1, 1), (3, 33, 70)])
def test_gives_back_images_of_any_size_and_learns_from_a_batch_of_one(input_size):
    made = generator_unet(input_size).train()
    for samples in (1, 2):
        images = drawn(samples, *input_size)
        outputs = made(images)
        assert outputs.shape == images.shape
        made.zero_grad()
        (outputs - images).square().sum().backward()
        assert all(torch.isfinite(parameter.grad).all() for parameter in made.parameters())


@pytest.mark.usefixtures("narrow")
def test_keeps_what_the_house_asks_of_a_network():
    check_network(generator_unet)


@pytest.mark.usefixtures("narrow")
def test_every_weight_is_learnt_at_a_size_that_is_no_multiple_of_32():
    torch.manual_seed(0)
    made = generator_unet((1, 40, 37, 33))
    made(drawn(2, 1, 40, 37, 33)).square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for name, parameter in made.named_parameters() if "weight" in name)


@pytest.mark.usefixtures("narrow")
def test_padding_is_zeros_at_the_end_that_are_cropped_again():
    made, images = generator_unet((1, 33, 20, 32)).eval(), drawn(1, 1, 33, 20, 32)
    padded = functional.pad(images, (0, 0, 0, 12, 0, 31))
    assert torch.equal(made(images), made(padded)[:, :, :33, :20])


@pytest.mark.parametrize("sides", [(3, 4), (1, 1), (3, 2, 4), (1, 5, 1)])
@pytest.mark.parametrize("last", [True, False])
def test_enlarging_and_convolving_in_one_is_doing_one_after_the_other(sides, last):
    torch.manual_seed(0)
    made, images = EnlargingConvolution(3, 2, len(sides)).double(), drawn(2, 3, *sides).double()
    if last:
        images = images.to(memory_format=torch.channels_last if len(sides) == 2 else torch.channels_last_3d)
    expected = made.convolution(functional.interpolate(images, scale_factor=2))
    torch.testing.assert_close(made(images), expected)


def test_instance_norm_is_torchs_and_lets_a_single_voxel_pass():
    images, single = drawn(2, 3, 4, 1, 2), drawn(2, 3, 1, 1, 1)
    assert torch.equal(InstanceNorm()(images), nn.InstanceNorm3d(3)(images))
    assert torch.equal(InstanceNorm()(single), single)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(("options", "function"), [({}, torch.sigmoid), ({"activation": "tanh"}, torch.tanh)])
def test_the_last_activation_is_a_sigmoid_or_the_one_chosen(options, function):
    torch.manual_seed(0)
    made = generator_unet((1, 32, 32), **options).eval()
    torch.manual_seed(0)
    plain = generator_unet((1, 32, 32), activation="none").eval()
    images = drawn(2, 1, 32, 32)
    assert torch.equal(made(images), function(plain(images)))


def test_refuses_another_activation_and_images_of_other_axes():
    with pytest.raises(ComponentError, match="activation = 'relu': input should be 'sigmoid', 'tanh' or 'none'"):
        network.find("generator-unet").options({"input_size": None}, {"activation": "relu"})
    with pytest.raises(InputError, match="2 or 3 axes; these have 1"):
        generator_unet((1, 9))


@pytest.mark.usefixtures("narrow")
def test_learns_two_images_by_heart():
    torch.manual_seed(0)
    made, images = generator_unet((1, 20, 24)), (drawn(2, 1, 20, 24) > 0.5).float()
    optimizer = torch.optim.Adam(made.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        loss = (made(images) - images).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]

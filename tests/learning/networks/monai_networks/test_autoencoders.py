from __future__ import annotations

import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.networks import nets

from fimbria.errors import ComponentError, InputError
from fimbria.learning.networks import network
from fimbria.learning.networks.monai_networks.autoencoders import padded_sides
from fimbria.learning.outputs import Variational

THEIRS = {
    "unet": nets.UNet,
    "attention-unet": nets.AttentionUnet,
    "autoencoder-monai": nets.AutoEncoder,
    "vae-monai": nets.VarAutoEncoder,
}
OURS = {"input_size", "channels", "strides", "latent_size"}  # MONAI has no default for these
SMALL = {
    "unet": {"channels": (2, 3, 4), "strides": (2, 3)},
    "attention-unet": {"channels": (2, 3, 4), "strides": (2, 3)},
    "autoencoder-monai": {"channels": (2, 3), "strides": (2, 3)},
    "vae-monai": {"channels": (2, 3), "strides": (2, 3), "latent_size": 2},
}


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def small(name, input_size, **options):
    torch.manual_seed(0)
    return network.build(name, {**SMALL[name], **options}, input_size=input_size)


@pytest.mark.parametrize("name", THEIRS)
def test_every_option_is_monais_with_monais_default(name):
    theirs = {option: given.default for option, given in inspect.signature(THEIRS[name]).parameters.items()}
    ours = {
        option: given.default
        for option, given in inspect.signature(network.find(name).factory).parameters.items()
        if option not in OURS
    }
    assert ours == {option: theirs.get(option, "no such option") for option in ours}


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("input_size", [(1, 1, 1), (2, 13, 7), (1, 7, 12, 5), (2, 1, 3, 2)])
def test_an_image_of_any_size_gives_one_of_its_shape_also_alone_in_training(name, input_size):
    made = small(name, input_size).train()
    given = made(drawn(1, *input_size))
    image = given.image if isinstance(given, Variational) else given
    assert image.shape == (1, *input_size)
    image.square().sum().backward()
    assert all(parameter.grad is None or torch.isfinite(parameter.grad).all() for parameter in made.parameters())


@pytest.mark.parametrize("name", THEIRS)
def test_every_parameter_is_learnt(name):
    made = small(name, (1, 24, 24)).train()
    given = made(drawn(3, 1, 24, 24))
    outputs = list(given) if isinstance(given, Variational) else [given]
    sum(output.square().sum() for output in outputs).backward()
    assert [name for name, parameter in made.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", ["unet", "autoencoder-monai"])
def test_where_strides_divide_the_image_it_is_monais(name):
    made, images = small(name, (1, 12, 18)), drawn(2, 1, 12, 18)
    assert torch.equal(made(images), made.network(images))


def test_an_image_is_padded_around_and_its_middle_is_given_back():
    made, images = small("unet", (1, 13, 7)), drawn(1, 1, 13, 7)
    padded = made.padded(images)
    assert padded.shape == (1, 1, 18, 12)
    assert torch.equal(made.cropped(padded, images), images)
    assert torch.isclose(padded.abs().sum(), images.abs().sum())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=2, max_size=3), st.lists(st.integers(1, 3), min_size=1, max_size=4))
def test_padded_sides_are_the_fewest_that_strides_divide_with_two_voxels_left(sides, strides):
    factor = int(torch.tensor(strides).prod())
    for before, after in zip(sides, padded_sides(sides, strides), strict=True):
        assert after % factor == 0
        assert after >= max(before, 2 * factor)
        assert after == 2 * factor or after - before < factor


def test_a_variational_autoencoder_draws_in_training_and_is_the_same_in_evaluation():
    made, images = small("vae-monai", (1, 12, 12)), drawn(2, 1, 12, 12)
    first, second = made(images), made(images)
    assert not torch.equal(first.image, second.image)
    assert torch.equal(first.mu, second.mu)
    assert first.mu.shape == first.log_variance.shape == (2, 2)
    made.eval()
    assert torch.equal(made(images).image, made(images).image)


def test_without_a_sigmoid_the_image_has_no_bounds():
    images = drawn(2, 1, 12, 12)
    bounded = small("vae-monai", (1, 12, 12)).eval()(images).image
    free = small("vae-monai", (1, 12, 12), use_sigmoid=False).eval()(images).image
    assert ((bounded > 0) & (bounded < 1)).all()
    torch.testing.assert_close(torch.sigmoid(free), bounded)


@pytest.mark.parametrize("name", THEIRS)
def test_strides_that_do_not_go_with_the_channels_are_refused(name):
    with pytest.raises(InputError, match=r"strides \[2, 2, 2, 2, 2\] has 5"):
        network.build(name, {"strides": (2,) * 5}, input_size=(1, 8, 8))


@pytest.mark.parametrize("options", [{"kernel_size": 2}, {"channels": (4,)}, {"strides": (0, 1)}, {"norm": "none"}])
def test_refuses_options_that_no_network_can_have(options):
    with pytest.raises(ComponentError):
        network.find("unet").options({"input_size": None}, options)

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from fimbria.errors import InputError
from fimbria.learning.networks import network, parameter_count
from fimbria.learning.networks.variational import (
    VariationalAutoencoder,
    cvae,
    cvae_3d,
    cvae_3d_final_conv,
    cvae_3d_half,
    vae_dense,
    vae_spatial,
)
from fimbria.learning.outputs import Variational
from fimbria.testing import check_network

# what the networks of these names have in ClinicaDL 1.6, for images at 1/2 to 1/5 of their size
REDUCED = [(1, 80, 96, 80), (1, 56, 64, 56), (1, 40, 48, 40), (1, 32, 40, 32)]
COUNTS = {
    vae_dense: (20_411_360, 5_461_856, 2_314_592, 1_790_048),
    cvae_3d_half: (80_337_217, 27_177_281, 11_255_617, 6_650_177),
    cvae_3d_final_conv: (80_336_093, 27_176_157, 11_254_493, 6_649_053),
}
VARIANTS = [partial(cvae, latent_size=3, variant=variant) for variant in ("full", "half", "final-conv")]
DENSE = partial(vae_dense, latent_size=3, features=5, n_conv=2, io_channels=2)
SPATIAL = partial(vae_spatial, latent_channels=2, n_conv=2, io_channels=2)


def drawn(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("make", COUNTS)
def test_has_as_many_parameters_as_the_network_of_its_name(make):
    with torch.device("meta"):
        assert tuple(parameter_count(make(input_size)) for input_size in REDUCED) == COUNTS[make]


def test_the_large_one_too():
    with torch.device("meta"):
        assert parameter_count(cvae_3d((1, 169, 208, 179))) == 866_946_369


@pytest.mark.parametrize(
    ("make", "input_size"),
    [(make, size) for make in (DENSE, SPATIAL) for size in [(1, 4, 4, 4), (2, 7, 4, 9), (1, 4, 4), (3, 5, 7)]]
    + [(make, size) for make in VARIANTS for size in [(1, 1, 1, 1), (2, 3, 1, 4), (1, 9, 8, 7), (1, 1, 1), (3, 5, 18)]],
)
def test_gives_back_images_of_any_size_and_learns_from_a_batch_of_one(make, input_size):
    made = make(input_size).train()
    for samples in (1, 2):
        images = drawn(samples, *input_size)
        image, mu, log_variance = outputs = made(images)
        assert isinstance(outputs, Variational)
        assert image.shape == images.shape
        assert mu.shape == log_variance.shape
        assert len(mu) == samples
        made.zero_grad()
        ((image - images).square().sum() + mu.square().sum() + log_variance.square().sum()).backward()
        assert all(torch.isfinite(parameter.grad).all() for parameter in made.parameters())


@pytest.mark.parametrize("make", [DENSE, SPATIAL, *VARIANTS])
def test_keeps_what_the_house_asks_of_a_network(make):
    check_network(make, [(1, 17, 22), (2, 12, 11, 15)])


@pytest.mark.parametrize("make", [DENSE, SPATIAL, *VARIANTS])
def test_draws_while_it_learns_and_takes_the_mean_afterwards(make):
    torch.manual_seed(1)
    made, images = make((1, 8, 9, 8)), drawn(2, 1, 8, 9, 8)
    first, second = made(images), made(images)
    assert not torch.equal(first.image, second.image)
    assert torch.equal(first.mu, second.mu)
    made.eval()
    first, second = made(images), made(images)
    assert torch.equal(first.image, second.image)
    assert torch.equal(first.image, made.decoder(first.mu))


def test_the_code_has_the_mean_and_the_variance_that_were_given():
    def constant(value):
        layer = nn.Linear(1, 1)
        nn.init.zeros_(layer.weight)
        nn.init.constant_(layer.bias, value)
        return layer

    torch.manual_seed(0)
    made = VariationalAutoencoder(nn.Identity(), constant(2.0), constant(-1.5), nn.Identity())
    code = made(torch.zeros(20_000, 1)).image.detach()
    assert float(code.mean()) == pytest.approx(2, abs=0.02)
    assert float(code.var().log()) == pytest.approx(-1.5, abs=0.05)


@pytest.mark.parametrize(
    ("make", "input_size", "shape"),
    [
        (vae_dense, (1, 20, 17), (2, 128)),
        (vae_dense, (1, 17, 16, 33), (2, 128)),
        (cvae_3d, (1, 9, 8, 7), (2, 128)),
        (vae_spatial, (1, 33, 50), (2, 1, 2, 3)),
        (partial(vae_spatial, io_channels=1), (1, 32, 33, 64), (2, 1, 1, 1, 2)),
    ],
)
def test_the_latent_space_has_its_shape(make, input_size, shape):
    made = make(input_size).eval()
    with torch.inference_mode():
        assert made(drawn(2, *input_size)).mu.shape == shape


@pytest.mark.parametrize(
    ("variant", "last", "encoder"),
    [("full", nn.ReLU, nn.ReLU), ("half", nn.Sigmoid, nn.LeakyReLU), ("final-conv", nn.Sigmoid, nn.LeakyReLU)],
)
def test_a_cvae_has_the_activations_of_its_variant_and_bounded_means(variant, last, encoder):
    made = cvae((1, 9, 8, 7), 4, variant)
    assert isinstance(made.decoder[-1], last)
    assert isinstance(made.encoder[2], encoder)
    assert made.eval()(1000 * drawn(2, 1, 9, 8, 7)).mu.abs().max() <= 1


def test_a_cvae_that_ends_in_a_relu_begins_with_a_gradient_for_nearly_every_voxel():
    torch.manual_seed(0)
    assert (cvae((1, 16, 16, 16), 4, "full")(drawn(2, 1, 16, 16, 16)).image > 0).float().mean() > 0.95


@pytest.mark.parametrize(
    ("make", "input_size", "smallest"),
    [(vae_dense, (1, 16, 15, 16), 16), (vae_spatial, (1, 15, 20), 16), (vae_spatial, (1, 40, 31, 40), 32)],
)
def test_refuses_images_too_small_and_says_the_smallest_side(make, input_size, smallest):
    with pytest.raises(InputError, match=f"network '.*' needs {smallest} or more voxels"):
        make(input_size)


@pytest.mark.parametrize("name", ["cvae-3d", "cvae-3d-half", "cvae-3d-final-conv"])
def test_a_network_for_volumes_refuses_slices(name):
    with pytest.raises(InputError, match=f"'{name}' needs images with 3 axes; these have 2"):
        network.build(name, input_size=(1, 9, 8))


@pytest.mark.parametrize("make", [partial(DENSE, features=32, io_channels=8), VARIANTS[1]])
def test_learns_two_images_by_heart(make):
    torch.manual_seed(0)
    made, images = make((1, 9, 8, 8)), (drawn(2, 1, 9, 8, 8) > 0.5).float()
    optimizer = torch.optim.Adam(made.parameters(), 1e-2)
    losses = []
    for _ in range(120):
        outputs = made(images)
        loss = (outputs.image - images).square().mean() + outputs.log_variance.exp().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float((outputs.image.detach() - images).square().mean()))
    assert losses[-1] < 0.5 * losses[0]

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from torch.distributions import ContinuousBernoulli, Normal
from torch.distributions import kl_divergence as between

from fimbria.errors import InputError
from fimbria.learning.outputs import Variational
from fimbria.learning.tasks.losses import FITS, build, is_variational, kl_divergence, with_latent
from fimbria.learning.tasks.losses.variational import log_normalizer

NAMES = [name for name in FITS["images"] if is_variational(name)]
VOXELS = 2 * 3 * 4 * 5


def drawn(samples=6, seed=0):
    """What a variational autoencoder might say of some images, and the images."""
    generator = torch.Generator().manual_seed(seed)
    image, targets = torch.rand((2, samples, 2, 3, 4, 5), generator=generator, dtype=torch.float64)
    mu, log_variance = torch.randn((2, samples, 7), generator=generator, dtype=torch.float64)
    return Variational(image, mu, log_variance), targets


def made(name, **options):
    return build({"name": name, **options}, "images")


def far(outputs):
    return between(Normal(outputs.mu, torch.exp(outputs.log_variance / 2)), Normal(0.0, 1.0)).sum(dim=1)


def test_a_standard_normal_distribution_is_no_distance_from_itself():
    assert kl_divergence(torch.zeros(4, 2, 3, 3), torch.zeros(4, 2, 3, 3)).tolist() == [0, 0, 0, 0]


@given(st.integers(0, 10_000))
def test_the_divergence_is_that_of_normal_distributions_and_never_below_zero(seed):
    outputs, _ = drawn(seed=seed)
    torch.testing.assert_close(kl_divergence(outputs.mu, outputs.log_variance), far(outputs))
    formula = 0.5 * (-1 - outputs.log_variance + outputs.mu**2 + outputs.log_variance.exp()).sum(dim=1)
    torch.testing.assert_close(kl_divergence(outputs.mu, outputs.log_variance), formula)
    assert torch.all(kl_divergence(outputs.mu, outputs.log_variance) >= 0)
    as_images = kl_divergence(outputs.mu.reshape(-1, 7, 1, 1), outputs.log_variance.reshape(-1, 7, 1, 1))
    torch.testing.assert_close(as_images, far(outputs))


def reconstruction(name, image, targets):
    """The first term, by torch's own distributions where they have it."""
    if name == "vae-gaussian":
        voxels = (image - targets) ** 2
    elif name == "vae-bernoulli":
        voxels = -(targets * image.log() + (1 - targets) * (1 - image).log())
    else:
        voxels = -ContinuousBernoulli(image, validate_args=False).log_prob(targets)
    return voxels.flatten(1).sum(dim=1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("of_image", "of_latent"), [(1, 1), (0, 1), (1, 0), (0.5, 5)])
def test_both_terms_are_sums_over_a_sample_each_with_its_own_weight(name, of_image, of_latent):
    outputs, targets = drawn()
    losses = made(name, reconstruction_weight=of_image, kl_weight=of_latent)(outputs, targets)
    wanted = of_image * reconstruction(name, outputs.image, targets) + of_latent * far(outputs)
    torch.testing.assert_close(losses, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_the_loss_of_a_sample_is_its_own_whoever_else_is_in_the_batch(name, batch):
    outputs, targets = drawn()
    some = Variational(*(one[batch] for one in outputs))
    torch.testing.assert_close(made(name)(some, targets[batch]), made(name)(outputs, targets)[batch])


NEAR = [0.5, 0.5 + 1e-9, 0.5 - 1e-6, 0.5 + 1e-5, 0.5 + 1e-4, 0.499, 0.45, 0.45 - 1e-9, 0.55, 0.55 + 1e-9]


@pytest.mark.parametrize("parameter", [1e-4, 0.01, 0.1, 0.3, *NEAR, 0.8, 0.99, 0.9999])
def test_with_its_normaliser_a_continuous_bernoulli_distribution_has_the_integral_1(parameter):
    constant = float(log_normalizer(torch.tensor(parameter, dtype=torch.float64)))
    total, _ = integrate.quad(lambda x: parameter**x * (1 - parameter) ** (1 - x), 0, 1, epsabs=1e-13, epsrel=1e-13)
    assert total * np.exp(constant) == pytest.approx(1, abs=1e-11)


def test_the_normaliser_is_exact_in_single_precision_too_and_so_is_its_slope():
    precise = torch.cat([torch.linspace(0.01, 0.99, 4001), torch.tensor(NEAR)]).double().requires_grad_()
    coarse = precise.detach().float().requires_grad_()
    for parameter in (precise, coarse):
        log_normalizer(parameter).sum().backward()
    # The parameter itself is rounded, and told apart from 0.5 no better than that.
    torch.testing.assert_close(log_normalizer(coarse).double(), log_normalizer(precise), rtol=0, atol=5e-6)
    torch.testing.assert_close(coarse.grad.double(), precise.grad, rtol=1e-4, atol=1e-5)
    step = 1e-5
    slope = (log_normalizer(precise + step) - log_normalizer(precise - step)) / (2 * step)
    torch.testing.assert_close(precise.grad, slope.detach(), rtol=1e-4, atol=1e-7)


def test_the_normaliser_is_even_about_a_half_and_least_there():
    side = torch.linspace(0, 0.49, 200, dtype=torch.float64)
    torch.testing.assert_close(log_normalizer(0.5 + side), log_normalizer(0.5 - side))
    assert torch.all(log_normalizer(0.5 + side).diff() > 0)
    assert float(log_normalizer(torch.tensor(0.5, dtype=torch.float64))) == pytest.approx(np.log(2), abs=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_losses_and_gradients_are_numbers_where_the_image_is_certain(name):
    image = torch.tensor([0.0, 1.0, 0.5, 1e-30, 1 - 1e-7]).repeat(3, 1).requires_grad_()
    targets = torch.tensor([[0.0], [1.0], [0.5]]).expand(3, 5)
    losses = made(name)(Variational(image, torch.zeros(3, 2), torch.zeros(3, 2)), targets)
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert torch.isfinite(image.grad).all()


@pytest.mark.parametrize("name", NAMES[1:])
def test_what_is_outside_0_and_1_is_refused_with_what_to_do(name):
    outputs, targets = drawn()
    with pytest.raises(InputError, match=r"wants targets between 0 and 1, .* and 2.*min-max"):
        made(name)(outputs, targets.clone().fill_(2))
    with pytest.raises(
        InputError, match=r"wants images of the network between 0 and 1, .*between -3 and -3: .*ends in a sigmoid"
    ):
        made(name)(outputs._replace(image=torch.full_like(targets, -3)), targets)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_that_is_no_number_gives_a_loss_that_is_none(name):
    outputs, targets = drawn(2)
    outputs.image[1, 0, 0, 0, 0] = float("nan")
    assert made(name)(outputs, targets).isnan().tolist() == [False, True]


@pytest.mark.parametrize("name", NAMES)
def test_a_network_without_a_latent_space_is_told_so(name):
    with pytest.raises(InputError, match=f"loss '{name}' wants what a variational autoencoder gives"):
        made(name)(torch.zeros(2, 1, 3, 3), torch.zeros(2, 1, 3, 3))


def test_an_image_of_another_shape_is_refused():
    outputs, targets = drawn()
    with pytest.raises(InputError, match="cannot be compared"):
        made("vae-gaussian")(outputs, targets[:, :1])


@pytest.mark.parametrize("weight", [0.0, 1.0, 5.0])
def test_a_plain_loss_and_the_divergence_are_of_one_bound(weight):
    outputs, targets = drawn()
    losses = with_latent(build("mse", "images"), weight)(outputs, targets)
    torch.testing.assert_close(losses * VOXELS, made("vae-gaussian", kl_weight=weight)(outputs, targets))


def test_a_plain_loss_of_a_plain_network_stays_what_it_is():
    outputs, targets = drawn()
    plain = build("mae", "images")
    assert torch.equal(with_latent(plain, 3.0)(outputs.image, targets), plain(outputs.image, targets))

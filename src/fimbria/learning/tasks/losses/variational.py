"""Losses of variational autoencoders: both terms summed over each sample, so that they are of one lower bound."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch.nn import functional

from fimbria.errors import InputError
from fimbria.learning.tasks.losses.loss import WITHIN_0_AND_1, Loss, Weight, loss
from fimbria.learning.tasks.losses.values import alike, each, within_0_and_1

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@runtime_checkable
class Latent(Protocol):
    """What a variational autoencoder gives: an image ``(sample, channel, ...)`` and where its latent space was drawn from."""

    @property
    def image(self) -> Tensor:
        """The reconstruction, ``(sample, channel, ...)``."""
        ...

    @property
    def mu(self) -> Tensor:
        """Means of the normal distribution in the latent space, ``(sample, ...)``."""
        ...

    @property
    def log_variance(self) -> Tensor:
        """Logarithms of its variances, of the same shape."""
        ...


@loss("vae-gaussian")
def vae_gaussian(kl_weight: Weight = 1.0, reconstruction_weight: Weight = 1.0) -> Loss:
    """Sum of squared errors of the image, and the divergence of its latent distribution from a standard normal one.

    Parameters
    ----------
    kl_weight, reconstruction_weight
        Of the divergence, and of the sum over all voxels.

    References
    ----------
    Kingma and Welling 2014, doi:10.48550/arXiv.1312.6114
    """
    return _Variational("vae-gaussian", _squares, kl_weight, reconstruction_weight)


@loss("vae-bernoulli")
def vae_bernoulli(kl_weight: Weight = 1.0, reconstruction_weight: Weight = 1.0) -> Loss:
    """Binary cross-entropy of the image, summed, and the divergence of its latent distribution.

    The network's image holds probabilities, between 0 and 1, and so do the targets.

    Parameters
    ----------
    kl_weight, reconstruction_weight
        Of the divergence, and of the sum over all voxels.

    References
    ----------
    Kingma and Welling 2014, doi:10.48550/arXiv.1312.6114
    """
    return _Variational("vae-bernoulli", _bernoulli, kl_weight, reconstruction_weight)


@loss("vae-continuous-bernoulli")
def vae_continuous_bernoulli(kl_weight: Weight = 1.0, reconstruction_weight: Weight = 1.0) -> Loss:
    """Binary cross-entropy made a true likelihood of intensities between 0 and 1, and the latent divergence.

    The network's image holds the parameter of the continuous Bernoulli distribution, between 0 and 1, and so do the
    targets. A voxel's loss is its cross-entropy minus the logarithm of the distribution's normaliser, so it may be negative.

    Parameters
    ----------
    kl_weight, reconstruction_weight
        Of the divergence, and of the sum over all voxels.

    References
    ----------
    Loaiza-Ganem and Cunningham 2019, doi:10.48550/arXiv.1907.06845
    """
    return _Variational("vae-continuous-bernoulli", _continuous_bernoulli, kl_weight, reconstruction_weight)


def kl_divergence(mu: Tensor, log_variance: Tensor) -> Tensor:
    """Give how far normal distributions are from the standard one, in nats, summed over the latent space.

    Parameters
    ----------
    mu, log_variance
        Their means and the logarithms of their variances, ``(sample, ...)``.

    Returns
    -------
    Tensor
        ``(sample,)``, at least 0.
    """
    return each(0.5 * (torch.expm1(log_variance) - log_variance + mu.square()), torch.sum)


def with_latent(of: Loss, kl_weight: float = 1.0) -> Loss:
    """Give a loss of images that a variational autoencoder can learn from; of any other network it is the loss itself.

    Parameters
    ----------
    of
        A mean over voxels, as ``mse``.
    kl_weight
        Of the latent divergence. It is divided by the number of voxels, as the mean over voxels is: with ``mse`` the sum
        is that of ``vae-gaussian`` in another unit.
    """

    def of_each(outputs: Tensor | Latent, targets: Tensor) -> Tensor:
        if not isinstance(outputs, Latent):
            return of(outputs, targets)
        divergence = kl_divergence(outputs.mu, outputs.log_variance)
        return of(outputs.image, targets) + kl_weight * divergence / prod(targets.shape[1:])

    return of_each


@dataclass(frozen=True)
class _Variational:
    """The two terms of the evidence lower bound, its sign turned, each summed over a sample."""

    name: str
    reconstruction: Callable[[Tensor, Tensor], Tensor]
    kl_weight: float
    reconstruction_weight: float

    def __call__(self, outputs: Tensor | Latent, targets: Tensor) -> Tensor:
        """Give one value a sample."""
        if not isinstance(outputs, Latent):
            msg = f"loss {self.name!r} wants what a variational autoencoder gives: an image, mu and log_variance; this network gives no such thing. Choose another loss, such as 'mse', or a network that does."
            raise InputError(msg)
        image, wanted = alike(outputs.image, targets), targets.to(outputs.image.dtype)
        if self.name in WITHIN_0_AND_1:
            within_0_and_1(f"loss {self.name!r}", "targets", wanted)
            within_0_and_1(f"loss {self.name!r}", "images of the network", image.detach())
        reconstruction = each(self.reconstruction(image, wanted), torch.sum)
        divergence = kl_divergence(outputs.mu, outputs.log_variance)
        return self.reconstruction_weight * reconstruction + self.kl_weight * divergence


def _squares(image: Tensor, targets: Tensor) -> Tensor:
    return functional.mse_loss(image, targets, reduction="none")


def _bernoulli(image: Tensor, targets: Tensor) -> Tensor:
    of_numbers = functional.binary_cross_entropy(image.nan_to_num(), targets, reduction="none")
    return torch.where(
        image.isnan(), image, of_numbers
    )  # torch's would stop; a network gone astray is the training's to tell


def _continuous_bernoulli(image: Tensor, targets: Tensor) -> Tensor:
    return _bernoulli(image, targets) - log_normalizer(image)


def log_normalizer(parameter: Tensor) -> Tensor:
    """Give the logarithm of the continuous Bernoulli distribution's normaliser, ``log(2 artanh(u) / u)``, u = 1 - 2 parameter.

    Parameters
    ----------
    parameter
        Between 0 and 1, where it is infinite: it is kept from them by 1e-5.
    """
    u = 1 - 2 * parameter.clamp(1e-5, 1 - 1e-5)
    near = u.abs() < 0.1  # noqa: PLR2004  (where artanh(u) / u is a series, which has a value and an exact slope at 0)
    square = torch.where(near, u, 0).square()
    series = torch.zeros_like(square)
    for power in (13, 11, 9, 7, 5, 3):
        series = (series + 1 / power) * square
    far = torch.where(near, 0.5, u)  # the branch that is not chosen must have a slope too
    return 0.6931471805599453 + torch.where(near, torch.log1p(series), torch.log(torch.atanh(far) / far))

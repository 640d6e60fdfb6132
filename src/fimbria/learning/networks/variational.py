"""Variational autoencoders, with a dense latent space or a spatial one.

References
----------
Kingma, D. P. and Welling, M. (2014). Auto-encoding variational Bayes. ICLR. doi:10.48550/arXiv.1312.6114
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from fimbria.geometry import Shape
from fimbria.learning.networks.autoencoder import CONVOLUTIONS, Halvings
from fimbria.learning.networks.conv import BatchNorm, axes_of, leaky_blocks
from fimbria.learning.networks.network import network
from fimbria.learning.networks.unet import InstanceNorm
from fimbria.learning.outputs import Variational

if TYPE_CHECKING:
    from collections.abc import Sequence

_CVAE_WIDTHS = (32, 64, 128)
_SPATIAL = 64  # channels before the latent image, in 2-D


class VariationalAutoencoder(nn.Module):
    """An autoencoder whose code is drawn from a normal distribution while it learns, and is its mean afterwards.

    Parameters
    ----------
    encoder
        Gives the features of images ``(sample, channel, ...)``.
    mu, log_variance
        Give the distribution from the features.
    decoder
        Gives images from a code.
    """

    def __init__(self, encoder: nn.Module, mu: nn.Module, log_variance: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.mu = mu
        self.log_variance = log_variance
        self.decoder = decoder

    def forward(self, images: Tensor) -> Variational:
        """Reconstruct images ``(sample, channel, ...)``."""
        features = self.encoder(images)
        mu, log_variance = self.mu(features), self.log_variance(features)
        code = mu + torch.randn_like(mu) * torch.exp(log_variance / 2) if self.training else mu
        return Variational(self.decoder(code), mu, log_variance)


def _decoder(halvings: Halvings, widths: Sequence[int]) -> list[nn.Module]:
    """Undo the halvings, with batch norm and ReLU, and end in [0, 1]."""
    layers: list[nn.Module] = []
    for level in range(halvings.count - 1, 0, -1):
        after = widths[level - 1]
        layers += [halvings.up(level, widths[level], after, bias=False), BatchNorm(after), nn.ReLU()]
    return [*layers, halvings.up(0, widths[0], halvings.input_size[0], bias=False), nn.Sigmoid()]


@network("vae-dense")
def vae_dense(
    input_size: Shape,
    latent_size: PositiveInt = 128,
    features: PositiveInt = 1024,
    n_conv: PositiveInt = 4,
    io_channels: PositiveInt = 8,
) -> nn.Module:
    """Variational autoencoder of strided convolutions and dense layers; for images scaled to [0, 1].

    The layers of ClinicaDL's Vanilla3DdenseVAE and, with `io_channels` 32, of its VanillaDenseVAE in 2-D, for sides of
    at least ``2 ** n_conv`` voxels. `latent_size` numbers describe an image, `features` are the outputs of the dense
    layers around them; there are `n_conv` convolutions of stride 2, the first with `io_channels` channels, each next
    with twice as many. The last activation is a sigmoid.
    """
    halvings = Halvings(input_size, n_conv, 4, "vae-dense")
    widths = [io_channels * 2**level for level in range(n_conv)]
    flat = widths[-1] * prod(halvings.inner)
    encoder = [*leaky_blocks(input_size, widths), nn.Flatten(), nn.Linear(flat, features), nn.ReLU()]
    dense = [nn.Linear(latent_size, features), nn.ReLU(), nn.Linear(features, flat), nn.ReLU()]
    decoder = [*dense, nn.Unflatten(1, (widths[-1], *halvings.inner)), *_decoder(halvings, widths)]
    return VariationalAutoencoder(
        nn.Sequential(*encoder),
        nn.Linear(features, latent_size),
        nn.Linear(features, latent_size),
        nn.Sequential(*decoder),
    )


@network("vae-spatial")
def vae_spatial(
    input_size: Shape,
    latent_channels: PositiveInt = 1,
    n_conv: PositiveInt | None = None,
    io_channels: PositiveInt = 32,
) -> nn.Module:
    """Variational autoencoder whose latent space is a small image; for images scaled to [0, 1].

    The layers of ClinicaDL's VanillaSpatialVAE (2-D: four convolutions of stride 2, then one to 64 channels) and
    Vanilla3DspacialVAE (3-D: five), for sides of at least ``2 ** n_conv`` voxels. `latent_channels` are those of the
    latent image; `n_conv`, the convolutions of stride 2, is 4 in 2-D and 5 in 3-D unless it is given; the first has
    `io_channels` channels, each next twice as many. The last activation is a sigmoid.
    """
    axes = axes_of(input_size, "network 'vae-spatial'")
    halvings = Halvings(input_size, n_conv or axes + 2, 4, "vae-spatial")
    widths = [io_channels * 2**level for level in range(halvings.count)]
    encoder, inner = list(leaky_blocks(input_size, widths)), widths[-1]
    entry: list[nn.Module] = []
    if axes == 2:  # noqa: PLR2004
        encoder += [nn.Conv2d(inner, _SPATIAL, 3, padding=1), nn.ReLU()]
        entry = [nn.Conv2d(_SPATIAL, inner, 3, padding=1), nn.ReLU()]
        inner = _SPATIAL
    entry = [CONVOLUTIONS[axes](latent_channels, inner, 3, padding=1), nn.ReLU(), *entry]
    return VariationalAutoencoder(
        nn.Sequential(*encoder),
        CONVOLUTIONS[axes](inner, latent_channels, 3, padding=1),
        CONVOLUTIONS[axes](inner, latent_channels, 3, padding=1),
        nn.Sequential(*entry, *_decoder(halvings, widths)),
    )


@network("cvae")
def cvae(
    input_size: Shape, latent_size: PositiveInt = 128, variant: Literal["full", "half", "final-conv"] = "full"
) -> nn.Module:
    """Variational autoencoder of three strided convolutions (32 to 128 channels) and one dense layer, of any size.

    `latent_size` numbers describe an image; their means lie in (-1, 1). `variant` ``full`` has ReLU everywhere, also
    last; ``half`` has leaky ReLU in the encoder and a sigmoid last; ``final-conv`` has instance norm in place of batch
    norm, leaky ReLU everywhere, and one more convolution before the sigmoid. ClinicaDL trains it with 5 times the KL term.
    """
    halvings = Halvings(input_size, len(_CVAE_WIDTHS), 3, "cvae")
    norm = InstanceNorm if variant == "final-conv" else None
    leaky = variant != "full"
    encoder: list[nn.Module] = []
    for before, after in pairwise((input_size[0], *_CVAE_WIDTHS)):
        encoder += [halvings.down(before, after, bias=True), *_settled(after, norm, leaky=leaky)]
    flat = _CVAE_WIDTHS[-1] * prod(halvings.inner)
    return VariationalAutoencoder(
        nn.Sequential(*encoder, nn.Flatten()),
        nn.Sequential(nn.Linear(flat, latent_size), nn.Tanh()),
        nn.Linear(flat, latent_size),
        nn.Sequential(nn.Linear(latent_size, 2 * flat), *_cvae_decoder(halvings, variant)),
    )


def _cvae_decoder(halvings: Halvings, variant: str) -> list[nn.Module]:
    """Undo the halvings, from twice the channels of the last."""
    channels, wide = halvings.input_size[0], 2 * _CVAE_WIDTHS[-1]
    own = variant == "final-conv"
    norm = InstanceNorm if own else None
    layers: list[nn.Module] = [nn.Unflatten(1, (wide, *halvings.inner)), *_settled(wide, norm, leaky=own)]
    for level, (before, after) in zip((2, 1), pairwise((wide, 128, 64)), strict=True):
        # a bias before batch norm would be taken out again
        layers += [halvings.up(level, before, after, bias=own), *_settled(after, norm, leaky=own)]
    layers += [last := halvings.up(0, 64, channels, bias=True)]
    if variant == "full":
        _begin_grey(last)
    if own:  # no norm here: it would give every image the same brightness
        layers += [nn.LeakyReLU(0.2), CONVOLUTIONS[halvings.axes](channels, channels, 3, padding=1)]
    return [*layers, nn.ReLU() if variant == "full" else nn.Sigmoid()]


def _begin_grey(last: nn.Module) -> None:
    """Let the images before a last ReLU begin near 0.5: where they begin below 0, it gives no gradient to rise by."""
    with torch.no_grad():
        last.get_parameter("weight").mul_(0.1)
        last.get_parameter("bias").fill_(0.5)


def _settled(channels: int, norm: type[nn.Module] | None, *, leaky: bool) -> list[nn.Module]:
    return [norm() if norm else BatchNorm(channels), nn.LeakyReLU(0.2) if leaky else nn.ReLU()]


@network("cvae-3d")
def cvae_3d(input_size: Shape, latent_size: PositiveInt = 128) -> nn.Module:
    """ClinicaDL's CVAE_3D, for volumes of any size: ``cvae`` with `variant` ``full`` and `latent_size` numbers an image."""
    axes_of(input_size, "network 'cvae-3d'", allowed=(3,))
    return cvae(input_size, latent_size, "full")


@network("cvae-3d-half")
def cvae_3d_half(input_size: Shape, latent_size: PositiveInt = 128) -> nn.Module:
    """ClinicaDL's CVAE_3D_half, for volumes of any size: ``cvae`` with `variant` ``half`` and `latent_size` numbers an image."""
    axes_of(input_size, "network 'cvae-3d-half'", allowed=(3,))
    return cvae(input_size, latent_size, "half")


@network("cvae-3d-final-conv")
def cvae_3d_final_conv(input_size: Shape, latent_size: PositiveInt = 128) -> nn.Module:
    """ClinicaDL's CVAE_3D_final_conv, for volumes of any size: ``cvae`` with `variant` ``final-conv``."""
    axes_of(input_size, "network 'cvae-3d-final-conv'", allowed=(3,))
    return cvae(input_size, latent_size, "final-conv")

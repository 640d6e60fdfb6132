"""MONAI's networks that give an image, at any size: U-Nets and autoencoders. MONAI is imported when one of them is built.

Strides that do not divide an image would give one of another size: it is padded with zeros, and the output is cropped.

References
----------
Kerfoot, E. et al. (2019). Left-ventricle quantification using residual U-Net. doi:10.1007/978-3-030-12029-0_40

Oktay, O. et al. (2018). Attention U-Net: learning where to look for the pancreas. doi:10.48550/arXiv.1804.03999

Kingma, D. P., Welling, M. (2013). Auto-encoding variational Bayes. doi:10.48550/arXiv.1312.6114
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt
from pydantic_core import PydanticCustomError
from torch import Tensor, nn
from torch.nn import functional

from fimbria.errors import InputError
from fimbria.geometry import Shape
from fimbria.learning.networks.conv import Dropout, axes_of
from fimbria.learning.networks.monai_networks.classifiers import any_batch, monai
from fimbria.learning.networks.network import network
from fimbria.learning.outputs import Variational

if TYPE_CHECKING:
    from collections.abc import Sequence


def _odd(side: int) -> int:
    if side % 2 == 0:
        kind, said = "odd", "an odd number was wanted, so that a kernel has a middle"
        raise PydanticCustomError(kind, said)
    return side


Kernel = Annotated[PositiveInt, AfterValidator(_odd)]
Channels = Annotated[tuple[PositiveInt, ...], Field(min_length=2)]
Halvable = Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=2)]
Strides = tuple[PositiveInt, ...]
Activation = Literal["PRELU", "RELU", "LEAKYRELU", "ELU", "GELU"]
Norm = Literal["INSTANCE", "BATCH"]


class SameSize(nn.Module):
    """A network that gives an image of its input's size, at any size.

    Parameters
    ----------
    made
        Gives an image of the same size where its strides divide it.
    strides
        Of its levels.
    """

    def __init__(self, made: nn.Module, strides: Sequence[int]) -> None:
        super().__init__()
        self.network: Any = made
        self.strides = tuple(strides)

    def padded(self, images: Tensor) -> Tensor:
        """Add zeros on both sides, so that the strides divide the image."""
        before = _before(images.shape[2:], self.strides)
        added = zip(images.shape[2:], before, padded_sides(images.shape[2:], self.strides), strict=True)
        ends = [(start, after - side - start) for side, start, after in added]
        return functional.pad(images, [end for pair in reversed(ends) for end in pair])

    def cropped(self, outputs: Tensor, images: Tensor) -> Tensor:
        """Take away what lies around the images."""
        before = _before(images.shape[2:], self.strides)
        for axis, (start, side) in enumerate(zip(before, images.shape[2:], strict=True), start=2):
            outputs = outputs.narrow(axis, start, side)
        return outputs

    def forward(self, images: Tensor) -> Tensor:
        """Give images ``(sample, channel, ...)`` of the shape of images."""
        return self.cropped(self.network(self.padded(images)), images)


class VariationalSameSize(SameSize):
    """MONAI's variational autoencoder, at any size. In evaluation the image is that of `mu`, so it is always the same.

    Parameters
    ----------
    made
        The autoencoder.
    strides
        Of its levels.
    sigmoid
        The image lies between 0 and 1.
    """

    def __init__(self, made: nn.Module, strides: Sequence[int], *, sigmoid: bool) -> None:
        super().__init__(made, strides)
        self.sigmoid = sigmoid

    def forward(self, images: Tensor) -> Variational:  # type: ignore[override]  # it says more than its image
        """Give what is known of images ``(sample, channel, ...)``."""
        mu, log_variance = self.network.encode_forward(self.padded(images))
        latent = mu + torch.randn_like(mu) * torch.exp(log_variance / 2) if self.training else mu
        decoded = self.network.decode_forward(latent, self.sigmoid)
        return Variational(self.cropped(decoded, images), mu, log_variance)


def padded_sides(sides: Sequence[int], strides: Sequence[int]) -> Shape:
    """Give the sides of an image that strides divide, with two voxels a side left: one has no variance to normalise by.

    Examples
    --------
    >>> padded_sides((169, 208, 5), (2, 2, 2))
    (176, 208, 16)
    """
    factor = prod(strides)
    return tuple(max(-(-side // factor), 2) * factor for side in sides)


def _before(sides: Sequence[int], strides: Sequence[int]) -> Shape:
    return tuple((after - side) // 2 for side, after in zip(sides, padded_sides(sides, strides), strict=True))


def _paired(name: str, channels: Sequence[int], strides: Sequence[int], wanted: int) -> None:
    """Refuse strides that do not go with the channels."""
    if len(strides) != wanted:
        msg = (
            f"network {name!r}: channels {list(channels)} go with {wanted} strides, strides {list(strides)} has "
            f"{len(strides)}."
        )
        raise InputError(msg)


@network("unet")
def unet(  # noqa: PLR0913, PLR0917  (options)
    input_size: Shape,
    channels: Channels = (16, 32, 64, 128, 256),
    strides: Strides = (2, 2, 2, 2),
    kernel_size: Kernel = 3,
    up_kernel_size: Kernel = 3,
    num_res_units: NonNegativeInt = 0,
    act: Activation = "PRELU",
    norm: Norm = "INSTANCE",
    dropout: Dropout = 0.0,
    bias: bool = True,  # noqa: FBT001, FBT002  (an option)
) -> nn.Module:
    """U-Net that gives an image of its input's shape, 2-D or 3-D, of any size (MONAI).

    Parameters
    ----------
    input_size
        ``(channel, x, y, z)`` or ``(channel, first, second)``.
    channels, strides
        Channels of each level, and by how much the sides shrink between two.
    kernel_size, up_kernel_size
        Sides of the kernels on the way down and up, voxels.
    num_res_units
        Convolutions of a residual unit in each level; 0 for plain convolutions.
    act, norm, dropout, bias
        Of the convolutions: activation, normalisation, share of the features hidden, whether there is a bias.
    """
    _paired("unet", channels, strides, len(channels) - 1)
    made = monai("unet").UNet(
        spatial_dims=axes_of(input_size, "network 'unet'"),
        in_channels=input_size[0],
        out_channels=input_size[0],
        channels=channels,
        strides=strides,
        kernel_size=kernel_size,
        up_kernel_size=up_kernel_size,
        num_res_units=num_res_units,
        act=act,
        norm=norm,
        dropout=dropout,
        bias=bias,
    )
    return SameSize(any_batch(made), strides)


@network("attention-unet")
def attention_unet(  # noqa: PLR0913, PLR0917  (options)
    input_size: Shape,
    channels: Halvable = (16, 32, 64, 128, 256),
    strides: Strides = (2, 2, 2, 2),
    kernel_size: Kernel = 3,
    up_kernel_size: Kernel = 3,
    dropout: Dropout = 0.0,
) -> nn.Module:
    """U-Net with attention on what it skips, gives an image of its input's shape, 2-D or 3-D, of any size (MONAI).

    Parameters
    ----------
    input_size
        ``(channel, x, y, z)`` or ``(channel, first, second)``.
    channels, strides
        Channels of each level, and by how much the sides shrink between two.
    kernel_size, up_kernel_size
        Sides of the kernels on the way down and up, voxels.
    dropout
        Share of the features that training hides.
    """
    _paired("attention-unet", channels, strides, len(channels) - 1)
    made = monai("attention-unet").AttentionUnet(
        spatial_dims=axes_of(input_size, "network 'attention-unet'"),
        in_channels=input_size[0],
        out_channels=input_size[0],
        channels=channels,
        strides=strides,
        kernel_size=kernel_size,
        up_kernel_size=up_kernel_size,
        dropout=dropout,
    )
    return SameSize(any_batch(made), strides)


@network("autoencoder-monai")
def autoencoder(  # noqa: PLR0913, PLR0917  (options)
    input_size: Shape,
    channels: Channels = (16, 32, 64, 128),
    strides: Strides = (2, 2, 2, 2),
    kernel_size: Kernel = 3,
    up_kernel_size: Kernel = 3,
    num_res_units: NonNegativeInt = 0,
    act: Activation = "PRELU",
    norm: Norm = "INSTANCE",
    dropout: Dropout | None = None,
    bias: bool = True,  # noqa: FBT001, FBT002  (an option)
) -> nn.Module:
    """Autoencoder of convolutions alone, 2-D or 3-D, of any size (MONAI).

    Parameters
    ----------
    input_size
        ``(channel, x, y, z)`` or ``(channel, first, second)``.
    channels, strides
        Channels of each level, and by how much the sides shrink in it.
    kernel_size, up_kernel_size
        Sides of the kernels on the way down and up, voxels.
    num_res_units
        Convolutions of a residual unit in each level; 0 for plain convolutions.
    act, norm, dropout, bias
        Of the convolutions: activation, normalisation, share of the features hidden, whether there is a bias.
    """
    _paired("autoencoder-monai", channels, strides, len(channels))
    made = monai("autoencoder-monai").AutoEncoder(
        spatial_dims=axes_of(input_size, "network 'autoencoder-monai'"),
        in_channels=input_size[0],
        out_channels=input_size[0],
        channels=channels,
        strides=strides,
        kernel_size=kernel_size,
        up_kernel_size=up_kernel_size,
        num_res_units=num_res_units,
        act=act,
        norm=norm,
        dropout=dropout,
        bias=bias,
    )
    return SameSize(any_batch(made), strides)


@network("vae-monai")
def variational(  # noqa: PLR0913, PLR0917  (options)
    input_size: Shape,
    latent_size: PositiveInt = 128,
    channels: Channels = (16, 32, 64, 128),
    strides: Strides = (2, 2, 2, 2),
    kernel_size: Kernel = 3,
    up_kernel_size: Kernel = 3,
    num_res_units: NonNegativeInt = 0,
    act: Activation = "PRELU",
    norm: Norm = "INSTANCE",
    dropout: Dropout | None = None,
    bias: bool = True,  # noqa: FBT001, FBT002  (an option)
    use_sigmoid: bool = True,  # noqa: FBT001, FBT002  (an option)
) -> nn.Module:
    """Variational autoencoder with a latent vector, 2-D or 3-D, of any size (MONAI).

    Parameters
    ----------
    input_size
        ``(channel, x, y, z)`` or ``(channel, first, second)``.
    latent_size
        Length of the latent vector.
    channels, strides
        Channels of each level, and by how much the sides shrink in it.
    kernel_size, up_kernel_size
        Sides of the kernels on the way down and up, voxels.
    num_res_units
        Convolutions of a residual unit in each level; 0 for plain convolutions.
    act, norm, dropout, bias
        Of the convolutions: activation, normalisation, share of the features hidden, whether there is a bias.
    use_sigmoid
        The image that it gives lies between 0 and 1; choose false for images that do not.
    """
    _paired("vae-monai", channels, strides, len(channels))
    made = monai("vae-monai").VarAutoEncoder(
        spatial_dims=axes_of(input_size, "network 'vae-monai'"),
        in_shape=(input_size[0], *padded_sides(input_size[1:], strides)),
        out_channels=input_size[0],
        latent_size=latent_size,
        channels=channels,
        strides=strides,
        kernel_size=kernel_size,
        up_kernel_size=up_kernel_size,
        num_res_units=num_res_units,
        act=act,
        norm=norm,
        dropout=dropout,
        bias=bias,
        use_sigmoid=use_sigmoid,
    )
    return VariationalSameSize(any_batch(made), strides, sigmoid=use_sigmoid)

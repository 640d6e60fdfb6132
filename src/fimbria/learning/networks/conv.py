"""Plain convolutional networks: blocks of convolution and pooling, then dense layers.

References
----------
Wen, J. et al. (2020). Convolutional neural networks for classification of Alzheimer's disease: overview and
reproducible evaluation. Medical Image Analysis 63, 101694. doi:10.1016/j.media.2020.101694
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from fimbria.errors import InputError
from fimbria.geometry import Shape
from fimbria.learning.networks.network import dimensions, network

if TYPE_CHECKING:
    from collections.abc import Sequence


CHANNELS = (8, 16, 32, 64, 128)
Dropout = Annotated[float, Field(ge=0, lt=1)]


class BatchNorm(nn.modules.batchnorm._BatchNorm):  # noqa: SLF001  (torch's own base of all its batch norms)
    """Batch normalisation in two or three dimensions that also takes a batch with one value a channel.

    Such a batch (one sample, one voxel left) has no variance: it is normalised by the running statistics, which it
    leaves as they are.
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002  (torch's name)
        """Take any number of axes."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        """Normalise ``(sample, channel, ...)``."""
        if self.training and input.numel() == input.shape[1]:
            return functional.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
            )
        return super().forward(input)


class HalvingMaxPool(nn.Module):
    """Max-pooling over pairs along each axis of space; an odd axis has a voxel of padding at its start.

    The output has ``ceil(side / 2)`` voxels along each axis, so that no voxel is lost and no input is too small.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Pool ``(sample, channel, ...)``."""
        padding = tuple(side % 2 for side in images.shape[2:])
        pool = functional.max_pool3d if len(padding) == 3 else functional.max_pool2d  # noqa: PLR2004
        return pool(images, kernel_size=2, stride=2, padding=padding)


class GlobalMean(nn.Module):
    """The mean over space, whose axes stay with one voxel each."""

    def forward(self, images: Tensor) -> Tensor:
        """Average ``(sample, channel, ...)``."""
        return images.mean(tuple(range(2, images.ndim)), keepdim=True)


class PoolingFirst(nn.Sequential):
    """Layers in a row, of which a max-pooling goes before the ReLU that it stands behind.

    The largest of some values that are cut off at 0 is the largest of them, cut off: the same numbers, and the ReLU has
    an eighth of the voxels.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Pass ``(sample, channel, ...)`` through the layers."""
        layers = list(self)
        for place, (layer, following) in enumerate(pairwise(list(self))):
            if isinstance(layer, nn.ReLU) and isinstance(following, HalvingMaxPool):
                layers[place : place + 2] = following, layer
        for layer in layers:
            images = layer(images)
        return images


class Cnn(nn.Module):
    """Convolutions, and a head that reads their features.

    Parameters
    ----------
    convolutions
        From images ``(sample, channel, ...)`` to features ``(sample, feature, ...)``.
    fc
        From those features to ``(sample, output)``.
    """

    def __init__(self, convolutions: nn.Module, fc: nn.Module) -> None:
        super().__init__()
        self.convolutions, self.fc = convolutions, fc

    def forward(self, images: Tensor) -> Tensor:
        """Give the outputs ``(sample, output)`` of images ``(sample, channel, ...)``."""
        outputs: Tensor = self.fc(self.convolutions(images))
        return outputs


class ConvNet(Cnn):
    """Blocks of [convolution 3, batch norm, ReLU, halving max-pooling], then dense layers with ReLU between.

    Parameters
    ----------
    input_size
        ``(channel, x, y, z)`` or ``(channel, first, second)``, of any size.
    widths
        Outputs of each dense layer.
    dropout
        Share of the features that training hides from the first dense layer.
    channels
        Outputs of each block.
    strided
        Whether each block's convolution takes steps of two in place of the pooling.
    """

    def __init__(
        self,
        input_size: Shape,
        widths: Sequence[int],
        dropout: float = 0.0,
        channels: Sequence[int] = CHANNELS,
        *,
        strided: bool = False,
    ) -> None:
        convolutions = halving_blocks(input_size, channels, strided=strided)
        super().__init__(convolutions, dense(halved_features(input_size, channels), widths, dropout))


def axes_of(input_size: Shape, whose: str, allowed: Sequence[int] = (2, 3), smallest: int = 1) -> int:
    """Give the axes of space of an input that a network can take.

    Parameters
    ----------
    input_size
        ``(channel, x, y, z)`` or ``(channel, first, second)``.
    whose
        The network, for the error: "a convolutional network".
    allowed
        Axes of space that it takes.
    smallest
        Voxels that it needs along each axis.

    Raises
    ------
    InputError
        When the input has other axes, or is smaller.
    """
    axes = dimensions(input_size)
    if axes not in allowed:
        msg = (
            f"{whose} needs images with {' or '.join(map(str, allowed))} axes; these have {axes} (shape {input_size})."
        )
        raise InputError(msg)
    if min(input_size[1:]) < smallest:
        msg = (
            f"{whose} needs {smallest} or more voxels along each axis; these images have {min(input_size[1:])} "
            f"(shape {input_size}). Take larger parts or a finer spacing, or a network for any size, like conv5-fc3."
        )
        raise InputError(msg)
    return axes


def halving_blocks(input_size: Shape, channels: Sequence[int] = CHANNELS, *, strided: bool = False) -> nn.Sequential:
    """Give blocks of [convolution 3, batch norm, ReLU, halving max-pooling], or where strided without the pooling."""
    axes = axes_of(input_size, "a convolutional network")
    convolution = nn.Conv3d if axes == 3 else nn.Conv2d  # noqa: PLR2004
    layers: list[nn.Module] = []
    for before, after in pairwise((input_size[0], *channels)):
        layers += [convolution(before, after, 3, padding=1, stride=2 if strided else 1), BatchNorm(after), nn.ReLU()]
        layers += [] if strided else [HalvingMaxPool()]
    return PoolingFirst(*layers)


def halved_features(input_size: Shape, channels: Sequence[int] = CHANNELS) -> int:
    """Count what `halving_blocks` give of one image; either kind leaves ``ceil(side / 2)``."""
    scale = 1 << len(channels)
    return channels[-1] * prod(-(-side // scale) for side in input_size[1:])


def dense(features: int, widths: Sequence[int], dropout: float = 0.0) -> nn.Sequential:
    """Give a head: flattened features, dropout, and dense layers with ReLU between."""
    layers: list[nn.Module] = [nn.Flatten(), nn.Dropout(dropout)]
    for before, after in pairwise((features, *widths)):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def leaky_blocks(input_size: Shape, channels: Sequence[int]) -> nn.Sequential:
    """Give blocks of [convolution 4 in steps of 2 without bias, batch norm, LeakyReLU 0.2], the encoder of `vae-dense`.

    Each leaves ``side // 2`` voxels along each axis.

    Raises
    ------
    InputError
        When they would leave nothing.
    """
    axes = axes_of(input_size, f"a network of {len(channels)} such blocks", smallest=2 ** len(channels))
    convolution = nn.Conv3d if axes == 3 else nn.Conv2d  # noqa: PLR2004
    layers: list[nn.Module] = []
    for before, after in pairwise((input_size[0], *channels)):
        layers += [convolution(before, after, 4, stride=2, padding=1, bias=False), BatchNorm(after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)


@network("conv5-fc3")
def conv5_fc3(input_size: Shape, output_size: int, dropout: Dropout = 0.0) -> nn.Module:
    """Five convolutional blocks (8 to 128 channels) and dense layers of 1300, 50 and the outputs."""
    return ConvNet(input_size, (1300, 50, output_size), dropout)


@network("conv4-fc3")
def conv4_fc3(input_size: Shape, output_size: int, dropout: Dropout = 0.0) -> nn.Module:
    """Five convolutional blocks, its name (ClinicaDL's) notwithstanding, and small dense layers of 50, 40 and the outputs."""
    return ConvNet(input_size, (50, 40, output_size), dropout)


@network("stride-conv5-fc3")
def stride_conv5_fc3(input_size: Shape, output_size: int, dropout: Dropout = 0.0) -> nn.Module:
    """Five convolutional blocks that take steps of two in place of pooling, and the dense layers of conv5-fc3."""
    return ConvNet(input_size, (1300, 50, output_size), dropout, strided=True)


@network("vae-encoder-fc")
def vae_encoder_fc(
    input_size: Shape,
    output_size: int,
    io_channels: PositiveInt = 8,
    n_conv: PositiveInt = 4,
    dropout: Dropout = 0.0,
) -> nn.Module:
    """Blocks as vae-dense encodes with, and a dense layer for the outputs: its weights can be tuned to a label.

    io_channels are the outputs of the first block, which each next one doubles; n_conv is the number of blocks.
    """
    channels = [io_channels * 2**block for block in range(n_conv)]
    convolutions = leaky_blocks(input_size, channels)
    features = channels[-1] * prod(side // 2**n_conv for side in input_size[1:])
    return Cnn(convolutions, dense(features, (output_size,), dropout))

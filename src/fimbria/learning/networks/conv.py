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

from pydantic import Field
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


class ConvNet(nn.Module):
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
    """

    def __init__(
        self, input_size: Shape, widths: Sequence[int], dropout: float = 0.0, channels: Sequence[int] = CHANNELS
    ) -> None:
        super().__init__()
        axes = dimensions(input_size)
        if axes not in (2, 3):
            msg = f"a convolutional network needs images with 2 or 3 axes; these have {axes} (shape {input_size})."
            raise InputError(msg)
        convolution = nn.Conv3d if axes == 3 else nn.Conv2d  # noqa: PLR2004
        layers: list[nn.Module] = []
        for before, after in pairwise((input_size[0], *channels)):
            layers += [convolution(before, after, 3, padding=1), BatchNorm(after), nn.ReLU(), HalvingMaxPool()]
        self.convolutions = nn.Sequential(*layers)
        scale = 2 ** len(channels)
        features = channels[-1] * prod(-(-side // scale) for side in input_size[1:])
        dense: list[nn.Module] = [nn.Flatten(), nn.Dropout(dropout)]
        for before, after in pairwise((features, *widths)):
            dense += [nn.Linear(before, after), nn.ReLU()]
        self.fc = nn.Sequential(*dense[:-1])

    def forward(self, images: Tensor) -> Tensor:
        """Give the outputs ``(sample, output)`` of images ``(sample, channel, ...)``."""
        outputs: Tensor = self.fc(self.convolutions(images))
        return outputs


@network("conv5-fc3")
def conv5_fc3(input_size: Shape, output_size: int, dropout: Dropout = 0.0) -> nn.Module:
    """Five convolutional blocks (8 to 128 channels) and dense layers of 1300, 50 and the outputs."""
    return ConvNet(input_size, (1300, 50, output_size), dropout)


@network("conv4-fc3")
def conv4_fc3(input_size: Shape, output_size: int, dropout: Dropout = 0.0) -> nn.Module:
    """Five convolutional blocks, its name (ClinicaDL's) notwithstanding, and small dense layers of 50, 40 and the outputs."""
    return ConvNet(input_size, (50, 40, output_size), dropout)

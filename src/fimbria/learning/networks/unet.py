"""A U-Net that makes an image from an image.

References
----------
Ronneberger, O. et al. (2015). U-Net: convolutional networks for biomedical image segmentation. MICCAI.
doi:10.1007/978-3-319-24574-4_28
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from fimbria.geometry import Shape
from fimbria.learning.networks.autoencoder import CONVOLUTIONS, TRANSPOSED
from fimbria.learning.networks.conv import axes_of
from fimbria.learning.networks.network import network

_DOWN = (64, 128, 256, 512, 512)
_UP = (512, 256, 128, 64)
_ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "none": nn.Identity}


class InstanceNorm(nn.Module):
    """Each channel of each sample with mean 0 and variance 1; a single voxel, which has no variance, passes as it is."""

    def forward(self, images: Tensor) -> Tensor:
        """Normalise ``(sample, channel, ...)``."""
        return images if images.shape[2:].numel() == 1 else functional.instance_norm(images)


class EnlargingConvolution(nn.Module):
    """Each voxel repeated twice along each axis, then a convolution of 3: the enlarged features are never made.

    A voxel of the enlarged image and its neighbours are copies of two voxels a side at most. So the 3 weights along an
    axis are added up once for the even voxels and once for the odd, and one convolution of the small image gives both.

    Parameters
    ----------
    before, after
        Channels of input and output.
    axes
        Of space.
    """

    halves: Tensor

    def __init__(self, before: int, after: int, axes: int) -> None:
        super().__init__()
        self.convolution = CONVOLUTIONS[axes](before, after, 3, padding=1)
        even = [[1.0, 0, 0], [0, 1, 1], [0, 0, 0]]  # weights of the voxels before, at and after; the 3 of the kernel
        odd = [[0.0, 0, 0], [1, 1, 0], [0, 0, 1]]
        self.register_buffer("halves", torch.tensor([even, odd]), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Give ``(sample, after, ...)`` with sides twice as long."""
        axes = images.ndim - 2
        rule = "pax,qby,rcz,oixyz->pqroiabc" if axes == 3 else "pax,qby,oixy->pqoiab"  # noqa: PLR2004
        weight = torch.einsum(rule, *[self.halves] * axes, self.convolution.weight)
        bias = self.convolution.bias
        convolve = functional.conv3d if axes == 3 else functional.conv2d  # noqa: PLR2004
        parts = convolve(images, weight.flatten(0, axes), None if bias is None else bias.repeat(2**axes), padding=1)
        woven = parts.reshape(
            len(images), *(2,) * axes, -1, *images.shape[2:]
        )  # (sample, half of each axis, channel, *sides)
        pairs = [axis for number in range(axes) for axis in (axes + 2 + number, 1 + number)]
        sides = [2 * side for side in images.shape[2:]]
        enlarged: Tensor = woven.permute(0, axes + 1, *pairs).reshape(len(images), -1, *sides)
        return enlarged


class GeneratorUNet(nn.Module):
    """Five convolutions of stride 2, four transposed ones that also see what went down, and one at full size.

    Parameters
    ----------
    channels
        Of the images, which are also those of the outputs.
    axes
        Of space, 2 or 3.
    activation
        The last one.
    """

    def __init__(self, channels: int, axes: int, activation: str = "sigmoid") -> None:
        super().__init__()
        self.down = nn.ModuleList(
            nn.Sequential(CONVOLUTIONS[axes](before, after, 3, stride=2, padding=1), InstanceNorm(), nn.LeakyReLU(0.2))
            for before, after in pairwise((channels, *_DOWN))
        )
        seen = [_DOWN[-1], *(up + down for up, down in zip(_UP, reversed(_DOWN[:-1]), strict=True))]
        self.up = nn.ModuleList(
            nn.Sequential(TRANSPOSED[axes](before, after, 4, stride=2, padding=1), InstanceNorm(), nn.ReLU())
            for before, after in zip(seen[:-1], _UP, strict=True)
        )
        self.last = nn.Sequential(EnlargingConvolution(seen[-1], channels, axes), _ACTIVATIONS[activation]())

    def forward(self, images: Tensor) -> Tensor:
        """Make images ``(sample, channel, ...)`` of images of the same shape."""
        sides = images.shape[2:]
        multiple = 2 ** len(_DOWN)
        features = functional.pad(images, [pad for side in reversed(sides) for pad in (0, -side % multiple)])
        seen = []
        for down in self.down:
            features = down(features)
            seen.append(features)
        seen.pop()
        for up in self.up:
            features = torch.cat((up(features), seen.pop()), dim=1)
        made: Tensor = self.last(features)
        for axis, side in enumerate(sides, start=2):
            made = made.narrow(axis, 0, side)
        return made


@network("generator-unet")
def generator_unet(input_size: Shape, activation: Literal["sigmoid", "tanh", "none"] = "sigmoid") -> nn.Module:
    """U-Net from image to image (64 to 512 channels, instance norm), of any size.

    The layers of ClinicaDL's GeneratorUNet, for 2-D and 3-D. Images whose sides are no multiple of 32 are padded with
    zeros at the end of each axis, and the output is cropped back. Images are scaled to [0, 1], so the last `activation`
    is a sigmoid, where ClinicaDL has ``tanh``; ``none`` lets other scales through.
    """
    return GeneratorUNet(input_size[0], axes_of(input_size, "network 'generator-unet'"), activation)

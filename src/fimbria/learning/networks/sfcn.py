"""The simple fully convolutional network: light, and first among many at telling the age of a brain.

References
----------
Peng, H. et al. (2021). Accurate brain age prediction with lightweight deep neural networks. Medical Image Analysis 68,
101871. doi:10.1016/j.media.2020.101871
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from fimbria.geometry import Shape
from fimbria.learning.networks.conv import BatchNorm, Cnn, Dropout, GlobalMean, axes_of
from fimbria.learning.networks.network import network

_BLOCKS = (32, 64, 128, 256, 256)
_FEATURES = 64


@network("sfcn")
def sfcn(input_size: Shape, output_size: int, dropout: Dropout = 0.5) -> nn.Module:
    """Five convolutional blocks (32 to 256 channels), one of a single voxel (64), their mean over space, and the outputs."""
    axes = axes_of(input_size, "sfcn", smallest=2 ** len(_BLOCKS))
    convolution, pool = (nn.Conv3d, nn.MaxPool3d) if axes == 3 else (nn.Conv2d, nn.MaxPool2d)  # noqa: PLR2004
    layers: list[nn.Module] = []
    for before, after in pairwise((input_size[0], *_BLOCKS)):
        layers += [convolution(before, after, 3, padding=1), BatchNorm(after), pool(2), nn.ReLU()]
    layers += [convolution(_BLOCKS[-1], _FEATURES, 1), BatchNorm(_FEATURES), nn.ReLU()]
    head = (GlobalMean(), nn.Dropout(dropout), convolution(_FEATURES, output_size, 1), nn.Flatten())
    return Cnn(nn.Sequential(*layers), nn.Sequential(*head))

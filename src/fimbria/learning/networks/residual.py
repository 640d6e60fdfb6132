"""Residual networks: each block adds what it has learnt to what it was given.

References
----------
He, K. et al. (2016). Deep residual learning for image recognition. CVPR, 770-778. doi:10.1109/CVPR.2016.90
Hu, J. et al. (2018). Squeeze-and-excitation networks. CVPR, 7132-7141. doi:10.1109/CVPR.2018.00745
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from fimbria.errors import Problem, refuse
from fimbria.geometry import Shape
from fimbria.learning.networks.conv import CHANNELS, BatchNorm, Cnn, Dropout, GlobalMean, axes_of
from fimbria.learning.networks.network import network
from fimbria.learning.networks.transfer import read_weights
from fimbria.learning.networks.transfer.layers import COUNTER

if TYPE_CHECKING:
    from collections.abc import Mapping

_STAGES = (64, 128, 256, 512)
_IMAGENET_CLASSES = 1000
_COLOURS = 3


class SqueezeExcitation(nn.Module):
    """Channels weighted, between 0 and 1, by what all channels are on average.

    Parameters
    ----------
    channels
        Of the input, at least `reduction`.
    reduction
        How many times fewer values stand between.
    """

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        narrow = channels // reduction
        self.weigh = nn.Sequential(nn.Linear(channels, narrow), nn.ReLU(), nn.Linear(narrow, channels), nn.Sigmoid())

    def forward(self, images: Tensor) -> Tensor:
        """Weight ``(sample, channel, ...)``."""
        weights: Tensor = self.weigh(images.flatten(2).mean(2))
        return images * weights.reshape(*weights.shape, *(1 for _ in images.shape[2:]))


class ResidualBlock(nn.Module):
    """Two convolutions, and beside them one of a single voxel, in three dimensions.

    Parameters
    ----------
    before, after
        Channels of the input and of the output.
    activation
        Makes what stands between and behind.
    excited
        Whether a squeeze-excitation unit weights what is added.
    """

    def __init__(self, before: int, after: int, activation: type[nn.Module], *, excited: bool) -> None:
        super().__init__()
        self.learnt = nn.Sequential(
            nn.Conv3d(before, after, 3, padding=1, bias=False),
            BatchNorm(after),
            activation(),
            nn.Conv3d(after, after, 3, padding=1, bias=False),
            BatchNorm(after),
            *([SqueezeExcitation(after)] if excited else []),
        )
        self.shortcut = nn.Conv3d(before, after, 1, bias=False)
        self.activation = activation()

    def forward(self, images: Tensor) -> Tensor:
        """Give ``(sample, after, x, y, z)`` of ``(sample, before, x, y, z)``."""
        outputs: Tensor = self.activation(self.learnt(images) + self.shortcut(images))
        return outputs


class BasicBlock(nn.Module):
    """Two convolutions of a slice and a way around them; the names are those of the files of ImageNet weights.

    Parameters
    ----------
    before, after
        Channels of the input and of the output.
    stride
        Steps of the first convolution.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.bn1 = BatchNorm(after)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = BatchNorm(after)
        self.downsample = (
            nn.Identity()
            if stride == 1 and before == after
            else nn.Sequential(nn.Conv2d(before, after, 1, stride=stride, bias=False), BatchNorm(after))
        )

    def forward(self, images: Tensor) -> Tensor:
        """Give ``(sample, after, first, second)`` of ``(sample, before, first, second)``."""
        learnt = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(images)))))
        outputs: Tensor = self.relu(learnt + self.downsample(images))
        return outputs


@network("resnet3d")
def resnet3d(input_size: Shape, output_size: int, dropout: Dropout = 0.8) -> nn.Module:
    """Five residual blocks (8 to 128 channels, ELU) with max-pooling, and dense layers of 256 and the outputs; 3-D."""
    convolutions, features = _pooled_blocks("resnet3d", input_size, nn.ELU, excited=False)
    dense = (nn.Linear(features, 256), nn.ELU(), nn.Dropout(dropout), nn.Linear(256, output_size))
    return Cnn(convolutions, nn.Sequential(nn.Flatten(), *dense))


@network("squeeze-excitation")
def squeeze_excitation(input_size: Shape, output_size: int, dropout: Dropout = 0.5) -> nn.Module:
    """Five residual blocks (8 to 128 channels, ReLU) whose channels are weighted by squeeze-excitation units; 3-D."""
    convolutions, features = _pooled_blocks("squeeze-excitation", input_size, nn.ReLU, excited=True)
    dense = (nn.Dropout(dropout), nn.Linear(features, 256), nn.ReLU(), nn.Linear(256, output_size))
    return Cnn(convolutions, nn.Sequential(nn.Flatten(), *dense))


@network("resnet18-2d")
def resnet18_2d(input_size: Shape, output_size: int, weights: Path | None = None, dropout: Dropout = 0.0) -> nn.Module:
    """ResNet-18 for slices, and behind its 1000 outputs a dense layer for ours.

    weights is a file of ImageNet weights that you have: .safetensors, or .pt or .pth with nothing but tensors, named as
    torchvision names them. Nothing is ever downloaded. Where the slices have another number of channels than three, the
    colours' weights of the first convolution are summed and shared among them.
    """
    axes_of(input_size, "resnet18-2d", allowed=(2,))
    convolutions = nn.Sequential()
    convolutions.add_module("conv1", nn.Conv2d(input_size[0], 64, 7, stride=2, padding=3, bias=False))
    convolutions.add_module("bn1", BatchNorm(64))
    convolutions.add_module("relu", nn.ReLU())
    convolutions.add_module("maxpool", nn.MaxPool2d(3, stride=2, padding=1))
    for stage, (before, after) in enumerate(pairwise((64, *_STAGES)), start=1):
        blocks = (BasicBlock(before, after, 1 if stage == 1 else 2), BasicBlock(after, after, 1))
        convolutions.add_module(f"layer{stage}", nn.Sequential(*blocks))
    for module in convolutions.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    fc = nn.Sequential(GlobalMean(), nn.Flatten())
    fc.add_module("imagenet", nn.Linear(_STAGES[-1], _IMAGENET_CLASSES))
    fc.add_module("dropout", nn.Dropout(dropout))
    outputs = nn.Linear(_IMAGENET_CLASSES, output_size)
    fc.add_module("outputs", outputs)
    made = Cnn(convolutions, fc)
    if weights is not None and not outputs.weight.is_meta:  # what has no numbers needs no file
        _load_imagenet(made, weights)
    return made


def _pooled_blocks(
    whose: str, input_size: Shape, activation: type[nn.Module], *, excited: bool
) -> tuple[nn.Sequential, int]:
    """Give the five blocks, a max-pooling after each, and how many features they give of one image."""
    axes_of(input_size, whose, allowed=(3,), smallest=2 ** (len(CHANNELS) + 1) - 1)
    layers: list[nn.Module] = []
    sides = input_size[1:]
    for before, after in pairwise((input_size[0], *CHANNELS)):
        layers += [ResidualBlock(before, after, activation, excited=excited), nn.MaxPool3d(3, stride=2)]
        sides = tuple((side - 1) // 2 for side in sides)
    return nn.Sequential(*layers), CHANNELS[-1] * prod(sides)


def _load_imagenet(made: Cnn, path: Path) -> None:
    """Fill everything but the last layer from a file, or say all that is wrong with it."""
    given = {name: value for name, value in read_weights(path).items() if not name.endswith(COUNTER)}
    wanted = {
        name.removeprefix("convolutions.").replace("fc.imagenet.", "fc."): value
        for name, value in made.state_dict().items()
        if not name.startswith("fc.outputs.") and not name.endswith(COUNTER)
    }
    if "conv1.weight" in given:
        given["conv1.weight"] = _recoloured(given["conv1.weight"], wanted["conv1.weight"].shape[1])
    refuse(f"the ResNet-18 weights in {path}", _differences(given, wanted))
    for name, value in wanted.items():
        value.copy_(given[name])


def _recoloured(kernels: Tensor, channels: int) -> Tensor:
    """Share kernels for three colours among other channels, so that equal channels are seen as grey was."""
    if kernels.ndim != 4 or kernels.shape[1] != _COLOURS or channels == _COLOURS:  # noqa: PLR2004  (out, in, two axes)
        return kernels
    return (kernels.sum(1, keepdim=True) / channels).expand(-1, channels, -1, -1)


def _differences(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[Problem]:
    remedy = "give weights of torchvision's resnet18, or leave network.weights out"
    problems = []
    if missing := [name for name in wanted if name not in given]:
        problems.append(Problem(f"missing: {', '.join(missing)}", remedy))
    if unknown := [name for name in given if name not in wanted]:
        problems.append(Problem(f"not of a ResNet-18: {', '.join(unknown)}", remedy))
    other = [
        f"{name} is {_text(given[name])}, not {_text(value)}"
        for name, value in wanted.items()
        if name in given and given[name].shape != value.shape
    ]
    if other:
        problems.append(Problem(f"of another shape: {'; '.join(other)}", remedy))
    return problems


def _text(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"

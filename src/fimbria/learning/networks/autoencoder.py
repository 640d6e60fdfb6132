"""Autoencoders: a plain convolutional network and its mirror, and one that goes through a dense code.

References
----------
Wen, J. et al. (2020). Convolutional neural networks for classification of Alzheimer's disease: overview and
reproducible evaluation. Medical Image Analysis 63, 101694. doi:10.1016/j.media.2020.101694
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from fimbria.errors import InputError, Problem, refuse
from fimbria.geometry import Shape
from fimbria.learning.networks.conv import BatchNorm, HalvingMaxPool, axes_of
from fimbria.learning.networks.conv import conv4_fc3 as plain_cnn
from fimbria.learning.networks.network import dimensions, network
from fimbria.registry import is_own_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONVOLUTIONS: dict[int, type[nn.Conv2d | nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, type[nn.ConvTranspose2d | nn.ConvTranspose3d]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
Convolution: TypeAlias = nn.Conv2d | nn.Conv3d
MaxPool: TypeAlias = HalvingMaxPool | nn.MaxPool2d | nn.MaxPool3d
Order: TypeAlias = Literal["blocks", "reversed"]

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)  # noqa: SLF001  (torch's own bases)
_COPIED = (nn.ReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Tanh, nn.Sigmoid, nn.Identity)
_DROPOUTS = (nn.Dropout, nn.Dropout2d, nn.Dropout3d)
_WIDTHS = (32, 64, 128)


class Unpool(nn.Module):
    """Puts what a max-pooling kept back where it was, with zeros elsewhere.

    Parameters
    ----------
    overlapping
        The windows share voxels: of several values that go to one voxel, the largest stays.
    """

    def __init__(self, *, overlapping: bool = False) -> None:
        super().__init__()
        self.overlapping = overlapping

    def forward(self, images: Tensor, sides: Shape, places: Tensor) -> Tensor:
        """Give ``(sample, channel, *sides)``; `places` are those that the pooling gave, counted along the flat image."""
        # Not torch's max_unpool: it has no deterministic twin, not even on a CPU.
        samples, channels = images.shape[:2]
        if _is_channels_last(images):
            blank = images.new_zeros((samples, prod(sides), channels)).movedim(2, 1)
        else:
            blank = images.new_zeros((samples, channels, prod(sides)))
        if self.overlapping:
            filled = blank.scatter_reduce_(2, places.flatten(2), images.flatten(2), "amax", include_self=False)
        else:
            filled = blank.scatter_(2, places.flatten(2), images.flatten(2))
        return filled.view(samples, channels, *sides)

    def extra_repr(self) -> str:
        """Say what differs from the default."""
        return "overlapping=True" if self.overlapping else ""


class Autoencoder(nn.Module):
    """The convolutions of a CNN, then their mirror: each layer undone, the last first.

    A convolution becomes a transposed one, whose output has exactly the sides that the convolution was given; a
    max-pooling becomes an `Unpool`; a leaky ReLU of slope a has slope 1 / a; other activations are copied.

    Parameters
    ----------
    convolutions
        Layers in a row; they become the `encoder` (not copied), so tensors keep their names after the prefix.
    order
        ``blocks``: inside a block as in the encoder, convolution, norm, activation. ``reversed``: strictly backwards,
        activation, norm, convolution, so that the last layer of a usual CNN's mirror is a convolution.

    Raises
    ------
    ProblemsError
        With every layer that has no mirror.
    """

    def __init__(self, convolutions: nn.Sequential, order: Order = "blocks") -> None:
        super().__init__()
        layers = list(_layers(convolutions))
        refuse(
            "the mirror of these convolutions", (problem for name, layer in layers if (problem := _why(name, layer)))
        )
        self.encoder = convolutions
        self.decoder = nn.Sequential(*_mirrored([layer for _, layer in layers], order))

    @classmethod
    def of(cls, cnn: nn.Module, order: Order = "blocks") -> Autoencoder:
        """Make the autoencoder of any CNN that has `convolutions`, an ``nn.Sequential``; its dense layers are left out.

        Raises
        ------
        InputError
            When it has none, or they have no mirror.
        """
        convolutions = getattr(cnn, "convolutions", None)
        if not isinstance(convolutions, nn.Sequential):
            found = "none" if convolutions is None else f"a {type(convolutions).__name__}"
            msg = f"an autoencoder mirrors the `convolutions` of a CNN, an nn.Sequential; {type(cnn).__name__} has {found}."
            raise InputError(msg)
        return cls(convolutions, order)

    def forward(self, images: Tensor) -> Tensor:
        """Reconstruct images ``(sample, channel, ...)``."""
        kept: list[tuple[Shape, Tensor | None]] = []
        for _, layer in _layers(self.encoder):
            sides = tuple(images.shape[2:])
            if isinstance(layer, MaxPool):
                images, places = _pooled(layer, images)
                kept.append((sides, places))
                continue
            if isinstance(layer, Convolution):
                kept.append((sides, None))
            images = layer(images)
        for layer in self.decoder:
            if isinstance(layer, Unpool):
                images = layer(images, *kept.pop())
            elif isinstance(layer, (nn.ConvTranspose2d, nn.ConvTranspose3d)):
                images = layer(images, output_size=kept.pop()[0])
            else:
                images = layer(images)
        return images


def _layers(layers: nn.Sequential, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Give the layers one after the other with their names, those of a Sequential in a Sequential too."""
    for name, layer in layers._modules.items():  # noqa: SLF001  (named_children() gives a layer that stands twice only once)
        if type(layer) is nn.Sequential:
            yield from _layers(layer, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", layer


def _why(name: str, layer: nn.Module) -> Problem | None:
    """Say why a layer cannot be mirrored."""
    kind = type(layer).__name__
    if isinstance(layer, Convolution):
        if layer.padding != "same" or all(reach * (side - 1) % 2 == 0 for reach, side in _reach(layer)):
            return None
        return Problem(
            f"layer {name} ({kind}) pads an even kernel by 'same'", "take an odd kernel, or padding in voxels"
        )
    if isinstance(layer, (MaxPool, nn.LeakyReLU, *_NORMS, *_COPIED, *_DROPOUTS)):
        return None
    known = "convolutions, batch or instance norms, activations without parameters, dropout and max-pooling in a row"
    return Problem(f"layer {name} ({kind}) has no mirror", f"take a CNN of {known}")


def _reach(layer: Convolution) -> Iterator[tuple[int, int]]:
    return zip(layer.dilation, layer.kernel_size, strict=True)


def _mirrored(layers: Sequence[nn.Module], order: Order) -> Iterator[nn.Module]:
    """Give the mirror of each layer, the last first; in blocks, what follows a convolution follows its mirror too."""
    blocks: list[list[nn.Module]] = []
    alone = (MaxPool, Convolution)
    for layer in layers:
        if order == "reversed" or isinstance(layer, alone) or not blocks or isinstance(blocks[-1][0], MaxPool):
            blocks.append([layer])
        else:
            blocks[-1].append(layer)
    for block in reversed(blocks):
        first = block[0]
        channels = first.in_channels if isinstance(first, Convolution) else None
        yield from (_mirror(layer, channels) for layer in block)


def _mirror(layer: nn.Module, channels: int | None) -> nn.Module:
    """Give what undoes a layer; a norm is over `channels`, or over as many as the layer."""
    if isinstance(layer, Convolution):
        return _transposed(layer)
    if isinstance(layer, MaxPool):
        return Unpool(overlapping=_overlapping(layer))
    if isinstance(layer, nn.LeakyReLU):  # turned round: between norms the same function, up to sign and scale
        return nn.LeakyReLU(1 / layer.negative_slope if layer.negative_slope else 0.0)
    if isinstance(layer, _NORMS):
        is_batch = isinstance(layer, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001  (as above)
        made: nn.Module = (BatchNorm if is_batch else type(layer))(
            channels or layer.num_features,
            eps=layer.eps,
            momentum=layer.momentum,  # type: ignore[arg-type]  # None is a batch norm's alone
            affine=layer.affine,
            track_running_stats=layer.track_running_stats,
        )
        return made
    return deepcopy(layer)


def _transposed(layer: Convolution) -> nn.Module:
    if layer.padding == "same":
        padding = tuple(reach * (side - 1) // 2 for reach, side in _reach(layer))
    else:
        padding = (0,) * len(layer.kernel_size) if isinstance(layer.padding, str) else layer.padding
    made: nn.Module = TRANSPOSED[len(layer.kernel_size)](
        layer.out_channels,
        layer.in_channels,
        layer.kernel_size,  # type: ignore[arg-type]  # as many numbers as it has axes
        stride=layer.stride,  # type: ignore[arg-type]  # likewise
        padding=padding,  # type: ignore[arg-type]  # likewise
        groups=layer.groups,
        bias=layer.bias is not None,
        dilation=layer.dilation,  # type: ignore[arg-type]  # likewise
    )
    return made


def _overlapping(layer: MaxPool) -> bool:
    if isinstance(layer, HalvingMaxPool):
        return False
    axes = 2 if isinstance(layer, nn.MaxPool2d) else 3
    rule = (layer.kernel_size, layer.stride, layer.dilation)
    kernel, stride, dilation = ((value,) * axes if isinstance(value, int) else value for value in rule)
    return any(k > s for k, s in zip(kernel, stride, strict=True)) or any(d > 1 for d in dilation)


def _pooled(layer: MaxPool, images: Tensor) -> tuple[Tensor, Tensor]:
    """Pool as the layer does, and give the places of what was kept."""
    pool = functional.max_pool3d if images.ndim == 5 else functional.max_pool2d  # noqa: PLR2004
    if isinstance(layer, HalvingMaxPool):
        padding = tuple(side % 2 for side in images.shape[2:])
        kept: tuple[Tensor, Tensor] = pool(images, 2, 2, padding, return_indices=True)
    else:
        rule = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.ceil_mode)
        kept = pool(images, *rule, return_indices=True)
    return kept


def _is_channels_last(images: Tensor) -> bool:
    layout = torch.channels_last_3d if images.ndim == 5 else torch.channels_last  # noqa: PLR2004
    return images.is_contiguous(memory_format=layout) and not images.is_contiguous()


@network("autoencoder")
def autoencoder(
    input_size: Shape,
    encoder: str = "conv5-fc3",
    encoder_options: dict[str, Any] = {},  # noqa: B006  (never written to)
    order: Order = "blocks",
) -> nn.Module:
    """Mirror the convolutions of a CNN.

    `encoder` is a registered CNN whose `convolutions` are plain layers in a row, `encoder_options` are its own. For a
    CNN of your own, write a network that gives ``Autoencoder.of(your_cnn)``. With `order` ``reversed`` each block is
    undone strictly backwards and the last layer is a convolution, so that values of any sign can be reconstructed; with
    ``blocks`` (ClinicaDL's) the last layers are those of the CNN's first block, batch norm and activation.
    """
    if is_own_file(encoder):
        msg = (
            f"network 'autoencoder': encoder = {encoder!r} is a file, whose code would not be kept with the run. Write a"
            " network in it that gives fimbria.learning.networks.autoencoder.Autoencoder.of(your_cnn), and name that."
        )
        raise InputError(msg)
    return Autoencoder.of(network.build(encoder, encoder_options, input_size=input_size, output_size=1), order)


@network("ae-conv5-fc3")
def ae_conv5_fc3(input_size: Shape) -> nn.Module:
    """Five convolutional blocks (8 to 128 channels) and their mirror.

    The layers of ClinicaDL's network of this name: in 3-D each mirrored block is unpooling, transposed convolution,
    batch norm, ReLU; in 2-D it is unpooling, ReLU, batch norm, transposed convolution. ``ae-conv4-fc3`` is the same.
    """
    return Autoencoder.of(plain_cnn(input_size, 1), "blocks" if dimensions(input_size) == 3 else "reversed")  # noqa: PLR2004


@network("ae-conv4-fc3")
def ae_conv4_fc3(input_size: Shape) -> nn.Module:
    """Five convolutional blocks and their mirror: the same network as ``ae-conv5-fc3``, by ClinicaDL's second name."""
    return ae_conv5_fc3(input_size)


@dataclass(frozen=True)
class Halvings:
    """Convolutions of stride 2 and padding 1, and the transposed ones that give back exactly the sides they had.

    Attributes
    ----------
    input_size
        ``(channel, x, y, z)`` or ``(channel, first, second)``.
    count
        How many there are.
    kernel
        3, which rounds half a side up, or 4, which rounds it down.
    name
        Of the network, for errors.
    """

    input_size: Shape
    count: int
    kernel: int
    name: str

    def __post_init__(self) -> None:
        smallest = 1 if self.kernel % 2 else 2**self.count
        axes_of(self.input_size, f"network {self.name!r}", smallest=smallest)

    @property
    def axes(self) -> int:
        """Axes of space."""
        return dimensions(self.input_size)

    @cached_property
    def sides(self) -> list[Shape]:
        """Sides before the first halving, and after each."""
        sides = [self.input_size[1:]]
        for _ in range(self.count):
            sides.append(tuple((side + 2 - self.kernel) // 2 + 1 for side in sides[-1]))
        return sides

    @property
    def inner(self) -> Shape:
        """Sides after the last halving."""
        return self.sides[-1]

    def down(self, before: int, after: int, *, bias: bool) -> nn.Module:
        """Halve each side."""
        return CONVOLUTIONS[self.axes](before, after, self.kernel, stride=2, padding=1, bias=bias)

    def up(self, level: int, before: int, after: int, *, bias: bool) -> nn.Module:
        """Undo halving number `level`, counted from 0."""
        pairs = zip(self.sides[level], self.sides[level + 1], strict=True)
        missing = tuple(larger - (2 * smaller - 4 + self.kernel) for larger, smaller in pairs)
        made: nn.Module = TRANSPOSED[self.axes](
            before,
            after,
            self.kernel,
            stride=2,
            padding=1,
            output_padding=missing,  # type: ignore[arg-type]  # as many numbers as it has axes
            bias=bias,
        )
        return made


class DenseAutoencoder(nn.Module):
    """An `encoder` that gives a code ``(sample, latent)`` and a `decoder` that makes images of it."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, images: Tensor) -> Tensor:
        """Reconstruct images ``(sample, channel, ...)``."""
        reconstructed: Tensor = self.decoder(self.encoder(images))
        return reconstructed


@network("cae-half")
def cae_half(input_size: Shape, latent_size: PositiveInt = 128) -> nn.Module:
    """Three convolutions of stride 2 (32 to 128 channels), a dense code, and back; for images scaled to [0, 1].

    The layers of ClinicaDL's CAE_half for images of any size (that one takes 80x96x80). `latent_size` is the length of
    the code. The last activation is a sigmoid.
    """
    halvings = Halvings(input_size, len(_WIDTHS), 3, "cae-half")
    encoder: list[nn.Module] = []
    for before, after in pairwise((input_size[0], *_WIDTHS)):
        encoder += [halvings.down(before, after, bias=False), BatchNorm(after), nn.LeakyReLU(0.2)]
    voxels = prod(halvings.inner)
    encoder += [nn.Flatten(), nn.Linear(_WIDTHS[-1] * voxels, latent_size)]
    wide = 2 * _WIDTHS[-1]
    decoder: list[nn.Module] = [nn.Linear(latent_size, wide * voxels), nn.Unflatten(1, (wide, *halvings.inner))]
    decoder += [halvings.up(2, wide, 128, bias=False), BatchNorm(128), nn.ReLU()]
    decoder += [halvings.up(1, 128, 64, bias=False), BatchNorm(64), nn.ReLU()]
    decoder += [halvings.up(0, 64, input_size[0], bias=True), nn.Sigmoid()]
    return DenseAutoencoder(nn.Sequential(*encoder), nn.Sequential(*decoder))

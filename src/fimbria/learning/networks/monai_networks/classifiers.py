"""MONAI's networks by name, in two or three dimensions. MONAI is imported when one of them is built, and fetches no weights.

Options have MONAI's names and, where nothing else is said, its defaults. Batch norms are exchanged for ours, which take a
batch of one value a channel; the names of the tensors are MONAI's.

References
----------
Cardoso, M. J. et al. (2022). MONAI: an open-source framework for deep learning in healthcare.
doi:10.48550/arXiv.2211.02701

He, K. et al. (2016). Deep residual learning for image recognition. doi:10.1109/CVPR.2016.90

Huang, G. et al. (2017). Densely connected convolutional networks. doi:10.1109/CVPR.2017.243

Hu, J. et al. (2018). Squeeze-and-excitation networks. doi:10.1109/CVPR.2018.00745

Tan, M., Le, Q. V. (2019). EfficientNet: rethinking model scaling for convolutional neural networks.
doi:10.48550/arXiv.1905.11946

Dosovitskiy, A. et al. (2020). An image is worth 16x16 words: transformers for image recognition at scale.
doi:10.48550/arXiv.2010.11929
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from fimbria.errors import InputError
from fimbria.geometry import Shape
from fimbria.learning.networks.conv import BatchNorm, Dropout, axes_of
from fimbria.learning.networks.network import network
from fimbria.registry import extra

if TYPE_CHECKING:
    from collections.abc import Callable


Widening = Annotated[float, Field(ge=1 / 16)]  # of 64 channels, so that some are left
Reduction = Annotated[int, Field(ge=1, le=256)]  # of 256 channels or more
Momentum = Annotated[float, Field(gt=0, le=1)]
Sides = PositiveInt | tuple[PositiveInt, ...]
DENSE_BLOCKS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
# what MONAI hides of the features by default, by network
SQUEEZE_EXCITATION: dict[str, float | None] = {
    "SEResNet50": None,
    "SEResNet101": 0.2,
    "SEResNet152": 0.2,
    "SEResNext50": None,
    "SEResNext101": None,
}
# MONAI pads for the image size of the paper, so that smaller images run out of voxels, at other sides for each model
SMALLEST_EFFICIENT = {"b0": 32, "b1": 16, "b2": 4, "b3": 12, "b4": 28, "b5": 8, "b6": 16, "b7": 24}


def monai(name: str) -> Any:  # noqa: ANN401  (MONAI publishes no types)
    """Give MONAI's networks, for the one of this name."""
    return extra("monai.networks.nets", f"network {name!r}", "all")


def any_batch(made: nn.Module) -> nn.Module:
    """Exchange torch's batch norms for ours, of the same state."""
    for parent in list(made.modules()):
        for name, norm in parent.named_children():
            if isinstance(norm, (nn.BatchNorm2d, nn.BatchNorm3d)):
                ours = BatchNorm(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
                ours.load_state_dict(norm.state_dict())
                setattr(parent, name, ours)
    return made


def _resnet(depth: int) -> Callable[..., nn.Module]:
    def resnet(  # noqa: PLR0913, PLR0917  (options)
        input_size: Shape,
        output_size: int,
        conv1_t_size: PositiveInt = 7,
        conv1_t_stride: PositiveInt = 1,
        no_max_pool: bool = False,  # noqa: FBT001, FBT002  (an option)
        shortcut_type: Literal["A", "B"] = "B",
        widen_factor: Widening = 1.0,
        bias_downsample: bool = True,  # noqa: FBT001, FBT002  (an option)
    ) -> nn.Module:
        name = f"resnet{depth}"
        made: nn.Module = getattr(monai(name), name)(
            spatial_dims=axes_of(input_size, f"network {name!r}"),
            n_input_channels=input_size[0],
            num_classes=output_size,
            conv1_t_size=conv1_t_size,
            conv1_t_stride=conv1_t_stride,
            no_max_pool=no_max_pool,
            shortcut_type=shortcut_type,
            widen_factor=widen_factor,
            bias_downsample=bias_downsample,
        )
        return any_batch(made)

    resnet.__doc__ = f"""Residual network of {depth} layers, 2-D or 3-D, of any size (MONAI).

        Parameters
        ----------
        input_size, output_size
            ``(channel, x, y, z)`` or ``(channel, first, second)``, and how many numbers it gives.
        conv1_t_size, conv1_t_stride
            Side and stride of the first convolution, voxels.
        no_max_pool
            Leave out the pooling after it.
        shortcut_type
            Where the number of channels changes: B, a convolution; A, zeros are added and no gradient passes.
        widen_factor
            How many times the channels of the paper.
        bias_downsample
            Whether the convolutions of the shortcuts have a bias.
        """
    return resnet


for _depth in (10, 18, 34, 50, 101, 152):
    network(f"resnet{_depth}")(_resnet(_depth))


def _densenet(depth: int) -> Callable[..., nn.Module]:
    def densenet(  # noqa: PLR0913, PLR0917  (options)
        input_size: Shape,
        output_size: int,
        init_features: PositiveInt = 64,
        growth_rate: PositiveInt = 32,
        block_config: tuple[PositiveInt, ...] = DENSE_BLOCKS[depth],
        bn_size: PositiveInt = 4,
        dropout_prob: Dropout = 0.0,
    ) -> nn.Module:
        name = f"densenet{depth}"
        if not block_config:
            msg = f"network {name!r}: block_config needs the layers of at least one block, such as [6, 12]."
            raise InputError(msg)
        # the first layers quarter the sides, and each step between two blocks halves them without padding
        smallest = 4 * 2 ** (len(block_config) - 1) - 3
        made: nn.Module = getattr(monai(name), f"DenseNet{depth}")(
            spatial_dims=axes_of(input_size, f"network {name!r}", smallest=smallest),
            in_channels=input_size[0],
            out_channels=output_size,
            init_features=init_features,
            growth_rate=growth_rate,
            block_config=block_config,
            bn_size=bn_size,
            dropout_prob=dropout_prob,
        )
        return any_batch(made)

    densenet.__doc__ = f"""Densely connected network of {depth} layers, 2-D or 3-D, from 29 voxels a side (MONAI).

        Parameters
        ----------
        input_size, output_size
            ``(channel, x, y, z)`` or ``(channel, first, second)``, and how many numbers it gives.
        init_features
            Channels of the first convolution.
        growth_rate
            Channels that each layer adds.
        block_config
            Layers of each block.
        bn_size
            Channels of the narrow part of a layer, as a multiple of the growth rate.
        dropout_prob
            Share of the features that training hides after each layer.
        """
    return densenet


for _depth in DENSE_BLOCKS:
    network(f"densenet{_depth}")(_densenet(_depth))


def _squeeze_excitation(theirs: str, hidden: float | None) -> Callable[..., nn.Module]:
    name = theirs.lower()

    def senet(
        input_size: Shape,
        output_size: int,
        reduction: Reduction = 16,
        dropout_prob: Dropout | None = hidden,
        input_3x3: bool = False,  # noqa: FBT001, FBT002  (an option)
    ) -> nn.Module:
        made: nn.Module = getattr(monai(name), theirs)(
            spatial_dims=axes_of(input_size, f"network {name!r}", smallest=3),
            in_channels=input_size[0],
            num_classes=output_size,
            reduction=reduction,
            dropout_prob=dropout_prob,
            input_3x3=input_3x3,
        )
        return any_batch(made)

    kind = "grouped residual" if "Next" in theirs else "residual"
    depth = name.rpartition("t")[2]
    senet.__doc__ = f"""Squeeze-and-excitation {kind} network of {depth} layers, 2-D or 3-D (MONAI).

        Parameters
        ----------
        input_size, output_size
            ``(channel, x, y, z)`` or ``(channel, first, second)``, 3 voxels a side or more, and how many numbers it gives.
        reduction
            By how much the channels are squeezed.
        dropout_prob
            Share of the features that training hides before the last layer.
        input_3x3
            Three convolutions of 3 voxels a side for the first one of 7.
        """
    return senet


for _theirs, _hidden in SQUEEZE_EXCITATION.items():
    network(_theirs.lower())(_squeeze_excitation(_theirs, _hidden))


@network("efficientnet")
def efficientnet(
    input_size: Shape,
    output_size: int,
    model: Literal["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"] = "b0",
    momentum: Momentum = 0.1,
) -> nn.Module:
    """EfficientNet, 2-D or 3-D, from 32 voxels a side (MONAI).

    Parameters
    ----------
    input_size, output_size
        ``(channel, x, y, z)`` or ``(channel, first, second)``, and how many numbers it gives.
    model
        Which of the paper, the smallest to the largest.
    momentum
        By how much each batch moves the means of the batch norms. MONAI has 0.01, which takes several hundred batches to
        arrive: more than a cohort of some hundred people gives in its first epochs.
    """
    made: nn.Module = monai("efficientnet").EfficientNetBN(
        f"efficientnet-{model}",
        pretrained=False,  # MONAI's default is to fetch weights
        spatial_dims=axes_of(input_size, "network 'efficientnet'", smallest=SMALLEST_EFFICIENT[model]),
        in_channels=input_size[0],
        num_classes=output_size,
        norm=("batch", {"eps": 1e-3, "momentum": momentum}),
    )
    return any_batch(made)


class OutputsAlone(nn.Module):
    """What a network says, without the features it gives besides."""

    def __init__(self, made: nn.Module) -> None:
        super().__init__()
        self.network = made

    def forward(self, images: Tensor) -> Tensor:
        """Give the outputs ``(sample, output)`` of images ``(sample, channel, ...)``."""
        outputs: Tensor = self.network(images)[0]
        return outputs


@network("vit")
def vit(  # noqa: PLR0913, PLR0917  (options)
    input_size: Shape,
    output_size: int,
    patch_size: Sides = 16,
    hidden_size: PositiveInt = 768,
    mlp_dim: PositiveInt = 3072,
    num_layers: PositiveInt = 12,
    num_heads: PositiveInt = 12,
    dropout_rate: Dropout = 0.0,
    qkv_bias: bool = False,  # noqa: FBT001, FBT002  (an option)
) -> nn.Module:
    """Vision transformer, 2-D or 3-D, for sides that its patches divide (MONAI).

    Parameters
    ----------
    input_size, output_size
        ``(channel, x, y, z)`` or ``(channel, first, second)``, and how many numbers it gives.
    patch_size
        Side of its patches, voxels, or one for each axis.
    hidden_size
        Length of the vector that stands for a patch; the heads divide it.
    mlp_dim
        Width of the dense layer in each block.
    num_layers, num_heads
        Blocks, and the heads of attention in each.
    dropout_rate
        Share of the features that training hides.
    qkv_bias
        Whether queries, keys and values have a bias.
    """
    axes = axes_of(input_size, "network 'vit'")
    sides = patch_sides(input_size[1:], patch_size)
    if hidden_size % num_heads:
        msg = f"network 'vit': {num_heads} heads do not divide hidden_size {hidden_size}. A multiple of {num_heads} works."
        raise InputError(msg)
    made = monai("vit").ViT(
        in_channels=input_size[0],
        img_size=input_size[1:],
        patch_size=sides,
        hidden_size=hidden_size,
        mlp_dim=mlp_dim,
        num_layers=num_layers,
        num_heads=num_heads,
        classification=True,
        num_classes=output_size,
        dropout_rate=dropout_rate,
        spatial_dims=axes,
        post_activation="none",  # a tanh would keep every output between -1 and 1
        qkv_bias=qkv_bias,
    )
    for block in made.blocks:  # MONAI makes parts for a second input that no image passes: they cannot be learnt
        for part in ("norm_cross_attn", "cross_attn"):
            if isinstance(unused := getattr(block, part, None), nn.Module):
                unused.requires_grad_(False)
    return OutputsAlone(made)


def patch_sides(image: Shape, wanted: Sides) -> Shape:
    """Give the sides of a patch that divides an image.

    Parameters
    ----------
    image, wanted
        Sides in voxels.

    Raises
    ------
    InputError
        When it does not; with the nearest patch and the nearest larger image that do.

    Examples
    --------
    >>> patch_sides((64, 48, 32), 16)
    (16, 16, 16)
    """
    sides = (wanted,) * len(image) if isinstance(wanted, int) else wanted
    if len(sides) != len(image):
        msg = f"network 'vit': patch_size {list(sides)} has {len(sides)} sides, the image has {len(image)}."
        raise InputError(msg)
    if any(length % side for length, side in zip(image, sides, strict=True)):
        nearest = [
            min((part for part in range(1, length + 1) if length % part == 0), key=lambda part: abs(part - side))
            for length, side in zip(image, sides, strict=True)
        ]
        larger = "x".join(str(-(-length // side) * side) for length, side in zip(image, sides, strict=True))
        near = all(2 * part >= side for part, side in zip(nearest, sides, strict=True))  # smaller ones are too many
        works = f"patch_size {nearest} does; so would an image" if near else "They would divide an image"
        msg = (
            f"network 'vit': patches of {'x'.join(map(str, sides))} voxels do not divide an image of "
            f"{'x'.join(map(str, image))}. {works} of {larger}."
        )
        raise InputError(msg)
    return sides

"""What a network takes over from another's weights, layer by layer, and which of its layers then stay as they are.

A layer is a module that owns tensors: it is taken over whole or not at all, so that no bias is left beside weights that
it was not trained with.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import torch

from fimbria.errors import InputError, counted, listing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from torch import Tensor, nn

    from fimbria.geometry import Shape

COUNTER: Final = "num_batches_tracked"  # of a batch norm; older files have none
_TWINS: Final = {  # the same part of a network under another name
    "convolutions": "encoder",
    "encoder": "convolutions",
    "mu_layer": "mu",
    "var_layer": "log_variance",
}
_HEADS: Final = {
    "fc_class_source": "fc.source",
    "fc_class_target": "fc.target",
    "fc_domain": "fc.domain",
}  # ClinicaDL's
# networks whose layers lie in no part, after the layers that tell them: layer -> its part, in forward order
_CONVOLUTIONAL_VAE: Final = {
    **dict.fromkeys(("conv1", "bn1", "conv2", "bn2", "conv3", "bn3"), "encoder"),
    "fc10": "mu",
    "fc11": "log_variance",
    **dict.fromkeys(("fc2", "upconv1", "bn5", "upconv2", "bn6", "upconv4", "final"), "decoder"),
}
_RESIDUAL: Final = dict.fromkeys(("conv1", "bn1", "layer1", "layer2", "layer3", "layer4"), "convolutions")
_U_NET: Final = {
    **dict.fromkeys(("down1", "down2", "down3", "down4", "down5"), "down"),
    **dict.fromkeys(("up1", "up2", "up3", "up4"), "up"),
    "final": "last",
}
_LOOSE: Final = ((("fc10", "fc11"), _CONVOLUTIONAL_VAE), (("conv1", "layer1"), _RESIDUAL), (("down1", "up1"), _U_NET))


class Unlike(NamedTuple):
    """A tensor that has its like in the other network, but in a layer of another size.

    Attributes
    ----------
    source, target
        What it is called there and here.
    there, here
        Its shapes.
    """

    source: str
    target: str
    there: Shape
    here: Shape


@dataclass(frozen=True)
class Transfer:
    """Which tensors of a source fill which of a target.

    Attributes
    ----------
    matched
        Name in the source, name in the target.
    other_shape
        Tensors of layers that are in both, but not of the same size.
    missing
        Tensors of the target that nothing fills.
    unused
        Tensors of the source that nothing takes.
    numbers
        How many numbers that are learnt were taken over, and how many the target has.
    """

    matched: tuple[tuple[str, str], ...]
    other_shape: tuple[Unlike, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    numbers: tuple[int, int]

    def told(self) -> list[str]:
        """Say for people what was taken over, and of every layer that was not, why."""
        taken, every = self.numbers
        tensors = len(self.matched) + len(self.other_shape) + len(self.missing)
        said = [
            f"{len(self.matched):,} of {counted(tensors, 'tensor')} were taken over, {taken:,} of {every:,} parameters."
        ]
        ways = dict.fromkeys((source.partition(".")[0], target.partition(".")[0]) for source, target in self.matched)
        said += [f"{here} was filled from {there}." for there, here in ways if here != there]
        unlike: dict[str, list[Unlike]] = defaultdict(list)
        for one in self.other_shape:
            unlike[layer_of(one.target)].append(one)
        for layer, several in unlike.items():
            sizes = [
                f"{one.target.removeprefix(f'{layer}.')} is {_size(one.there)} in the source and {_size(one.here)} here"
                for one in several
                if one.there != one.here
            ]
            there = layer_of(several[0].source)
            name = layer if there == layer else f"{layer} ({there} in the source)"
            said.append(f"{name} stays new: {', '.join(sizes)}.")
        filled = {target.partition(".")[0] for _, target in self.matched}
        used = {source.partition(".")[0] for source, _ in self.matched}
        said += [f"{layer} stays new: nothing of the source fits it." for layer in _named(self.missing, filled)]
        unused = _named(self.unused, used)
        return [*said, *(f"{layer} of the source is not used: it fits nothing of the network." for layer in unused)]


def match_layers(target: nn.Module, source: Mapping[str, Tensor]) -> Transfer:
    """Find what a network can take over from the tensors of another, layer by layer.

    Layers are told by name; ``convolutions`` of a convolutional network and ``encoder`` of an autoencoder are the same part,
    and ClinicaDL's ``mu_layer`` and ``var_layer`` are ``mu`` and ``log_variance``. Where the layers of a part have other
    names, but the same tensors in the same order, they are told by their order.

    Parameters
    ----------
    target
        Gets the weights; it stays as it is.
    source
        Tensors by name, in the order of their network.

    Raises
    ------
    InputError
        When no kernel and no matrix fits.
    """
    state = target.state_dict()
    here = _parts({name: name for name in state})
    there = _parts(_in_parts(source))
    matched: list[tuple[str, str]] = []
    unlike: list[Unlike] = []
    for part, theirs in there.items():
        other = _TWINS.get(part, "")
        twin = part if part in here or other in there else other
        for from_layer, to_layer in _pairs(theirs, here.get(twin, {}), source, state):
            both = [
                Unlike(
                    from_layer[leaf],
                    to_layer[leaf],
                    tuple(source[from_layer[leaf]].shape),
                    tuple(state[to_layer[leaf]].shape),
                )
                for leaf in to_layer
                if leaf in from_layer
            ]
            if all(one.there == one.here for one in both):
                matched += [(one.source, one.target) for one in both]
            else:
                unlike += both
    by_more_than_chance = any(source[name].ndim > 1 for name, _ in matched)  # a norm fits wherever channels are as many
    if not by_more_than_chance:
        msg = (
            f"no kernel and no matrix of these weights ({counted(len(source), 'tensor')}) fits the network. They have: {_outline(source)}. "
            f"The network has: {_outline(state)}. Take weights of a network of the same kind and size of layers."
        )
        raise InputError(msg)
    order = {name: place for place, name in enumerate(state)}
    matched.sort(key=lambda pair: order[pair[1]])
    met = {one.target for one in unlike} | {name for _, name in matched}
    used = {one.source for one in unlike} | {name for name, _ in matched}
    learnt = {name: parameter.numel() for name, parameter in target.named_parameters(remove_duplicate=False)}
    return Transfer(
        tuple(matched),
        tuple(unlike),
        tuple(name for name in state if name not in met and not name.endswith(COUNTER)),
        tuple(name for name in source if name not in used and not name.endswith(COUNTER)),
        (sum(learnt.get(name, 0) for _, name in matched), sum(learnt.values())),
    )


def apply(transfer: Transfer, target: nn.Module, source: Mapping[str, Tensor]) -> None:
    """Copy what fits into a network, in place; what does not stays as it is."""
    state = target.state_dict()
    with torch.no_grad():
        for there, here in transfer.matched:
            state[here].copy_(source[there])


def _in_parts(source: Mapping[str, Tensor]) -> dict[str, str]:
    """Give the names of a source with their parts before them -> the names that they have in it, in forward order."""
    first = {name: name.partition(".")[0] for name in source}
    for signs, parts in _LOOSE:
        if set(signs) <= set(first.values()):
            places = {layer: place for place, layer in enumerate(parts)}
            ordered = sorted(source, key=lambda name: places.get(first[name], len(places)))
            return {f"{parts[first[name]]}.{name}" if first[name] in parts else name: name for name in ordered}
    heads = {name: _HEADS.get(part, part) for name, part in first.items()}
    return {f"{heads[name]}{name.removeprefix(part)}": name for name, part in first.items()}


def _parts(names: Mapping[str, str]) -> dict[str, dict[str, dict[str, str]]]:
    """Sort names: part -> layer within it -> own name of a tensor -> its whole name; counters of batches at their layer."""
    parts: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for placed, name in names.items():
        part, _, rest = placed.partition(".")
        layer, _, leaf = rest.rpartition(".")
        parts[part if rest else ""][layer if rest else placed][leaf or placed] = name
    return {part: dict(layers) for part, layers in parts.items()}


def _pairs(
    theirs: Mapping[str, dict[str, str]],
    ours: Mapping[str, dict[str, str]],
    source: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Give the layers of a part that belong together: by name if all names agree, else by order, else by those that do."""
    if theirs.keys() != ours.keys():
        *begun, last = _shapes(theirs, source) or [{}]
        *wanted, head = _shapes(ours, state) or [{}]
        if begun == wanted and last.keys() == head.keys():  # the last may be a head of another size
            return list(zip(theirs.values(), ours.values(), strict=True))
    return [
        (theirs[name], layer)
        for name, layer in ours.items()
        if name in theirs and theirs[name].keys() - {COUNTER} == layer.keys() - {COUNTER}
    ]


def _shapes(layers: Mapping[str, dict[str, str]], tensors: Mapping[str, Tensor]) -> list[dict[str, Shape]]:
    return [
        {leaf: tuple(tensors[name].shape) for leaf, name in layer.items() if leaf != COUNTER}
        for layer in layers.values()
    ]


def layer_of(name: str) -> str:
    """Give the layer that owns a tensor, from the tensor's name."""
    return name.rpartition(".")[0] or name


def _named(tensors: Sequence[str], met: Collection[str]) -> list[str]:
    """Name the layers of tensors; of a part that met nothing of the other network, the part and how many layers it has."""
    parts: dict[str, dict[str, None]] = defaultdict(dict)
    for tensor in tensors:
        parts[tensor.partition(".")[0]][layer_of(tensor)] = None
    return [
        name
        for part, layers in parts.items()
        for name in (layers if part in met or len(layers) == 1 else [f"{part} ({len(layers)} layers)"])
    ]


def _outline(tensors: Mapping[str, Tensor]) -> str:
    """Name the parts of a network, each with its first tensor."""
    first: dict[str, str] = {}
    for name, value in tensors.items():
        if not name.endswith(COUNTER):
            first.setdefault(name.partition(".")[0], f"{name} ({_size(tuple(value.shape))})")
    return listing(list(first.values())) or "nothing"


def _size(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "one number"

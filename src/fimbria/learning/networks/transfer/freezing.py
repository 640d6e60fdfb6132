"""Which layers of a network stay as they are while the others learn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from fimbria.errors import InputError, Problem, counted, did_you_mean, refuse
from fimbria.learning.networks.transfer.layers import layer_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

_ROUNDING: Final = 1e-9  # 0.29 of 100 layers is 28.999999999999996 in binary


def freeze(target: nn.Module, what: float | str | Sequence[str]) -> list[str]:
    """Keep a part of a network from learning.

    Parameters
    ----------
    target
        A network, whose layers are counted in the order in which they were built: from the input.
    what
        A share of its layers between 0 and 1, rounded down; a number of layers (a whole number), 0 for none; or names of
        layers and parts, or patterns of such (``convolutions``, ``fc.*``).

    Returns
    -------
    list of str
        Names of the parameters that were frozen.

    Raises
    ------
    InputError
        When nothing would be left to learn, or a number makes no sense.
    ProblemsError
        For every name that nothing has.
    """
    layers = _learnt(target)
    if isinstance(what, (str, Sequence)):
        names = _named([what] if isinstance(what, str) else what, layers)
    else:
        names = [name for layer in list(layers)[: _count(what, len(layers))] for name in layers[layer]]
    if names and len(names) == sum(map(len, layers.values())):
        msg = f"{what!r} would freeze all {len(layers)} layers of the network, and nothing would be left to learn. Freeze fewer."
        raise InputError(msg)
    return _frozen(target, names)


def freeze_all_but(target: nn.Module, unfrozen: int) -> list[str]:
    """Freeze as ClinicaDL's ``nb_unfrozen_layer`` does: all but the last two tensors for each layer that goes on learning.

    Parameters
    ----------
    target
        A network.
    unfrozen
        How many layers go on learning, each taken as a weight and a bias; 0 freezes nothing.

    Returns
    -------
    list of str
        Names of the parameters that were frozen.

    Raises
    ------
    InputError
        When the network has not as many.
    """
    names = [name for name, _ in target.named_parameters()]
    if isinstance(unfrozen, bool) or not 0 <= 2 * unfrozen <= len(names):
        msg = f"{unfrozen!r} unfrozen layers were wanted, two tensors each; the network has {counted(len(names), 'tensor')}, so 0 to {len(names) // 2} fit."
        raise InputError(msg)
    return _frozen(target, names[: len(names) - 2 * unfrozen] if unfrozen else [])


def frozen_modules(target: nn.Module) -> list[nn.Module]:
    """Give the outermost modules of which everything is frozen.

    A training that keeps them in evaluation mode keeps their batch norms from following its images, and their features the
    same each time.
    """
    whole = {
        name
        for name, module in target.named_modules()
        if (own := list(module.parameters())) and not any(one.requires_grad for one in own)
    }
    outermost = (name for name in whole if name == "" or not _above(name) & whole)
    modules = dict(target.named_modules())
    return [modules[name] for name in sorted(outermost, key=list(modules).index)]


def _above(name: str) -> set[str]:
    steps = name.split(".")
    return {"", *(".".join(steps[:end]) for end in range(1, len(steps)))}


def _frozen(target: nn.Module, names: Sequence[str]) -> list[str]:
    parameters = dict(target.named_parameters())
    for name in names:
        parameters[name].requires_grad_(False)  # the stub of torch knows no keyword
    return list(names)


def _learnt(target: nn.Module) -> dict[str, list[str]]:
    """Give the names of the parameters of each layer, in the order in which the layers were built."""
    layers: dict[str, list[str]] = defaultdict(list)
    for name, _ in target.named_parameters():
        layers[layer_of(name)].append(name)
    return dict(layers)


def _count(what: float, layers: int) -> int:
    if isinstance(what, int) and not isinstance(what, bool) and 0 <= what < layers:
        return what
    if isinstance(what, float) and 0 < what < 1:
        return min(int(what * layers + _ROUNDING), layers - 1)
    msg = (
        f"{what!r} does not say how much to freeze of {counted(layers, 'layer')}: a share between 0 and 1, "
        f"a number of layers from 0 to {layers - 1}, or names were wanted."
    )
    raise InputError(msg)


def _named(patterns: Sequence[str], layers: Mapping[str, Sequence[str]]) -> list[str]:
    """Give the parameters that names or patterns of layers, parts or themselves speak of."""
    asked: set[str] = set()
    problems = []
    known = {*layers, *(part for layer in layers for part in _above(layer) if part)}
    for pattern in patterns:
        hits = {
            name
            for layer, own in layers.items()
            for name in own
            if name.startswith(f"{pattern}.") or any(fnmatchcase(one, pattern) for one in (name, layer))
        }
        if not hits:
            problems.append(Problem(f"no layer is called {pattern!r}", did_you_mean(pattern, known)))
        asked |= hits
    refuse("what to freeze", problems)
    return [name for own in layers.values() for name in own if name in asked]

"""Networks by name. A network is any callable that gives an ``nn.Module``; its signature is its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from fimbria.errors import FimbriaError
from fimbria.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from fimbria.geometry import Shape

network: Registry[nn.Module] = Registry("network")

_WALKED = frozenset({"_parameters", "_buffers", "_modules"})  # of a module, what torch itself goes through


def parameter_count(module: nn.Module) -> int:
    """Count the numbers that are learnt."""
    return sum(parameter.numel() for parameter in module.parameters())


def dimensions(input_size: Shape) -> int:
    """Give the axes of space of an input ``(channel, ...)``: 2 or 3."""
    return len(input_size) - 1


def on_no_memory(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network whose tensors have shapes and no numbers (torch's meta device), however large it is.

    One whose construction asks for numbers is built with them, as the training will, and then robbed of them.
    """
    try:
        with torch.device("meta"):
            return build()
    except Exception as error:
        if not needs_numbers(error):
            raise
    made = build()
    return made.to("meta") if isinstance(made, nn.Module) else made


def to_be_filled(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network for weights that are at hand.

    Where it plainly holds nothing but what `load_state_dict` fills, no number is drawn in vain; any other is built as it is.
    """
    empty = on_no_memory(build)
    return empty.to_empty(device="cpu") if _is_filled_whole(empty) else build()


def needs_numbers(error: Exception) -> bool:
    """Tell whether something failed only because it was tried on no memory."""
    words = str(error).lower().replace("'", " ").replace(".", " ").replace(":", " ").replace(",", " ").split()
    return not isinstance(error, FimbriaError) and (isinstance(error, NotImplementedError) or "meta" in words)


def _is_filled_whole(network: nn.Module) -> bool:
    """Tell whether its state holds each of its tensors once, and it has nothing else that could hold one."""
    state = network.state_dict()
    names = [name for name, _ in (*network.named_parameters(), *network.named_buffers())]
    beside = (value for module in network.modules() for name, value in vars(module).items() if name not in _WALKED)
    return sorted(names) == sorted(state) and all(map(_is_plain, beside))


def _is_plain(value: object) -> bool:
    """Tell whether a value is of numbers and words alone."""
    if isinstance(value, dict):
        return all(map(_is_plain, (*value.keys(), *value.values())))
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str, torch.dtype))

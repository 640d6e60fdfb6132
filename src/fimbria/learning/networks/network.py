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
    """Build a network for weights that are at hand: where all its numbers are among these, none is drawn in vain."""
    empty = on_no_memory(build)
    computed = any(
        module._non_persistent_buffers_set or _holds_tensors(_attributes(module))  # noqa: SLF001  (torch has no other way to ask)
        for module in empty.modules()
    )
    return build() if computed else empty.to_empty(device="cpu")


def needs_numbers(error: Exception) -> bool:
    """Tell whether something failed only because it was tried on no memory."""
    words = str(error).lower().replace("'", " ").replace(".", " ").replace(":", " ").replace(",", " ").split()
    return not isinstance(error, FimbriaError) and (isinstance(error, NotImplementedError) or "meta" in words)


def _attributes(module: nn.Module) -> list[object]:
    """Give what a module holds beside its parameters, buffers and parts."""
    return [value for name, value in vars(module).items() if name not in {"_parameters", "_buffers", "_modules"}]


def _holds_tensors(value: object) -> bool:
    """Tell whether tensors, or networks that hold some, are where `load_state_dict` does not look."""
    if isinstance(value, dict):
        return any(_holds_tensors(one) for one in value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(_holds_tensors(one) for one in value)
    return isinstance(value, (torch.Tensor, nn.Module))

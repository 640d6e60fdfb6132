"""Networks by name. A network is any callable that gives an ``nn.Module``; its signature is its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from fimbria.geometry import Shape

network: Registry[nn.Module] = Registry("network")


def parameter_count(module: nn.Module) -> int:
    """Count the numbers that are learnt."""
    return sum(parameter.numel() for parameter in module.parameters())


def dimensions(input_size: Shape) -> int:
    """Give the axes of space of an input ``(channel, ...)``: 2 or 3."""
    return len(input_size) - 1

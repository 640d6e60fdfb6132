"""Optimizers by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat

from fimbria.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable

optimizer: Registry[torch.optim.Optimizer] = Registry("optimizer")


@optimizer("adam")
def adam(
    parameters: Iterable[torch.nn.Parameter], learning_rate: PositiveFloat, weight_decay: NonNegativeFloat = 0.0
) -> torch.optim.Optimizer:
    """Adaptive moment estimation (Kingma and Ba 2015, doi:10.48550/arXiv.1412.6980)."""
    return torch.optim.Adam(parameters, lr=learning_rate, weight_decay=weight_decay)


@optimizer("sgd")
def sgd(
    parameters: Iterable[torch.nn.Parameter],
    learning_rate: PositiveFloat = 1e-2,
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9,
    weight_decay: NonNegativeFloat = 0.0,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum."""
    return torch.optim.SGD(parameters, lr=learning_rate, momentum=momentum, weight_decay=weight_decay)

"""How intensities are scaled before a network sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import torch

from fimbria.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from fimbria.data.extraction.store import Statistics


class Normalization(Protocol):
    """A way to scale intensities."""

    def __call__(self, part: Tensor, whole: Statistics) -> Tensor:
        """Scale a part, knowing the statistics of the whole image it comes from."""
        ...


normalization: Registry[Normalization] = Registry("normalization")


@normalization("min-max")
@dataclass(frozen=True)
class MinMax:
    """Scale the lowest intensity to 0 and the highest to 1; what holds one value only becomes 0.

    Attributes
    ----------
    scope
        Lowest and highest over the ``image``, so that its parts stay comparable, or over each ``part``.
    """

    scope: Literal["image", "part"] = "image"

    def __call__(self, part: Tensor, whole: Statistics) -> Tensor:
        """Scale a part."""
        low, high = (whole.minimum, whole.maximum) if self.scope == "image" else map(float, part.aminmax())
        if high <= low:
            return torch.zeros_like(part)
        return (part - low).div_(high - low)

"""How intensities are scaled before a network sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from fimbria.registry import Registry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fimbria.data.extraction.store import Statistics


class Normalization(Protocol):
    """A way to scale intensities; on NumPy arrays, for which no threads have to be woken in a loader's process."""

    def __call__(self, part: NDArray[np.float32], whole: Statistics) -> NDArray[np.float32]:
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

    def __call__(self, part: NDArray[np.float32], whole: Statistics) -> NDArray[np.float32]:
        """Scale a part."""
        of_part = self.scope == "part"
        low, high = (float(part.min()), float(part.max())) if of_part else (whole.minimum, whole.maximum)
        if high <= low:
            return np.zeros_like(part)
        scaled: NDArray[np.float32] = part - np.float32(low)
        scaled /= np.float32(high - low)
        return scaled

"""The image itself, as its only part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fimbria.data.extraction.extraction import Location, extraction

if TYPE_CHECKING:
    from fimbria.geometry import Shape


@extraction("image")
@dataclass(frozen=True)
class Whole:
    """The whole image."""

    def locations(self, shape: Shape) -> list[Location]:
        """Give the one part."""
        return [Location(0, tuple(slice(0, side) for side in shape))]

"""Planes across one axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import NonNegativeInt, PositiveInt

from fimbria.data.extraction.extraction import Location, extraction
from fimbria.errors import InputError

if TYPE_CHECKING:
    from fimbria.geometry import Shape


@extraction("slice")
@dataclass(frozen=True)
class Slices:
    """Slices across one axis; their number is their place in the whole image, also where some are left out.

    Attributes
    ----------
    direction
        Axis they cross: 0 sagittal, 1 coronal, 2 axial.
    discard
        How many are left out at the start and at the end.
    channels
        1, or 3 for networks that expect colours: the same slice three times.
    every
        Keep every n-th slice, beginning with the first that is not discarded.
    """

    direction: Literal[0, 1, 2] = 0
    discard: tuple[NonNegativeInt, NonNegativeInt] = (0, 0)
    channels: Literal[1, 3] = 1
    every: PositiveInt = 1

    def locations(self, shape: Shape) -> list[Location]:
        """Give the slices in their order.

        Raises
        ------
        InputError
            When none is left.
        """
        start, stop = self.discard[0], shape[self.direction] - self.discard[1]
        if start >= stop:
            msg = (
                f"{self.discard[0]} + {self.discard[1]} of {shape[self.direction]} slices are discarded: none is left."
            )
            raise InputError(msg)
        whole = [slice(0, side) for side in shape]
        return [
            Location(
                index,
                (*whole[: self.direction], slice(index, index + 1), *whole[self.direction + 1 :]),
                flat=self.direction,
                channels=self.channels,
            )
            for index in range(start, stop, self.every)
        ]

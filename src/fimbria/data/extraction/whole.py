"""The image itself, as its only part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fimbria.data.extraction.extraction import Location, extraction
from fimbria.errors import InputError

if TYPE_CHECKING:
    from fimbria.geometry import Box, Shape

_TEMPLATE = (169, 208, 179)
_TEMPLATE_REDUCED = {  # start, stop along x, y, z: ClinicaDL's, whose sides can be halved four times or nearly so
    2: ((4, 164), (8, 200), (8, 168)),
    3: ((0, 168), (8, 200), (4, 172)),
    4: ((4, 164), (8, 200), (8, 168)),
    5: ((4, 164), (0, 200), (8, 168)),
}


@extraction("image")
@dataclass(frozen=True)
class Whole:
    """The whole image.

    Attributes
    ----------
    reduce
        Keep every n-th voxel along each axis, without smoothing. Cropped images of the template (169 x 208 x 179) are
        reduced as ClinicaDL does: 2 to 80 x 96 x 80, 3 to 56 x 64 x 56, 4 to 40 x 48 x 40, 5 to 32 x 40 x 32. Of a side of
        any other image, S voxels, as many are kept as n fits into it (S // n), centred.
    """

    reduce: Literal[1, 2, 3, 4, 5] = 1

    def locations(self, shape: Shape) -> list[Location]:
        """Give the one part.

        Raises
        ------
        InputError
            When the image has fewer voxels along an axis than `reduce`.
        """
        if min(shape) < self.reduce:
            msg = f"an image of {'x'.join(map(str, shape))} voxels cannot be reduced {self.reduce} times. Choose a smaller reduce."
            raise InputError(msg)
        return [Location(0, _reduced(shape, self.reduce))]


def _reduced(shape: Shape, factor: int) -> Box:
    if factor == 1:
        return tuple(slice(0, side) for side in shape)
    if shape == _TEMPLATE:
        return tuple(slice(start, stop, factor) for start, stop in _TEMPLATE_REDUCED[factor])
    spans = [(side // factor - 1) * factor + 1 for side in shape]  # from the first voxel that is kept to the last
    starts = [(side - span) // 2 for side, span in zip(shape, spans, strict=True)]
    return tuple(slice(start, start + span, factor) for start, span in zip(starts, spans, strict=True))

"""What is done to an image on its way into the store: everything that its decoded voxels depend on, beside the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fimbria.data.images.resample import resampled
from fimbria.errors import ImageError, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fimbria.data.images.nifti import Image
    from fimbria.geometry import Grid, Shape

_BYTES = {False: 4, True: 2}
_SMALL = 1e-30
_EXACT = 1 << 23  # whole numbers below it, and their differences to an offset, are exact in float32
_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True)
class Transform:
    """How images are decoded.

    Attributes
    ----------
    spacing_mm
        Voxel side that images are resampled to; None keeps theirs.
    nonfinite
        What stands for NaN and infinities; None refuses images that hold any.
    compact
        Keep 16-bit numbers with a scale: half the room, and an error of at most 1/131,070 of the image's range, but for
        float32's own rounding.
    """

    spacing_mm: float | None = None
    nonfinite: float | None = None
    compact: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no spacing."""
        if self.spacing_mm is not None and not (np.isfinite(self.spacing_mm) and self.spacing_mm > 0):
            msg = f"--spacing {self.spacing_mm:g}: a voxel side in mm was wanted, greater than 0."
            raise InputError(msg)
        if self.nonfinite is not None and not np.isfinite(self.nonfinite):
            msg = f"--nonfinite {self.nonfinite}: a number was wanted."
            raise InputError(msg)

    @property
    def key(self) -> str:
        """Name it, for a folder."""
        said = ["own-spacing" if self.spacing_mm is None else f"{_exactly(self.spacing_mm)}mm"]
        said += [] if self.nonfinite is None else [f"nonfinite-{_exactly(self.nonfinite)}"]
        return "_".join([*said, "int16"] if self.compact else said)

    def shape(self, grid: Grid) -> Shape:
        """Give the shape that an image on this grid will have."""
        return grid.shape if self.spacing_mm is None else grid.respaced(self.spacing_mm).shape

    def bytes_needed(self, grid: Grid) -> int:
        """Tell how large the file of an image on this grid will be, about."""
        return _BYTES[self.compact] * int(np.prod(self.shape(grid))) + (1 << 14)

    def apply(self, image: Image, source: Path) -> Image:
        """Give the image as it will be kept, but for its type.

        Raises
        ------
        ImageError
            When it is flat, holds NaN or infinities that nothing stands for, or nothing but one value.
        """
        if 1 in image.array.shape:
            axis = "xyz"[image.array.shape.index(1)]
            msg = f"{source} is one voxel thick along {axis}; a volume was wanted. Leave the session out, or look what the file is."
            raise ImageError(msg)
        array = self._finite(image.array, source)
        _refuse_constant(array, source)
        kept = type(image)(array, image.grid)
        if self.spacing_mm is None:
            return kept
        grid = image.grid.respaced(self.spacing_mm)
        if 1 in grid.shape:
            msg = f"{source} is one voxel thick when it is resampled ({grid}); a volume was wanted. Choose a smaller --spacing (--data.spacing)."
            raise ImageError(msg)
        kept = resampled(kept, grid)
        _refuse_constant(kept.array, source)
        return kept

    def _finite(self, array: NDArray[np.float32], source: Path) -> NDArray[np.float32]:
        if np.isfinite(array.min()) and np.isfinite(array.max()):  # NaN if any voxel is
            return array
        finite = np.isfinite(array)
        if self.nonfinite is None:
            count = int(array.size - np.count_nonzero(finite))
            msg = f"{source} holds NaN or infinity in {count} of {array.size} voxels. Preprocess it again, leave the session out, or say what stands for them: --nonfinite 0 (--data.nonfinite 0 of a training)."
            raise ImageError(msg)
        return np.where(finite, array, np.float32(self.nonfinite))


def _exactly(number: float) -> str:
    """Write a number so that no other is written so.

    Examples
    --------
    >>> _exactly(2.0), _exactly(0.123456789)
    ('2', '0.123456789')
    """
    return repr(float(number)).removesuffix(".0")


def _refuse_constant(array: NDArray[np.float32], source: Path) -> None:
    if array.min() == array.max():
        msg = f"{source} holds nothing but {array.flat[0]:g}. Preprocess it again, or leave the session out."
        raise ImageError(msg)


AS_IT_IS = Transform()


@dataclass(frozen=True)
class Packing:
    """How float32 intensities are kept as 16-bit numbers: intensity = number x scale + offset.

    Attributes
    ----------
    scale, offset
        In the image's units.
    error
        Largest difference to the intensities that were packed.
    """

    scale: float
    offset: float
    error: float

    def unpacked(self, numbers: NDArray[np.int16]) -> NDArray[np.float32]:
        """Give the intensities."""
        kind = _kind(self.scale)
        values = np.multiply(numbers, kind(self.scale), dtype=kind)
        values += kind(self.offset)
        return values.astype(np.float32, copy=False)


def _kind(scale: float) -> type[np.float32 | np.float64]:
    """Choose the arithmetic: float32 would lose the smallest scales altogether."""
    return np.float32 if scale > _SMALL else np.float64


def packed(array: NDArray[np.float32]) -> tuple[NDArray[np.int16], Packing]:
    """Pack intensities; whole numbers whose range fits are kept exactly."""
    low, high = float(array.min()), float(array.max())
    fits = high - low <= _INT16.max - _INT16.min and max(-low, high) < _EXACT
    whole = fits and np.array_equal(np.rint(array), array)
    scale = 1.0 if whole else (high - low) / (_INT16.max - _INT16.min)
    offset = low - _INT16.min * scale
    kind = _kind(scale)
    numbers = np.clip(np.rint((array - kind(offset)) / kind(scale)), _INT16.min, _INT16.max)
    small = numbers.astype(np.int16)
    exact = Packing(scale, offset, 0.0)
    error = 0.0 if whole else float(np.abs(exact.unpacked(small) - array).max())
    return small, Packing(scale, offset, error)

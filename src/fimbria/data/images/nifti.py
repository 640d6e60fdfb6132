"""NIfTI in and out: float32 arrays that keep their affine, unpacked by isal."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

import nibabel
import numpy as np
from isal import igzip, isal_zlib
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, io_orientation
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from fimbria.atomic import write_bytes
from fimbria.errors import ImageError
from fimbria.geometry import Grid

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_TINY = 1e-9  # mm^3 of a voxel
_NIFTI_1, _NIFTI_2 = 348, 540  # bytes of the header, which are its first number
_BROKEN: tuple[type[Exception], ...] = (
    EOFError,
    OSError,
    TypeError,
    ValueError,
    zlib.error,
    isal_zlib.error,  # type: ignore[assignment]  # a class; its stub says an instance
    ImageFileError,
    HeaderDataError,
    WrapStructError,
)


@dataclass(frozen=True, eq=False)
class Image:
    """A three-dimensional image and where it lies.

    Attributes
    ----------
    array
        ``(x, y, z)``, float32 unless said otherwise.
    grid
        Its shape and affine, RAS+ mm.
    """

    array: NDArray[Any]
    grid: Grid

    def upright(self) -> Image:
        """Give the same image with its axes running right, anterior, superior (RAS+), as near as they can; nothing is resampled."""
        turned = io_orientation(self.grid.affine)
        if np.array_equal(turned, [[0, 1], [1, 1], [2, 1]]):
            return self
        return Image(apply_orientation(self.array, turned), self.grid.upright())

    def digest(self) -> str:
        """Give the SHA-256 of shape and voxels laid out RAS+: the same image has the same, however it is stored."""
        upright = self.upright().array
        shape = "x".join(map(str, upright.shape)).encode()
        voxels = np.ascontiguousarray(upright, dtype=np.float32)
        digest = hashlib.sha256(shape)
        digest.update(voxels.data)
        return digest.hexdigest()


def read(path: Path) -> Image:
    """Read a three-dimensional NIfTI image (``.nii`` or ``.nii.gz``) as float32.

    Raises
    ------
    ImageError
        When the file is missing, empty, truncated, not NIfTI, or not three-dimensional.
    """
    try:
        with _opened(path) as stream:
            content = stream.read()
        kind = nibabel.Nifti2Image if _header_bytes(content) == _NIFTI_2 else nibabel.Nifti1Image
        nifti = kind.from_stream(BytesIO(content))
        if nifti.get_data_dtype().kind not in "iuf":
            msg = f"its voxels are {nifti.get_data_dtype()}, one real number each was wanted"
            raise TypeError(msg)
        with np.errstate(over="ignore"):  # what is too large becomes infinity, and is told as that
            array = np.asarray(nifti.dataobj, dtype=np.float32)
        affine = np.asarray(nifti.affine, dtype=np.float64)
    except FileNotFoundError as error:
        msg = f"there is no image {path}."
        raise ImageError(msg) from error
    except _BROKEN as error:
        raise ImageError(_broken(path, error)) from error
    array = array.reshape(_three_dimensional(array.shape, path), order="A")
    return Image(array, Grid(array.shape, _placing(affine, path)))


def read_grid(path: Path) -> Grid:
    """Read where an image lies from its header alone.

    Raises
    ------
    ImageError
        As `read`, as far as the header tells.
    """
    try:
        with _opened(path) as stream:
            head = stream.read(_NIFTI_2)
        size = _header_bytes(head)
        kind: Any = nibabel.Nifti2Header if size == _NIFTI_2 else nibabel.Nifti1Header
        header = kind(head[:size], check=False)
        shape = tuple(int(side) for side in header.get_data_shape())
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    except FileNotFoundError as error:
        msg = f"there is no image {path}."
        raise ImageError(msg) from error
    except _BROKEN as error:
        raise ImageError(_broken(path, error)) from error
    return Grid(_three_dimensional(shape, path), _placing(affine, path))


def write(path: Path, array: NDArray[Any], grid: Grid) -> None:
    """Write an image, whole or not at all; gzip-packed when the name ends in ``.gz``.

    Parameters
    ----------
    path
        Ends in ``.nii`` or ``.nii.gz``.
    array
        ``(x, y, z)``; its type is kept (booleans become uint8).
    grid
        Where it lies; units are set to mm.
    """
    kept = array.astype(np.uint8) if array.dtype == np.bool_ else array
    nifti = nibabel.Nifti1Image(kept, grid.affine)
    nifti.header.set_xyzt_units("mm")
    content = nifti.to_bytes()
    write_bytes(path, igzip.compress(content, compresslevel=1, mtime=0) if path.name.endswith(".gz") else content)


def _three_dimensional(shape: tuple[int, ...], path: Path) -> tuple[int, ...]:
    """Give the three axes of space; further ones of one voxel, at the end or the beginning, say nothing."""
    sides = shape
    while len(sides) > 3 and sides[-1] == 1:  # noqa: PLR2004  (three axes of space)
        sides = sides[:-1]
    while len(sides) > 3 and sides[0] == 1:  # noqa: PLR2004  (as above)
        sides = sides[1:]
    if len(sides) != 3 or min(sides) < 1:  # noqa: PLR2004  (as above)
        msg = f"{path} is {'x'.join(map(str, shape)) or 'without a shape'}; a three-dimensional image was wanted."
        raise ImageError(msg)
    return sides


def _placing(affine: NDArray[np.float64], path: Path) -> NDArray[np.float64]:
    """Refuse an affine that gives no place to each voxel."""
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < _TINY:
        msg = f"{path} does not say where its voxels lie: its affine is {affine[:3].round(3).tolist()}. Convert it again from where it came from."
        raise ImageError(msg)
    return affine


def _opened(path: Path) -> IO[bytes]:
    opened: IO[bytes] = igzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")
    return opened


def _header_bytes(content: bytes) -> int:
    """Tell NIfTI-1 from NIfTI-2, of either byte order, by the first number; nothing else is NIfTI."""
    if len(content) < _NIFTI_1:
        msg = f"{len(content)} bytes are less than a header"
        raise EOFError(msg)
    for size in (int.from_bytes(content[:4], "little"), int.from_bytes(content[:4], "big")):
        if size in (_NIFTI_1, _NIFTI_2):
            return size
    msg = "it does not begin as NIfTI does"
    raise ImageFileError(msg)


def _broken(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return f"you may not read {path}. Ask its owner for permission, or leave the session out."
    if path.is_file():
        with path.open("rb") as stream:
            head = stream.read(2)
        if not head:
            return f"{path} is an empty file. Copy it again from where it came from."
        if path.name.endswith(".gz") and head != b"\x1f\x8b":
            return f"{path} is not packed with gzip, as its name says. Rename it, or copy it again from where it came from."
    if isinstance(error, EOFError) or "Expected" in str(error):
        return f"{path} is cut short (truncated). Copy it again from where it came from."
    if "CRC check failed" in str(error):
        return f"{path} is damaged: its content is not what was packed. Copy it again from where it came from."
    return (
        f"{path} cannot be read as a NIfTI image: {error}. Look what it is, or copy it again from where it came from."
    )

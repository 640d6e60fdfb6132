"""Tensors of images and parts as ClinicaDL keeps them in a CAPS: written, read without trust, put back into a volume."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fimbria.atomic import write_bytes
from fimbria.data.extraction.extraction import put_back
from fimbria.data.extraction.origin import Reading
from fimbria.data.extraction.patches import Patches
from fimbria.data.extraction.slices import Slices
from fimbria.data.extraction.tensor_names import read_tensor_name
from fimbria.data.images import template
from fimbria.data.images.nifti import Image
from fimbria.errors import ImageError, listing
from fimbria.geometry import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fimbria.data.extraction import Location
    from fimbria.data.extraction.tensor_names import TensorName
    from fimbria.geometry import Shape

_REPEATED = 4  # how often a tensor may show a number that its file holds once: colours do, and no more


def write_tensor(path: Path, array: NDArray[Any]) -> None:
    """Write one part, whole or not at all, as one contiguous float32 tensor; the same array gives the same bytes.

    Parameters
    ----------
    path
        Ends in ``.pt``.
    array
        ``(channel, x, y, z)``, or ``(channel, first, second)`` for a slice.

    Raises
    ------
    StorageError
        When there is no room or no permission.
    """
    stream = io.BytesIO()  # torch would write the file's own name, which is a temporary one, into it
    torch.save(torch.from_numpy(np.array(array, dtype=np.float32, order="C")), stream)
    write_bytes(path, stream.getvalue())


def read_tensor(path: Path) -> NDArray[np.float32]:
    """Read one part; nothing in the file is ever run.

    Returns
    -------
    ndarray
        ``(channel, x, y, z)``, or ``(channel, first, second)`` for a slice.

    Raises
    ------
    ImageError
        When the file is missing, damaged, holds anything but one tensor of numbers, or one of other axes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how older versions of torch kept tensors
            found = torch.load(path, map_location="cpu", weights_only=True)
        _refuse_other(found, path)
        return np.ascontiguousarray(found.detach().to(torch.float32).numpy())
    except ImageError:
        raise
    except FileNotFoundError as error:
        msg = f"there is no tensor {path}."
        raise ImageError(msg) from error
    except (
        Exception
    ) as error:  # torch has no one word for a file that is none: what it raises depends on the first wrong byte
        msg = (
            f"{path} cannot be read as a tensor: it is damaged, or holds more than numbers, which is never run "
            f"({_first_line(error)}). Extract the parts again."
        )
        raise ImageError(msg) from error


def _refuse_other(tensor: object, path: Path) -> None:
    if not isinstance(tensor, torch.Tensor):
        msg = f"{path} holds {type(tensor).__name__}, not one tensor. Extract the parts again."
        raise ImageError(msg)
    shape = tuple(tensor.shape)
    if len(shape) not in {3, 4} or 0 in shape:
        msg = (
            f"the tensor in {path} is {'x'.join(map(str, shape)) or 'one number'}; (channel, x, y, z) was wanted, "
            "or (channel, first, second) for a slice. Extract the parts again."
        )
        raise ImageError(msg)
    if tensor.layout is not torch.strided or tensor.is_complex() or tensor.is_quantized or tensor.is_meta:
        msg = f"the tensor in {path} is {tensor.dtype}, {tensor.layout}; plain real numbers were wanted. Extract the parts again."
        raise ImageError(msg)
    if tensor.numel() * tensor.element_size() > _REPEATED * tensor.untyped_storage().nbytes():
        msg = f"the tensor in {path} is larger than its file. Extract the parts again."
        raise ImageError(msg)


def image_of_parts(
    parts: Sequence[tuple[str, NDArray[Any]]], shape: Shape | None = None, *, padding: bool = False
) -> NDArray[np.float32]:
    """Put the patches or slices of one image back into a volume; voxels that no part covers are 0.

    Parameters
    ----------
    parts
        File name of each tensor, which says where it lies, and the tensor; of three channels the first is taken.
    shape
        Of the image, ``(x, y, z)``. Patches need it; slices without it give an image that ends with the last of them.
    padding
        Whether patches hang over the image's far side.

    Returns
    -------
    ndarray
        ``(x, y, z)``, float32.

    Raises
    ------
    ImageError
        When the parts are not patches or slices of one cut, a number stands twice, or they do not fit the image.
    """
    names = [read_tensor_name(name) for name, _ in parts]
    cuts = {_cut(name) for name in names}
    if len(cuts) != 1 or not (name := names[0]) or name.mode not in {"patch", "slice"}:
        msg = f"patches or slices of one cut were wanted, to put them back into an image; these are {listing([n for n, _ in parts]) or 'none'}."
        raise ImageError(msg)
    numbers = [known.index for known in names if known]
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        msg = f"every part of an image has a number of its own; {name.mode} {listing(twice)} is there twice."
        raise ImageError(msg)
    first = [part[:1] for _, part in parts]
    whole, places = _places(name, max(numbers), first[0], shape, padding=padding)
    for number, part in zip(numbers, first, strict=True):
        if number not in places or places[number].shape != part.shape:
            msg = f"{name.mode} {number}, {'x'.join(map(str, part.shape[1:]))}, is no part of an image of {'x'.join(map(str, whole))} cut so."
            raise ImageError(msg)
    return put_back(first, [places[number] for number in numbers], whole)


def _cut(name: TensorName | None) -> tuple[object, ...] | None:
    return None if name is None else (name.mode, name.size, name.stride, name.direction, name.channels)


def _places(
    name: TensorName, last: int, part: NDArray[Any], shape: Shape | None, *, padding: bool
) -> tuple[Shape, dict[int, Location]]:
    """Give the image's shape, and by its number where each part of it lies."""
    if name.direction is not None:
        plane = part.shape[1:]
        whole = shape or (*plane[: name.direction], last + 1, *plane[name.direction :])
        return whole, {place.index: place for place in Slices(name.direction).locations(whole)}
    if shape is None or name.size is None:
        msg = "patches say how they lie in an image, not how large it is: its shape is needed to put them back."
        raise ImageError(msg)
    cut = Patches(name.size, name.stride, padding)
    return shape, {place.index: place for place in cut.locations(shape)}


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")[:200] or type(error).__name__


def read_tensor_image(path: Path) -> Image:
    """Read a whole-image tensor as an image.

    A tensor does not say where its voxels lie. One of the template's shape, cropped or not, lies where the template does,
    as ClinicaDL's pipelines leave it; any other is given axes that run right, anterior, superior in steps of 1 mm from 0.

    Raises
    ------
    ImageError
        When it cannot be read, or is no whole image of one channel.
    """
    array = read_tensor(path)
    if array.ndim != 4 or len(array) != 1:  # noqa: PLR2004  (channel and three axes)
        msg = f"the tensor in {path} is {'x'.join(map(str, array.shape))}; a whole image, (1, x, y, z), was wanted."
        raise ImageError(msg)
    head = template.head()
    known = {grid.shape: grid for grid in (head.grid, template.crop(head).grid)}
    shape = array.shape[1:]
    return Image(array[0], known.get(shape) or Grid(shape, np.eye(4)))


def _grid(path: Path) -> Grid:
    return read_tensor_image(path).grid


READ_TENSORS = Reading(read_tensor_image, _grid)

"""What ClinicaDL calls the tensors it keeps in a CAPS: their folder, their names, and what a name says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fimbria.data.extraction.patches import three
from fimbria.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fimbria.data.extraction.extraction import Location

_AXES: dict[str, Literal[0, 1, 2]] = {"sag": 0, "cor": 1, "axi": 2}
_COLOURS = {1: "single", 3: "rgb"}
_SIDES = r"\d+(?:x\d+x\d+)?"
_PATCH = rf"patchsize-(?P<size>{_SIDES})_stride-(?P<stride>{_SIDES})_patch-(?P<patch>\d+)"
_SLICE = r"axis-(?P<axis>sag|cor|axi)_channel-(?P<colours>single|rgb)_slice-(?P<slice>\d+)"
_OURS = r"reduce-(?P<reduce>\d+)|part-(?P<part>\d+)"  # of no kind that ClinicaDL has
_NAME = re.compile(rf"(?:(?P<prefix>.*)_)?(?:{_PATCH}|{_SLICE}|{_OURS}|roi-(?P<region>.+))_(?P<suffix>[^_]+)\.pt")
_MASK = re.compile(r"tpl-(?P<template>[^_]+)(?P<entities>(_[a-zA-Z0-9-]+)*)_roi-(?P<region>.+)_mask\.nii(\.gz)?")


@dataclass(frozen=True)
class TensorName:
    """What the name of a tensor says.

    Attributes
    ----------
    mode
        ``image``, ``patch``, ``slice`` or ``roi``; ``part`` for a plug-in's.
    index
        Number of a patch, a plug-in's part, or a slice: the latter in the whole image.
    reduce
        Every how many voxels of an image are kept.
    size, stride
        Of a patch, voxels along each axis.
    direction
        Axis that a slice crosses.
    channels
        Of a slice, 1 or 3.
    region
        Name of a region.
    full_frame
        Whether a region has the whole image around it.
    """

    mode: str
    index: int = 0
    reduce: int = 1
    size: tuple[int, int, int] | None = None
    stride: tuple[int, int, int] | None = None
    direction: Literal[0, 1, 2] | None = None
    channels: int = 1
    region: str = ""
    full_frame: bool = False


def tensor_folder(pipeline_name: str, mode: str) -> str:
    """Give the folder of tensors inside that of a session in a CAPS.

    Examples
    --------
    >>> tensor_folder("t1-linear", "patch")
    'deeplearning_prepare_data/patch_based/t1_linear'
    """
    return f"deeplearning_prepare_data/{mode.rpartition(':')[2]}_based/{pipeline_name.replace('-', '_')}"


def tensor_name(source_name: str, mode: str, location: Location, options: Mapping[str, Any]) -> str:
    """Give the file name of the tensor of a part.

    ClinicaDL names a region's tensor after its mask and keeps no more of the image's name than whose it is: tracer, run,
    reconstruction and reference region are lost. So the regions of two PET images of one session, of two tracers for
    example, have one name; whoever writes them must refuse the second. Where ClinicaDL has no such part (patches that are
    no cubes, reduced images, a plug-in's parts) the name says more than its own would, so that it takes none of them for its own.

    Parameters
    ----------
    source_name
        File name of the image, ``<entities>_<suffix>.nii[.gz]``.
    mode
        How it is cut.
    location
        Which part; that of a region knows its mask's file.
    options
        Of the extraction: ``size`` and ``stride`` of patches, ``full_frame`` of regions, ``reduce`` of images.

    Raises
    ------
    InputError
        When the file of a region's mask is not known, or named as no mask is.

    Examples
    --------
    >>> from fimbria.data.extraction.slices import Slices
    >>> place = Slices(2).locations((9, 9, 9))[4]
    >>> tensor_name("sub-1_ses-M000_T1w.nii.gz", "slice", place, {})
    'sub-1_ses-M000_axis-axi_channel-single_slice-4_T1w.pt'
    """
    prefix, _, suffix = source_name.removesuffix(".gz").removesuffix(".nii").rpartition("_")
    said: list[str] = []
    if mode == "patch":
        size, stride = options["size"], options.get("stride") or options["size"]
        said = [f"patchsize-{_sides(size)}", f"stride-{_sides(stride)}", f"patch-{location.index}"]
    elif mode == "slice" and location.flat is not None:
        said = [
            f"axis-{list(_AXES)[location.flat]}",
            f"channel-{_COLOURS[location.channels]}",
            f"slice-{location.index}",
        ]
    elif mode == "roi":
        return "_".join([*_region(prefix, location, full_frame=bool(options.get("full_frame"))), f"{suffix}.pt"])
    elif mode != "image":
        said = [f"part-{location.index}"]
    elif options.get("reduce", 1) > 1:
        said = [f"reduce-{options['reduce']}"]
    return "_".join([*filter(None, [prefix]), *said, f"{suffix}.pt"])


def read_tensor_name(name: str) -> TensorName | None:
    """Read what the name of a tensor says; None where it is not that of a tensor.

    Examples
    --------
    >>> read_tensor_name("sub-1_ses-M000_patchsize-50_stride-25_patch-7_T1w.pt").stride
    (25, 25, 25)
    >>> read_tensor_name("sub-1_ses-M000_T1w.nii.gz") is None
    True
    """
    if (match := _NAME.fullmatch(name)) is None:
        return TensorName("image") if name.endswith(".pt") else None
    if match["patch"]:
        return TensorName(
            "patch", int(match["patch"]), size=_read_sides(match["size"]), stride=_read_sides(match["stride"])
        )
    if match["slice"]:
        channels = next(count for count, word in _COLOURS.items() if word == match["colours"])
        return TensorName("slice", int(match["slice"]), direction=_AXES[match["axis"]], channels=channels)
    if match["part"] or match["reduce"]:
        return (
            TensorName("part", int(match["part"]))
            if match["part"]
            else TensorName("image", reduce=int(match["reduce"]))
        )
    boxed = "desc-CropRoi" in (match["prefix"] or "").split("_")
    return TensorName("roi", region=match["region"], full_frame=not boxed)


def _region(prefix: str, location: Location, *, full_frame: bool) -> list[str]:
    if (named := _MASK.fullmatch(location.mask_file)) is None:
        msg = (
            f"the tensor of region {location.name!r} is named after its mask, and {location.mask_file!r} is no name of a mask: "
            "tpl-<template>_..._roi-<name>_mask.nii.gz is wanted."
        )
        raise InputError(msg)
    first = prefix.split("_")
    entities = [word for word in named["entities"].split("_") if word]
    cropped = "desc-Crop" in entities
    described = ["desc-CropImage"] if full_frame and cropped else [] if full_frame else ["desc-CropRoi"]
    legacy = ["T1w"] if first[2:3] == ["T1w"] else []  # names of the first CAPS have their suffix twice
    others = [word for word in entities if word != "desc-Crop"]
    return [*first[:2], *legacy, f"space-{named['template']}", *described, *others, f"roi-{location.name}"]


def _sides(sides: int | Sequence[int]) -> str:
    x, y, z = three(sides)
    return str(x) if x == y == z else f"{x}x{y}x{z}"


def _read_sides(text: str) -> tuple[int, int, int]:
    sides = [int(side) for side in text.split("x")]
    return three(sides[0] if len(sides) == 1 else sides)

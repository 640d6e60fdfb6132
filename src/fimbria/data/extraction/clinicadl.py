"""ClinicaDL's files about an extraction: ``tensor_extraction/<name>.json``, written and read, of 1.1 and of 1.6.

References
----------
Thibeau-Sutre, E. et al. (2022). ClinicaDL: an open-source deep learning software for reproducible neuroimaging processing.
Computer Methods and Programs in Biomedicine 220, 106818. doi:10.1016/j.cmpb.2022.106818
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fimbria.data.extraction.patches import three
from fimbria.errors import InputError, Problem, did_you_mean, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    _Take = Callable[[], dict[str, Any]]

_LEGACY = ("t1-extensive", "t1-volume", "t2-linear", "mni", "linear")
_TRACERS = {"fdg": "18FFDG", "av45": "18FAV45"}  # 1.1's labels -> BIDS's
_COLOURS = 3


@dataclass(frozen=True)
class Described:
    """What a file in ``tensor_extraction`` says, in our words.

    Attributes
    ----------
    mode
        ``image``, ``patch``, ``slice``, ``roi``, or a plug-in's.
    extraction
        The component that cuts so: its ``name`` and options.
    pipeline
        The component that names the images: its ``name`` and options.
    tensors
        Whether the parts lie on disk as tensors.
    spacing
        Voxel side in mm that images are resampled to; None keeps theirs.
    """

    mode: str
    extraction: dict[str, Any]
    pipeline: dict[str, Any]
    tensors: bool
    spacing: float | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What the data section of an experiment says of it; tensors of parts are not read, their images are."""
        said: dict[str, Any] = {"pipeline": self.pipeline, "extraction": self.extraction}
        return said | ({} if self.spacing is None else {"spacing": self.spacing})


def description(  # noqa: PLR0913  (what ClinicaDL's file holds)
    mode: str,
    extraction_options: Mapping[str, Any],
    pipeline_name: str,
    pipeline_options: Mapping[str, Any],
    file_name: str,
    *,
    glob: str,
    tensors: bool,
    spacing: float | None,
) -> dict[str, Any]:
    """Say how images are cut, in ClinicaDL's words and, under ``fimbria``, in ours.

    Parameters
    ----------
    mode, extraction_options
        Name of the extraction, and every option with its value.
    pipeline_name, pipeline_options
        What preprocessed the images, and every option with its value.
    file_name
        Of the description itself.
    glob
        Names of the images as ClinicaDL looks for them.
    tensors
        Whether the parts lie on disk as tensors.
    spacing
        Voxel side in mm that images are resampled to; None keeps theirs.

    Returns
    -------
    dict
        Holds all that ClinicaDL 1.6 asks for; a patch that is no cube is given as the list of its sides, which it refuses.
    """
    ours = {
        "extraction": {"name": mode, **extraction_options},
        "pipeline": {"name": pipeline_name, **pipeline_options},
        "spacing": spacing,
    }
    return {
        "preprocessing": pipeline_name,
        "mode": mode,
        "use_uncropped_image": None if pipeline_name == "custom" else not pipeline_options.get("cropped", True),
        "prepare_dl": tensors,
        "extract_json": file_name,
        **_parts(mode, extraction_options, custom=pipeline_name == "custom"),
        **_images(pipeline_name, pipeline_options),
        "file_type": {
            "pattern": glob,
            "description": f"images of {pipeline_name}",
            "needed_pipeline": pipeline_name,
        },
        "fimbria": ours,
    }


def _parts(mode: str, options: Mapping[str, Any], *, custom: bool) -> dict[str, Any]:
    if mode == "patch":
        size = options["size"]
        return {"patch_size": _one(size), "stride_size": _one(options.get("stride") or size)}
    if mode == "slice":
        return {
            "slice_direction": options["direction"],
            "slice_mode": "rgb" if options["channels"] == _COLOURS else "single",
            "discarded_slices": list(options["discard"]),
        }
    if mode == "roi":
        return {
            "roi_list": list(options["roi"]),
            "uncropped_roi": options["full_frame"],
            "roi_custom_template": options.get("template", "") if custom else "",
            "roi_custom_mask_pattern": options.get("pattern", "") if custom else "",
            "roi_background_value": options.get("background", 0),
        }
    return {}


def _one(sides: int | Sequence[int]) -> int | list[int]:
    found = three(sides)
    return found[0] if len(set(found)) == 1 else list(found)


def _images(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    if name == "custom":
        return {"custom_suffix": options["suffix"]}
    if name == "pet-linear":
        return {"tracer": options["tracer"], "suvr_reference_region": options["region"]}
    if name == "dwi-dti":  # 1.6 writes these under one name and reads them under another
        measure, space = options["measure"], options["space"]
        return {"dti_measure": measure, "dti_space": space, "measure": measure, "space": space}
    return {}


def read_description(path: Path) -> Described:
    """Read ``tensor_extraction/<name>.json``: ours, or ClinicaDL's of 1.0 to 1.6.

    What stands under ``fimbria`` counts; what does not is read from ClinicaDL's words.

    Raises
    ------
    InputError
        When the file is missing, or is not one JSON object.
    ProblemsError
        For every entry that is missing, unfit, or of a pipeline that ClinicaDL has given up; all at once.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = sorted(other.stem for other in path.parent.glob("*.json"))
        msg = f"there is no description {path}: {did_you_mean(path.stem, known)}. Make one with `fimbria extract`."
        raise InputError(msg) from error
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{path} cannot be read as JSON: {error}. Make it again with `fimbria extract`."
        raise InputError(msg) from error
    if not isinstance(content, dict):
        msg = f"{path} holds no JSON object, so it describes no extraction. Make it again with `fimbria extract`."
        raise InputError(msg)
    return read_content(content, str(path))


def read_content(content: Mapping[str, Any], source: str) -> Described:
    """Read what such a file holds, or the `preprocessing_dict` of a ``maps.json`` of ClinicaDL, which is a copy of one.

    Parameters
    ----------
    content
        By ClinicaDL's keys and, under ``fimbria``, by ours.
    source
        What to call it in an error.

    Raises
    ------
    ProblemsError
        As `read_description`.
    """
    return _Reader(dict(content)).read(source)


class _Reader:
    """Takes what it needs from a description and notes everything that is wrong on the way."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.problems: list[Problem] = []

    def read(self, source: str) -> Described:
        ours = self.take("fimbria", lambda value: isinstance(value, dict), "an object", default={})
        mode = self.take("mode", _is_word, "image, patch, slice or roi")
        tensors = self.take("prepare_dl", _is_bool, "true or false", default=False)
        extraction = self.component(ours, "extraction") or self.extraction(mode)
        if extraction and mode is not None and extraction["name"] != mode:
            self.wrong("mode", mode, f"{extraction['name']!r}, as under fimbria")
        pipeline = self.component(ours, "pipeline") or self.pipeline()
        spacing = ours.get("spacing")
        if spacing is not None and not (_is_number(spacing) and spacing > 0):
            self.wrong("fimbria.spacing", spacing, "a length in mm, or null")
        refuse(source, self.problems)
        return Described(mode, extraction, pipeline, tensors, spacing)

    def take(self, key: str, fits: Callable[[Any], bool], wanted: str, default: object = None) -> Any:  # noqa: ANN401  (JSON holds anything)
        """Give the value of a key; where there is none its default, and without a default that is a problem."""
        if key not in self.content:
            if default is None:
                self.problems.append(Problem(f"{key} is missing", f"{wanted} is wanted"))
            return default
        if fits(value := self.content[key]):
            return value
        self.wrong(key, value, wanted)
        return default

    def wrong(self, key: str, value: object, wanted: str) -> None:
        self.problems.append(Problem(f"{key} is {json.dumps(value)}", f"{wanted} is wanted"))

    def component(self, ours: Mapping[str, Any], kind: str) -> dict[str, Any]:
        if (found := ours.get(kind)) is None:
            return {}
        if isinstance(found, dict) and isinstance(found.get("name"), str):
            return found
        self.wrong(f"fimbria.{kind}", found, "a component, with its name,")
        return {}

    def extraction(self, mode: str | None) -> dict[str, Any]:
        if mode is None:
            return {}
        readers: dict[str, _Take] = {"image": dict, "patch": self.patch, "slice": self.slice, "roi": self.roi}
        if mode not in readers:
            self.wrong("mode", mode, "image, patch, slice or roi")
            return {}
        return {"name": mode, **readers[mode]()}

    def patch(self) -> dict[str, Any]:
        return {
            "size": self.take("patch_size", _is_count, "a number of voxels"),
            "stride": self.take("stride_size", _is_count, "a number of voxels"),
        }

    def slice(self) -> dict[str, Any]:
        direction = self.take("slice_direction", _is_axis, "0, 1 or 2")
        colours = self.take("slice_mode", lambda value: value in ("rgb", "single"), "rgb or single")
        discarded = self.take("discarded_slices", _is_discard, "one number of slices, or two,", default=0)
        sides = discarded if isinstance(discarded, list) else [discarded]
        return {
            "direction": direction,
            "discard": [sides[0], sides[-1]],
            "channels": _COLOURS if colours == "rgb" else 1,
        }

    def roi(self) -> dict[str, Any]:
        named = self.take("roi_list", _is_words, "a list of one or more names")
        whole = self.take("uncropped_roi", _is_bool, "true or false", default=False)
        background = self.take("roi_background_value", _is_number, "a number", default=0)
        template = self.take("roi_custom_template", _is_text, "a template's name", default="")
        pattern = self.take("roi_custom_mask_pattern", _is_text, "a part of the masks' names", default="")
        if self.content.get("preprocessing") == "custom" and not template:
            self.problems.append(
                Problem("roi_custom_template is empty", "custom images need the template of the masks")
            )
        elif not template:
            pattern = ""  # where there is no template of one's own ClinicaDL looks at no pattern of one's own
        return {"roi": named, "full_frame": whole, "background": background, "template": template, "pattern": pattern}

    def pipeline(self) -> dict[str, Any]:
        readers: dict[str, _Take] = {
            "t1-linear": self.linear,
            "flair-linear": self.linear,
            "pet-linear": self.pet,
            "dwi-dti": self.diffusion,
            "custom": self.custom,
        }
        name = self.take("preprocessing", _is_text, "the name of a pipeline")
        if name is None:
            return {}
        if name in _LEGACY:
            what = f"preprocessing is {name!r}, a pipeline that ClinicaDL itself no longer reads"
            self.problems.append(Problem(what, "preprocess the images again, with t1-linear for example"))
        elif name not in readers:
            self.problems.append(
                Problem(f"preprocessing is {name!r}, no pipeline that is known", did_you_mean(name, readers))
            )
        else:
            return {"name": name, **readers[name]()}
        return {}

    def linear(self) -> dict[str, Any]:
        return {"cropped": not self.take("use_uncropped_image", _is_bool, "true or false", default=False)}

    def pet(self) -> dict[str, Any]:
        label = "acq_label" if "acq_label" in self.content and not self.content.get("tracer") else "tracer"
        tracer = self.take(label, _is_word, "the label of a tracer")
        region = self.take("suvr_reference_region", _is_word, "a reference region, such as pons,")
        return {"tracer": _TRACERS.get(tracer, tracer), "region": region, **self.linear()}

    def diffusion(self) -> dict[str, Any]:
        measure, space = (f"dti_{key}" if f"dti_{key}" in self.content else key for key in ("measure", "space"))
        return {
            "measure": self.take(measure, _is_word, "FA, MD, AD or RD"),
            "space": self.take(space, _is_word, "native or normalized"),
        }

    def custom(self) -> dict[str, Any]:
        if self.content.get("custom_suffix"):
            return {"suffix": self.take("custom_suffix", _is_word, "how the images' names end,")}
        kind = self.content.get("file_type")  # synthetic images of 1.6 have their pattern alone
        pattern = kind.get("pattern") if isinstance(kind, dict) else None
        if isinstance(pattern, str) and pattern.startswith("*") and pattern.count("*") < len(pattern):
            return {"suffix": pattern.lstrip("*")}
        self.problems.append(Problem("custom_suffix is missing", "how the images' names end is wanted"))
        return {}


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_axis(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in {0, 1, 2}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_words(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_word, value))


def _is_discard(value: object) -> bool:
    sides = value if isinstance(value, list) else [value]
    return len(sides) in {1, 2} and all(
        isinstance(side, int) and not isinstance(side, bool) and side >= 0 for side in sides
    )

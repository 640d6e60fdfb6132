"""Weights from files: ours, ClinicaDL's and torch's. Nothing in such a file is ever run."""

from __future__ import annotations

import json
import pickle
import re
import warnings
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from fimbria.errors import InputError, Problem, listing, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from torch import Tensor

_SAFE: Final = ".safetensors"
_TORCH: Final = (".pt", ".pth", ".pth.tar")
_STATES: Final = ("model", "state_dict")  # under these names a checkpoint keeps its weights, beside other things
_WRAPPINGS: Final = ("module.", "_orig_mod.")  # what torch puts before each name of a distributed or compiled network
_CONVERSION: Final = (
    "Load it once where it came from, and save its weights alone:\n"
    "    from safetensors.torch import save_file\n"
    "    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, 'weights.safetensors')"
)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the weights of a network, without running anything.

    Parameters
    ----------
    path
        A ``.safetensors`` file, with a ``model.json`` beside it if there is one; or a ``.pt``, ``.pth`` or ``.pth.tar`` file
        of torch with nothing but tensors, by themselves or as ``model`` in a checkpoint (ClinicaDL 1.x).

    Returns
    -------
    dict
        Tensors by name, in main memory, in the order of the network they come from.

    Raises
    ------
    InputError
        When it is missing, damaged, of another kind, or holds a pickled object, which would have to be run.
    ProblemsError
        For every entry that is no tensor of numbers; all at once.
    """
    kind = next((ending for ending in (_SAFE, *_TORCH[::-1]) if path.name.endswith(ending)), None)
    if not path.is_file():
        msg = f"there is no file of weights {path}; {_SAFE} or {', '.join(_TORCH)} was wanted."
        raise InputError(msg)
    if kind is None:
        msg = f"{path} does not end as a file of weights does: {_SAFE} or {', '.join(_TORCH)} was wanted."
        raise InputError(msg)
    if not path.stat().st_size:
        msg = f"{path} is empty. Copy it again from where it came from."
        raise InputError(msg)
    found = _safetensors(path) if kind == _SAFE else _torch(path)
    if not found:
        msg = f"{path} holds no tensors, so there is nothing to take over."
        raise InputError(msg)
    refuse(str(path), _problems(found))
    return found


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        msg = f"{path} cannot be read as safetensors: it is damaged ({_short(error)}). Copy it again from where it came from."
        raise InputError(msg) from error
    beside = path.with_name("model.json")
    if not beside.is_file():
        return _in_order(tensors)
    try:
        about = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{beside}, which says what {path.name} is, cannot be read as JSON: {_short(error)}. Copy it again, or take the weights to a folder of their own."
        raise InputError(msg) from error
    if not isinstance(about, dict):
        msg = f"{beside}, which should say what {path.name} is, holds no names and values. Take the weights to a folder of their own."
        raise InputError(msg)
    return _in_order(tensors, about.get("tensors"))


def _in_order(tensors: dict[str, Tensor], told: object = None) -> dict[str, Tensor]:
    """Give tensors in the order of their network, as it is told; else numbers in names are counted, so that 2 is before 10.

    A file of safetensors does not keep the order in which its tensors were saved.
    """
    if isinstance(told, list) and sorted(map(str, told)) == sorted(tensors):
        return {name: tensors[name] for name in map(str, told)}
    parts = {name: re.split(r"(\d+)", name) for name in tensors}  # every second one is a number
    counted = {name: [int(one) if place % 2 else one for place, one in enumerate(of)] for name, of in parts.items()}
    return {name: tensors[name] for name in sorted(tensors, key=counted.__getitem__)}


def _torch(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how older versions of torch kept tensors
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        msg = f"{path} is damaged, or holds more than tensors: a pickled object, which could run anything and is never loaded. {_CONVERSION}"
        raise InputError(msg) from error
    except Exception as error:  # torch has no one word for a file that is none: it depends on the first wrong byte
        msg = f"{path} cannot be read as a file of torch: it is damaged ({_short(error)}). Copy it again from where it came from."
        raise InputError(msg) from error
    return _checkpoint(found, path)


def _checkpoint(found: object, path: Path) -> dict[str, Tensor]:
    """Find the weights in what torch gave."""
    if not isinstance(found, dict):
        msg = f"{path} holds {_called(found)}, where the weights of a network were wanted: a name and a tensor for each. {_CONVERSION}"
        raise InputError(msg)
    key = next((name for name in _STATES if isinstance(found.get(name), dict)), None)
    return _unwrapped(found if key is None else found[key])


def _unwrapped(state: Mapping[Any, Any]) -> dict[str, Any]:
    """Drop what torch puts before the names of a wrapped network."""
    names = {str(name): value for name, value in state.items()}
    while prefix := next((one for one in _WRAPPINGS if names and all(name.startswith(one) for name in names)), None):
        names = {name.removeprefix(prefix): value for name, value in names.items()}
    return names


def _problems(tensors: Mapping[str, object]) -> Iterable[Problem]:
    """Find what is no tensor of finite numbers, or shows more numbers than it holds."""
    for name, value in tensors.items():
        if not isinstance(value, torch.Tensor):
            yield Problem(f"{name} is {_called(value)}, not a tensor", "keep the tensors of the network alone")
        elif value.layout is not torch.strided or value.is_complex() or value.is_quantized or value.is_meta:
            kind = f"{value.dtype}, {value.layout}" + (", without content" if value.is_meta else "")
            yield Problem(f"{name} is {kind}", "plain real numbers were wanted")
        elif value.numel() * value.element_size() > value.untyped_storage().nbytes():
            yield Problem(f"{name} shows more numbers than the file holds", "save it again, contiguous")
        elif value.is_floating_point() and not bool(torch.isfinite(value).all()):
            yield Problem(f"{name} has numbers that are not finite", "take the weights of an earlier epoch")


def _called(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"a list of {listing([type(one).__name__ for one in value], 3) or 'nothing'}"
    return f"one {type(value).__name__}"


def _short(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")[:200] or type(error).__name__

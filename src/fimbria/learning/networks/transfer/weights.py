"""Weights from files: ours, ClinicaDL's and torch's. Nothing in such a file is ever run."""

from __future__ import annotations

import json
import pickle
import warnings
from dataclasses import dataclass
from types import MappingProxyType
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


@dataclass(frozen=True, eq=False)
class Weights:
    """What a file of weights holds.

    Attributes
    ----------
    tensors
        Its tensors by name, in main memory, in the order of the network they come from.
    about
        What is said of them beside the tensors: ``model.json``, or ``name`` and ``epoch`` in a checkpoint of ClinicaDL.
    origin
        Whose file it is, for people: ``fimbria``, ``ClinicaDL``, ``torch`` or ``safetensors``.
    """

    tensors: Mapping[str, Tensor]
    about: Mapping[str, Any]
    origin: str


def read_weights(path: Path) -> Weights:
    """Read the weights of a network, without running anything.

    Parameters
    ----------
    path
        A ``.safetensors`` file, with a ``model.json`` beside it if there is one; or a ``.pt``, ``.pth`` or ``.pth.tar`` file
        of torch with nothing but tensors, by themselves or as ``model`` in a checkpoint (ClinicaDL 1.x).

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
    if not found.tensors:
        msg = f"{path} holds no tensors, so there is nothing to take over."
        raise InputError(msg)
    refuse(str(path), _problems(found.tensors))
    return found


def _safetensors(path: Path) -> Weights:
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        msg = f"{path} cannot be read as safetensors: it is damaged ({_short(error)}). Copy it again from where it came from."
        raise InputError(msg) from error
    beside = path.with_name("model.json")
    if not beside.is_file():
        return Weights(MappingProxyType(tensors), MappingProxyType({}), "safetensors")
    try:
        about = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{beside}, which says what {path.name} is, cannot be read as JSON: {_short(error)}. Copy it again, or take the weights to a folder of their own."
        raise InputError(msg) from error
    if not isinstance(about, dict):
        msg = f"{beside}, which should say what {path.name} is, holds no names and values. Take the weights to a folder of their own."
        raise InputError(msg)
    return Weights(MappingProxyType(tensors), MappingProxyType(about), "fimbria")


def _torch(path: Path) -> Weights:
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


def _checkpoint(found: object, path: Path) -> Weights:
    """Tell the weights in what torch gave from what is said of them."""
    if not isinstance(found, dict):
        msg = f"{path} holds {_called(found)}, where the weights of a network were wanted: a name and a tensor for each. {_CONVERSION}"
        raise InputError(msg)
    key = next((name for name in _STATES if isinstance(found.get(name), dict)), None)
    state = found if key is None else found[key]
    about = {} if key is None else {k: v for k, v in found.items() if isinstance(v, (str, int, float, bool))}
    theirs = key == "model" and {"name", "epoch"} <= found.keys()
    return Weights(MappingProxyType(_unwrapped(state)), MappingProxyType(about), "ClinicaDL" if theirs else "torch")


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

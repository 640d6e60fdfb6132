"""Whether a network fits its images and its task, found before anything is trained; and what its layers give.

A network is built and run without memory for its numbers (torch's meta device), so that also the largest is tried in a
moment. Where an operation needs numbers, a small network is tried with real ones instead.
"""

from __future__ import annotations

import inspect
import os
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from fimbria.errors import FimbriaError, InputError, Problem
from fimbria.learning.networks.network import dimensions, needs_numbers, on_no_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fimbria.geometry import Shape

SAMPLES = 2
SIDES = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # of the images tried in the search for one that works
REAL = (2**24, 2**18)  # numbers of a network, and of an image, up to which real ones are tried
_OURS = tuple(
    f"{Path(inspect.getfile(of)).parent}{os.sep}" for of in (torch, FimbriaError)
)  # no user looks for a fault there


class Layer(NamedTuple):
    """One step on the way through a network.

    Attributes
    ----------
    name, kind
        Where it stands in the network, and its class.
    output
        Shape of what it gives for one image.
    parameters
        Of its own; 0 where it is passed again.
    """

    name: str
    kind: str
    output: Shape
    parameters: int


class Passage(NamedTuple):
    """What a network does with one image.

    Attributes
    ----------
    outputs
        Shape of what it gives for one image, by name where it gives several things.
    parameters
        Numbers that it holds and learns.
    size_bytes
        Of its weights: what is learnt, and running statistics.
    layers
        In the order in which an image passes them.
    """

    outputs: Mapping[str, Shape]
    parameters: int
    size_bytes: int
    layers: tuple[Layer, ...]


class _Untried(Exception):  # noqa: N818  (no error: nothing is known)
    """Whether a network fits is not known: it works with real numbers only, and is too large to be given some."""


def misfits(
    build: Callable[[Shape], nn.Module], input_size: Shape, outputs: int | None, covariates: int = 0
) -> list[Problem]:
    """Say what stands between a network, its images and its task.

    Parameters
    ----------
    build
        Makes the network for an input size.
    input_size
        Of a part, ``(channel, ...)``.
    outputs
        How many numbers the task wants of an image; None where it wants an image of the same shape.
    covariates
        How many numbers of a table go with an image.

    Returns
    -------
    list of Problem
        None where it fits. A network that cannot be tried without much memory is taken as fitting.
    """
    try:
        network, given = _passed(build, input_size, covariates)
    except _Untried:
        return []
    except Exception as error:  # noqa: BLE001  (whatever a network raises is said, not traced)
        return [_failed(error, build, input_size, covariates)]
    problems = [] if any(True for _ in network.parameters()) else [Problem("it has no parameters: nothing is learnt")]
    return problems + _unwanted(given, input_size, outputs)


def passage(build: Callable[[Shape], nn.Module], input_size: Shape, covariates: int = 0) -> Passage:
    """Follow an image through a network, without memory for either.

    Parameters
    ----------
    build, input_size, covariates
        As in `misfits`.

    Raises
    ------
    InputError
        When the network cannot be built, or cannot take the image; with a sentence that says why.
    """
    layers: list[Layer] = []
    try:
        network, given = _passed(build, input_size, covariates, layers)
    except _Untried as error:
        msg = f"what it gives for an image {_text(input_size)} cannot be told without building it; it is large."
        raise InputError(msg) from error
    except Exception as error:
        raise InputError(str(_failed(error, build, input_size, covariates))) from error
    parameters = list(network.parameters())
    kept = [*parameters, *network.buffers()]
    return Passage(
        _shapes(given),
        sum(parameter.numel() for parameter in parameters),
        sum(tensor.numel() * tensor.element_size() for tensor in kept),
        tuple(layers),
    )


def _passed(
    build: Callable[[Shape], nn.Module], input_size: Shape, covariates: int, layers: list[Layer] | None = None
) -> tuple[nn.Module, Any]:
    """Build a network and run it in training and in evaluation; give it and what it said."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        network = _built(build, input_size)
        try:
            with torch.device("meta"):
                return network, _ran(network, input_size, covariates, layers)
        except Exception as error:
            if not needs_numbers(error):
                raise
            small = sum(parameter.numel() for parameter in network.parameters()) <= REAL[0]
            if not small or torch.Size(input_size).numel() > REAL[1]:
                raise _Untried from error
        if layers is not None:
            layers.clear()
        network = build(input_size)
        return network, _ran(network, input_size, covariates, layers)


def _built(build: Callable[[Shape], nn.Module], input_size: Shape) -> nn.Module:
    made: object = on_no_memory(partial(build, input_size))
    if not isinstance(made, nn.Module):
        msg = f"its factory gives {_article(made)}; an nn.Module was wanted."
        raise InputError(msg)
    lazy = [name for name, parameter in made.named_parameters() if is_lazy(parameter)]
    if lazy:
        msg = f"{lazy[0]} has no size before the first image (a lazy layer). Give every layer its sizes; input_size tells them."
        raise InputError(msg)
    return made


def _ran(network: nn.Module, input_size: Shape, covariates: int, layers: list[Layer] | None) -> Any:  # noqa: ANN401  (whatever it gives)
    given = [torch.zeros((SAMPLES, *input_size))]
    given += [torch.zeros((SAMPLES, covariates))] if covariates else []
    _takes(network, len(given))
    network.train()
    network(*given)
    network.eval()
    if layers is None:
        return network(*given)
    hooks = list(_watched(network, layers))
    try:
        return network(*given)
    finally:
        for hook in hooks:
            hook.remove()


def _takes(network: nn.Module, count: int) -> None:
    """Refuse a network that takes no table where there is one, or wants one where there is none."""
    try:
        inspect.signature(network.forward).bind(*range(count))
    except TypeError as error:
        asks = f"it asks for {', '.join(inspect.signature(network.forward).parameters)}"
        msg = (
            f"the network takes images alone ({asks}), and there are covariates. Take --network.name with-covariates around it, or leave --data.covariates out."
            if count > 1
            else f"the network wants more than images ({asks}). Name columns of the tables with --data.covariates, or choose another."
        )
        raise InputError(msg) from error


def _watched(network: nn.Module, layers: list[Layer]) -> Iterator[torch.utils.hooks.RemovableHandle]:
    seen: set[int] = set()
    for name, module in network.named_modules():
        own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        if not own and any(True for _ in module.children()):
            continue

        def note(module: nn.Module, _: object, outputs: object, name: str = name, own: int = own) -> None:
            first = _first(outputs)
            shape = () if first is None else tuple(first.shape[1:])
            layers.append(Layer(name, type(module).__name__, shape, 0 if id(module) in seen else own))
            seen.add(id(module))

        yield module.register_forward_hook(note)


def _unwanted(given: object, input_size: Shape, outputs: int | None) -> list[Problem]:
    """Compare what a network gives with what the task wants."""
    first = _first(given)
    image = _text(input_size)
    if first is None:
        return [Problem(f"it gives {_article(given)}; a tensor, or a tuple that begins with one, was wanted")]
    found = tuple(first.shape)
    wanted = (SAMPLES, *input_size) if outputs is None else (SAMPLES, outputs)
    if found == wanted:
        return []
    if len(found) < 2 or found[0] != SAMPLES:  # noqa: PLR2004  (samples, and what is said of each)
        return [Problem(f"for {SAMPLES} images it gives a tensor {_text(found)}; its first axis should be the images")]
    says = f"for an image {image} it gives {_numbers(found[1:])}, and the task wants"
    if outputs is None:
        remedy = "choose one that gives an image, such as unet or autoencoder (fimbria list networks)"
        return [Problem(f"{says} an image of the same shape", remedy if len(found) != len(wanted) else "")]
    remedy = "choose one that gives numbers, such as conv5-fc3 (fimbria list networks)"
    if len(found) == len(wanted):
        remedy = "let its factory ask for output_size, and give as many"
    return [Problem(f"{says} {_numbers((outputs,))}", remedy)]


def _failed(error: Exception, build: Callable[[Shape], nn.Module], input_size: Shape, covariates: int) -> Problem:
    """Say why a network failed, and what it would take."""
    said, image, told = _said(error), _text(input_size), isinstance(error, FimbriaError)

    def works(*size: int) -> bool:
        try:
            _passed(build, (input_size[0], *size), covariates)
        except Exception:  # noqa: BLE001  (that it fails is the answer)
            return False
        return True

    axes = dimensions(input_size)
    smallest = _smallest(lambda side: works(*(side,) * axes))
    if smallest and smallest > min(input_size[1:]):
        remedy = f"the smallest image that works is {_text((input_size[0], *(smallest,) * axes))}"
        return Problem(said if told else f"an image {image} is too small for it: {said}", remedy)
    if not smallest and axes in (2, 3):
        other = 5 - axes
        if any(works(*(side,) * other) for side in (max(input_size[1:]), *SIDES[-4:-1])):
            choice = "--data.extraction.name slice" if other == 2 else "--data.extraction.name image"  # noqa: PLR2004  (axes)
            remedy = f"{choice}, or a network for {axes}-D images (fimbria list networks)"
            return Problem(
                said if told else f"it takes {other}-D images, and the parts are {axes}-D ({image}): {said}", remedy
            )
    if smallest and not told:
        remedy = f"an image {_text((input_size[0], *(smallest,) * axes))} works"
        return Problem(f"it cannot take an image {image}: {said}", remedy)
    return Problem(said if told else f"it cannot take an image {image}: {said}")


def _smallest(works: Callable[[int], bool]) -> int | None:
    """Find the smallest side of a cube that works, where larger ones work too."""
    below = 0
    for upper in SIDES:
        if works(upper):
            while upper - below > 1:
                middle = (below + upper) // 2
                below, upper = (below, middle) if works(middle) else (middle, upper)  # noqa: PLW2901  (narrowed down)
            return upper
        below = upper
    return None


def _said(error: Exception) -> str:
    """Give an error in one line, with the place in the network's own code."""
    if isinstance(error, FimbriaError):
        return str(error)
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith((*_OURS, "<"))]
    where = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}{': ' if first else ''}{first}{where}"


def _first(given: object) -> Tensor | None:
    """Give what is compared with the task: the tensor, or the first of several."""
    while isinstance(given, (tuple, list)) and given:
        given = given[0]
    return given if isinstance(given, Tensor) else None


def _shapes(given: object) -> dict[str, Shape]:
    """Give the shape of every tensor for one image, by its name."""
    if isinstance(given, Tensor):
        return {"output": tuple(given.shape[1:])}
    if not isinstance(given, tuple):
        return {}
    names = getattr(given, "_fields", [f"output {place}" for place in range(1, len(given) + 1)])
    return {name: tuple(one.shape[1:]) for name, one in zip(names, given, strict=True) if isinstance(one, Tensor)}


def _numbers(shape: Shape) -> str:
    if len(shape) == 1:
        return "1 number" if shape[0] == 1 else f"{shape[0]} numbers"
    return f"an image {_text(shape)}"


def _article(given: object) -> str:
    name = type(given).__name__
    return "nothing (None)" if given is None else f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))

"""What there is to choose from, and from which package."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from fimbria.data.extraction import extraction
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import ComponentError, InputError, did_you_mean
from fimbria.learning.networks import network, parameter_count
from fimbria.learning.samples.augmentation import augmentation
from fimbria.learning.samples.normalization import normalization
from fimbria.learning.tasks import task
from fimbria.learning.training.optimizers import optimizer
from fimbria.results.evaluation.metric import metric
from fimbria.workflows.choices import GIVEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.registry import Registered, Registry

KINDS: dict[str, Registry[Any]] = {
    "networks": network,
    "tasks": task,
    "metrics": metric,
    "extractions": extraction,
    "normalizations": normalization,
    "augmentations": augmentation,
    "optimizers": optimizer,
    "pipelines": pipeline,
}


def components(kind: str) -> list[dict[str, Any]]:
    """List the components of a kind.

    Parameters
    ----------
    kind
        ``networks``, ``tasks``, ``metrics``, ...

    Returns
    -------
    list of dict
        ``name``, ``provider`` and ``summary`` of each.

    Raises
    ------
    InputError
        When there is no such kind.
    """
    return [_row(_registry(kind), name) for name in _registry(kind).names()]


def _row(registry: Registry[Any], name: str) -> dict[str, Any]:
    try:
        one = registry.find(name)
    except ComponentError as error:  # a package that is broken does not hide the others
        return {"name": name, "provider": "unknown", "summary": str(error)}
    return {"name": one.name, "provider": one.provider, "summary": one.summary}


def component(kind: str, name: str, *, input_size: Sequence[int] | None = None, outputs: int = 2) -> dict[str, Any]:
    """Describe one component; a network is also built, on no memory, when a size of input is given.

    Parameters
    ----------
    kind, name
        Which.
    input_size
        ``(channel, x, y, z)`` or ``(channel, first, second)``.
    outputs
        How many numbers a network gives.

    Returns
    -------
    dict
        ``name``, ``provider``, ``version``, ``summary``, ``details``, ``options``; for a network with `input_size` also
        ``parameters``, ``input_size``, ``outputs`` and ``layers``.

    Raises
    ------
    InputError
        When there is no such component, or a network cannot take such an input.
    """
    found = _registry(kind).find(name)
    described = {**found.origin, "summary": found.summary, "details": found.details, "options": _options(kind, found)}
    if input_size is None:
        return described
    if kind != "networks":
        msg = f"--input is for networks; {name!r} is one of the {kind}."
        raise InputError(msg)
    if min(input_size) < 1 or outputs < 1:
        msg = f"--input {'x'.join(map(str, input_size))} --outputs {outputs}: every number must be at least 1."
        raise InputError(msg)
    with torch.device("meta"):
        built = found.build({"input_size": tuple(input_size), "output_size": outputs}, {})
    layers = str(built).splitlines()
    return {
        **described,
        "input_size": list(input_size),
        "outputs": outputs,
        "parameters": parameter_count(built),
        "layers": layers,
    }


def _registry(kind: str) -> Registry[Any]:
    if kind not in KINDS:
        msg = f"there are no {kind!r} to list: {did_you_mean(kind, KINDS)}."
        raise InputError(msg)
    return KINDS[kind]


def _options(kind: str, found: Registered[Any]) -> dict[str, Any]:
    """Give the options a user can choose, with their defaults; ``needed`` where there is none."""
    given = GIVEN.get(kind.removesuffix("s"), ())
    parameters = inspect.signature(found.factory).parameters
    return {
        name: "needed" if parameter.default is inspect.Parameter.empty else parameter.default
        for name, parameter in parameters.items()
        if name not in given
    }

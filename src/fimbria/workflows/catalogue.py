"""What there is to choose from, and from which package."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fimbria.data.extraction import extraction
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import ComponentError, InputError, did_you_mean
from fimbria.learning.networks import network
from fimbria.learning.networks.fitting import Passage, passage
from fimbria.learning.samples.augmentation import augmentation
from fimbria.learning.samples.normalization import normalization
from fimbria.learning.samples.sampler import sampler
from fimbria.learning.tasks import loss, task
from fimbria.learning.training.optimizers import optimizer
from fimbria.results.evaluation.metric import metric
from fimbria.workflows.choices import GIVEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fimbria.registry import Registered, Registry

KINDS: dict[str, Registry[Any]] = {
    "networks": network,
    "tasks": task,
    "losses": loss,
    "metrics": metric,
    "extractions": extraction,
    "normalizations": normalization,
    "augmentations": augmentation,
    "optimizers": optimizer,
    "samplers": sampler,
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


def component(  # noqa: PLR0913  (which, and what a network is tried with)
    kind: str,
    name: str,
    *,
    input_size: Sequence[int] | None = None,
    outputs: int = 2,
    options: Mapping[str, object] | None = None,
    covariates: int = 0,
    layers: bool = False,
) -> dict[str, Any]:
    """Describe one component; a network is also built, on no memory, when a size of input is given.

    Parameters
    ----------
    kind, name
        Which.
    input_size
        ``(channel, x, y, z)`` or ``(channel, first, second)``.
    outputs
        How many numbers a network gives, where it can be told.
    options
        Of the network; the others are as by default.
    covariates
        How many numbers of a table a network takes besides an image.
    layers
        List the layers of the network too.

    Returns
    -------
    dict
        ``name``, ``provider``, ``version``, ``summary``, ``details``, ``options``; for a network with `input_size` also
        ``input_size``, ``output_size`` (the shape of each thing it gives of one image), ``parameters`` and
        ``weights_bytes``; with `layers` also ``layers``: ``name``, ``kind``, ``output`` and ``parameters`` of each, in the
        order in which an image passes them.

    Raises
    ------
    InputError
        When there is no such component, or a network cannot take such an input.
    """
    found = _registry(kind).find(name)
    described = {**found.origin, "summary": found.summary, "details": found.details, "options": _options(kind, found)}
    if input_size is None:
        if options or layers:
            msg = "--option and --layers need the size of a network's input, such as --input 1x169x208x179."
            raise InputError(msg)
        return described
    if kind != "networks":
        msg = f"--input is for networks; {name!r} is one of the {kind}."
        raise InputError(msg)
    if min(input_size) < 1 or outputs < 1:
        msg = f"--input {'x'.join(map(str, input_size))} --outputs {outputs}: every number must be at least 1."
        raise InputError(msg)
    given = {"output_size": outputs, "covariates": covariates}
    chosen = found.options({**given, "input_size": None}, options or {})
    passed = passage(lambda size: found.build({**given, "input_size": size}, chosen), tuple(input_size), covariates)
    return {**described, "options": chosen, **_passed(passed, input_size, layers=layers)}


def _passed(passed: Passage, input_size: Sequence[int], *, layers: bool) -> dict[str, Any]:
    described: dict[str, Any] = {
        "input_size": list(input_size),
        "output_size": {name: list(shape) for name, shape in passed.outputs.items()},
        "parameters": passed.parameters,
        "weights_bytes": passed.size_bytes,
    }
    if layers:
        described["layers"] = [{**layer._asdict(), "output": list(layer.output)} for layer in passed.layers]
    return described


def _registry(kind: str) -> Registry[Any]:
    if kind not in KINDS:
        msg = f"there are no {kind!r} to list: {did_you_mean(kind, KINDS)}."
        raise InputError(msg)
    return KINDS[kind]


def _options(kind: str, found: Registered[Any]) -> dict[str, Any]:
    """Give the options a user can choose, with their defaults; ``needed`` where there is none."""
    given = GIVEN.get(KINDS[kind].kind, ())
    parameters = inspect.signature(found.factory).parameters
    return {
        name: "needed" if parameter.default is inspect.Parameter.empty else parameter.default
        for name, parameter in parameters.items()
        if name not in given
    }

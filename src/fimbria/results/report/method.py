"""How it was learnt, in the sentences of a methods section: the task, what the network was given, its loss, its beginning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from fimbria.errors import MapsError
from fimbria.results.maps.training import networks_in
from fimbria.results.report.wording import joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fimbria.results.maps.maps import Maps


def title(maps: Maps) -> str:
    """Say in one line what was learnt."""
    classes = classes_of(maps)
    told = f"{joined(classes, 'or')}, told" if classes and len(maps.columns) == 1 else ""
    what = told or f"{joined(maps.columns or ['images'])}, learnt"
    return f"{what} from {maps.experiment.data.pipeline.name} images"


def classes_of(maps: Maps) -> list[str]:
    """Name the classes that were learnt; empty where there are none."""
    return list(maps.fitted(maps.splits[0])["task"].get("classes", []))


def sentences(maps: Maps) -> list[str]:
    """Say how it was learnt."""
    return [_learnt(maps), *_loss(maps), *_data_sets(maps), *_beginning(maps)]


def unknown_before(maps: Maps) -> bool:
    """Tell whether weights were begun with of which it is not known whom they had seen."""
    try:
        return any(maps.transferred(split).people()[1] is None for split in maps.splits)
    except MapsError:
        return True


def _learnt(maps: Maps) -> str:
    experiment = maps.experiment
    cut, name = experiment.data.extraction.name, _short(experiment.network.name)
    how = "whole images" if cut == "image" else f"images cut into parts ({cut}) that together speak for the image"
    networks = len(networks_in(maps.paths, maps.splits[0], experiment.task.selection_metrics[0]))
    who = f"A network ({name})" if networks == 1 else f"{networks} networks ({name}), one for each part of an image,"
    covariates = experiment.data.covariates
    beside = f", and was told {joined(covariates)} from the tables" if covariates else ""
    return f"{who} learnt {_what(maps)} from brain images ({experiment.data.pipeline.name}), seen as {how}{beside}."


def _what(maps: Maps) -> str:
    task, classes = _task(maps), classes_of(maps)
    columns = f"column{'s' if len(maps.columns) > 1 else ''} {joined([repr(name) for name in maps.columns])}"
    if task.get("provider", "fimbria") != "fimbria":
        return f"the task {_short(maps.experiment.task.component.name)}" + (f" ({columns})" if maps.columns else "")
    if not classes:
        return (
            f"the value of {joined([repr(name) for name in maps.columns])}"
            if maps.columns
            else "to give back the images themselves"
        )
    told = f"to tell {joined(classes)} apart ({columns})"
    target = task.get("options", {}).get("target")
    return f"{told} in the data set {target!r}, with the help of the others," if target else told


def _task(maps: Maps) -> dict[str, Any]:
    """Give what was recorded of the task: its provider, its options."""
    found: dict[str, Any] = maps.record.get("components", {}).get("task", {})
    return found


def _loss(maps: Maps) -> Iterator[str]:
    chosen = _task(maps).get("options", {}).get("loss")
    sampler = maps.experiment.optimization.sampler.name
    drawn = "" if sampler == "shuffle" else f"; samples were drawn by the sampler {_short(sampler)}"
    if isinstance(chosen, str):
        yield f"It minimised the loss {_short(chosen)}{drawn}."
    elif isinstance(chosen, Mapping):
        options = ", ".join(f"{name} = {value}" for name, value in chosen.items() if name != "name")
        usual = "cross-entropy" if classes_of(maps) else "mse"  # what options without a name are of
        yield f"It minimised the loss {_short(str(chosen.get('name', usual)))}{f' ({options})' if options else ''}{drawn}."


def _data_sets(maps: Maps) -> Iterator[str]:
    caps = maps.experiment.data.caps
    if isinstance(caps, Mapping) and len(caps) > 1:
        yield f"Its people are of {len(caps)} data sets, {joined(sorted(caps))}; scores of each are below."


def _beginning(maps: Maps) -> Iterator[str]:
    options = maps.experiment.transfer
    source = options.maps or options.weights
    if source is None:
        return
    taken = _taken(maps)
    yield f"It began with the weights of {source.name}{f': {taken}' if taken else ''}."
    if unknown_before(maps):
        yield "Whom those weights had seen is not known: scores of people among them would flatter."


def _taken(maps: Maps) -> str:
    """Say how much was taken over and how much of it stayed as it was; empty where that was not kept."""
    try:
        kept: Any = json.loads(maps.transferred(maps.splits[0]).record.read_text(encoding="utf-8"))
        said = [str(sentence) for sentence in kept["networks"][0]["taken"]]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return ""
    chosen = [said[0], *(one for one in said[1:] if one.endswith("stay as they are."))]
    return "; ".join(sentence.rstrip(".") for sentence in chosen)


def _short(name: str) -> str:
    """Call a component by its name, and what is in a study's own file without the way to it.

    Examples
    --------
    >>> _short("conv5-fc3"), _short("/home/me/study/my_network.py:net")
    ('conv5-fc3', 'net of my_network.py')
    """
    file, separator, inside = name.rpartition(":")
    return f"{inside} of {PurePath(file).name}" if separator else name

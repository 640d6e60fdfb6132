"""The page: everything a MAPS holds about a training and its results, in one HTML file that needs nothing else."""

from __future__ import annotations

import json
import re
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from fimbria import tables
from fimbria.errors import ComponentError, InputError, counted
from fimbria.experiment.files import as_toml
from fimbria.results.evaluation.metric import ASKED_FIRST
from fimbria.results.evaluation.metric import metric as metric_registry
from fimbria.results.maps.integrity import damage
from fimbria.results.report import audited, figures, method, people, scored, summary
from fimbria.results.report.embedding import png_data_uri, svg
from fimbria.results.report.wording import UNDEFINED, anonymous, with_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from fimbria.results.maps.maps import Maps
    from fimbria.results.report.people import People
    from fimbria.results.report.scored import Scored

_COMMAND = re.compile(r"`([^`]+)`")
_SCORE = re.compile(r"\d\.\d\d \[[^\]]*\]")
_MOST_IMAGES = 6  # the file stays small


def html_of(maps: Maps, slices: Mapping[str, tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] | None = None) -> str:
    """Make the report of a MAPS.

    Parameters
    ----------
    maps
        Finished or not; what is missing is said in the report.
    slices
        Example images: caption -> sagittal ``(y, z)``, coronal ``(x, z)`` and axial ``(x, y)`` mid slice, RAS+.

    Returns
    -------
    str
        HTML with its figures inside: no script, nothing fetched from elsewhere, no name of a participant. The same MAPS
        gives the same bytes.
    """
    found, notes = scored.read(maps)
    groups = scored.groups(maps)
    flow = people.read(maps, groups)
    audits = audited.read(maps, notes)
    several = len(maps.experiment.task.selection_metrics) > 1
    page = {
        "title": method.title(maps),
        "name": maps.root.resolve().name,
        "created": maps.record.get("created", ""),
        "summary": summary.of(maps, flow, found),
        "unfinished": summary.unfinished(maps),
        "headline": _headline(found),
        "metric_names": [summary.metric_name(name) for name in _shown(found)],
        "positive": maps.fitted(maps.splits[0])["task"].get("positive"),
        "several": several,
        "classes": method.classes_of(maps),
        "unknown_before": method.unknown_before(maps),
        "groups": [_group(name, found, flow, maps) for name in groups],
        "glossary": list(_glossary(found)),
        "curves": list(_curves(maps, notes)),
        "people": flow,
        "flow": _drawn(figures.flow_diagram(flow.stages, flow.ends), "Flow of participants") if flow.stages else None,
        "images": list(_images(slices)),
        "images_left_out": max(len(slices or ()) - _MOST_IMAGES, 0),
        "run": _run(maps, notes),
        "audits": audits,
        "damage": [(_placeless(maps, p.what), _placeless(maps, p.remedy)) for p in damage(maps.paths)],
        "notes": [_placeless(maps, note) for note in [*notes, *flow.notes]],
        "version": metadata.version("fimbria"),
        "written_by": maps.record.get("fimbria", "an unknown version"),
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["marked"] = _marked
    template = resources.files("fimbria.results.report") / "page.html"
    return environment.from_string(template.read_text(encoding="utf-8")).render(page)


def _drawn(figure: Figure, title: str) -> Markup:
    return Markup(svg(figure, title))  # noqa: S704  (matplotlib escapes every text it writes, and `svg` the title)


def _marked(text: str) -> Markup:
    """Escape a sentence; set commands as code, and scores with their interval in bold."""
    safe = _COMMAND.sub(r"<code>\1</code>", str(escape(text)))
    return Markup(_SCORE.sub(r"<b>\g<0></b>", safe))  # noqa: S704  (escaped in the line above)


def _placeless(maps: Maps, text: str) -> str:
    """Take the place of the MAPS on this machine, and the names of people, out of a sentence."""
    return anonymous(text.replace(f"{maps.root}/", "").replace(f"{maps.root}", "this MAPS"))


def _shown(found: Sequence[Scored]) -> list[str]:
    """Name the metrics that people ask for first, of those that there are."""
    return [name for name in ASKED_FIRST if any(run.score(name) is not None for run in found)]


def _headline(found: Sequence[Scored]) -> list[dict[str, Any]]:
    """Give a line for each group and run that was scored at image level."""
    lines = []
    for run in found:
        scores = [run.score(name) for name in _shown(found)]
        if run.images is None or not any(scores):
            continue
        lines.append(
            {
                "group": run.group,
                "run": run.name,
                "chosen_by": summary.metric_name(run.chosen_by),
                "participants": run.participants,
                "cells": [UNDEFINED if score is None else with_interval(*score) for score in scores],
                "without_width": any(score is not None and score.low == score.high for score in scores),
            }
        )
    return lines


def _group(name: str, found: Sequence[Scored], flow: People, maps: Maps) -> dict[str, Any]:
    """Give the section of a group: for each selection metric its tables and figures."""
    runs = [run for run in found if run.group == name]
    chosen_by = [
        metric for metric in maps.experiment.task.selection_metrics if any(r.chosen_by == metric for r in runs)
    ]
    return {
        "name": name,
        "sizes": flow.of(name),
        "truth": _truth(runs),
        "parts": [
            {
                "chosen_by": summary.metric_name(metric),
                **_of_weights([run for run in runs if run.chosen_by == metric]),
            }
            for metric in chosen_by
        ],
    }


def _truth(runs: Sequence[Scored]) -> str:
    """Say of how many people of a group the truth is not known; nothing where it is of all."""
    everybody = max((run.images.participants for run in runs if run.images is not None), default=0)
    known = max((run.participants for run in runs if run.metrics), default=0)
    if not known and any(run.images.labelled for run in runs if run.images is not None):
        return ""  # of a split that is not finished, and not scored yet
    if not known and everybody:
        return "The truth is not known in this group, so there are predictions and no metrics."
    if known < everybody:
        return f"The truth is known of {known} of the {everybody} participants of this group: the metrics are of these."
    return ""


def _of_weights(runs: Sequence[Scored]) -> dict[str, Any]:
    levels = sorted({level for run in runs for level in run.metrics}, key=lambda level: (level != "image", level))
    constant = [(run.name, only) for run in runs if (only := run.said_of_everybody) is not None]
    return {
        "names": [run.name for run in runs],
        "levels": [
            {
                "level": level,
                "of": _of_level(level),
                "rows": [(summary.metric_name(m), c, cells) for m, c, cells in scored.rows(runs, level)],
            }
            for level in levels
        ],
        "constant": constant,
        "confusion": [
            (run.name, _drawn(figures.confusion_matrix(run.confusion), f"Confusion matrix, {_of(run)}, {run.name}"))
            for run in runs
            if run.confusion is not None
        ],
        "roc": list(_rocs(runs)),
        "values": [
            (run.name, _drawn(figures.agreement(*pair), f"Predicted against true, {_of(run)}, {run.name}"))
            for run in runs
            if (pair := run.values) is not None
        ],
    }


def _of_level(level: str) -> str:
    """Say what a table of metrics is of.

    Examples
    --------
    >>> _of_level("image"), _of_level("patch"), _of_level("image, data set ADNI")
    ('images', 'single parts (patch)', 'images of the data set ADNI')
    """
    part, _, dataset = level.partition(", data set ")
    of = "images" if part == "image" else f"single parts ({part})"
    return f"{of} of the data set {dataset}" if dataset else of


def _rocs(runs: Sequence[Scored]) -> Iterator[tuple[str, Markup]]:
    """Give one figure for two classes, with a curve a run; for more, one figure a run, with a curve a class."""
    for of_class, own in _by_positive(runs):
        curves = {run.name: curve for run in own if (curve := run.curve(of_class)) is not None}
        if curves:
            drawing = figures.roc(curves, "average of the splits")
            yield f"{of_class} against the rest", _drawn(drawing, f"ROC of {of_class}, {_of(own[0])}")
    for run in runs:
        if run.images is None or _positive(run) is not None:
            continue
        curves = {f"class {c}": curve for c in run.images.classes if (curve := run.curve(c)) is not None}
        if curves:
            drawing = figures.roc(curves)
            yield f"{run.name}, each class against the rest", _drawn(drawing, f"ROC, {_of(run)}, {run.name}")


def _of(run: Scored) -> str:
    return f"{run.group}, weights chosen by {summary.metric_name(run.chosen_by)}"


def _by_positive(runs: Sequence[Scored]) -> list[tuple[str, list[Scored]]]:
    classes = dict.fromkeys(positive for run in runs if (positive := _positive(run)) is not None)
    return [(positive, [run for run in runs if _positive(run) == positive]) for positive in classes]


def _positive(run: Scored) -> str | None:
    """Give the class that the metrics of two classes speak of, as the table of metrics says it."""
    frame = run.metrics.get("image")
    if frame is None or (frame["class"] == "mean").any():
        return None
    classes = [str(name) for name in frame["class"].unique() if name != "all"]
    return classes[0] if len(classes) == 1 else None


def _glossary(found: Sequence[Scored]) -> Iterator[tuple[str, str]]:
    names = dict.fromkeys(str(name) for run in found for table in run.metrics.values() for name in table["metric"])
    for name in names:
        try:
            yield summary.metric_name(name), metric_registry.find(name, trusted=()).summary
        except ComponentError:
            yield summary.metric_name(name), "A metric of the study's own."


def _curves(maps: Maps, notes: list[str]) -> Iterator[tuple[int, str, Markup]]:
    """Give number, facts and learning curves of each split."""
    for split in maps.splits:
        try:
            log = maps.training(split).read_log()
        except InputError as error:
            notes.append(f"{error}")
            continue
        if not len(log):
            notes.append(f"Split {split} has no training log.")
            continue
        kept = {
            summary.metric_name(m): e
            for m in maps.experiment.task.selection_metrics
            if (e := _kept(maps, split, m)) is not None
        }
        facts = counted(len(log), "epoch") + "".join(
            f"; epoch {epoch + 1} kept by {metric}" for metric, epoch in kept.items()
        )
        yield (
            split,
            facts + _duration(maps, split),
            _drawn(figures.learning_curves(log, kept), f"Learning curves of split {split}"),
        )


def _kept(maps: Maps, split: int, metric: str) -> int | None:
    try:
        about = json.loads((maps.paths.best(split, metric) / "model.json").read_text(encoding="utf-8"))
        return int(about["epoch"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _duration(maps: Maps, split: int) -> str:
    try:
        times = tables.read(maps.paths.logs(split) / "times.tsv", ["seconds", "finished"])
    except InputError:
        return ""
    minutes = times["seconds"].sum() / 60
    return f"; {minutes:.1f} minutes, last epoch at {times['finished'].iloc[-1]}" if len(times) else ""


def _images(slices: Mapping[str, tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] | None) -> Iterator[tuple[str, str]]:
    for caption, planes in list((slices or {}).items())[:_MOST_IMAGES]:
        yield anonymous(caption), png_data_uri(figures.slices_mosaic({"": planes}))


def _run(maps: Maps, notes: list[str]) -> dict[str, Any]:
    """Say what was run, with what and on what."""
    record, environment = maps.record, dict(maps.record.get("environment") or {})
    git = environment.pop("git", None)
    command = environment.pop("command", [])
    try:
        packages = maps.paths.environment.read_text(encoding="utf-8")
    except OSError:
        packages = ""
        notes.append("environment.txt is missing: the versions of the other packages are not known.")
    state = {True: "no uncommitted changes", False: "with uncommitted changes"}
    facts = {
        "created": record.get("created", "not known"),
        "command": anonymous(" ".join(map(str, command))) or "not known",
        "seed": maps.experiment.compute.seed,
        "input of the network": " x ".join(map(str, record.get("input_size", []))) or "not known",
        **{name.replace("_", " "): _said(value) for name, value in environment.items() if name != "date"},
        "git state of the working folder": f"{git['commit']}, {state.get(git.get('clean'), '')}"
        if git
        else "no repository",
    }
    return {
        "facts": facts,
        "components": [
            (kind, c.get("name", ""), c.get("provider", ""), c.get("version", ""), _options(c.get("options", {})))
            for kind, kept in record.get("components", {}).items()
            for c in (kept if isinstance(kept, list) else [kept])
        ],
        "toml": anonymous(as_toml(maps.experiment)),
        "packages": packages,
    }


def _said(value: object) -> str:
    if value is None or value == []:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _options(options: Mapping[str, object]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in options.items())

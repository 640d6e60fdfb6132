"""Scored: what one set of weights, or several together, said of one group; found in a MAPS, in the order of a report."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fimbria.errors import InputError, counted
from fimbria.results.evaluation.classification import COLUMNS, confusion, roc_curve
from fimbria.results.report.wording import UNDEFINED, number, with_interval
from fimbria.tables import need

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from fimbria.results.maps.maps import Maps
    from fimbria.results.predictions.table import PredictionTable
    from fimbria.results.report.figures import Curve

_TABLE = re.compile(r"_(?P<level>.+)_level_(prediction|metrics)\.tsv$")
_THREE_DECIMALS = ("loss", "mse")
MAIN = ("balanced-accuracy", "ssim", "psnr", "mae", "mse", "loss")  # the first that there is speaks for a task


class Score(NamedTuple):
    """A value of a metric with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Scored:
    """Predictions and metrics of a group.

    Attributes
    ----------
    group
        Whom they are of.
    chosen_by
        The metric that chose the weights.
    split
        Whose weights; None for the average over the splits.
    metrics
        Level -> tidy table, the image's first; empty where the labels are not known.
    images
        Predictions at image level, if there are any.
    """

    group: str
    chosen_by: str
    split: int | None
    metrics: Mapping[str, pd.DataFrame]
    images: PredictionTable | None

    @property
    def name(self) -> str:
        """What a column of it is called."""
        return "average of the splits" if self.split is None else f"split {self.split}"

    @cached_property
    def confusion(self) -> pd.DataFrame | None:
        """Counted true and predicted classes of the images; None where the truth is not known."""
        images = self.images
        return confusion(images) if images is not None and images.classified and images.labelled else None

    @property
    def said_of_everybody(self) -> str | None:
        """The class that every image was called, or the value that every one was given but for a hundredth of their spread."""
        images = self.images
        if images is not None and images.classified:
            called: Sequence[object] = list(images.frame["predicted_label"].unique())
            return str(called[0]) if len(called) == 1 else None
        if self.values is None or len(self.values[0]) < 2:  # noqa: PLR2004  (one person has no spread)
            return None
        truth, said = self.values
        return f"about {number(float(np.mean(said)))}" if np.ptp(said) <= np.ptp(truth) / 100 else None

    @property
    def participants(self) -> int:
        """How many people were scored; all that were predicted, where nobody was."""
        scored = self.metrics.get("image")
        if scored is not None and len(scored):
            return int(scored["n_participants"].iloc[0])
        return 0 if self.images is None else self.images.participants

    def score(self, metric: str) -> Score | None:
        """Give a metric at image level; with several classes their mean."""
        return self._score(metric, "image")

    def _score(self, metric: str, level: str) -> Score | None:
        frame = self.metrics.get(level)
        if frame is None:
            return None
        rows = frame[frame["metric"] == metric]
        rows = rows[rows["class"] == "mean"] if (rows["class"] == "mean").any() else rows
        return Score(*rows.iloc[0][["value", "ci_low", "ci_high"]].astype(float)) if len(rows) else None

    def by_data_set(self, metric: str) -> dict[str, Score]:
        """Give a metric of each data set at image level; empty where there is one only."""
        begin = "image, data set "
        names = [level.removeprefix(begin) for level in self.metrics if level.startswith(begin)]
        found = {name: self._score(metric, f"{begin}{name}") for name in names}
        return {name: score for name, score in found.items() if score is not None}

    @property
    def values(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """True and predicted values of the images; None where there are none, or the truth is not known."""
        images = self.images
        if images is None or not images.valued or not images.labelled:
            return None
        return images.numbers("true_value"), images.numbers("predicted_value")

    @property
    def main(self) -> str:
        """Name of the metric that speaks for it; empty where nothing was scored."""
        return next((name for name in MAIN if self.score(name) is not None), "")

    def curve(self, of_class: str) -> Curve | None:
        """Give false and true positive rates of a class; None where they are not defined."""
        try:
            images = self.images
            return roc_curve(images, of_class)[:2] if images is not None and images.classified else None
        except InputError:
            return None


def read(maps: Maps) -> tuple[list[Scored], list[str]]:
    """Find everything that was predicted: test groups first, then validation, then train.

    Returns
    -------
    list of Scored
        Within a group by selection metric, the average over the splits before each split.
    list of str
        Sentences on tables that are there and cannot be read.
    """
    found: list[Scored] = []
    notes: list[str] = []
    for group in groups(maps):
        for metric in maps.experiment.task.selection_metrics:
            for split in (None, *maps.splits):
                scored = _scored(maps, group, metric, split, notes)
                if scored is not None:
                    found.append(scored)
    return found, notes


def groups(maps: Maps) -> list[str]:
    """Name the groups that were kept or predicted: others first, then validation and train."""
    return [*maps.groups, "validation", "train"]


def rows(runs: Sequence[Scored], level: str) -> list[tuple[str, str, list[str]]]:
    """Give the lines of a table of metrics: metric, class, and what each run reached with its interval."""
    frames = [run.metrics.get(level) for run in runs]
    cells = [{} if frame is None else _cells(frame) for frame in frames]
    keys = dict.fromkeys(key for of_run in cells for key in of_run)
    return [(*key, [of_run.get(key, UNDEFINED) for of_run in cells]) for key in keys]


def _cells(frame: pd.DataFrame) -> dict[tuple[str, str], str]:
    values = frame[["value", "ci_low", "ci_high"]].to_numpy(np.float64).tolist()
    names = zip(frame["metric"].astype(str), frame["class"].astype(str), strict=True)
    return {
        name: with_interval(value, low, high, 3 if name[0] in _THREE_DECIMALS else 2)
        for name, (value, low, high) in zip(names, values, strict=True)
    }


def _scored(maps: Maps, group: str, metric: str, split: int | None, notes: list[str]) -> Scored | None:
    folder = maps.paths.best(split, metric) / group
    names = [
        match["level"]
        for path in folder.glob(f"{group}_*.tsv")
        if (match := _TABLE.fullmatch(path.name.removeprefix(group)))
    ]
    levels = sorted(set(names), key=lambda level: (level != "image", level))
    if not levels:
        return None
    metrics, images = {}, None
    for level in levels:
        try:
            table = maps.scores.metrics(split, metric, group, level)
            if table is not None:
                need(table, COLUMNS, f"{maps.paths.metrics(split, metric, group, level)}")
                metrics[level] = table
            if (apart := maps.scores.by_data_set(split, metric, group, level)) is not None:
                names_of = apart["dataset"].astype(str)
                metrics |= {f"{level}, data set {one}": apart[names_of == one] for one in names_of.unique()}
            if level == "image":
                images = maps.scores.predictions(split, metric, group, "image")
        except InputError as error:
            notes.append(f"{error}")
    scored = Scored(group, metric, split, metrics, images)
    if images is None:
        notes.append(
            f"{group}, {scored.name}: there are no predictions at image level ({counted(len(levels), 'other level')})."
        )
    return scored

"""Metrics of what says several things of an image at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from fimbria.errors import ComponentError
from fimbria.results.evaluation.metric import ALIASES, Metric, Metrics, find, fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.results.predictions.table import PredictionTable


class Part(Metrics, Protocol):
    """Metrics that can be put together with others: those of this house are."""

    @property
    def of(self) -> str:
        """What they count, as `Metric.of` says it: ``classes``, ``values``, ``images``."""
        ...


class Together:
    """The metrics of a task that says several things of an image, such as a class and a value.

    A metric's name stays what it is. Where two parts know the same one (the ``mae`` of values and of images), the later
    part's is called ``<of>-<name>`` (``images-mae``). The loss is there once: the first part's.

    Parameters
    ----------
    parts
        Metrics of each of the things; no two count the same.

    Raises
    ------
    ComponentError
        When two parts count the same.

    Examples
    --------
    >>> from fimbria.results.evaluation.classification import ClassificationMetrics
    >>> from fimbria.results.evaluation.regression import RegressionMetrics
    >>> Together(ClassificationMetrics("AD", ("roc-auc", "loss")), RegressionMetrics(70.5, ("mae", "loss"))).followed
    ('roc-auc', 'loss', 'mae')
    """

    def __init__(self, *parts: Part) -> None:
        kinds = [part.of for part in parts]
        if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            msg = f"two of the metrics to put together are of {', '.join(twice)}; a table of predictions holds one such thing."
            raise ComponentError(msg)
        self.parts = parts

    @property
    def followed(self) -> Sequence[str]:
        """Those of all parts, in their order."""
        names = [self._name(place, name) for place, part in enumerate(self.parts) for name in part.followed]
        return tuple(dict.fromkeys(names))

    def find(self, name: str) -> Metric:
        """Give a metric by what it is called among all, if it belongs to a part."""
        place, of_part = self._owner(name)
        return replace(find(of_part), name=self._name(place, of_part))

    def scores(self, table: PredictionTable, names: Sequence[str]) -> dict[str, float]:
        """Compute some metrics of a table, without intervals, each by the part it belongs to.

        Raises
        ------
        ComponentError
            When one belongs to none.
        InputError
            As the parts.
        """
        owners = [self._owner(name) for name in names]
        found: dict[str, float] = {}
        for place, part in enumerate(self.parts):
            asked = [name for owner, name in owners if owner == place]
            scores = part.scores(table, asked) if asked else {}
            found |= {self._name(place, name): value for name, value in scores.items()}
        return {name: found[name] for name in dict.fromkeys(self._name(*owner) for owner in owners)}

    def evaluate(self, table: PredictionTable, *, seed: int = 0) -> pd.DataFrame:
        """Compute every metric of every part, with 95 % intervals: their tidy tables below each other."""
        frames = []
        for place, part in enumerate(self.parts):
            frame = part.evaluate(table, seed=seed)
            names = [self._name(place, str(name)) for name in frame["metric"]]
            frames.append(frame.assign(metric=names)[[name != "loss" or place == 0 for name in names]])
        return pd.concat(frames, ignore_index=True)

    def _name(self, place: int, name: str) -> str:
        """Tell what a part's metric is called among all."""
        name = ALIASES.get(name, name)
        taken = name != "loss" and any(fits(name, part.of) for part in self.parts[:place])
        return f"{self.parts[place].of}-{name}" if taken else name

    def _owner(self, called: str) -> tuple[int, str]:
        """Give the place of the part that a metric belongs to, and what it is called there."""
        for place, part in enumerate(self.parts):
            name = called.removeprefix(f"{part.of}-")
            if fits(name, part.of) and self._name(place, name) == ALIASES.get(called, called):
                return place, name
        kinds = " and ".join(part.of for part in self.parts)
        msg = (
            f"metric {find(called).name!r} is of {' or '.join(find(called).of)}, and these predictions are of {kinds}."
        )
        raise ComponentError(msg)

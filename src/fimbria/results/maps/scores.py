"""What a MAPS keeps of what its weights said of groups: predictions, metrics, places in a latent space."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fimbria import tables
from fimbria.errors import MapsError
from fimbria.results.maps.paths import checked
from fimbria.results.predictions.table import PredictionTable

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from fimbria.results.maps.paths import Paths


@dataclass(frozen=True)
class Scores:
    """Predictions and metrics, on disk.

    A place is told by the split (None for the mean over splits), the metric that chose the weights, the group, and the
    level: what a row is of.

    Attributes
    ----------
    paths
        The places of the MAPS.
    """

    paths: Paths

    def keep_predictions(
        self, split: int | None, metric: str, group: str, table: PredictionTable, network: int | None = None
    ) -> None:
        """Keep a table of predictions; its level is what its parts are called."""
        table.write(self.paths.predictions(split, metric, group, table.part, network))

    def predictions(
        self, split: int | None, metric: str, group: str, level: str, network: int | None = None
    ) -> PredictionTable:
        """Read a table of predictions.

        Raises
        ------
        MapsError
            When there is none.
        """
        path = self.paths.predictions(split, metric, group, level, network)
        if not path.is_file():
            msg = f"{self.paths.root} has no predictions of group {group!r} at {level} level: {path} is missing."
            raise MapsError(msg)
        return PredictionTable.read(path, level)

    def keep_metrics(self, split: int | None, metric: str, group: str, level: str, metrics: pd.DataFrame) -> None:
        """Keep a tidy table of metrics."""
        tables.write(metrics, self.paths.metrics(split, metric, group, level))

    def metrics(self, split: int | None, metric: str, group: str, level: str) -> pd.DataFrame | None:
        """Read a table of metrics; None if that group was not scored."""
        path = self.paths.metrics(split, metric, group, level)
        return tables.read(path, text=("class",)) if path.is_file() else None

    def keep_by_data_set(self, split: int | None, metric: str, group: str, level: str, metrics: pd.DataFrame) -> None:
        """Keep a tidy table of metrics of each data set."""
        tables.write(metrics, self._beside(split, metric, group, f"{checked(level)}_level_metrics_by_data_set"))

    def by_data_set(self, split: int | None, metric: str, group: str, level: str) -> pd.DataFrame | None:
        """Read a table of metrics of each data set; None where there is one only, or that group was not scored."""
        path = self._beside(split, metric, group, f"{checked(level)}_level_metrics_by_data_set")
        return tables.read(path, text=("class", "dataset")) if path.is_file() else None

    def keep_latent(self, split: int, metric: str, group: str, level: str, codes: pd.DataFrame) -> None:
        """Keep where parts lie in a latent space."""
        ordered = codes.sort_values([*codes.columns[:4]], kind="stable")
        path = self._beside(split, metric, group, f"{checked(level)}_level_latent")
        tables.write(ordered.assign(dataset=ordered["dataset"].replace("", "n/a")), path)

    def drop(self, group: str) -> None:
        """Remove what an interrupted prediction left of a group that was never finished."""
        root = self.paths.root
        for place in (root / "groups", *root.glob("split-*/best-*"), *root.glob("ensemble/best-*")):
            shutil.rmtree(place / checked(group), ignore_errors=True)

    def _beside(self, split: int | None, metric: str, group: str, name: str) -> Path:
        return self.paths.best(split, metric) / checked(group) / f"{group}_{name}.tsv"

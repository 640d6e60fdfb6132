"""What a MAPS keeps of the training of one split: its log, its state while it goes on, and the weights that were chosen."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from fimbria import tables
from fimbria.atomic import replacing, write_json
from fimbria.errors import MapsError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from fimbria.results.maps.paths import Paths


@dataclass(frozen=True)
class Training:
    """The training of one split, on disk.

    Attributes
    ----------
    paths
        The places of the MAPS.
    split
        Number of the split.
    network
        Number of the part whose network it is; None of a network for all parts.
    """

    paths: Paths
    split: int
    network: int | None = None

    def log(self, row: Mapping[str, Any]) -> pd.DataFrame:
        """Write the row of an epoch into the log, in the place of it and of all later ones; give the whole log."""
        kept = self.read_log()
        kept = kept[kept["epoch"] < row["epoch"]] if len(kept) else kept
        log = pd.concat([kept, pd.DataFrame([row])], ignore_index=True) if len(kept) else pd.DataFrame([row])
        tables.write(log, self.paths.logs(self.split, self.network) / "training.tsv")
        return self.read_log()

    def read_log(self) -> pd.DataFrame:
        """Read the log of a split; empty if nothing was logged yet."""
        path = self.paths.logs(self.split, self.network) / "training.tsv"
        return tables.read(path, ["epoch"]) if path.is_file() else pd.DataFrame({"epoch": []})

    def log_time(self, epoch: int, seconds: float, when: str) -> None:
        """Write how long an epoch took; apart from the log, which is the same for the same experiment."""
        path = self.paths.logs(self.split, self.network) / "times.tsv"
        row = pd.DataFrame([{"epoch": epoch, "seconds": round(seconds, 3), "finished": when}])
        tables.write(pd.concat([tables.read(path), row]) if path.is_file() else row, path)

    def keep_checkpoint(self, save: Callable[[Path], None]) -> None:
        """Keep the state of a training, written by `save`."""
        with replacing(self.paths.checkpoint(self.split, self.network)) as path:
            save(path)

    def checkpoint(self) -> Path | None:
        """Give the state of a training that goes on, if there is one."""
        path = self.paths.checkpoint(self.split, self.network)
        return path if path.is_file() else None

    def keep_weights(self, metric: str, save: Callable[[Path], None], about: Mapping[str, Any]) -> None:
        """Keep the weights that a metric chose, written by `save`, and what they are."""
        folder = self.paths.best(self.split, metric, self.network)
        with replacing(folder / "model.safetensors") as path:
            save(path)
        write_json(folder / "model.json", dict(about))

    def weights(self, metric: str) -> Path:
        """Give the file of the weights that a metric chose.

        Raises
        ------
        MapsError
            When there is none.
        """
        path = self.paths.best(self.split, metric, self.network) / "model.safetensors"
        if not path.is_file():
            kept = sorted(p.name.removeprefix("best-") for p in self.paths.split(self.split).glob("best-*"))
            hint = did_you_mean(metric, kept) if kept else f"go on with `fimbria resume {self.paths.root}`"
            msg = f"{self.paths.root} has no weights chosen by {metric!r} in split-{self.split}: {hint}."
            raise MapsError(msg)
        return path

    def keep_scaling(self, fitted: Sequence[Mapping[str, Any]], people: pd.DataFrame) -> None:
        """Keep how intensities are scaled, where that was fitted, one a channel; and on whom."""
        folder = self.paths.split(self.split)
        tables.write(people, folder / "normalization_fitted_on.tsv")
        write_json(self.scaling_file, [dict(one) for one in fitted])

    @property
    def scaling_file(self) -> Path:
        """Where it is kept how intensities are scaled, if that was fitted."""
        return self.paths.split(self.split) / "normalization.json"

    def scaling(self) -> list[dict[str, Any]]:
        """Read how intensities are scaled, where that was fitted; empty where it was not.

        Raises
        ------
        MapsError
            When it cannot be read.
        """
        path = self.scaling_file
        try:
            return [dict(one) for one in json.loads(path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (UnicodeDecodeError, TypeError, ValueError) as error:
            msg = f"{path} is broken: without it images cannot be scaled as the weights expect. Copy the MAPS again from where it came from."
            raise MapsError(msg) from error

    def keep_contract(self, metric: str, contract: Mapping[str, Any]) -> None:
        """Keep what an image must be for these weights to mean anything."""
        write_json(self.paths.best(self.split, metric, self.network) / "contract.json", dict(contract))

    def contract(self, metric: str) -> dict[str, Any]:
        """Read what an image must be for these weights."""
        path = self.paths.best(self.split, metric, self.network) / "contract.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError) as error:
            msg = f"{path} is missing or broken: without it nobody knows what these weights expect. Copy the MAPS again from where it came from."
            raise MapsError(msg) from error
        return content if isinstance(content, dict) else {}

    def finish(self, about: Mapping[str, Any]) -> None:
        """Mark a split as done: its networks are trained, and scored."""
        write_json(self.paths.finished(self.split), dict(about))
        shutil.rmtree(self.paths.split(self.split) / "tmp", ignore_errors=True)

    @property
    def _trained(self) -> Path:
        return self.paths.logs(self.split, self.network) / "trained.json"

    def mark_trained(self, about: Mapping[str, Any]) -> None:
        """Mark a network as trained; what is left of its split is to score it."""
        write_json(self._trained, dict(about))
        shutil.rmtree(self.paths.checkpoint(self.split, self.network).parent, ignore_errors=True)

    def is_trained(self) -> bool:
        """Tell whether a network needs no more training."""
        return self._trained.is_file()

    def is_finished(self) -> bool:
        """Tell whether a split is trained and scored."""
        return self.paths.finished(self.split).is_file()


def networks_in(paths: Paths, split: int, metric: str) -> list[int | None]:
    """Give the numbers of the networks of a split, one for each part; None of a network for all parts."""
    folders = paths.best(split, metric).glob("network-*/model.safetensors")
    numbers: list[int | None] = [*sorted(int(path.parent.name.rpartition("-")[2]) for path in folders)]
    return numbers or [None]

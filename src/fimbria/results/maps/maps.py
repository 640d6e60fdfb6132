"""A results folder: creates, opens, logs, keeps and reads; it decides nothing. Every write is whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd
from filelock import FileLock, Timeout

from fimbria import tables
from fimbria.atomic import replacing, storing, write_json, write_text
from fimbria.data.cohort.cohort import Cohort
from fimbria.errors import MapsError, Problem, did_you_mean
from fimbria.experiment import files
from fimbria.experiment.experiment import Experiment
from fimbria.provenance import packages, sha256
from fimbria.results.maps.paths import RESERVED, Paths
from fimbria.results.predictions.table import PredictionTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SCHEMA_VERSION = 1
_UNSEALED = re.compile(
    r"(^|/)\.|^split-\d+/tmp/|^report\.html$"
)  # state that passes, and a page that is made from the rest


class Maps:
    """A results folder (Model Analysis and Processing Structure).

    Parameters
    ----------
    root
        Folder of a MAPS that exists; `create` makes a new one.

    Raises
    ------
    MapsError
        When it holds none, a broken one, or one of a newer Fimbria.
    """

    def __init__(self, root: Path) -> None:
        self.paths = Paths(root)
        try:
            record = json.loads(self.paths.record.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            msg = f"{root} is no MAPS: it holds no maps.json. `fimbria train` makes one."
            raise MapsError(msg) from error
        except (json.JSONDecodeError, UnicodeDecodeError, NotADirectoryError) as error:
            msg = f"{self.paths.record} cannot be read ({error})."
            raise MapsError(msg) from error
        self.record: dict[str, Any] = record if isinstance(record, dict) else {}
        version = self.record.get("schema_version")
        if not isinstance(version, int) or not isinstance(self.record.get("experiment"), dict):
            msg = f"{self.paths.record} is not Fimbria's. A MAPS of ClinicaDL cannot be opened yet."
            raise MapsError(msg)
        if version > SCHEMA_VERSION:
            msg = f"{root} was written by a newer Fimbria (schema {version}; this one reads {SCHEMA_VERSION}). Upgrade Fimbria."
            raise MapsError(msg)
        self.experiment = Experiment.of(files.upgraded(self.record["experiment"], f"{root}"), f"{self.paths.record}")

    @classmethod
    def create(cls, root: Path, experiment: Experiment, record: Mapping[str, Any]) -> Maps:
        """Make a new MAPS.

        Parameters
        ----------
        root
            A folder that does not exist yet, or is empty.
        experiment
            What will be trained.
        record
            Everything else that ``maps.json`` keeps.

        Raises
        ------
        MapsError
            When the folder holds something.
        """
        refuse_occupied(root)
        paths = Paths(root)
        with storing(root):
            root.mkdir(parents=True, exist_ok=True)
        write_text(paths.environment, "".join(f"{name}=={version}\n" for name, version in packages().items()))
        write_json(paths.record, {"schema_version": SCHEMA_VERSION, **record, "experiment": experiment.plain()})
        return cls(root)

    @property
    def root(self) -> Path:
        """Its folder."""
        return self.paths.root

    @property
    def splits(self) -> list[int]:
        """Numbers of the splits it was made for."""
        return list(self.record["splits"])

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing here.

        Raises
        ------
        MapsError
            When another one is writing.
        """
        try:
            with FileLock(self.root / ".lock", timeout=0):
                yield
        except Timeout as error:
            msg = f"another process is writing to {self.root}. Wait until it is done."
            raise MapsError(msg) from error

    # Groups

    def keep_group(
        self, name: str, cohort: Cohort, split: int | None = None, about: Mapping[str, Any] | None = None
    ) -> None:
        """Keep the list of a group."""
        folder = self.paths.group(name, split)
        cohort.write(folder / "data.tsv")
        if about is not None:
            write_json(folder / "maps.json", dict(about))

    def group(self, name: str, split: int | None = None) -> Cohort:
        """Read the list of a group."""
        return Cohort.read(self.paths.group(name, split) / "data.tsv")

    @property
    def groups(self) -> list[str]:
        """Names of the groups that were predicted beside train and validation."""
        lists = (self.root / "groups").glob("*/data.tsv")
        return sorted(path.parent.name for path in lists if path.parent.name not in RESERVED)

    # Training

    def log(self, split: int, row: Mapping[str, Any]) -> pd.DataFrame:
        """Write the row of an epoch into the log, in the place of it and of all later ones; give the whole log."""
        kept = self.read_log(split)
        kept = kept[kept["epoch"] < row["epoch"]] if len(kept) else kept
        log = pd.concat([kept, pd.DataFrame([row])], ignore_index=True) if len(kept) else pd.DataFrame([row])
        tables.write(log, self.paths.logs(split) / "training.tsv")
        return self.read_log(split)

    def read_log(self, split: int) -> pd.DataFrame:
        """Read the log of a split; empty if nothing was logged yet."""
        path = self.paths.logs(split) / "training.tsv"
        return tables.read(path, ["epoch"]) if path.is_file() else pd.DataFrame({"epoch": []})

    def log_time(self, split: int, epoch: int, seconds: float, when: str) -> None:
        """Write how long an epoch took; apart from the log, which is the same for the same experiment."""
        path = self.paths.logs(split) / "times.tsv"
        row = pd.DataFrame([{"epoch": epoch, "seconds": round(seconds, 3), "finished": when}])
        tables.write(pd.concat([tables.read(path), row]) if path.is_file() else row, path)

    def keep_checkpoint(self, split: int, save: Callable[[Path], None]) -> None:
        """Keep the state of a training, written by `save`."""
        with replacing(self.paths.checkpoint(split)) as path:
            save(path)

    def checkpoint(self, split: int) -> Path | None:
        """Give the state of a training that goes on, if there is one."""
        path = self.paths.checkpoint(split)
        return path if path.is_file() else None

    def keep_weights(self, split: int, metric: str, save: Callable[[Path], None], about: Mapping[str, Any]) -> None:
        """Keep the weights that a metric chose, written by `save`, and what they are."""
        folder = self.paths.best(split, metric)
        with replacing(folder / "model.safetensors") as path:
            save(path)
        write_json(folder / "model.json", dict(about))

    def weights(self, split: int, metric: str) -> Path:
        """Give the file of the weights that a metric chose.

        Raises
        ------
        MapsError
            When there is none.
        """
        path = self.paths.best(split, metric) / "model.safetensors"
        if not path.is_file():
            kept = sorted(p.name.removeprefix("best-") for p in self.paths.split(split).glob("best-*"))
            hint = did_you_mean(metric, kept) if kept else f"go on with `fimbria resume {self.root}`"
            msg = f"{self.root} has no weights chosen by {metric!r} in split-{split}: {hint}."
            raise MapsError(msg)
        return path

    def keep_contract(self, split: int, metric: str, contract: Mapping[str, Any]) -> None:
        """Keep what an image must be for these weights to mean anything."""
        write_json(self.paths.best(split, metric) / "contract.json", dict(contract))

    def contract(self, split: int, metric: str) -> dict[str, Any]:
        """Read what an image must be for these weights."""
        path = self.paths.best(split, metric) / "contract.json"
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError) as error:
            msg = f"{path} is missing or broken: without it nobody knows what these weights expect. `fimbria resume {self.root}` writes it again."
            raise MapsError(msg) from error
        return content

    def finish(self, split: int, about: Mapping[str, Any]) -> None:
        """Mark a split as done and drop the state of its training."""
        write_json(self.paths.finished(split), dict(about))
        shutil.rmtree(self.paths.checkpoint(split).parent, ignore_errors=True)

    def is_finished(self, split: int) -> bool:
        """Tell whether a split is trained and scored."""
        return self.paths.finished(split).is_file()

    # Results

    def keep_predictions(self, split: int | None, metric: str, group: str, table: PredictionTable) -> None:
        """Keep a table of predictions; its level is what its parts are called."""
        table.write(self.paths.predictions(split, metric, group, table.part))

    def predictions(self, split: int | None, metric: str, group: str, level: str) -> PredictionTable:
        """Read a table of predictions.

        Raises
        ------
        MapsError
            When there is none.
        """
        path = self.paths.predictions(split, metric, group, level)
        if not path.is_file():
            msg = f"{self.root} has no predictions of group {group!r} at {level} level: {path} is missing."
            raise MapsError(msg)
        return PredictionTable.read(path, level)

    def keep_metrics(self, split: int | None, metric: str, group: str, level: str, metrics: pd.DataFrame) -> None:
        """Keep a tidy table of metrics."""
        tables.write(metrics, self.paths.metrics(split, metric, group, level))

    def metrics(self, split: int | None, metric: str, group: str, level: str) -> pd.DataFrame | None:
        """Read a table of metrics; None if that group was not scored."""
        path = self.paths.metrics(split, metric, group, level)
        return tables.read(path, text=("class",)) if path.is_file() else None

    # Integrity

    def seal(self) -> None:
        """Write the SHA-256 of every file."""
        lines = [f"{sha256(path)}  {name}\n" for name, path in self._files()]
        write_text(self.paths.checksums, "".join(lines))

    def damage(self) -> list[Problem]:
        """Compare every file with its SHA-256; give what differs or is missing."""
        if not self.paths.checksums.is_file():
            return [
                Problem(f"{self.root} has no checksums", f"was it interrupted? `fimbria resume {self.root}` goes on")
            ]
        standing = dict(self._files())
        problems = []
        for line in self.paths.checksums.read_text(encoding="utf-8").splitlines():
            digest, _, name = line.partition("  ")
            if name not in standing:
                problems.append(Problem(f"{name} is missing", "copy the MAPS again from where it came from"))
            elif sha256(standing[name]) != digest:
                problems.append(
                    Problem(f"{name} was changed or damaged", "copy the MAPS again from where it came from")
                )
        return problems

    def _files(self) -> list[tuple[str, Path]]:
        named = ((path.relative_to(self.root).as_posix(), path) for path in self.root.rglob("*") if path.is_file())
        return sorted((name, p) for name, p in named if not _UNSEALED.search(name) and p != self.paths.checksums)


def refuse_occupied(root: Path) -> None:
    """Refuse a place for a new MAPS that holds something.

    Raises
    ------
    MapsError
        With what to do: another folder, or going on with the MAPS that is there.
    """
    if root.is_dir() and any(root.iterdir()):
        is_maps = (root / "maps.json").is_file()
        hint = (
            f"Go on with it: `fimbria resume {root}`. Or choose another folder."
            if is_maps
            else "Choose another folder."
        )
        msg = f"{root} holds {'a MAPS' if is_maps else 'something'} already; nothing is ever written over. {hint}"
        raise MapsError(msg)
    if root.exists() and not root.is_dir():
        msg = f"{root} is a file; a folder for the results was wanted."
        raise MapsError(msg)

"""A results folder: creates, opens, logs, keeps and reads; it decides nothing. Every write is whole or not at all."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from fimbria.atomic import storing, write_json, write_text
from fimbria.data.cohort.cohort import Cohort
from fimbria.errors import MapsError
from fimbria.experiment import files
from fimbria.experiment.experiment import Experiment
from fimbria.provenance import packages
from fimbria.results.maps.audits import Audits
from fimbria.results.maps.code import Code
from fimbria.results.maps.paths import RESERVED, Paths
from fimbria.results.maps.scores import Scores
from fimbria.results.maps.training import Training
from fimbria.results.maps.transferred import Transferred

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


SCHEMA_VERSION = 1


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
        splits = self.record.get("splits")
        numbered = isinstance(splits, list) and splits and all(type(split) is int for split in splits)
        described = all(isinstance(self.record.get(part), dict) for part in ("experiment", "components"))
        described = described and isinstance(self.record.get("fitted"), (dict, list))
        if not isinstance(version, int) or not described or not numbered:
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

    @property
    def columns(self) -> list[str]:
        """Columns of the tables that it learnt."""
        first = [self.experiment.task.label or "diagnosis"]  # as the first version learnt
        return list(self.record.get("learns", first))

    def fitted(self, split: int) -> dict[str, Any]:
        """Give what was taken from the tables of a split's training people: for ``task``, and for ``covariates``.

        Raises
        ------
        MapsError
            When it is not there.
        """
        kept = self.record["fitted"]
        if isinstance(kept, dict):  # one task for all splits, as the first version kept it
            return {"task": kept, "covariates": []}
        for one in kept:
            if isinstance(one, dict) and one.get("split") == split and isinstance(one.get("task"), dict):
                return {"task": one["task"], "covariates": one.get("covariates", [])}
        msg = f"{self.paths.record} does not say what split-{split} took from its training people. Copy the MAPS again from where it came from."
        raise MapsError(msg)

    @property
    def code(self) -> Code:
        """Give the study's own files."""
        return Code(self.paths, self.record)

    @property
    def scores(self) -> Scores:
        """Give what its weights said of groups."""
        return Scores(self.paths)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing here.

        Raises
        ------
        MapsError
            When another one is writing.
        """
        try:
            with storing(self.root / ".lock"), FileLock(self.root / ".lock", timeout=0):
                yield
        except Timeout as error:
            msg = f"another process is writing to {self.root}. Wait until it is done."
            raise MapsError(msg) from error

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

    @property
    def audits(self) -> Audits:
        """Give what its audits found, and how often it was asked."""
        return Audits(self.paths)

    def transferred(self, split: int) -> Transferred:
        """Give what is kept of the weights that a split began with."""
        return Transferred(self.paths, split)

    def training(self, split: int, network: int | None = None) -> Training:
        """Give what is kept of the training of one split, or of one of its networks."""
        return Training(self.paths, split, network)


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

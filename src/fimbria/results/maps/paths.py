"""What lies where in a MAPS; names are ClinicaDL's where it has one.

::

    <maps>/
      maps.json                  experiment, components, versions, hardware, git state, command, date
      environment.txt            every installed package with its version
      checksums.sha256           of every file below
      certificate.json, .html    what the audit of the splits looked for and found
      code/<sha256>.py           the study's own files, as they were
      transfer/split-<i>/initial.safetensors, .json    weights that a training began with, and where they came from
      groups/
        train+validation.tsv     everybody the weights have seen
        images.tsv               fingerprint of every image that was read
        flow.json                who left before the splits were made, and why
        looks.tsv                each time that a group was scored, and by which weights
        <train|validation>/split-<i>/data.tsv
        <group>/data.tsv, maps.json, certificate.json, certificate.html
      split-<i>/
        training_logs/training.tsv, times.tsv, trained.json
        tmp/checkpoint.pt        only while it is trained
        finished.json            when it is
        best-<metric>/
          model.safetensors, model.json, contract.json
          <group>/<group>_<level>_level_<prediction|metrics>.tsv
      ensemble/best-<metric>/<group>/...

Of several networks, one for each part of an image, each has a folder ``network-<n>`` of its own in ``training_logs``,
``tmp`` and ``best-<metric>``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fimbria.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")
RESERVED = ("train", "validation", "train+validation")
_NETWORK = re.compile(r"network-\d+")  # a folder of weights beside the folders of groups


@dataclass(frozen=True)
class Paths:
    """The places of a MAPS.

    Attributes
    ----------
    root
        Its folder.
    """

    root: Path

    @property
    def record(self) -> Path:
        """What was trained, with what."""
        return self.root / "maps.json"

    @property
    def environment(self) -> Path:
        """Installed packages."""
        return self.root / "environment.txt"

    @property
    def checksums(self) -> Path:
        """SHA-256 of every other file."""
        return self.root / "checksums.sha256"

    @property
    def seen(self) -> Path:
        """Everybody the weights have seen."""
        return self.root / "groups" / "train+validation.tsv"

    @property
    def images(self) -> Path:
        """Fingerprints of the images."""
        return self.root / "groups" / "images.tsv"

    @property
    def flow(self) -> Path:
        """Who left before the splits were made."""
        return self.root / "groups" / "flow.json"

    def transferred(self, split: int, network: int | None = None) -> Path:
        """Weights that the training of a split, or of one of its networks, began with."""
        return _inside(self.root / "transfer" / f"split-{split}", network) / "initial.safetensors"

    def group(self, name: str, split: int | None = None) -> Path:
        """Folder of a group's list; train and validation have one a split."""
        folder = self.root / "groups" / checked(name)
        return folder if split is None else folder / f"split-{split}"

    def split(self, split: int) -> Path:
        """Folder of a split."""
        return self.root / f"split-{split}"

    def finished(self, split: int) -> Path:
        """Stands there once a split is trained and scored."""
        return self.split(split) / "finished.json"

    def logs(self, split: int, network: int | None = None) -> Path:
        """Folder of the logs of a split, or of one of its networks."""
        return _inside(self.split(split) / "training_logs", network)

    def checkpoint(self, split: int, network: int | None = None) -> Path:
        """State of a training that goes on."""
        return _inside(self.split(split) / "tmp", network) / "checkpoint.pt"

    def best(self, split: int | None, metric: str, network: int | None = None) -> Path:
        """Folder of the weights that one metric chose; without a split, of the ensemble over splits."""
        parent = self.root / "ensemble" if split is None else self.split(split)
        return _inside(parent / f"best-{checked(metric)}", network)

    def predictions(self, split: int | None, metric: str, group: str, level: str, network: int | None = None) -> Path:
        """Table of predictions."""
        return self.best(split, metric, network) / checked(group) / f"{group}_{checked(level)}_level_prediction.tsv"

    def metrics(self, split: int | None, metric: str, group: str, level: str) -> Path:
        """Table of metrics."""
        return self.best(split, metric) / checked(group) / f"{group}_{checked(level)}_level_metrics.tsv"


def _inside(folder: Path, network: int | None) -> Path:
    return folder if network is None else folder / f"network-{network}"


def is_reserved(group: str) -> bool:
    """Tell whether a group cannot be called so, because something of the training is.

    Examples
    --------
    >>> is_reserved("train"), is_reserved("network-0"), is_reserved("test")
    (True, True, False)
    """
    return group in RESERVED or _NETWORK.fullmatch(group) is not None


def checked(name: str) -> str:
    """Give a name back if it can be part of a path and leads nowhere else.

    Raises
    ------
    InputError
        When it cannot.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        msg = f"{name!r} cannot name a group, metric or level: letters, digits, '-', '_', '.' and '+' are wanted, 100 at most."
        raise InputError(msg)
    return name

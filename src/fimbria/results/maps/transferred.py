"""What a MAPS keeps of the weights that its trainings began with: the weights, where they came from, whom they had seen."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from fimbria.atomic import replacing, write_json
from fimbria.errors import MapsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fimbria.results.maps.paths import Paths

BEFORE = "ses-before"
"""Stands in the list of everybody seen for the sessions that earlier weights had seen, which nobody listed."""

People: TypeAlias = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Transferred:
    """The weights that the training of one split began with, on disk.

    Attributes
    ----------
    paths
        The places of the MAPS.
    split
        Number of the split.
    """

    paths: Paths
    split: int

    @property
    def record(self) -> Path:
        """Where it is kept what they are."""
        return self.paths.transferred(self.split).with_suffix(".json")

    def keep(self, about: Mapping[str, Any], trained: People | None, seen: People | None) -> None:
        """Keep what the weights are, who taught them, and everybody they had seen; None where that is not known."""
        people = {"trained": trained, "seen": seen}
        write_json(
            self.record, {**about, **{name: None if who is None else sorted(who) for name, who in people.items()}}
        )

    def keep_weights(self, network: int | None, save: Callable[[Path], None]) -> None:
        """Keep the weights that a network begins with, written by `save`."""
        with replacing(self.paths.transferred(self.split, network)) as path:
            save(path)

    def weights(self, network: int | None) -> Path | None:
        """Give the weights that a network begins with; None where it begins at random."""
        path = self.paths.transferred(self.split, network)
        return path if path.is_file() else None

    def people(self) -> tuple[People | None, People | None]:
        """Give who taught the weights, and everybody they had seen: nobody for random ones, None where not known.

        Raises
        ------
        MapsError
            When it cannot be read.
        """
        try:
            said = json.loads(self.record.read_text(encoding="utf-8"))
            trained, seen = (
                None if said[name] is None else frozenset((str(one), str(other)) for one, other in said[name])
                for name in ("trained", "seen")
            )
        except FileNotFoundError:
            return frozenset(), frozenset()
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{self.record} is broken: it is not known whom the weights had seen. Copy the MAPS again from where it came from."
            raise MapsError(msg) from error
        return trained, seen

"""A MAPS from somebody else never runs code by being opened: a study's own file runs only when its hash is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.errors import MapsError
from fimbria.registry import is_own_file
from fimbria.workflows.choices import Choices, resolve

if TYPE_CHECKING:
    from collections.abc import Collection

    from fimbria.experiment.experiment import Experiment
    from fimbria.results.maps.maps import Maps


def kept_choices(maps: Maps, experiment: Experiment, trusted: Collection[str]) -> Choices:
    """Find the components of a MAPS, running no file but those whose hash the user has named.

    Parameters
    ----------
    maps
        Where they are recorded.
    experiment
        The MAPS's, perhaps with another place of the images.
    trusted
        SHA-256 that the user has named.

    Raises
    ------
    ProblemsError
        With the hash to name, for each file that is not trusted.
    MapsError
        When a file is not the one that the MAPS was made with.
    """
    choices = resolve(experiment, trusted)
    for kind, place, found in choices.components():
        kept = maps.record["components"].get(kind, {})
        recorded = (kept if place is None else kept[place]).get("version")
        if is_own_file(found.name) and found.version != recorded:
            msg = f"{found.provider} is not the file that this MAPS was made with. Bring back the one with {recorded}."
            raise MapsError(msg)
    return choices

"""A MAPS from somebody else never runs code by being opened.

It keeps a copy of each of the study's own files. What such a file defines runs again where the file still stands with the
same content and somebody has trained with just that of it from this account, or where the user names its SHA-256. A MAPS
says itself where a file stands and what its hash is: neither can tell whose it is, so what was trained with is remembered
outside any MAPS.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fimbria.errors import MapsError, Problem, refuse
from fimbria.experiment.experiment import own_files, with_files
from fimbria.provenance import sha256
from fimbria.registry import DESCRIPTION, is_own_file
from fimbria.workflows.choices import Choices, resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fimbria.experiment.experiment import Experiment
    from fimbria.results.maps.maps import Maps


def code_of(experiment: Experiment) -> dict[str, Path]:
    """Give the study's own files that an experiment runs, by what it calls what is in them."""
    names = dict.fromkeys(name for name in own_files(experiment.plain()) if not name.endswith(DESCRIPTION))
    return {name: Path(name.rpartition(":")[0]) for name in names}


def remember(files: Mapping[str, Path]) -> None:
    """Note, for this account, what of which files a training runs that the user began, with the content they have now."""
    for name, file in files.items():
        with suppress(OSError, RuntimeError):  # an account that can keep nothing is asked for --trust-code later
            note = _note(name, sha256(file))
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()


def _is_noted(name: str, digest: str) -> bool:
    """Tell whether somebody has trained with such code from this account."""
    try:
        return _note(name, digest).is_file()
    except (OSError, RuntimeError):  # no home, or none that can be read
        return False


def _note(name: str, digest: str) -> Path:
    """Give the file whose being there says so; it holds nothing."""
    state = os.environ.get("XDG_STATE_HOME", "")
    root = Path(state) if state else Path.home() / ".local" / "state"
    return root / "fimbria" / "own-code" / f"{digest}-{name.rpartition(':')[2]}"


def kept_choices(maps: Maps, experiment: Experiment, trusted: Collection[str]) -> tuple[Experiment, Choices]:
    """Find the components of a MAPS, running no file but those that are the user's own or whose hash the user has named.

    Parameters
    ----------
    maps
        Where they are recorded.
    experiment
        The MAPS's, perhaps with another place of the images.
    trusted
        SHA-256 that the user has named.

    Returns
    -------
    tuple of Experiment, Choices
        The experiment, its files where they can be found now, and its components.

    Raises
    ------
    ProblemsError
        With the hash to name, for each file that is not trusted.
    MapsError
        When a file is not the one that the MAPS was made with.
    """
    moved, problems = {}, []
    for name, own in code_of(experiment).items():
        digest, copy = maps.code.find(name)
        same = own.is_absolute() and own.is_file() and sha256(own) == digest
        if same and (digest in trusted or _is_the_users(name, own, digest, maps)):
            continue
        if copy.is_file() and digest in trusted:
            if sha256(copy) != digest:
                msg = f"{copy} was changed: its SHA-256 is not {digest}. Copy the MAPS again from where it came from."
                raise MapsError(msg)
            moved[name] = f"{copy}:{name.rpartition(':')[2]}"
            continue
        other = "a file stands there, with another content" if own.is_file() else "the file is gone"
        other = "nobody has trained with it from this account" if same else other
        other += ", and it has not the SHA-256 that was given" if trusted else ""
        where = f"the MAPS keeps {copy}" if copy.is_file() else f"bring back {own}"
        problems.append(
            Problem(
                f"{name} is code of whoever trained this MAPS ({other})",
                f"read it ({where}); if you trust it: --trust-code {digest}",
            )
        )
    refuse(f"the code of {maps.root}", problems)
    found = experiment.of(with_files(experiment.plain(), lambda name: moved.get(name, name))) if moved else experiment
    choices = resolve(found, {maps.code.find(name)[0] for name in code_of(experiment)})
    for kind, place, component in choices.components():
        kept = maps.record["components"].get(kind, {})
        recorded = (kept if place is None else kept[place]).get("version")
        if is_own_file(component.name) and component.version != recorded:
            msg = f"{component.provider} is not the file that this MAPS was made with. Bring back the one with {recorded}."
            raise MapsError(msg)
    return found, choices


def _is_the_users(name: str, own: Path, digest: str, maps: Maps) -> bool:
    """Tell whether what a file defines is the user's own; what lies in the MAPS came with it."""
    return _is_noted(name, digest) and not own.resolve().is_relative_to(maps.root.resolve())

"""A data set's images, listed once: which there are, of whom, and which of them cannot be used."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fimbria.data.images.pipelines.pattern import ONLY_SESSION
from fimbria.data.images.source import only
from fimbria.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fimbria.data.cohort.cohort import Session
    from fimbria.data.images.pipelines import Pipeline
    from fimbria.data.images.pipelines.pattern import Route

PREPROCESSED_HERE = ("t1-linear",)  # what `fimbria preprocess` makes
Whose = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Listing:
    """The images of one pipeline in one data set.

    Attributes
    ----------
    root
        Folder of the data set.
    pipeline
        Which of its images are listed.
    files
        ``(participant_id, session_id)`` -> paths relative to `root`, sorted.
    blocked
        Relative path of a file or folder -> why nothing is read there: a link that leads out of the data set or to
        nothing, a folder that cannot be read.
    """

    root: Path
    pipeline: Pipeline
    files: Mapping[Whose, tuple[str, ...]]
    blocked: Mapping[str, str] = field(default_factory=dict)

    @property
    def sessions(self) -> tuple[Whose, ...]:
        """Everybody with an image, ``(participant_id, session_id)``, sorted."""
        return tuple(sorted(self.files))

    def has(self, session: Session) -> bool:
        """Tell whether there is an image of a session, or several."""
        return (session.participant_id, session.session_id) in self.files

    def find(self, session: Session) -> Path:
        """Give the one image of a session.

        Raises
        ------
        ImageError
            When there is none, or several, or a link to it leads out of the data set.
        """
        found = self.files.get((session.participant_id, session.session_id), ())
        remedy = "" if found else f"Looked in {self._looked_in(session)}.{self._remedy(session)}"
        path = only([self.root / file for file in found], f"{self.pipeline.name} image", session, remedy)
        if why := self.blocked.get(found[0]):
            msg = f"the {self.pipeline.name} image of {session} is not read: {why}"
            raise ImageError(msg)
        return path

    def _looked_in(self, session: Session) -> Path:
        """Give the folder where the image would be: the participant's own where there are no session folders."""
        told = self.pipeline.folder(session.participant_id, session.session_id)
        if session.session_id == ONLY_SESSION and not (self.root / told).is_dir():
            bare = self.pipeline.folder(session.participant_id, "")
            told = bare if (self.root / bare).is_dir() else told
        return self.root / told

    def _remedy(self, session: Session) -> str:
        """Say what stood in the way, or how the image is made."""
        place = self._looked_in(session).relative_to(self.root).as_posix()
        on_the_way = [
            why
            for path, why in self.blocked.items()
            if f"{place}/".startswith(f"{path}/") or path.startswith(f"{place}/")
        ]
        if on_the_way:
            return f" {on_the_way[0]}"
        made = self.pipeline.name in PREPROCESSED_HERE
        return (
            f" Make it with `fimbria preprocess {self.pipeline.name}`."
            if made
            else f" Files there would be named {self.pipeline.glob}."
        )


def listed(root: Path, pipeline: Pipeline) -> Listing:
    """List the images of a pipeline: every folder is read once, and only those that its pattern leads through.

    Parameters
    ----------
    root
        Folder of the data set.
    pipeline
        Whose images are wanted. Names that begin with a dot are passed over.

    Returns
    -------
    Listing
        What cannot be read is told when it is asked for.
    """
    walk = _Walk(str(root))
    files: dict[Whose, list[str]] = {}
    nested: set[str] = set()  # participants with session folders that hold images
    for route in pipeline.routes:
        for file in walk.files(route, nested if route.sessionless else frozenset()):
            found = route.paths.fullmatch(file)
            if found is None:
                continue
            who, *session = found.groups()
            visit = next((name for name in session if name), ONLY_SESSION)
            files.setdefault((who, visit), []).append(file)
        if not route.sessionless:
            nested = {who for who, _ in files}
    return Listing(root, pipeline, {whose: tuple(sorted(set(of))) for whose, of in files.items()}, walk.blocked)


class _Walk:
    """Goes through the folders of a data set, and remembers where it was stopped."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.real = os.path.realpath(root)
        self.blocked: dict[str, str] = {}
        self.last: tuple[str | None, Sequence[os.DirEntry[str]]] = (None, ())

    def files(self, route: Route, skipped: set[str] | frozenset[str]) -> Iterator[str]:
        """Give the files, relative to the data set, that a route leads to; none of the participants to be skipped."""
        yield from self._below("", route, 0, skipped, "")

    def _below(self, place: str, route: Route, at: int, skipped: set[str] | frozenset[str], link: str) -> Iterator[str]:
        """Go on from a folder; `link` says that a link led out of the data set on the way here."""
        segment = route.segments[at]
        if at == len(route.segments) - 1:
            yield from self._within(place, route, link)
            return
        if segment.text == "**":
            yield from self._below(place, route, at + 1, skipped, link)
            for name, outside in self._folders(place, None, link, deep=True):
                yield from self._below(name, route, at, skipped, link or outside)
            return
        if segment.names is None:
            folder = f"{place}/{segment.text}" if place else segment.text
            linked = os.path.islink(f"{self.root}/{folder}")  # noqa: PTH114  (once a session: text is faster)
            outside = link or (self._leads_out(folder) if linked else "")
            if linked and outside and not Path(self.root, folder).is_dir():
                self.blocked[folder] = outside
                return
            yield from self._below(folder, route, at + 1, skipped, outside)
            return
        for folder, outside in self._folders(place, segment.names.fullmatch, link):
            if not skipped or folder.rpartition("/")[2] not in skipped:
                yield from self._below(folder, route, at + 1, skipped, link or outside)

    def _within(self, place: str, route: Route, link: str) -> Iterator[str]:
        """Give the files of a folder; one that a link leads to from outside is given, and why it is not read."""
        matches = route.paths.fullmatch
        for entry in self._entries(place):
            file = f"{place}/{entry.name}" if place else entry.name
            if not matches(file):
                continue
            if entry.is_symlink():
                why = link or self._leads_out(file)
            elif entry.is_dir():
                continue
            else:
                why = link
            if why:
                self.blocked[file] = why
            yield file

    def _folders(
        self, place: str, wanted: Callable[[str], object] | None, link: str, *, deep: bool = False
    ) -> Iterator[tuple[str, str]]:
        """Give the folders in a folder, and where a link leads out of the data set."""
        for entry in self._entries(place):
            name = entry.name
            if wanted is not None and not wanted(name):
                continue
            folder = f"{place}/{name}" if place else name
            if not entry.is_symlink():
                if entry.is_dir():
                    yield folder, ""
                continue
            outside = self._leads_out(folder)
            if not entry.is_dir():
                if outside:
                    self.blocked[folder] = outside
            elif not deep or (outside and not link):
                # at any depth, what a link inside leads to is found where it lies, and a circle would have no end
                yield folder, outside

    def _entries(self, place: str) -> Sequence[os.DirEntry[str]]:
        if place != self.last[0]:  # at any depth, a folder is asked for its files and then for its folders
            self.last = (place, self._read(place))
        return self.last[1]

    def _read(self, place: str) -> Sequence[os.DirEntry[str]]:
        try:
            with os.scandir(f"{self.root}/{place}" if place else self.root) as entries:
                return [entry for entry in entries if not entry.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            self.blocked[place] = f"{Path(self.root, place)} cannot be read ({error.strerror})."
            return ()

    def _leads_out(self, path: str) -> str:
        """Say where a link leads, if not to something in the data set."""
        link = f"{self.root}/{path}"
        target = os.path.realpath(link)
        if not Path(target).exists():
            return f"{link} is a link to {target}, which is not there. Bring it back (`datalad get` fetches it in a DataLad data set), or remove the link."
        if target == self.real or target.startswith(self.real.rstrip(os.sep) + os.sep):
            return ""
        return f"{link} is a link to {target}, out of the data set. Copy it in, or name the data set it lies in."

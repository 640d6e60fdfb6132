"""Several data sets by name, and the images of all of them as one source."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from fimbria import tables
from fimbria.data.images import layout
from fimbria.errors import FimbriaError, InputError, Problem, listing, refuse

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterator, Mapping, Sequence

    from fimbria.data.cohort.cohort import Session
    from fimbria.data.images.listing import Listing
    from fimbria.data.images.pipelines import Pipeline

_NAMED = re.compile(r"[^/=]*=")  # a path may hold a "=" of its own
_NAMES = ("cohort", "dataset")  # columns of a table that name a data set


@dataclass(frozen=True)
class DataSets:
    """Folders of data sets by name; the name is empty where there is but one.

    Attributes
    ----------
    folders
        Name -> folder.

    Raises
    ------
    ProblemsError
        When there is none, two have one folder, or one of several has no name; everything at once.

    Examples
    --------
    >>> sets = DataSets({"adni": Path("ADNI"), "aibl": Path("AIBL")})
    >>> list(sets)
    ['adni', 'aibl']
    """

    folders: Mapping[str, Path]

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "folders", MappingProxyType({n: Path(f).expanduser() for n, f in self.folders.items()})
        )
        problems = [] if self.folders else [Problem("there is none", "name at least one folder")]
        if "" in self.folders and len(self.folders) > 1:
            problems.append(Problem(f"{self.folders['']} has no name", "name it, so that its people can be told apart"))
        shared: dict[Path, list[str]] = defaultdict(list)
        for name, folder in self.folders.items():
            shared[folder.resolve()].append(name)
        problems += [
            Problem(f"{' and '.join(names)} are one folder, {folder}", "give each data set a folder of its own")
            for folder, names in shared.items()
            if len(names) > 1
        ]
        refuse("the data sets", problems)

    def __reduce__(self) -> tuple[type[DataSets], tuple[dict[str, Path]]]:
        """Travel whole between processes."""
        return type(self), (dict(self.folders),)

    @classmethod
    def of(cls, given: str | Path | Mapping[str, str | Path]) -> Self:
        """Give data sets from a folder, a table of folders, or a mapping.

        Parameters
        ----------
        given
            A folder; a ``.tsv`` with the columns ``cohort`` (or ``dataset``) and ``path``, relative to the table; or
            name -> folder.

        Raises
        ------
        InputError
            When the table cannot be used.
        """
        if not isinstance(given, (str, Path)):
            return cls({name: Path(folder) for name, folder in given.items()})
        path = Path(given)
        if path.suffix != ".tsv" or path.is_dir():
            return cls({"": path})
        frame = tables.read(path, ["path"], text=[*_NAMES, "path"])
        column = next((name for name in _NAMES if name in frame.columns), None)
        if column is None:
            tables.need(frame, [_NAMES[0]], str(path))
        rows = list(zip(frame[column or _NAMES[0]], frame["path"], strict=True))
        bare = [line for line, row in enumerate(rows, 2) if not all(isinstance(cell, str) and cell for cell in row)]
        problems = [Problem(f"line {line} lacks a name or a path", "fill it in, or remove the line") for line in bare]
        names = [name for name, _ in rows]
        problems += [
            Problem(f"{name} stands there more than once", "keep one folder of each data set")
            for name in dict.fromkeys(names)
            if isinstance(name, str) and names.count(name) > 1
        ]
        refuse(str(path), problems)
        return cls({name: path.parent / Path(folder).expanduser() for name, folder in rows})

    @classmethod
    def told(cls, words: Sequence[str]) -> Self:
        """Give data sets from ``NAME=PATH``; a single one may have no name.

        Raises
        ------
        InputError
            When one of several has no name, or a name is told twice.
        """
        split = [word.partition("=") if _NAMED.match(word) else ("", "=", word) for word in words]
        twice = {name for name, _, _ in split if [one for one, _, _ in split].count(name) > 1}
        problems = [
            Problem(f"{name or 'a data set without a name'} is told more than once", "NAME=PATH, each name once")
            for name in sorted(twice)
        ]
        refuse("the data sets", problems)
        return cls({name: Path(folder) for name, _, folder in split})

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self.folders)

    def __len__(self) -> int:
        """Count the data sets."""
        return len(self.folders)

    def items(self) -> ItemsView[str, Path]:
        """Give names with folders."""
        return self.folders.items()

    def name_of(self, session: Session) -> str:
        """Give the name of the data set that holds a session.

        Raises
        ------
        InputError
            When there is no data set of that name.
        """
        if session.dataset in self.folders:
            return session.dataset
        if tuple(self.folders) == ("",):
            return ""
        what = f"of the data set {session.dataset!r}" if session.dataset else "of a data set without a name"
        msg = f"{session} is {what}, whose folder was not given; there is: {listing(sorted(map(repr, self.folders)))}. Name it: --cohort {session.dataset or 'NAME'}=FOLDER."
        raise InputError(msg)

    def folder(self, session: Session) -> Path:
        """Give the folder of the data set that holds a session; the only one, if it has no name, holds them all.

        Raises
        ------
        InputError
            When there is no data set of that name.
        """
        return self.folders[self.name_of(session)]

    def source(self, pipeline: Pipeline) -> ScatteredImages:
        """Give the images of a pipeline in all data sets.

        Raises
        ------
        ProblemsError
            For every folder that is missing or of another kind; at once.
        """
        listings, problems = {}, []
        for name, folder in self.items():
            try:
                listings[name] = layout.source_of(folder, pipeline)
            except FimbriaError as error:
                problems.append(Problem(f"{name}: {error}" if name else str(error)))
        refuse("the data sets", problems)
        return ScatteredImages(self, listings)


@dataclass(frozen=True, eq=False)
class ScatteredImages:
    """The images of one pipeline in several data sets, each listed once.

    Attributes
    ----------
    data_sets
        Where they are.
    listings
        What each holds, by its name.
    """

    data_sets: DataSets
    listings: Mapping[str, Listing]

    def find(self, session: Session) -> Path:
        """Give the one image of a session.

        Raises
        ------
        ImageError
            When there is none, or several, or a link to it leads out of its data set.
        InputError
            When its data set has no folder.
        """
        return self.listings[self.data_sets.name_of(session)].find(session)

    def has(self, session: Session) -> bool:
        """Tell whether there is an image of a session, or several."""
        return self.listings[self.data_sets.name_of(session)].has(session)

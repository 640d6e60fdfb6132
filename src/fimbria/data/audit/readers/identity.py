"""Whose an item is: from columns, from BIDS names, from a pattern of the user's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from fimbria.data.audit.readers import lists
from fimbria.errors import InputError, did_you_mean, listing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Names that columns bear, letters and digits alone, the likelier first.
_PARTICIPANT = ("participantid", "participant", "subjectid", "subject", "sub", "patientid", "patient", "pid", "ptid")
_SESSION = ("sessionid", "session", "ses", "visitid", "visit", "viscode", "timepoint")
_DATASET = ("dataset", "cohort")
_FILE = (
    "image",
    "imagepath",
    "imagefile",
    "img",
    "imgpath",
    "path",
    "filepath",
    "file",
    "filename",
    "scan",
    "channel0",
)
_PARTS = ("slice_id", "patch_id", "roi_id")
_TAKEN = ("split", "side", "item", "image", "person")

# Greedy before, so that the file's own name counts before the folders above it.
_BIDS = re.compile(
    r"(?s)(?:.*[/\\_ ]|^)(?P<participant>sub-[^_/\\. ]+?)(?=-ses-|[_/\\. ]|$)"
    r"(?:(?:.*?[/\\_ -])(?P<session>ses-[^_/\\. ]+))?"
)
_SESSIONS_OF = r"^sub-[^_/\\]+?[_-]ses-"
_EXAMPLE = "--participant-pattern '(P[0-9]+)_'"


@dataclass(frozen=True)
class Naming:
    """How to tell whose an item is.

    Attributes
    ----------
    participant, session
        Columns that say it; None to find them by their names.
    pattern
        A regular expression with one group, or with groups named ``participant``, ``session``, ``dataset``; it is
        searched for in the column that names participants, or in the names of files where there is none.

    Raises
    ------
    InputError
        When one column is to say both; when the pattern is no regular expression, or it does not say which of its groups
        is the participant.
    """

    participant: str | None = None
    session: str | None = None
    pattern: str | None = None

    def __post_init__(self) -> None:
        """Refuse a pattern that cannot tell whose an item is."""
        if self.participant is not None and self.participant == self.session:
            msg = f"--participant {self.participant} and --session {self.session} are one column; two were wanted."
            raise InputError(msg)
        if self.pattern is None:
            return
        try:
            groups = re.compile(self.pattern)
        except (re.error, OverflowError, RecursionError) as error:
            msg = f"--participant-pattern {self.pattern!r} is no regular expression ({error}). One that is: {_EXAMPLE}."
            raise InputError(msg) from error
        known = {"participant", "session", "dataset"}
        if groups.groupindex and ("participant" not in groups.groupindex or set(groups.groupindex) - known):
            msg = f"--participant-pattern {self.pattern!r} names the groups {listing(list(groups.groupindex))}; (?P<participant>...) was wanted, and (?P<session>...), (?P<dataset>...) where they are known."
            raise InputError(msg)
        if not groups.groupindex and groups.groups != 1:
            msg = f"--participant-pattern {self.pattern!r} has {groups.groups} groups in brackets; one was wanted, round what names the participant: {_EXAMPLE}."
            raise InputError(msg)


class Roles(NamedTuple):
    """Which column says what; None where none does.

    Attributes
    ----------
    participant, session, dataset, file
        Columns.
    parts
        Columns that number the slices, patches or regions of an image.
    """

    participant: str | None
    session: str | None
    dataset: str | None
    file: str | None
    parts: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(name for name in (*self[:4], *self.parts) if name is not None)


def roles(columns: Sequence[str], naming: Naming, place: object, apart: Sequence[str] = ()) -> Roles:
    """Find the columns that say whose an item is.

    Parameters
    ----------
    columns
        All there are.
    naming
        The columns that the user named.
    place
        The table, for messages.
    apart
        Columns that say something else.

    Raises
    ------
    InputError
        When there is no column of the name that the user gave.
    """
    for flag, wanted in (("participant", naming.participant), ("session", naming.session)):
        if wanted is not None and wanted not in columns:
            hint = did_you_mean(wanted, columns).replace("there is:", "it has:")
            msg = f"--{flag} {wanted}: {place} has no such column; {hint}."
            raise InputError(msg)
    free = [column for column in columns if column not in {*apart, naming.participant, naming.session}]
    participant = naming.participant or _called(free, _PARTICIPANT) or _like(free, r"subject|participant|patient")
    session = naming.session or _called(free, _SESSION)
    file = _called(free, _FILE) or _like(free, r"^(channel|modality)_?\d", first=True)
    parts = tuple(column for column in free if column.lower() in _PARTS)
    return Roles(participant, session, _called(free, _DATASET), file, parts)


def read(path: Path, naming: Naming) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a table and say whose its rows are.

    Returns
    -------
    pandas.DataFrame
        As of `identify`.
    tuple of str
        What could not be told.
    """
    found = roles(lists.columns(path), naming, path)
    return identify(lists.read_table(path, found.all), found, naming, path)


def identify(frame: pd.DataFrame, found: Roles, naming: Naming, place: object) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Say whose the rows of a table are.

    Returns
    -------
    pandas.DataFrame
        ``dataset``, ``participant_id``, ``session_id``, ``item``, ``image`` (texts, empty where unknown), then the
        table's own columns; one of theirs that bears such a name too is called ``<name> (of the table)``.
    tuple of str
        What could not be told.

    Raises
    ------
    InputError
        When the user's pattern is in none of the names.
    """
    files, who = _texts(frame, found.file), _texts(frame, found.participant)
    ids = pd.DataFrame({"dataset": _texts(frame, found.dataset), "session_id": _texts(frame, found.session)})
    notes: tuple[str, ...] = ()
    names = who if found.participant else files
    if naming.pattern is not None:
        told, notes = by_pattern(names, naming.pattern, place)
    elif found.participant is None:
        told = by_bids(files)
    else:
        told = by_bids(who.where(who.str.contains(_SESSIONS_OF), ""))
        if sessions := sorted(set(who[told["participant"] != ""]))[:1]:
            notes = (f"{place}: {found.participant} names sessions ({sessions[0]}); participants were read from them.",)
        told["participant"] = told["participant"].where(told["participant"] != "", who)
    ids["participant_id"] = told["participant"]
    if doubtful := _doubtful(ids, found, place):
        ids["dataset"], notes = "", (*notes, doubtful)
    for column, group in (("session_id", "session"), ("dataset", "dataset")):
        if group in told:
            ids[column] = ids[column].where(ids[column] != "", told[group])
    named = by_bids(files)  # a file may say the session where no column does
    same = (ids["session_id"] == "") & (named["participant"] == ids["participant_id"]) & (named["participant"] != "")
    ids["session_id"] = ids["session_id"].where(~same, named["session"])
    ids["item"] = _items(frame, found, files)
    ids["image"] = _keys(ids, found, files)
    own = frame.drop(columns=list(found.all))
    own = own.rename(columns={name: f"{name} (of the table)" for name in (*_TAKEN, *ids.columns) if name in own})
    return pd.concat([ids, own], axis=1), notes


def by_bids(names: pd.Series) -> pd.DataFrame:
    """Read participants and sessions from BIDS names.

    Parameters
    ----------
    names
        Of files or cases: ``sub-01_ses-M000_T1w.nii.gz``, ``sub-01/ses-1/anat/x.nii``.

    Returns
    -------
    pandas.DataFrame
        ``participant`` and ``session``, with their prefixes; empty where the name does not say.

    Examples
    --------
    >>> by_bids(pd.Series(["a/sub-01/ses-M000/t1.nii.gz", "sub-02-ses-1", "BRATS_001"])).values.tolist()
    [['sub-01', 'ses-M000'], ['sub-02', 'ses-1'], ['', '']]
    """
    return _extracted(names, _BIDS)


def by_pattern(names: pd.Series, pattern: str, place: object) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read participants, and where it names them sessions and data sets, by the user's pattern.

    Raises
    ------
    InputError
        When it is in none of the names; with some of them.
    """
    compiled = re.compile(pattern)
    told = _extracted(names, compiled)
    if not compiled.groupindex:
        told.columns = pd.Index(["participant"])
    silent = names[told["participant"] == ""]
    if len(silent) == len(names) and len(names):
        shown = listing([repr(name) for name in silent.drop_duplicates().head(3)])
        msg = f"--participant-pattern {pattern!r} is in none of the {len(names):,} names of {place}, which look like {shown}. {_EXAMPLE} would find P001 in P001_t1.nii.gz."
        raise InputError(msg)
    shown = listing([repr(name) for name in silent.drop_duplicates().head(3)])
    return told, (f"{place}: --participant-pattern is not in {len(silent):,} names ({shown}).",) if len(silent) else ()


def _extracted(names: pd.Series, pattern: re.Pattern[str]) -> pd.DataFrame:
    codes, different = pd.factorize(names.astype("object"))
    told = pd.Series(different, dtype="object").str.extract(pattern).astype("object").fillna("")
    return told.iloc[codes].set_index(names.index).astype("object")


def _texts(frame: pd.DataFrame, column: str | None) -> pd.Series:
    if column is None:
        return pd.Series("", index=frame.index, dtype="object")
    return frame[column].astype("object").where(frame[column].notna(), "").astype(str).str.strip().astype("object")


def _doubtful(ids: pd.DataFrame, found: Roles, place: object) -> str:
    """Say why a column `cohort` is not taken for the data set: it may be a wave or a diagnosis that changes."""
    if found.dataset is None or found.dataset.lower() == "dataset":
        return ""
    scopes = ids[["participant_id", "dataset"]].drop_duplicates()
    several = sorted(
        set(scopes.loc[scopes["participant_id"].duplicated() & (scopes["participant_id"] != ""), "participant_id"])
    )
    if not several:
        return ""
    return (
        f"{place}: {listing(several)} stand under several values of {found.dataset}; each name is taken for one person. "
        "If it names data sets, call the column dataset."
    )


def _items(frame: pd.DataFrame, found: Roles, files: pd.Series) -> pd.Series:
    """Name the parts of an image by their numbers, images by their files."""
    if not found.parts:
        return files
    named = [column.lower().removesuffix("_id") + "-" + _texts(frame, column) for column in found.parts]
    item = named[0]
    for more in named[1:]:
        item = item + " " + more
    return item


def _keys(ids: pd.DataFrame, found: Roles, files: pd.Series) -> pd.Series:
    """Give the keys of the images: sessions where the table has a column of them, else the files as they are written."""
    if found.participant is None or found.session is None:
        return files
    scope = ids["dataset"].where(ids["dataset"] == "", ids["dataset"] + ": ")
    keys = scope + ids["participant_id"] + " " + ids["session_id"]
    return keys.where((ids["participant_id"] != "") & (ids["session_id"] != ""), files)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _called(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """Give the column that bears the likeliest of some names."""
    known: dict[str, str] = {}
    for column in columns:
        known.setdefault(_plain(column), column)
    return next((known[name] for name in names if name in known), None)


def _like(columns: Sequence[str], pattern: str, *, first: bool = False) -> str | None:
    """Give the one column whose name holds a pattern; none if several do, unless the first is wanted."""
    found = [column for column in columns if re.search(pattern, column.lower())]
    return found[0] if len(found) == 1 or (found and first) else None

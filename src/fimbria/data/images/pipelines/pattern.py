"""Where files lie, said in one line: ``subjects/{participant}/{session}/t1_linear/{participant}_{session}[_*]_T1w``.

``{participant}`` and ``{session}``
    Whose it is; where they stand again they must be the same.
``{label}``
    One label: anything but a slash and an underscore.
``*`` and ``**``
    Anything but a slash; as a whole segment ``**``, folders of any depth.
``[...]`` and ``(a|b)``
    What may be there; one of several.

A file name without an extension is that of a ``.nii`` or ``.nii.gz`` file. Where the folder of the session is optional
(``[/{session}]``), the images of a participant without session folders are those of the session ``ses-M000``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from math import prod

from fimbria.errors import ComponentError

ONLY_SESSION = "ses-M000"
WHOSE = {"participant": "sub-", "session": "ses-"}
LABEL = "label"

_TOKEN = re.compile(r"\{(?P<name>\w+)\}|(?P<deep>\*\*)|(?P<sign>[*\[\]()|])|(?P<text>[^*\[\](){}|]+)|(?P<odd>.)")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]*(\[\.[A-Za-z0-9]+\])?$")
_WAYS = 64
_NIFTI = re.compile(r"\.nii(\.gz|\*|\[\.gz\])?$")
_WHOLE = r"(?![^_./])"  # a label ends where an underscore, a dot, a slash or nothing follows


@dataclass(frozen=True)
class _Text:
    text: str


@dataclass(frozen=True)
class _Sign:
    """``*``, ``**`` or a name in braces."""

    name: str


@dataclass(frozen=True)
class _Choice:
    """One of several; an optional piece is a choice between itself and nothing."""

    ways: tuple[_Nodes, ...]
    optional: bool = False


_Nodes = tuple[_Text | _Sign | _Choice, ...]


@dataclass(frozen=True)
class Segment:
    """One step of a path.

    Attributes
    ----------
    text
        The folder's name, where it has but one; ``**`` for folders of any depth.
    names
        What the names of other folders look like; None where there is but one name.
    """

    text: str
    names: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Route:
    """A way to files: the folders to go through, and what decides in the end.

    Attributes
    ----------
    segments
        Folders, then the file.
    paths
        What a path relative to the data set must match in full; groups ``participant`` and, unless the route has no
        session, ``session``.
    sessionless
        It is for participants without session folders.
    """

    segments: tuple[Segment, ...]
    paths: re.Pattern[str]
    sessionless: bool


def problems(pattern: str) -> list[str]:
    """Say what is wrong with a pattern or a piece of one, in words.

    Examples
    --------
    >>> problems("../{participant}[_T1w")
    ["'..' leads out of the data set", "'[' is never closed"]
    """
    found = [f"{part!r} leads out of the data set" for part in pattern.split("/") if part == ".."]
    if pattern.startswith(("/", "~")) or "\\" in pattern or re.match(r"[A-Za-z]:", pattern):
        found.append("it must be relative to the data set, with '/' between folders")
    open_ones: list[str] = []
    for token in _TOKEN.finditer(pattern):
        if token["odd"]:
            found.append(f"{token['odd']!r} is no part of a name")
        sign = token["sign"] or ""
        if sign in ("[", "("):
            open_ones.append(sign)
        elif sign in ("]", ")") and (not open_ones or open_ones.pop() + sign not in ("[]", "()")):
            found.append(f"{sign!r} closes nothing")
        elif sign == "|" and open_ones[-1:] != ["("]:
            found.append("'|' stands outside '(' and ')'")
        if token["deep"] and not _alone(pattern, token.start(), token.end()):
            found.append("'**' must be a whole segment")
    return found + [f"{sign!r} is never closed" for sign in open_ones]


def names(pattern: str) -> list[str]:
    """Give the names in braces, in order.

    Examples
    --------
    >>> names("{participant}/{space}/{participant}_T1w")
    ['participant', 'space', 'participant']
    """
    return [token["name"] for token in _TOKEN.finditer(pattern) if token["name"]]


def with_extension(pattern: str) -> str:
    """Complete a file name without an extension, and let both kinds of NIfTI be meant where one is said.

    Examples
    --------
    >>> with_extension("x_T1w"), with_extension("x_T1w.nii.gz"), with_extension("x.pt")
    ('x_T1w.nii[.gz]', 'x_T1w.nii[.gz]', 'x.pt')
    """
    bare = _NIFTI.sub("", pattern)
    return pattern if bare == pattern and _EXTENSION.search(pattern) else f"{bare}.nii[.gz]"


def glob(pattern: str) -> str:
    """Give the file-name part as a glob.

    Examples
    --------
    >>> glob("{participant}/anat/{participant}[_{session}][_*]_(T1w|t1w).nii[.gz]")
    '*.nii*'
    """
    nodes = _parsed(pattern.rpartition("/")[2])
    text = "".join(node.text if isinstance(node, _Text) else "*" for node in nodes)
    return re.sub(r"^\*(_?\*)+", "*", re.sub(r"\*{2,}", "*", text))


def routes(pattern: str) -> tuple[Route, ...]:
    """Compile a pattern: its ways with session folders first.

    Parameters
    ----------
    pattern
        Without problems, and with its extension.

    Returns
    -------
    tuple of Route
        Several where whole folders are optional or alternatives.
    """
    made = [
        Route(tuple(_segment(one) for one in ways), re.compile(_regex(ways, sessionless=less)), less)
        for nodes, less in _straight(_parsed(pattern))
        for ways in [_segments(nodes)]
    ]
    return tuple(sorted(made, key=lambda route: route.sessionless))


def folder_of(pattern: str, participant: str, session: str) -> str:
    """Give the innermost folder that is known when it is known whose the image is.

    Examples
    --------
    >>> folder_of("{participant}[/{session}]/anat/{participant}[_{session}]_T1w", "sub-01", "ses-M006")
    'sub-01/ses-M006/anat'
    """
    told = pattern.replace("[/{session}]", "/{session}" if session else "")
    known = told.replace("{participant}", participant).replace("{session}", session).split("/")[:-1]
    end = next((place for place, part in enumerate(known) if set(part) & set("*[](){}|")), len(known))
    return "/".join(known[:end])


def _alone(pattern: str, start: int, end: int) -> bool:
    before, after = pattern[:start][-1:], pattern[end:]
    return before in ("", "/", "[", "(", "|") and (after[:1] in ("", "/", "]", ")", "|") or after[1:2] == "/")


def _parsed(pattern: str) -> _Nodes:
    tokens = list(_TOKEN.finditer(pattern))
    nodes, rest = _sequence(tokens, 0)
    return nodes if rest == len(tokens) else ()


def _sequence(tokens: list[re.Match[str]], at: int) -> tuple[_Nodes, int]:
    """Read nodes up to the end of the piece they stand in."""
    nodes: list[_Text | _Sign | _Choice] = []
    while at < len(tokens) and tokens[at]["sign"] not in ("]", ")", "|"):
        token = tokens[at]
        if token["sign"] in ("[", "("):
            ways = []
            optional = token["sign"] == "["
            while True:
                way, at = _sequence(tokens, at + 1)
                ways.append(way)
                if at >= len(tokens) or tokens[at]["sign"] != "|":
                    break
            nodes.append(_Choice((*ways, ()) if optional else tuple(ways), optional))
        elif token["text"]:
            nodes.append(_Text(token["text"]))
        else:
            nodes.append(_Sign(token["name"] or token["deep"] or token["sign"]))
        at += 1
    return tuple(nodes), at


def _says(nodes: _Nodes, name: str) -> bool:
    """Tell whether a sign stands anywhere in these nodes."""
    return any(
        any(_says(way, name) for way in node.ways) if isinstance(node, _Choice) else node == _Sign(name)
        for node in nodes
    )


def _branches(node: _Choice) -> bool:
    """Tell whether the ways differ by folders."""
    return any(
        (isinstance(part, _Text) and "/" in part.text) or (isinstance(part, _Choice) and _branches(part))
        for way in node.ways
        for part in way
    )


def _straight(nodes: _Nodes) -> list[tuple[_Nodes, bool]]:
    """Write out every choice between folders; with each, whether it goes without the session's folder."""
    several: list[list[tuple[_Nodes, bool]]] = []
    for node in nodes:
        if not isinstance(node, _Choice) or not _branches(node):
            several.append([((node,), False)])
            continue
        nested = node.optional and _says(node.ways[0], "session")
        several.append([(one, less or (nested and not way)) for way in node.ways for one, less in _straight(way)])
    if prod(map(len, several)) > _WAYS:
        msg = f"the pattern has more than {_WAYS} ways through folders. Write fewer optional ones."
        raise ComponentError(msg)
    return [
        (tuple(node for piece, _ in chosen for node in piece), any(less for _, less in chosen))
        for chosen in product(*several)
    ]


def _segments(nodes: _Nodes) -> list[_Nodes]:
    """Cut at the slashes; empty segments vanish."""
    cut: list[list[_Text | _Sign | _Choice]] = [[]]
    for node in nodes:
        if not isinstance(node, _Text):
            cut[-1].append(node)
            continue
        first, *others = node.text.split("/")
        cut[-1] += [_Text(first)] if first else []
        cut += [[_Text(text)] if text else [] for text in others]
    return [tuple(one) for one in cut if one]


def _segment(nodes: _Nodes) -> Segment:
    if nodes == (_Sign("**"),):
        return Segment("**")
    if all(isinstance(node, _Text) for node in nodes):
        return Segment("".join(node.text for node in nodes if isinstance(node, _Text)))
    # a guide to the folders that are worth a look: the whole path is matched in the end
    return Segment("", re.compile("".join(_Writer(alone=len(nodes) == 1).write(node) for node in nodes)))


def _regex(segments: list[_Nodes], *, sessionless: bool) -> str:
    """Give the regular expression of a whole path relative to the data set."""
    unsaid = not any(_says(nodes, "session") for nodes in segments)
    writer = _Writer(sessionless=sessionless or unsaid)
    parts = []
    for place, nodes in enumerate(segments):
        last = place == len(segments) - 1
        writer.alone = len(nodes) == 1 and not last
        if nodes == (_Sign("**"),):
            parts.append("(?:[^/]+/)*")
            continue
        guard = writer.guard() if last else ""
        parts.append(guard + "".join(writer.write(node) for node in nodes) + ("" if last else "/"))
    return "".join(parts)


class _Writer:
    """Writes nodes as a regular expression and remembers who has been named.

    Parameters
    ----------
    sessionless
        There is no session folder: an optional session in a name can only be ``ses-M000``.
    alone
        The segment is one sign and nothing else, so a label may hold underscores.
    """

    def __init__(self, *, sessionless: bool = False, alone: bool = False) -> None:
        self.sessionless, self.alone = sessionless, alone
        self.named: set[str] = set()

    def guard(self) -> str:
        """Refuse names that speak of another session than the folder."""
        own = "(?P=session)" if "session" in self.named else ONLY_SESSION if self.sessionless else ""
        return f"(?![^/]*_(?!{own}{_WHOLE})ses-)" if own else ""

    def write(self, node: _Text | _Sign | _Choice, *, within: bool = False) -> str:
        """Write one node; `within` an optional piece."""
        if isinstance(node, _Text):
            return re.escape(node.text)
        if isinstance(node, _Choice):
            optional = within or node.optional
            ways = ["".join(self.write(part, within=optional) for part in way) for way in node.ways if way]
            return f"(?:{'|'.join(ways)}){'?' if () in node.ways else ''}"
        return self._sign(node.name, within=within)

    def _sign(self, name: str, *, within: bool) -> str:
        if name in ("*", "**"):
            return "[^/]*"
        if name not in WHOSE:
            return "[^/_]+"
        if name in self.named:
            return f"(?P={name}){_WHOLE}"
        if name == "session" and self.sessionless and within:
            return ONLY_SESSION + _WHOLE
        self.named.add(name)
        return f"(?P<{name}>{WHOSE[name]}[^/{'' if self.alone else '_.'}]+){_WHOLE}"

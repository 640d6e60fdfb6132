"""Where the image of a session is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fimbria.errors import ImageError, listing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fimbria.data.cohort.cohort import Session


class ImageSource(Protocol):
    """A data set that can be asked for images."""

    def find(self, session: Session) -> Path:
        """Give the one image of a session.

        Raises
        ------
        ImageError
            When there is none, or several; with those that were found.
        """
        ...

    def has(self, session: Session) -> bool:
        """Tell whether there is an image of a session, or several."""
        ...


def only(found: Sequence[Path], what: str, session: Session, remedy: str) -> Path:
    """Give the one file that was found.

    Parameters
    ----------
    found
        Candidates.
    what
        What was looked for, as a person would call it.
    session
        Whose it is.
    remedy
        What to do when there is none.

    Raises
    ------
    ImageError
        When there is none, or several.
    """
    if len(found) == 1:
        return found[0]
    if not found:
        msg = f"no {what} for {session}. {remedy}"
        raise ImageError(msg)
    names = listing([path.name for path in found])
    msg = f"{len(found)} files for the {what} of {session} where one is wanted: {names}. Keep one, say which by an option of the pipeline, or move the others away."
    raise ImageError(msg)

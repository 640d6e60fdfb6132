"""What pipelines call their files: data, not code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fimbria.data.images.template import SPACE
from fimbria.registry import Registry

if TYPE_CHECKING:
    from fimbria.data.cohort.cohort import Session


@dataclass(frozen=True)
class Pipeline:
    """Where a pipeline leaves its images.

    Attributes
    ----------
    name
        What it is called.
    layout
        ``caps`` (``subjects/<participant>/<session>/<folder>``) or ``bids`` (``<participant>[/<session>]/<folder>``).
    folder
        Folder inside the session's.
    ending
        Regular expression for what follows ``<participant>_<session>`` in a file's name.
    space
        Name of the space its images lie in; empty for a participant's own.
    glob
        The file name as ClinicaDL would look for it.
    """

    name: str
    layout: str
    folder: str
    ending: str
    space: str = ""
    glob: str = ""

    def names(self, session: Session) -> re.Pattern[str]:
        """Give the pattern that a file of this session must match; BIDS without sessions has no session in the name."""
        whose = f"{re.escape(session.participant_id)}(_{re.escape(session.session_id)}|(?!_ses-))"
        if self.layout == "caps":
            whose = f"{re.escape(session.participant_id)}_{re.escape(session.session_id)}"
        return re.compile(f"{whose}{self.ending}")


pipeline: Registry[Pipeline] = Registry("pipeline")


@pipeline("t1-linear")
def t1_linear(cropped: bool = True) -> Pipeline:  # noqa: FBT001, FBT002  (an option of the component)
    """T1-weighted images, bias-corrected and affinely registered to MNI152NLin2009cSym (Clinica's names)."""
    crop = "_desc-Crop" if cropped else ""
    ending = rf"(_[a-zA-Z0-9-]+)*?_space-{SPACE}{crop}_res-[0-9.x]+_T1w\.nii(\.gz)?"
    return Pipeline("t1-linear", "caps", "t1_linear", ending, SPACE, f"*space-{SPACE}{crop}_res-1x1x1_T1w.nii.gz")


@pipeline("raw")
def raw(suffix: str = "T1w", folder: str = "anat") -> Pipeline:
    """Images of a BIDS data set as they came from the scanner."""
    return Pipeline(
        "raw", "bids", folder, rf"(_[a-zA-Z0-9-]+)*_{re.escape(suffix)}\.nii(\.gz)?", glob=f"*_{suffix}.nii*"
    )

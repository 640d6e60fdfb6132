"""The audit: every look for leaks, in their order, and the certificate that comes of them."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from fimbria.data.audit.certificate import Certificate, digest
from fimbria.data.audit.finding import Checked
from fimbria.data.audit.knowledge import (
    columns,
    contradictions,
    dates,
    fitted,
    held_out,
    looks,
    pretrained,
    selection,
)
from fimbria.data.audit.people import datasets, images, kin, likeness, participants, parts, sources

if TYPE_CHECKING:
    from collections.abc import Callable

    from fimbria.data.audit.material import Material

LOOKS: tuple[Callable[[Material], Checked], ...] = (
    participants.look,
    parts.look,
    images.look,
    likeness.look,
    kin.look,
    datasets.look,
    sources.look,
    dates.look,
    columns.look,
    fitted.look,
    pretrained.look,
    looks.look,
    held_out.look,
    selection.look,
    contradictions.look,
)
_PLACE = LOOKS.index(fitted.look)  # where the look at the acquisition stands
# Takes seconds and scikit-learn: `fimbria audit` does it, a training does not.
ACQUISITION = Checked(
    "acquisition",
    "Does the acquisition alone (size, grid, scanner, site) tell the label?",
    unchecked="it takes a while; `fimbria audit` does it",
)


def audit(material: Material, acquisition: Callable[[Material], Checked] | None = None, date: str = "") -> Certificate:
    """Look for every kind of leak.

    Parameters
    ----------
    material
        What is audited.
    acquisition
        The look at the acquisition, which takes longer than all others; None leaves it out, and the certificate says so.
    date
        Of the certificate, ISO 8601.

    Returns
    -------
    Certificate
        Also where nothing was found: what was looked at, with what power, and what could not be.
    """
    checks = [look(material) for look in LOOKS]
    checks.insert(_PLACE, acquisition(material) if acquisition else ACQUISITION)
    lists, version = digest(material.items), metadata.version("fimbria")
    return Certificate(
        material.place,
        material.kind,
        material.label or "",
        lists,
        material.size,
        tuple(checks),
        material.notes,
        (),
        version,
        date,
    )

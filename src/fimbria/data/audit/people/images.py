"""The same image under two names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.material import crossings
from fimbria.errors import counted, listing

if TYPE_CHECKING:
    from fimbria.data.audit.evidence import Evidence
    from fimbria.data.audit.material import Material

NAME = "same-image"
ASKS = "Is the same image there under two names, on two sides of a split?"
NOT_READ = "the images were not looked at; say where they are with --images FOLDER"


def look(material: Material) -> Checked:
    """Compare the digests of all voxels between the sides of every split."""
    evidence = material.evidence
    if evidence is None or not evidence.images:
        return Checked(NAME, ASKS, unchecked=unread(evidence))
    voxels = {key: facts.voxels for key, facts in evidence.images.items() if facts.voxels}
    items = material.items.assign(voxels=material.items["image"].map(voxels).fillna(""))
    findings = []
    for crossing in crossings(items, "voxels"):
        names = crossing.rows.groupby("voxels")["image"].unique()
        copies = [" = ".join(sorted(of)) for of in names if len(of) > 1]
        if not copies:  # the same image under one name is a session on two sides, which another look finds
            continue
        what = f"{counted(len(copies), 'image')} of {crossing.sides[0]} in {crossing.sides[1]} under another name: {listing(sorted(copies))}"
        who = tuple(sorted({image for of in names if len(of) > 1 for image in of}))
        remedy = "leave one of each out, and find out whether the two names are one person"
        findings.append(Finding(NAME, "leak", what, who, crossing.where, "certain", remedy))
    looked = f"{counted(len(voxels), 'image')} of {evidence.source}; all voxels compared, exactly, whatever name, header or compression"
    return Checked(NAME, ASKS, looked, tuple(findings), unread(evidence))


def unread(evidence: Evidence | None) -> str:
    """Say which images could not be looked at, and why."""
    if evidence is None:
        return NOT_READ
    if not evidence.missing:
        return "" if evidence.images else "the lists name neither sessions nor files, so no image can be looked up"
    key, reason = next(iter(evidence.missing.items()))
    return f"{counted(len(evidence.missing), 'image')} could not be looked at (the first, {key}: {reason})"

"""Images that were derived from one source, such as augmented or synthetic ones, on two sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.material import column_called, crossings, scoped
from fimbria.errors import counted, listing

if TYPE_CHECKING:
    import pandas as pd

    from fimbria.data.audit.finding import Certainty
    from fimbria.data.audit.material import Material

NAME = "source"
ASKS = "Are images derived from one source, such as augmented ones, on two sides of a split?"
COLUMNS = ("source_participant_id", "source_participant", "source_id", "derived_from", "original_id", "augmented_from")
# What people append to the name of an image that they have altered: case_07_aug3, sub-01_flip, IM4-rotated90.
_ALTERED = (
    r"(?i)[_.-](?:desc-)?(?:aug|augmented|augmentation|flip|flipped|mirror|mirrored|rot|rotated|rotation|noise|noisy"
    r"|shift|shifted|scaled|zoom|elastic|deformed|gamma|blur|blurred|synth|synthetic|copy)[-_]?[0-9]*$"
)
_ENDINGS = r"(?i)(?:\.nii)?(?:\.(?:gz|npy|npz|pt|png|jpe?g|mha|dcm))?$"


def look(material: Material) -> Checked:
    """Compare sources, where a column or the name of an item tells them, between the sides of every split."""
    columns = column_called(material, COLUMNS)
    findings = [found for column in columns for found in _by_column(material, column)]
    names = material.items["item"].where(material.items["item"] != "", material.items["participant_id"])
    titled = material.items.assign(title=names.str.replace(_ENDINGS, "", regex=True))
    has_names = bool((titled["title"] != "").any())
    if has_names:
        findings += _by_name(titled)
    looked = [f"{', '.join(columns)} compared exactly"] if columns else []
    looked += (
        ["names of items compared without what altered copies are usually called (aug, flip, noise, ...)"]
        if has_names
        else []
    )
    unchecked = (
        "" if columns else f"no column ({COLUMNS[0]}) says what an image was made from; copies may show with --images"
    )
    return Checked(NAME, ASKS, "; ".join(looked), tuple(findings), unchecked)


def _by_column(material: Material, column: str) -> list[Finding]:
    source = scoped(material.items, column)
    made = (source != "") & (source != material.items["person"])
    items = material.items.assign(source=source.where(source != "", material.items["person"]), made=made)
    return _crossing(items, "source", f"({column})", "certain")


def _by_name(titled: pd.DataFrame) -> list[Finding]:
    source = titled["title"].str.replace(_ALTERED, "", regex=True)
    own = (titled["item"] != "") & (titled["person"] != "")  # a name of an item is told apart within its person
    items = titled.assign(source=source.where(~own, titled["person"] + "/" + source), made=source != titled["title"])
    return _crossing(items, "source", "(by their names)", "probable")


def _crossing(items: pd.DataFrame, key: str, how: str, certainty: Certainty) -> list[Finding]:
    findings = []
    for crossing in crossings(items, key):
        made = crossing.rows.groupby(key)["made"].any()
        sources = tuple(sorted(made.index[made]))
        if sources:
            what = f"images made from {counted(len(sources), 'source')} {how} in both {' and '.join(crossing.sides)}: {listing(sources)}"
            remedy = "split the sources first, and make altered copies of the training side alone"
            findings.append(Finding(NAME, "leak", what, sources, crossing.where, certainty, remedy, how))
    return findings

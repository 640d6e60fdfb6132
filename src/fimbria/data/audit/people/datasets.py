"""Two people who are one across data sets; and, the other way, one name that two data sets gave to two people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.material import as_texts, column_called, crossings
from fimbria.errors import counted, listing

if TYPE_CHECKING:
    from fimbria.data.audit.material import Material

NAME = "person"
ASKS = "Is one person there under two names, such as those of two data sets, on two sides of a split?"
COLUMNS = ("person_id", "global_id", "global_participant_id", "subject_uid", "guid")


def look(material: Material) -> Checked:
    """Compare persons, where a column names them beyond their data set, between the sides of every split."""
    named = material.items.drop_duplicates("person")
    several = named["dataset"].nunique() > 1
    namesakes = int(named.loc[named["person"] != "", "participant_id"].duplicated().sum()) if several else 0
    scope = (
        f"{named['dataset'].nunique()} data sets; {counted(namesakes, 'name')} that two of them use, told apart as two people"
        if several
        else "one data set"
    )
    columns = column_called(material, COLUMNS)
    if not columns:
        why = f"no column ({COLUMNS[0]}) says who is one person under two names; the images may (--images)"
        return Checked(NAME, ASKS, scope if several else "", unchecked=why)
    findings = []
    for column in columns:
        for crossing in crossings(material.items.assign(same=as_texts(material.items[column])), "same"):
            names = crossing.rows.groupby("same")["person"].unique()
            one = [" = ".join(sorted(of)) for of in names if len(of) > 1]
            if one:
                what = f"{counted(len(one), 'person', 'people')} in {crossing.sides[0]} and, under another name, in {crossing.sides[1]}: {listing(sorted(one))}"
                who = tuple(sorted({person for of in names if len(of) > 1 for person in of}))
                remedy = f"split by person: `fimbria cohort kfold ... --group {column}`"
                findings.append(Finding(NAME, "leak", what, who, crossing.where, "certain", remedy, column))
    return Checked(NAME, ASKS, f"{scope}; {', '.join(columns)} compared exactly", tuple(findings))

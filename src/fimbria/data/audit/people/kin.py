"""A family, or a pair of twins, across two sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.material import column_called, crossings, scoped
from fimbria.errors import counted, listing

if TYPE_CHECKING:
    from fimbria.data.audit.material import Material

NAME = "family"
ASKS = "Are people of one family on two sides of a split?"
COLUMNS = (
    "family_id",
    "family",
    "twin_id",
    "twin_pair",
    "twin_pair_id",
    "pair_id",
    "mother_id",
    "father_id",
    "mother",
    "father",
)


def look(material: Material) -> Checked:
    """Compare families, scoped by their data set, between the sides of every split."""
    columns = list(dict.fromkeys([*material.groups, *column_called(material, COLUMNS)]))
    if not columns:
        return Checked(
            NAME,
            ASKS,
            unchecked=f"the table has no column of families ({COLUMNS[0]}); nobody's kin is known. Another column is named with --group",
        )
    findings, families = [], 0
    for column in columns:
        items = material.items.assign(kin=scoped(material.items, column))
        families += items.loc[items["kin"] != "", "kin"].nunique()
        for crossing in crossings(items, "kin"):
            members = crossing.rows.groupby("kin")["person"].nunique()
            kin = tuple(sorted(members.index[members > 1]))  # one person on two sides is another look's
            if not kin:
                continue
            who = tuple(sorted(set(crossing.rows.loc[crossing.rows["kin"].isin(kin), "person"])))
            what = f"{counted(len(kin), 'family', 'families')} ({column}) with members in both {' and '.join(crossing.sides)}: {listing(who)}"
            remedy = f"split by family: add --group {column} to `fimbria cohort split` or `kfold`"
            findings.append(Finding(NAME, "leak", what, who, crossing.where, "certain", remedy, column))
    return Checked(
        NAME,
        ASKS,
        f"{counted(families, 'family', 'families')} by {', '.join(columns)}; compared exactly",
        tuple(findings),
    )

"""A column of the table that gives the label away."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.knowledge.labels import CLASSES, Answers, answers, drawn, one_each
from fimbria.data.audit.knowledge.separation import area_low, areas, balanced_low, by_chance, correlation_low, ranked
from fimbria.errors import listing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fimbria.data.audit.material import Material

NAME = "telling-column"
ASKS = "Does a column of the table give the label away?"
ALPHA = 0.05  # over all columns and classes together (Bonferroni)
CHANCE = 0.001  # likewise, that labels dealt at random would be told apart without an error
NEAR = 0.90  # the lower bound of an area, or of a balanced accuracy, from which a column tells the label
DEFINES = 0.80  # the area from which an instrument that diagnoses are made with does
FOLLOWS = 0.95  # the lower bound of a rank correlation from which a column tells a quantity
PEOPLE = 20_000  # more, drawn, would say no more
_FEW = 10  # values up to which numbers are read as names, too
_MOST = 200  # names that a column may hold: more are texts
INSTRUMENTS = re.compile(
    r"(^|[_ .-])((mms|mini_?mental|cdr|adas|moca|dx|diag|npi|faq|ldel|ravlt|avlt|gds|updrs|ados|panss|madrs|hamd|hdrs|"
    r"edss|nihss|clinical_?status|conver(sion|ter)|progress(ion|or))(?![a-z]{3})|diagnos|impairment)",
    re.IGNORECASE,
)
PLUMBING = re.compile(
    r"unnamed.*|index|row|fold|k?folds?|split|splits|side|set|subset|partition|ptid|rid|(.*_)?(participant|subject|family|patient|person|twin|pair|mother|father)_id|"
    r"subject|participant|session|visit|file|filename|path|.*_(path|file)|acq_time|label_(date|age|month)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(.*_)?(id|uid|rid|uuid|guid)", re.IGNORECASE)
ACQUIRED = re.compile(
    r"(.*[_ ])?(site|scanner|manufacturer|vendor|cent(er|re)|institution|dataset|study|coil|protocol|sequence|station)"
    r"([_ ]?(id|name|code|model))?|magnetic_?field_?strength|field_?strength|.*model_?name|software_?versions?|tesla|"
    r"device_?serial_?number|repetition_?time|echo_?time|inversion_?time|flip_?angle|slice_?thickness|voxel_?size",
    re.IGNORECASE,
)


class Telling(NamedTuple):
    """How a column tells the label.

    Attributes
    ----------
    what
        In words.
    certain
        Whether it is a copy, not a likeness.
    """

    what: str
    certain: bool = False


def look(material: Material) -> Checked:
    """Compare each column with the label, each participant counted once."""
    known = answers(material)
    if known.rows.empty:
        return Checked(NAME, ASKS, unchecked=known.unchecked or "no item has a label")
    label = material.label or ""
    own = [_finding(label, Telling("is the label itself", certain=True), material)] if label in material.inputs else []
    names = [column for column in material.columns if column != label and _is_compared(column, material, known.rows)]
    if not names:
        skipped = f"{material.place} has no column beside identifiers, acquisition and the label" if not own else ""
        return Checked(NAME, ASKS, "the inputs of the model" if own else "", tuple(own), skipped)
    people = drawn(one_each(known.rows), PEOPLE)
    told = _of_quantity(known, people, names) if known.number else _of_classes(known, people, names)
    found = [_finding(column, telling, material) for column, telling in told.items()]
    return Checked(NAME, ASKS, _power(people, names, number=known.number), (*own, *found), known.unchecked)


def _is_compared(column: str, material: Material, rows: pd.DataFrame) -> bool:
    if column in material.inputs:
        return True
    if _NUMBERED.fullmatch(column) and not PLUMBING.fullmatch(
        column
    ):  # the name of a person, or the code of a class: class_id, dx_id
        return rows[column].nunique() <= min(CLASSES, rows["person"].nunique() / 4)
    return not (PLUMBING.fullmatch(column) or ACQUIRED.fullmatch(column))


def _finding(column: str, telling: Telling, material: Material) -> Finding:
    is_input = column in material.inputs
    return Finding(
        NAME,
        "leak" if is_input else "risk",
        f"column {column!r} {telling.what}" + ("; the model reads it" if is_input else "; the model does not read it"),
        (f"column {column}",),
        "all splits",
        "certain" if telling.certain else "probable",
        "take it out of the inputs of the model"
        if is_input
        else "keep it out of the inputs; ask whether the label was made from it, and what the image adds",
    )


def _of_classes(known: Answers, people: pd.DataFrame, names: list[str]) -> dict[str, Telling]:
    codes, classes = pd.factorize(people["answer"], sort=True)
    if len(classes) < 2:  # noqa: PLR2004  (one class needs no telling)
        return {}
    tests = 2 * len(names) * (1 if len(classes) == 2 else len(classes))  # noqa: PLR2004  (two classes are one question)
    found = {}
    for column in names:
        telling = (
            _copy(known.rows, people, column, tests)
            or _by_number(column, people[column], codes, list(classes), tests)
            or _by_name(people[column], codes, list(classes), tests)
        )
        if telling:
            found[column] = telling
    return found


def _copy(rows: pd.DataFrame, people: pd.DataFrame, column: str, tests: int) -> Telling | None:
    """Tell whether a column is the label under another code, in every row."""
    if not _one_to_one(people[column], people["answer"]) or not _one_to_one(rows[column], rows["answer"]):
        return None
    sizes = np.sort(people["answer"].value_counts().to_numpy())
    cells = rows[column].astype("str").str.strip()
    same = bool((cells == rows["answer"]).all()) and bool(pd.to_numeric(cells, errors="coerce").isna().all())
    if same:
        return Telling("is a copy of the label, value by value", certain=True)
    if by_chance(int(sizes[-1]), int(sizes[:-1].sum()), len(sizes)) * tests < CHANCE:
        return Telling("is the label under another code, one to one", certain=True)
    return None


def _one_to_one(cells: pd.Series, answer: pd.Series) -> bool:
    if cells.isna().any() or cells.nunique() != answer.nunique():
        return False
    one, other = pd.factorize(cells.astype("str"))[0], pd.factorize(answer)[0]
    values = int(one.max()) + 1
    different = len(np.unique(one.astype(np.int64) * (int(other.max()) + 1) + other))
    return different == values == int(other.max()) + 1 and values > 1


def _by_number(
    column: str, cells: pd.Series, codes: NDArray[np.intp], classes: list[str], tests: int
) -> Telling | None:
    """Tell whether a number (or date) lies higher, or lower, in one class than in all others."""
    values = numbers(cells)
    if values is None:
        return None
    there = np.isfinite(values)
    area = areas(values[there], codes[there], len(classes))
    counts = np.bincount(codes[there], minlength=len(classes))
    least = DEFINES if INSTRUMENTS.search(column) else NEAR
    for best in np.argsort(-area, kind="stable").tolist():
        members, others = int(counts[best]), int(there.sum() - counts[best])
        if area[best] < least or not members or not others:
            continue
        low = area_low(float(area[best]), members, others, ALPHA / tests)
        apart = area[best] == 1 and by_chance(members, others) * tests < CHANCE
        defines = least == DEFINES and low > 0.5  # noqa: PLR2004  (an area of a half tells nothing)
        if low >= NEAR or apart or defines:
            kind = ", with which diagnoses are made," if defines else ""
            return Telling(
                f"{kind} tells {_against(classes, best)} by its value: area under the ROC curve {area[best]:.3f} in "
                f"{int(there.sum()):,} people, at least {low:.2f}".lstrip(", ")
            )
    return None


def _by_name(cells: pd.Series, codes: NDArray[np.intp], classes: list[str], tests: int) -> Telling | None:
    """Tell whether the value, or whether there is one, names one class: each person by those who share the value."""
    filled = cells.notna()
    most = min(_FEW if is_numeric_dtype(cells) else _MOST, len(cells) // 2)
    questions = []
    if 1 < cells.nunique() + (not filled.all()) <= most:
        questions.append(("by its values", pd.factorize(cells.astype("str").where(filled, "n/a"))[0]))
    if 1 < filled.sum() < len(cells) - 1:
        questions.append(("by whether it is filled in", filled.to_numpy().astype(np.intp)))
    for how, values in questions:
        for which in range(1 if len(classes) == 2 else len(classes)):  # noqa: PLR2004  (two classes are one question)
            member = codes == which
            hits, of = _hits(values, member)
            if not of.all() or (hits / of).mean() < NEAR:
                continue
            low = balanced_low(hits, of, ALPHA / tests)
            perfect = bool((hits == of).all())
            if low >= NEAR or (perfect and by_chance(int(of[0]), int(of[1]), int(values.max()) + 1) * tests < CHANCE):
                return Telling(
                    f"tells {_against(classes, which)} {how}: balanced accuracy {(hits / of).mean():.3f} in "
                    f"{len(codes):,} people, each told by the others, at least {low:.2f}"
                )
    return None


def _hits(values: NDArray[np.intp], member: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count, of members and of others, who is told right by the people who share their value, themselves left out."""
    of = np.array([member.sum(), (~member).sum()], float)
    ours = np.bincount(values, weights=member, minlength=int(values.max()) + 1)[values] - member
    theirs = np.bincount(values, weights=~member, minlength=int(values.max()) + 1)[values] - ~member
    # Shares of each class, so that the larger one does not win by its size.
    one, other = ours * of[1], theirs * of[0]
    hits = np.array([(one > other)[member].sum(), (other > one)[~member].sum()], float)
    return hits, of


def _of_quantity(known: Answers, people: pd.DataFrame, names: list[str]) -> dict[str, Telling]:
    """Find columns whose order is that of the label."""
    answer, found = people["answer"].to_numpy(float), {}
    for column in names:
        values = numbers(people[column])
        if values is None:
            continue
        there = np.isfinite(values)
        if np.ptp(values[there]) == 0 or np.ptp(answer[there]) == 0:
            continue
        r = float(np.corrcoef(ranked(values[there]), ranked(answer[there]))[0, 1])
        low = correlation_low(r, int(there.sum()), ALPHA / len(names))
        if low < FOLLOWS:
            continue
        copied = bool((pd.to_numeric(known.rows[column], errors="coerce") == known.rows["answer"]).all())
        told = f"follows the label: rank correlation {r:.3f} in {int(there.sum()):,} people, at least {low:.2f}"
        found[column] = Telling("is a copy of the label, value by value" if copied else told, copied)
    return found


def numbers(cells: pd.Series) -> NDArray[np.float64] | None:
    """Give a column as numbers, or dates as days, NaN where missing; None if it holds names, or one value."""
    known = cells.dropna()
    if known.nunique() < 2:  # noqa: PLR2004  (one value tells nothing)
        return None
    values = pd.to_numeric(cells, errors="coerce")
    if values[known.index].isna().any():
        texts = cells.astype("str")
        if not texts[known.index].str.match(r"\d{4}-\d{2}-\d{2}").all():
            return None
        days = pd.to_datetime(texts.str[:10], errors="coerce", format="%Y-%m-%d")
        values = ((days - pd.Timestamp(0)) / pd.Timedelta(days=1)).where(days.notna())
    found: NDArray[np.float64] = values.to_numpy(float, na_value=np.nan)
    return np.where(np.isfinite(found), found, np.nan)


def _against(classes: list[str], which: int) -> str:
    if len(classes) == 2:  # noqa: PLR2004  (two classes have names)
        return f"{classes[0]} from {classes[1]}"
    return f"{classes[which]} from the other {len(classes) - 1} classes"


def _power(people: pd.DataFrame, names: list[str], *, number: bool) -> str:
    told = f"{len(names):,} columns ({listing(names)}) in {len(people):,} participants, each counted once"
    if number:
        return f"{told}; a column whose rank correlation with the label is at least {FOLLOWS} for sure would be named"
    fewest = people["answer"].value_counts()
    rarest, others = int(fewest.min()), int(len(people) - fewest.min())
    tests = 2 * len(names) * max(1, len(fewest) if len(fewest) > 2 else 1)  # noqa: PLR2004  (as above)
    enough = others and (
        by_chance(rarest, others) * tests < CHANCE or area_low(1.0, rarest, others, ALPHA / tests) >= NEAR
    )
    if enough:
        return f"{told}; a column that tells every class without an error would be named"
    return f"{told}; the rarest label has {rarest:,}: too few to tell a telling column from luck, unless it is a copy"

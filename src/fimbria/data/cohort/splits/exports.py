"""The same splits in other tools' own formats.

- ``nnunet``: ``splits_final.json`` of nnU-Net v2, case identifiers ``<participant>_<session>``
- ``monai``: a datalist as MONAI's ``load_decathlon_datalist`` and Auto3DSeg read it, folds in the key ``fold``
- ``gandlf``: CSVs as GaNDLF reads them (``SubjectID, Channel_0, ValueToPredict``), one a side, classes by number
- ``csv``: the cohort with a column ``partition``, one table a split

References
----------
Isensee et al., Nature Methods 18 (2021) 203-211, https://doi.org/10.1038/s41592-020-01008-z

Cardoso et al., MONAI (2022), https://doi.org/10.48550/arXiv.2211.02701

Pati et al., Communications Engineering 2 (2023) 23, https://doi.org/10.1038/s44172-023-00066-3
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from fimbria.atomic import write_json, write_text
from fimbria.data.cohort.cohort import clean_labels
from fimbria.data.cohort.splits.units import column_problems
from fimbria.errors import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from fimbria.data.cohort.cohort import Cohort, Session
    from fimbria.data.cohort.splits.split import Split, Splits


def export_problems(cohort: Cohort, tools: Sequence[str], label: str | None) -> list[Problem]:
    """Say which tools are not known, and what keeps a label from being exported."""
    problems = [Problem(f"--export {tool}", did_you_mean(tool, TOOLS)) for tool in tools if tool not in TOOLS]
    if label is None:
        return problems
    return [*problems, *(column_problems(cohort, [label]) or clean_labels(cohort, label))]


def export(
    splits: Splits,
    tools: Sequence[str],
    folder: Path,
    label: str | None = None,
    images: Mapping[Session, str] | None = None,
) -> None:
    """Write splits for other tools, each into ``export-<tool>/``.

    Parameters
    ----------
    splits
        What to write.
    tools
        Of `TOOLS`.
    folder
        Where to.
    label
        Column to predict; none is written if None.
    images
        Where each session's image is; where None, its case identifier stands in its place.
    """
    for tool in tools:
        TOOLS[tool](list(splits), folder / f"export-{tool}", _Rows(splits[0], label, images))


class _Rows:
    """What is written of a session."""

    def __init__(self, split: Split, label: str | None, images: Mapping[Session, str] | None) -> None:
        self.label, self.images = label, images
        self.classes: dict[str, int] = {}
        if label is not None:
            values = pd.concat([split.train.column(label), split.other.column(label)])
            if not is_numeric_dtype(values):
                self.classes = {str(word): place for place, word in enumerate(sorted(set(values)))}

    def cases(self, cohort: Cohort) -> list[str]:
        """Name the sessions ``<participant>_<session>``, behind their data set if it has a name."""
        return ["_".join(part for part in session if part) for session in cohort.sessions]

    def people(self, cohort: Cohort) -> list[str]:
        """Name whose the sessions are: GaNDLF keeps one person's rows together when it splits further by itself."""
        return ["_".join(part for part in session.participant if part) for session in cohort.sessions]

    def paths(self, cohort: Cohort) -> list[str]:
        """Give the images of the sessions."""
        return self.cases(cohort) if self.images is None else [self.images[session] for session in cohort.sessions]

    def targets(self, cohort: Cohort) -> list[Any]:
        """Give what is to be predicted: a class by its number, in the order of the alphabet; or a number."""
        values = cohort.column(str(self.label))
        return (values.map(self.classes) if self.classes else values).tolist()

    def items(self, cohort: Cohort) -> list[dict[str, Any]]:
        """Give image and label of the sessions by name."""
        items: list[dict[str, Any]] = [{"image": path} for path in self.paths(cohort)]
        if self.label is not None:
            for item, target in zip(items, self.targets(cohort), strict=True):
                item["label"] = target
        return items


def _nnunet(splits: Sequence[Split], folder: Path, rows: _Rows) -> None:
    listed = [{"train": rows.cases(split.train), "val": rows.cases(split.other)} for split in splits]
    write_json(folder / "splits_final.json", listed)


def _monai(splits: Sequence[Split], folder: Path, rows: _Rows) -> None:
    """Write one datalist a repeat with its folds; where the held-out sides are not everybody, one a split."""
    named = {"classes": rows.classes} if rows.classes else {}
    repeats = sorted({split.repeat for split in splits})
    for repeat in repeats:
        dealt = [split for split in splits if split.repeat == repeat]
        if Counter(session for split in dealt for session in split.other.sessions) == Counter(
            [*dealt[0].train.sessions, *dealt[0].other.sessions]
        ):
            folds = [item | {"fold": fold} for fold, split in enumerate(dealt) for item in rows.items(split.other)]
            name = f"datalist_repeat-{repeat}.json" if len(repeats) > 1 else "datalist.json"
            write_json(folder / name, {**named, "training": folds})
            continue
        for split in dealt:
            key = "testing" if split.name == "test" else "validation"
            name = f"datalist_split-{split.index}.json" if len(splits) > 1 else "datalist.json"
            write_json(folder / name, {**named, "training": rows.items(split.train), key: rows.items(split.other)})


def _gandlf(splits: Sequence[Split], folder: Path, rows: _Rows) -> None:
    for split in splits:
        for name, cohort in (("train", split.train), (split.name, split.other)):
            columns = {"SubjectID": rows.people(cohort), "Channel_0": rows.paths(cohort)}
            if rows.label is not None:
                columns["ValueToPredict"] = rows.targets(cohort)
            write_text(folder / f"split-{split.index}" / f"{name}.csv", _csv(pd.DataFrame(columns)))
    if rows.classes:
        write_json(folder / "classes.json", rows.classes)


def _partitions(splits: Sequence[Split], folder: Path, rows: _Rows) -> None:
    for split in splits:
        sides = [
            cohort.plain().assign(partition=name, **({} if rows.images is None else {"image": rows.paths(cohort)}))
            for name, cohort in (("train", split.train), (split.name, split.other))
        ]
        write_text(folder / f"split-{split.index}.csv", _csv(pd.concat(sides, ignore_index=True)))


def _csv(frame: pd.DataFrame) -> str:
    return str(frame.to_csv(index=False, lineterminator="\n"))


TOOLS: dict[str, Callable[[Sequence[Split], Path, _Rows], None]] = {
    "nnunet": _nnunet,
    "monai": _monai,
    "gandlf": _gandlf,
    "csv": _partitions,
}

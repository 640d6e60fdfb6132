"""A label that the acquisition tells: the grid, the scanner, the site, the size of the file, never the voxels.

The features are read without the image, one image a participant; a ridge regression on the classes that has not seen a participant
says their label. Balanced accuracy where the label is a class, rank correlation where it is a quantity; participants are drawn
again for the interval, and labels dealt again for the chance.

References
----------
Ojala, M. & Garriga, G. C. (2010). Permutation tests for studying classifier performance. Journal of Machine Learning
Research 11. https://www.jmlr.org/papers/v11/ojala10a.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.knowledge.columns import ACQUIRED, numbers
from fimbria.data.audit.knowledge.labels import answers, drawn, one_each

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fimbria.data.audit.evidence import Evidence, ImageFacts
    from fimbria.data.audit.material import Material

NAME = "acquisition"
ASKS = "Does the acquisition alone (size, grid, scanner, site) tell the label?"
SEED = 0
PEOPLE = 1000  # more, drawn, would say no more
FOLDS = 5
DEALINGS = 199  # of the labels
ALPHA = 0.005  # of the acquisition, and of the size of the file
MARGIN = 0.10  # of what lies between chance and certainty; below it, a confound is not worth an alarm
SIZE_MARGIN = 0.50  # for the size of the file alone: packed well or badly, an image's content has its share in it
_RESAMPLES = 2000
_AT_ONCE = 2**21  # numbers predicted at once: 16 MB
_BINS = 8
_NAMES = 20  # of one feature; the rarer ones are taken together
_LEAST = 2 * FOLDS  # people of a class, so that every fold has some
UNSEEN = "the images were not looked at; with --images FOLDER their size, grid and headers are"


class Score(NamedTuple):
    """How well some features tell the label.

    Attributes
    ----------
    value, low, high
        Balanced accuracy or rank correlation, with its 95 % interval.
    chance
        What would be had for nothing.
    """

    value: float
    low: float
    high: float
    chance: float

    def passes(self, margin: float) -> bool:
        """Tell whether the lower bound is above chance by a share of what lies between chance and certainty."""
        return self.low > self.chance + margin * (1 - self.chance)


def look(material: Material) -> Checked:
    """Tell the label from the acquisition, by people whose label was not shown."""
    known = answers(material)
    unseen = UNSEEN if material.evidence is None else ""
    if known.rows.empty:
        return Checked(NAME, ASKS, unchecked=known.unchecked or "no item has a label")
    rows = known.rows
    if material.evidence is not None:
        looked = rows[rows["image"].isin(list(material.evidence.images))]
        lost = rows["person"].nunique() - looked["person"].nunique()
        rows = looked if len(looked) else rows
        unseen = f"the images of {lost:,} people could not be looked at" if lost else ""
    people = one_each(rows)
    if not known.number:
        counts = people["answer"].value_counts()
        few = sorted(counts.index[counts < _LEAST])
        people = people[~people["answer"].isin(few)]
        unseen = "; ".join(filter(None, [unseen, f"fewer than {_LEAST} people are {', '.join(few)}" if few else ""]))
    people = drawn(people, PEOPLE)
    if len(people) < 2 * _LEAST or people["answer"].nunique() < 2:  # noqa: PLR2004  (one label needs no telling)
        few_people = (
            f"{len(people):,} people of labels that are frequent enough are too few to tell a confound from luck"
        )
        return Checked(NAME, ASKS, unchecked="; ".join(filter(None, [few_people, unseen])))
    facts = features(people, material)
    if facts.empty:
        return Checked(NAME, ASKS, _nothing(material), unchecked=unseen)
    return _judged(people["answer"].to_numpy(), facts, number=known.number, unseen=unseen)


def _nothing(material: Material) -> str:
    """Say that nothing differs, if anything was there to differ."""
    told = material.evidence is not None or any(ACQUIRED.fullmatch(column) for column in material.columns)
    return "size, grid, header and site are the same in all images; there is nothing to tell a label" if told else ""


def _judged(answer: NDArray[np.generic], facts: pd.DataFrame, *, number: bool, unseen: str) -> Checked:
    groups = {
        "the acquisition": ([name for name in facts.columns if name != "file size"], MARGIN),
        "the size of the file": ([name for name in facts.columns if name == "file size"], SIZE_MARGIN),
    }
    told, findings = [], []
    for what, (names, margin) in groups.items():
        if not names:
            continue
        design = encoded(facts[names])
        score = scored(design, answer, number=number)
        found = f"{_detectable(answer, margin, number=number):.2f} would be found"
        told.append(f"{what} ({', '.join(names)}): {_said(score, number=number)}, {found}")
        if score.passes(margin) and (p := luck(design, answer, score.value, number=number)) <= ALPHA:
            findings.append(_finding(what, _driving(facts[names], answer, number=number), score, p, number=number))
    design_of = f"{len(answer):,} people, one image each, labels told by others in {FOLDS} folds"
    return Checked(NAME, ASKS, f"{design_of}; {'; '.join(told)}", tuple(findings), unseen)


def _finding(what: str, driving: list[str], score: Score, p: float, *, number: bool) -> Finding:
    return Finding(
        NAME,
        "risk",
        f"{what} tells the label without a look at the brain: {_said(score, number=number)}, p = {p:.3f}; "
        f"most by {', '.join(driving)}",
        tuple(name.partition(" (")[0] for name in driving),
        "all splits",
        "probable",
        "hold out whole sites or scanners, or choose people so that every label has the same ones; "
        "report this score beside the network's",
    )


def features(people: pd.DataFrame, material: Material) -> pd.DataFrame:
    """Give what is known of the acquisition of each person's image: numbers and texts, only what differs."""
    table = {
        str(column): _cells(people[column])
        for column in [*(["dataset"] if (people["dataset"] != "").any() else []), *material.columns]
        if column == "dataset" or (ACQUIRED.fullmatch(column) and column != material.label)
    }
    known = pd.DataFrame(table, index=people.index)
    if material.evidence is not None:
        read = pd.DataFrame(_read(people["image"], material.evidence), index=people.index)
        known = known.join(read[[name for name in read.columns if name not in known.columns]])
    several = [name for name in known.columns if len(known[name].drop_duplicates()) > 1]
    return known[several]


def _cells(cells: pd.Series) -> pd.Series:
    """Give numbers as numbers where they are many; few are codes, of a site, say."""
    values = numbers(cells)
    if values is None or cells.nunique() <= _NAMES:
        return cells.astype("object").where(cells.notna(), None).astype("str")
    return pd.Series(values, index=cells.index)


def _read(keys: pd.Series, evidence: Evidence) -> list[Mapping[str, str | float]]:
    return [_facts(evidence.images[key]) if key in evidence.images else {} for key in keys]


def _facts(image: ImageFacts) -> dict[str, str | float]:
    facts: dict[str, str | float] = {"file size": float(image.file_size)}
    if image.grid is not None:
        facts["shape"] = "x".join(map(str, image.grid.shape))
        facts["spacing"] = "x".join(f"{size:.3f}" for size in image.grid.spacing_mm)
        facts["orientation"] = image.grid.orientation
        facts |= {f"size along {axis}": float(size) for axis, size in zip("xyz", image.grid.shape, strict=False)}
    return {**facts, **{name: value for name, value in image.acquisition.items() if name not in facts}}


def encoded(facts: pd.DataFrame) -> NDArray[np.float64]:
    """Give features as a matrix, ``(people, columns)``: each value a column of its own; numbers also as ranks.

    Numbers are cut into bins of equally many people. Neither bins nor ranks know the labels.
    """
    names, ranks = {}, []
    for name in facts.columns:
        values = numbers(facts[name]) if pd.api.types.is_numeric_dtype(facts[name]) else None
        if values is None:
            names[name] = facts[name].astype("object").where(facts[name].notna(), "n/a").astype(str)
            continue
        there = np.isfinite(values)
        edges = np.unique(np.quantile(values[there], np.linspace(0, 1, _BINS + 1)[1:-1]))
        bins = np.where(there, np.searchsorted(edges, values), -1)
        names[name] = pd.Series(bins.astype(str), index=facts.index)
        rank = np.full(len(values), (there.sum() + 1) / 2)
        rank[there] = rankdata(values[there])
        ranks.append(rank)
    words = pd.DataFrame(names).to_numpy(dtype=object)
    one_hot = OneHotEncoder(max_categories=_NAMES, sparse_output=False).fit_transform(words)
    numeric = StandardScaler().fit_transform(np.column_stack(ranks)) if ranks else np.empty((len(facts), 0))
    design: NDArray[np.float64] = np.hstack([np.asarray(one_hot), numeric])
    return design


def scored(design: NDArray[np.float64], answer: NDArray[np.generic], *, number: bool) -> Score:
    """Say how well a matrix of features tells labels it was not shown, with participants drawn again."""
    rng, fold = np.random.default_rng(SEED), _folds(answer, number=number)
    if number:
        quantity = answer.astype(float)[:, None]
        ranks = np.column_stack([rankdata(_predicted(design, quantity, fold)), rankdata(quantity)])
        drawn = [_correlation(ranks[rng.integers(len(ranks), size=len(ranks))]) for _ in range(_RESAMPLES // 4)]
        low, high = np.percentile(drawn, [2.5, 97.5])
        return Score(_correlation(ranks), float(low), float(high), 0.0)
    codes = np.unique(answer, return_inverse=True)[1][:, None]
    recall, of = _recalls(design, codes, fold)[:, 0], np.bincount(codes[:, 0])
    # Drawing the people of a class again is drawing how many of them were told right.
    resampled = (rng.binomial(of, recall, size=(_RESAMPLES, len(of))) / of).mean(axis=1)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Score(float(recall.mean()), float(low), float(high), 1 / len(of))


def _folds(answer: NDArray[np.generic], *, number: bool) -> NDArray[np.intp]:
    """Deal people into folds, by label where it is a class: the fold in which each is told, ``(people,)``."""
    splitter = (KFold if number else StratifiedKFold)(FOLDS, shuffle=True, random_state=SEED)
    fold = np.empty(len(answer), np.intp)
    for number_of, (_, told) in enumerate(splitter.split(np.empty((len(answer), 1)), answer)):
        fold[told] = number_of
    return fold


def _predicted(
    design: NDArray[np.float64], targets: NDArray[np.float64], fold: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Predict targets ``(people, targets)``, each person's from the people of other folds."""
    predicted = np.empty_like(targets)
    for number in range(FOLDS):
        told = fold == number
        model = Ridge().fit(design[~told], targets[~told])
        predicted[told] = model.predict(design[told]).reshape(int(told.sum()), -1)
    return predicted


def _recalls(design: NDArray[np.float64], codes: NDArray[np.intp], fold: NDArray[np.intp]) -> NDArray[np.float64]:
    """Give the share of each class that is told right, ``(classes, dealings)``.

    Parameters
    ----------
    design
        ``(people, columns)``.
    codes
        Classes, ``(people, dealings)``; every dealing has as many of each class in each fold.
    fold
        ``(people,)``.
    """
    member = np.eye(int(codes.max()) + 1)[codes]
    share = _predicted(design, member.reshape(len(codes), -1), fold).reshape(member.shape)
    of_fold = np.array([member[fold != number, 0].mean(axis=0) for number in range(FOLDS)])
    said = (share / of_fold[fold][:, None]).argmax(axis=2)  # by how much likelier a class is than before
    right = np.eye(member.shape[2])[codes] * (said == codes)[:, :, None]
    recalls: NDArray[np.float64] = (right.sum(axis=0) / member.sum(axis=0)).T
    return recalls


def _correlation(ranks: NDArray[np.float64]) -> float:
    if not np.ptp(ranks, axis=0).all():
        return 0.0
    table: NDArray[np.float64] = np.atleast_2d(np.corrcoef(ranks.T))
    return float(table[0, 1])


def luck(design: NDArray[np.float64], answer: NDArray[np.generic], value: float, *, number: bool) -> float:
    """Give the chance of such a score where labels are dealt at random, within the folds, so that these stay alike."""
    rng, fold = np.random.default_rng(SEED), _folds(answer, number=number)
    by_fold = np.argsort(fold, kind="stable")
    given = answer.astype(float) if number else np.unique(answer, return_inverse=True)[1]
    width = 1 if number else int(given.max()) + 1
    at_once, above = max(1, _AT_ONCE // (len(answer) * width)), 0
    for start in range(0, DEALINGS, at_once):
        lots = rng.random((min(at_once, DEALINGS - start), len(answer)))
        dealt = np.empty((len(answer), len(lots)), given.dtype)
        dealt[by_fold] = given[np.argsort(lots + fold, axis=1)].T
        if number:
            said = _predicted(design, dealt, fold)
            ranks = [
                np.column_stack(pair) for pair in zip(rankdata(said, axis=0).T, rankdata(dealt, axis=0).T, strict=True)
            ]
            values = np.array([_correlation(pair) for pair in ranks])
        else:
            values = _recalls(design, dealt, fold).mean(axis=0)
        above += int((values >= value).sum())
    return (above + 1) / (DEALINGS + 1)


def _driving(facts: pd.DataFrame, answer: NDArray[np.generic], *, number: bool) -> list[str]:
    """Name the features that tell most alone."""
    alone = {name: scored(encoded(facts[[name]]), answer, number=number).value for name in facts.columns}
    best = sorted(alone, key=lambda name: (-alone[name], name))[:3]
    return [f"{name} ({alone[name]:.2f} alone)" for name in best]


def _said(score: Score, *, number: bool) -> str:
    metric = "rank correlation" if number else "balanced accuracy"
    return f"{metric} {score.value:.2f} ({score.low:.2f} to {score.high:.2f}), by chance {score.chance:.2f}"


def _detectable(answer: NDArray[np.generic], margin: float, *, number: bool) -> float:
    """Give the score that would be found four times in five."""
    z = 1.96 + 0.842
    if number:
        return float(np.tanh(np.arctanh(margin) + z / np.sqrt(len(answer) - 3)))
    of = np.unique(answer, return_counts=True)[1]
    least = 1 / len(of) + margin * (1 - 1 / len(of))
    return float(min(1.0, least + z * np.sqrt((least * (1 - least) / of).sum()) / len(of)))

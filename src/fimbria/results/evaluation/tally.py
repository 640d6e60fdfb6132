"""Tally: predicted classes counted against the true ones, for many resamples of the participants at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fimbria.errors import InputError
from fimbria.results.evaluation.drawn import Drawn
from fimbria.results.evaluation.metric import ratio
from fimbria.results.predictions.table import log_loss
from fimbria.tables import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fimbria.results.predictions.table import PredictionTable

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tally(Drawn):
    """Labelled predictions, and how many times each participant counts in each resample.

    Attributes
    ----------
    truth, predicted
        Position of the class, ``(rows,)``.
    probabilities
        ``(rows, classes)``.
    rankings
        Of the classes that were ranked so far; other weights change nothing in them, so they are shared.
    """

    truth: Ints
    predicted: Ints
    probabilities: Floats
    rankings: dict[int, Ranking] = field(default_factory=dict)

    @classmethod
    def of(cls, table: PredictionTable) -> Tally:
        """Count every participant once.

        Raises
        ------
        TableError
            When the table holds no classes.
        InputError
            When a true label is not known.
        """
        need(table.frame, ["predicted_label"], f"the table of predictions (level: {table.part})")
        if unknown := int((table.truth() < 0).sum()):
            msg = (
                f"{unknown} of {len(table.frame)} predictions (level: {table.part}) have no true label, and metrics "
                "need one for each. Evaluate a group whose labels are known."
            )
            raise InputError(msg)
        rows = table.sorted()
        once = np.ones((rows.participants, 1))
        return cls(rows.people(), once, rows.losses(), rows.truth(), rows.predicted(), rows.probabilities())

    @cached_property
    def confusion(self) -> Floats:
        """Counted rows of each true and each predicted class: ``(classes, classes, resamples)``."""
        classes = self.probabilities.shape[1]
        participants, resamples = self.weights.shape
        cell = (self.truth * classes + self.predicted) * participants + self.people
        counts = np.bincount(cell, minlength=classes**2 * participants).reshape(-1, participants)
        return (counts.astype(np.float64) @ self.weights).reshape(classes, classes, resamples)

    @property
    def log_loss(self) -> Floats:
        """Mean of minus the logarithm of the probability of the true class: ``(resamples,)``."""
        return self.mean(log_loss(self.probabilities, self.truth))

    @property
    def brier(self) -> Floats:
        """Mean squared error of the probabilities, of two classes of one of them: ``(resamples,)``."""
        member = np.eye(self.probabilities.shape[1])[self.truth]
        squares = (self.probabilities - member) ** 2
        return self.mean(squares.mean(axis=1) if squares.shape[1] == 2 else squares.sum(axis=1))  # noqa: PLR2004

    def against_rest(self, code: int) -> OneAgainstRest:
        """Take one class as positive and all the others as negative."""
        row, column = self.confusion[code], self.confusion[:, code]
        tp = self.confusion[code, code]
        fn, fp = row.sum(axis=0) - tp, column.sum(axis=0) - tp
        tn = self.confusion.sum(axis=(0, 1)) - tp - fn - fp
        if code not in self.rankings:
            self.rankings[code] = Ranking.of(self.truth == code, self.probabilities[:, code], self.people)
        return OneAgainstRest(tp, fp, fn, tn, self.rankings[code], self.weights)


@dataclass(frozen=True, eq=False)
class Ranking:
    """The rows by their score of one class, sorted once for all resamples.

    Attributes
    ----------
    members
        Whose the rows of the class are, by rising score: ``(members,)``.
    rest
        Whose the other rows are, by rising score: ``(others,)``.
    below, up_to
        For each member, how many of the others score lower, and lower or the same: ``(members,)``.
    among
        For each member, how many of the members score lower: ``(members,)``.
    """

    members: Ints
    rest: Ints
    below: Ints
    up_to: Ints
    among: Ints

    @classmethod
    def of(cls, member: NDArray[np.bool_], scores: Floats, people: Ints) -> Ranking:
        """Sort the rows.

        Parameters
        ----------
        member
            Whether a row is of the class: ``(rows,)``.
        scores
            Probability of the class: ``(rows,)``.
        people
            Whose the row is: ``(rows,)``.
        """
        (rest, others), (members, of_members) = (
            (people[side][order], scores[side][order])
            for side in (~member, member)
            for order in [np.argsort(scores[side], kind="stable")]
        )
        below, up_to = (np.searchsorted(others, of_members, side=side) for side in ("left", "right"))
        return cls(members, rest, below, up_to, np.searchsorted(of_members, of_members, side="left"))


@dataclass(frozen=True, eq=False)
class OneAgainstRest:
    """Counts of one class against the rest.

    Attributes
    ----------
    tp, fp, fn, tn
        True and false positives, false and true negatives: ``(resamples,)``.
    ranking
        Of the rows by their score.
    weights
        As in `Tally`.
    """

    tp: Floats
    fp: Floats
    fn: Floats
    tn: Floats
    ranking: Ranking
    weights: Floats

    @property
    def sensitivity(self) -> Floats:
        """Share of the class that is found."""
        return ratio(self.tp, self.tp + self.fn, undefined=np.nan)

    @property
    def specificity(self) -> Floats:
        """Share of the rest that is left alone."""
        return ratio(self.tn, self.tn + self.fp, undefined=np.nan)

    @property
    def ppv(self) -> Floats:
        """Share of the rows called so that are so."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def npv(self) -> Floats:
        """Share of the rows not called so that are not so."""
        return ratio(self.tn, self.tn + self.fn)

    @property
    def roc_auc(self) -> Floats:
        """Share of the (member, other) pairs in which the member scores higher; equal scores count half."""
        won = self._lower[self.ranking.below]
        won += self._lower[self.ranking.up_to]
        pairs = np.einsum("ij,ij->j", self.weights[self.ranking.members], won) / 2
        return ratio(pairs, (self.tp + self.fn) * (self.tn + self.fp), undefined=np.nan)

    @property
    def average_precision(self) -> Floats:
        """Mean over the members of the precision at the threshold that is the member's own score."""
        members = self.weights[self.ranking.members]
        found = _from_above(_counted(members), self.ranking.among)
        called = _from_above(self._lower, self.ranking.below)
        called += found
        precision = ratio(found, called)
        return ratio(np.einsum("ij,ij->j", members, precision), self.tp + self.fn, undefined=np.nan)

    @cached_property
    def _lower(self) -> Floats:
        """Counted rows of the rest below each place of their ranking: ``(others + 1, resamples)``."""
        return _counted(self.weights[self.ranking.rest])


def _counted(weights: Floats) -> Floats:
    """Add up weights from the lowest score: ``(rows + 1, resamples)``."""
    counted = np.zeros((len(weights) + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=counted[1:])
    return counted


def _from_above(counted: Floats, places: Ints) -> Floats:
    """Count what is not below each of some places: ``(places, resamples)``."""
    above: Floats = counted[-1] - counted[places]
    return above

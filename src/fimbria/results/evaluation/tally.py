"""Tally: predictions counted against the truth, for many resamples of the participants at once.

Counting a person twice is the same as having the person's rows twice, so a resample is a column of weights and no row
is ever copied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fimbria.errors import InputError
from fimbria.results.evaluation.metric import ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fimbria.results.predictions.table import PredictionTable

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tally:
    """Labelled predictions, and how many times each participant counts in each resample.

    Attributes
    ----------
    truth, predicted
        Position of the class, ``(rows,)``.
    probabilities
        ``(rows, classes)``.
    losses
        ``(rows,)``.
    people
        Whose the row is, numbered from 0: ``(rows,)``.
    weights
        ``(participants, resamples)``.
    rankings
        Of the classes that were ranked so far; other weights change nothing in them, so they are shared.
    """

    truth: Ints
    predicted: Ints
    probabilities: Floats
    losses: Floats
    people: Ints
    weights: Floats
    rankings: dict[int, Ranking] = field(default_factory=dict)

    @classmethod
    def of(cls, table: PredictionTable) -> Tally:
        """Count every participant once.

        Raises
        ------
        InputError
            When a true label is not known.
        """
        if unknown := int((table.truth() < 0).sum()):
            msg = (
                f"{unknown} of {len(table.frame)} predictions (level: {table.part}) have no true label, and metrics "
                "need one for each. Evaluate a group whose labels are known."
            )
            raise InputError(msg)
        rows = table.sorted()
        once = np.ones((rows.participants, 1))
        return cls(rows.truth(), rows.predicted(), rows.probabilities(), rows.losses(), rows.people(), once)

    @cached_property
    def confusion(self) -> Floats:
        """Counted rows of each true and each predicted class: ``(classes, classes, resamples)``."""
        classes = self.probabilities.shape[1]
        participants, resamples = self.weights.shape
        cell = (self.truth * classes + self.predicted) * participants + self.people
        counts = np.bincount(cell, minlength=classes**2 * participants).reshape(-1, participants)
        return (counts.astype(np.float64) @ self.weights).reshape(classes, classes, resamples)

    @cached_property
    def mean_loss(self) -> Floats:
        """Mean of the loss over the counted rows: ``(resamples,)``."""
        participants = len(self.weights)
        losses = np.bincount(self.people, self.losses, minlength=participants)
        rows = np.bincount(self.people, minlength=participants).astype(np.float64)
        # einsum and not @: the order of the sum is that of the people, whatever the number of resamples
        return ratio(np.einsum("i,ij->j", losses, self.weights), rows @ self.weights)

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
        Whose the rows of the class are: ``(members,)``.
    rest
        Whose the other rows are, by rising score: ``(others,)``.
    below, up_to
        For each member, how many of the others score lower, and lower or the same: ``(members,)``.
    """

    members: Ints
    rest: Ints
    below: Ints
    up_to: Ints

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
        order = np.argsort(scores[~member], kind="stable")
        others, of_members = scores[~member][order], scores[member]
        below, up_to = (np.searchsorted(others, of_members, side=side) for side in ("left", "right"))
        return cls(people[member], people[~member][order], below, up_to)


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
        ranking = self.ranking
        lower = np.zeros((len(ranking.rest) + 1, self.weights.shape[1]))
        np.cumsum(self.weights[ranking.rest], axis=0, out=lower[1:])
        won = lower[ranking.below]
        won += lower[ranking.up_to]
        pairs = np.einsum("ij,ij->j", self.weights[ranking.members], won) / 2
        return ratio(pairs, (self.tp + self.fn) * (self.tn + self.fp), undefined=np.nan)

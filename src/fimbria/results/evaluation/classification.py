"""Metrics of a classification, over a whole group at once and never averaged over batches.

===================== =========== ================================================== ===========================
name                  ClinicaDL   formula                                            undefined (NaN) when
===================== =========== ================================================== ===========================
``accuracy``          accuracy    share of right predictions                         never
``balanced-accuracy`` BA          (sensitivity + specificity) / 2                    truth lacks class or the rest
``sensitivity``       sensitivity TP / (TP + FN)                                     truth lacks the class
``specificity``       specificity TN / (TN + FP)                                     truth lacks the rest
``ppv``               PPV         TP / (TP + FP)                                     never
``npv``               NPV         TN / (TN + FN)                                     never
``f1``                F1_score    2 TP / (2 TP + FP + FN)                            never
``mcc``               MCC         (TP TN - FP FN) / sqrt of the four margins' product never
``markedness``        MK          PPV + NPV - 1                                      never
``lr-plus``           LR_plus     sensitivity / (1 - specificity)                    as that, or FP = 0
``lr-minus``          LR_minus    (1 - sensitivity) / specificity                    as that, or TN = 0
``roc-auc``           (none)      P(score of the class > of the rest) + P(equal) / 2 as balanced-accuracy
``average-precision`` (none)      sum of precision x gain in recall, over thresholds truth lacks the class
``brier``             (none)      mean squared error of the probabilities            never
``log-loss``          (none)      mean -log p(true class), p at least 1e-12          never
``loss``              loss        mean loss of the rows, whatever it was trained on  never
===================== =========== ================================================== ===========================

Any other division by zero gives 0, as in ClinicaDL; not so the likelihood ratios, whose 0 would say the contrary of
what is the case. With two classes the metrics of a class are those of the positive
one. With more, they are computed for each class against the rest, and their plain mean is the class ``mean``, undefined
when one of them is. So the ``mean`` of ``balanced-accuracy`` is the mean of the classes' one-against-rest balanced
accuracies; the mean recall that scikit-learn calls balanced accuracy is the ``mean`` of ``sensitivity``. Metrics that
belong to no class (accuracy, brier, log-loss, loss) have the class ``all``. ``brier`` is of two classes the squared error
of the positive one's probability, and of more the sum over all of them (Brier's own).

References
----------
Brier, G. W. (1950). Verification of forecasts expressed in terms of probability. Monthly Weather Review 78, 1-3.
doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from fimbria.errors import InputError
from fimbria.results.evaluation.deviation import loss  # it registers itself
from fimbria.results.evaluation.drawn import COLUMNS, OVERALL, tidy
from fimbria.results.evaluation.intervals import RESAMPLES
from fimbria.results.evaluation.metric import Metric, fitting, metric, ratio
from fimbria.results.evaluation.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fimbria.results.evaluation.tally import OneAgainstRest
    from fimbria.results.predictions.table import PredictionTable

    Floats = NDArray[np.float64]

METRICS = (
    "accuracy",
    "balanced-accuracy",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "f1",
    "mcc",
    "markedness",
    "lr-plus",
    "lr-minus",
    "roc-auc",
    "average-precision",
    "brier",
    "log-loss",
    loss().name,
)
OF = "classes"
__all__ = ["COLUMNS", "METRICS", "ClassificationMetrics", "confusion", "evaluate", "roc_curve"]


@metric("accuracy")
def accuracy() -> Metric:
    """Share of right predictions."""
    return Metric("accuracy", "higher", lambda t: t.confusion.trace() / t.confusion.sum(axis=(0, 1)), by_class=False)


@metric("balanced-accuracy")
def balanced_accuracy() -> Metric:
    """Mean of sensitivity and specificity."""
    return Metric("balanced-accuracy", "higher", lambda one: (one.sensitivity + one.specificity) / 2)


@metric("sensitivity")
def sensitivity() -> Metric:
    """Share of the class that is found (recall)."""
    return Metric("sensitivity", "higher", lambda one: one.sensitivity)


@metric("specificity")
def specificity() -> Metric:
    """Share of the rest that is left alone."""
    return Metric("specificity", "higher", lambda one: one.specificity)


@metric("ppv")
def ppv() -> Metric:
    """Positive predictive value (precision): share of those called so that are so."""
    return Metric("ppv", "higher", lambda one: one.ppv)


@metric("npv")
def npv() -> Metric:
    """Negative predictive value: share of those not called so that are not so."""
    return Metric("npv", "higher", lambda one: one.npv)


@metric("f1")
def f1() -> Metric:
    """Harmonic mean of PPV and sensitivity."""
    return Metric("f1", "higher", lambda one: ratio(2 * one.tp, 2 * one.tp + one.fp + one.fn))


@metric("mcc")
def mcc() -> Metric:
    """Matthews correlation coefficient of prediction and truth."""

    def value(one: OneAgainstRest) -> Floats:
        margins = (one.tp + one.fp) * (one.tp + one.fn) * (one.tn + one.fp) * (one.tn + one.fn)
        return ratio(one.tp * one.tn - one.fp * one.fn, np.sqrt(margins))

    return Metric("mcc", "higher", value)


@metric("markedness")
def markedness() -> Metric:
    """PPV + NPV - 1."""
    return Metric("markedness", "higher", lambda one: one.ppv + one.npv - 1)


@metric("lr-plus")
def lr_plus() -> Metric:
    """Positive likelihood ratio; infinite, and in tables undefined, where nobody of the rest is called so."""

    def value(one: OneAgainstRest) -> Floats:
        alarms = _share(one.fp, one.tn)
        infinite = (one.sensitivity > 0) & (alarms == 0)
        return np.where(infinite, np.inf, ratio(one.sensitivity, alarms, undefined=np.nan))

    return Metric("lr-plus", "higher", value)


@metric("lr-minus")
def lr_minus() -> Metric:
    """Negative likelihood ratio; undefined where everybody of the rest is called so."""
    return Metric("lr-minus", "lower", lambda one: ratio(_share(one.fn, one.tp), one.specificity, undefined=np.nan))


@metric("roc-auc")
def roc_auc() -> Metric:
    """Area under the ROC curve, ties counted half."""
    return Metric("roc-auc", "higher", lambda one: one.roc_auc)


@metric("average-precision")
def average_precision() -> Metric:
    """Area under the steps of the precision-recall curve, one threshold for each different probability."""
    return Metric("average-precision", "higher", lambda one: one.average_precision)


@metric("brier")
def brier() -> Metric:
    """Mean squared error of the probabilities: of two classes the positive one's, of more the sum over all."""
    return Metric("brier", "lower", lambda t: t.brier, by_class=False)


@metric("log-loss")
def log_loss() -> Metric:
    """Mean of minus the logarithm of the probability of the true class, whatever the training loss was."""
    return Metric("log-loss", "lower", lambda t: t.log_loss, by_class=False)


@dataclass(frozen=True)
class ClassificationMetrics:
    """The metrics of one classification.

    Attributes
    ----------
    positive
        The positive class of two; None with more.
    """

    of: ClassVar[str] = OF

    positive: str | None = None
    followed: Sequence[str] = ("balanced-accuracy", "accuracy", "sensitivity", "specificity", "roc-auc", "loss")

    def find(self, name: str) -> Metric:
        """Give a metric by its name, if it is one of classes."""
        return fitting([name], OF, METRICS)[0]

    def scores(self, table: PredictionTable, names: Sequence[str]) -> dict[str, float]:
        """Compute some metrics, without intervals, of more than two classes their mean; the rows are counted once.

        Raises
        ------
        InputError, ComponentError
            As `evaluate`.
        """
        chosen, tally = fitting(names, OF, METRICS), Tally.of(table)
        codes = {one.name: _codes(table, self.positive, [one]) for one in chosen}
        return {one.name: float(_values(tally, [one], codes[one.name])[-1, 0]) for one in chosen}

    def evaluate(self, table: PredictionTable, *, seed: int = 0) -> pd.DataFrame:
        """Compute every metric, as `evaluate`."""
        return evaluate(table, self.positive, seed=seed)


def evaluate(
    table: PredictionTable,
    positive: str | None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    metrics: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Compute metrics with 95 % intervals over resamples of the participants.

    Parameters
    ----------
    table
        Predictions with true labels.
    positive
        The positive class of two; None with more.
    resamples, seed
        How many times the participants are drawn, and from which seed.
    metrics
        Names, ClinicaDL's included; all of this module's when not given.

    Returns
    -------
    pandas.DataFrame
        One row a metric and class: metric, class, level, value, ci_low, ci_high, standard_error, n_participants,
        n_sessions. The order of the rows of `table` does not matter; the same seed gives the same numbers.

    Raises
    ------
    InputError
        When a true label is not known, or `positive` is not one of two classes.
    ComponentError
        When there is no such metric, or it is none of classes.
    """
    chosen = fitting(METRICS if metrics is None else metrics, OF, METRICS)
    codes = _codes(table, positive, chosen)
    tally = Tally.of(table)
    several = [*codes, "mean"] if len(codes) > 1 else list(codes)
    names = [(one.name, name) for one in chosen for name in (several if one.by_class else [OVERALL])]
    return tidy(table, tally, names, lambda drawn: _values(drawn, chosen, codes), resamples=resamples, seed=seed)


def confusion(table: PredictionTable) -> pd.DataFrame:
    """Count rows by true class (index ``true``) and predicted class (columns ``predicted``), in the classes' order.

    Raises
    ------
    InputError
        When a true label is not known.
    """
    counts = Tally.of(table).confusion[:, :, 0].astype(np.int64)
    return pd.DataFrame(
        counts, index=pd.Index(table.classes, name="true"), columns=pd.Index(table.classes, name="predicted")
    )


def roc_curve(table: PredictionTable, of_class: str) -> tuple[Floats, Floats, Floats]:
    """Give false and true positive rates at every threshold of the probability of one class against the rest.

    Returns
    -------
    tuple of numpy.ndarray
        False positive rate, true positive rate, threshold, each ``(different scores + 1,)``: from the threshold that
        nobody reaches (infinity) to the one that everybody does. A row is called positive at or above it.

    Raises
    ------
    InputError
        When a true label is not known, there is no such class, or the truth lacks it or the rest.
    """
    tally = Tally.of(table)
    code = _code(table, of_class)
    member = tally.truth == code
    if member.all() or not member.any():
        lacking = "no other class than" if member.all() else "nobody of"
        msg = f"a ROC curve of {of_class!r} needs members of the class and others; the true labels hold {lacking} it."
        raise InputError(msg)
    thresholds, group = np.unique(-tally.probabilities[:, code], return_inverse=True)
    reached = [np.cumsum(np.bincount(group, of_rows)) for of_rows in (~member, member)]
    fpr, tpr = (np.concatenate([[0.0], counts / counts[-1]]) for counts in reached)
    return fpr, tpr, np.concatenate([[np.inf], -thresholds])


def _share(part: Floats, others: Floats) -> Floats:
    return ratio(part, part + others, undefined=np.nan)


def _values(tally: Tally, metrics: Sequence[Metric], codes: dict[str, int]) -> Floats:
    """Compute all metrics, those of several classes followed by their mean: ``(values, resamples)``."""
    sides = [tally.against_rest(code) for code in codes.values()]
    values: list[Floats] = []
    for one in metrics:
        if not one.by_class:
            values.append(one.value(tally))
            continue
        of_classes = [one.value(side) for side in sides]
        values += of_classes
        if len(of_classes) > 1:
            values.append(np.mean(of_classes, axis=0))
    return np.stack(values)


def _codes(table: PredictionTable, positive: str | None, metrics: Sequence[Metric]) -> dict[str, int]:
    """Choose the classes that metrics are computed of: the positive one of two, or all; none where no metric asks."""
    classes = table.classes
    if not any(one.by_class for one in metrics):
        return {}
    if len(classes) > 2 and positive is None:  # noqa: PLR2004  (two classes have a positive one, more have none)
        return {name: code for code, name in enumerate(classes)}
    if len(classes) > 2 or positive is None:  # noqa: PLR2004
        wanted = (
            "which one is positive? Name it" if positive is None else "none of them is the positive one. Leave it out"
        )
        msg = f"there are {len(classes)} classes ({', '.join(classes)}): {wanted} (positive)."
        raise InputError(msg)
    return {positive: _code(table, positive)}


def _code(table: PredictionTable, name: str) -> int:
    if name not in table.classes:
        msg = f"no class is called {name!r}; the classes are {', '.join(table.classes)}."
        raise InputError(msg)
    return table.classes.index(name)

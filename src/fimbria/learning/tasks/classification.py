"""Which class an image belongs to."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003  (the signature is the schema, read when it is used)
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from fimbria.data.cohort.cohort import IDS, clean_labels, label_text
from fimbria.errors import Problem, did_you_mean, listing, refuse
from fimbria.learning.tasks import losses
from fimbria.learning.tasks.task import task
from fimbria.results.evaluation.classification import ClassificationMetrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from fimbria.data.cohort.cohort import Cohort
    from fimbria.learning.outputs import Outputs


@task("classification")
class Classification:
    """Tell classes apart.

    Parameters
    ----------
    label
        Column of the tables that names the class.
    positive
        The class that sensitivity, precision and ROC speak of; needed when there are two.
    loss
        What is minimised, with its options: cross-entropy, focal, multi-margin, or one of your own.
    classes
        Names of the classes, in the order of the outputs; by default those of the training people, sorted.
    counts
        Training participants of each class; counted where they are not given.

    Raises
    ------
    ProblemsError
        When there is one class only, or the positive one is not said or unknown.
    """

    def __init__(
        self,
        label: str = "diagnosis",
        positive: str | None = None,
        loss: str | dict[str, Any] = "cross-entropy",
        classes: Sequence[str] = (),
        counts: Sequence[float] = (),
    ) -> None:
        self.label, self.positive = label, positive
        self.classes, self.counts = tuple(classes), tuple(counts)
        self.columns = (label,)
        self.outputs = len(self.classes)
        self.metrics = ClassificationMetrics(positive)
        self._chosen = loss
        self._loss = losses.build(loss, "classes", counts=self.counts or (1.0,) * self.outputs)
        if self.classes:
            refuse("the classes", self._problems())

    @property
    def fitted(self) -> Mapping[str, Any]:
        """Names of the classes, how many training participants each has, and which one is positive."""
        return {"classes": list(self.classes), "positive": self.positive, "counts": list(self.counts)}

    def fit(self, cohort: Cohort) -> Self:
        """Take the classes, and how frequent they are, from the training people.

        Raises
        ------
        ProblemsError
            When a label is missing or padded, there is one class only, or the positive one is not said or unknown.
        """
        refuse(f"the labels ({self.label})", clean_labels(cohort, self.label))
        names = cohort.column(self.label).map(label_text)
        classes = self.classes or tuple(sorted(set(names)))
        people = cohort.frame[list(IDS[:2])].assign(name=names.to_numpy()).drop_duplicates()
        counts = people["name"].value_counts()
        if nobody := [name for name in classes if name not in counts]:
            what = f"nobody in training is of class {listing(nobody)}"
            refuse(
                f"the labels ({self.label})",
                [Problem(what, f"make the splits again with --stratify {self.label}, or leave it out of task.classes")],
            )
        made = (float(counts.get(name, 0)) for name in classes)
        return type(self)(self.label, self.positive, self._chosen, classes, tuple(made))

    def _problems(self) -> list[Problem]:
        names = ", ".join(self.classes)
        if len(self.classes) < 2:  # noqa: PLR2004  (one class cannot be told from another)
            return [
                Problem(
                    f"the label has one value only ({names})",
                    "at least two classes are needed; is it the right column?",
                )
            ]
        if len(self.classes) == 2 and self.positive is None:  # noqa: PLR2004
            return [
                Problem(
                    f"the positive class is not said ({names})",
                    f"--task.positive {self.classes[0]}, or {self.classes[1]}",
                )
            ]
        if len(self.classes) > 2 and self.positive is not None:  # noqa: PLR2004
            return [
                Problem(
                    f"a positive class is for two classes; there are {len(self.classes)} ({listing(self.classes)})",
                    "leave task.positive out",
                )
            ]
        if self.positive is not None and self.positive not in self.classes:
            return [
                Problem(f"the positive class {self.positive!r} is no class", did_you_mean(self.positive, self.classes))
            ]
        return []

    def targets(self, cohort: Cohort) -> Tensor:
        """Give the number of each session's class, ``(session,)``, int64.

        Raises
        ------
        ProblemsError
            For labels that are missing, padded or no class.
        """
        problems = clean_labels(cohort, self.label)
        names = [label_text(value) for value in cohort.column(self.label).dropna()]
        problems += [
            Problem(f"{self.label} {name!r} is no class of the training people", did_you_mean(name, self.classes))
            for name in sorted(set(names) - set(self.classes))
            if not problems
        ]
        refuse(f"the labels ({self.label})", problems)
        return torch.tensor([self.classes.index(name) for name in names], dtype=torch.int64)

    def loss(self, outputs: Outputs, targets: Tensor) -> Tensor:
        """Give the loss of each sample, from ``(sample, class)``."""
        return self._loss(outputs, targets)

    def read(self, outputs: Outputs, targets: Tensor | None) -> Mapping[str, NDArray[Any]]:
        """Give the true class if it is known, the predicted one, the probability of each, and the loss."""
        names = np.asarray(self.classes, dtype=object)
        precise = torch.as_tensor(outputs).cpu().double()
        probabilities = torch.softmax(precise, dim=1).numpy()
        columns = {f"p_{name}": probabilities[:, code] for code, name in enumerate(self.classes)}
        columns["predicted_label"] = names[probabilities.argmax(axis=1)]
        if targets is not None:
            columns["true_label"] = names[targets.cpu().numpy()]
            columns["loss"] = self.loss(precise, targets.cpu()).numpy()
        return columns

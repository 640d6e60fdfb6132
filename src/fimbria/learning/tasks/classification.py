"""Which class an image belongs to."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003  (the signature is the schema, read when it is used)
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from fimbria.errors import Problem, did_you_mean, refuse
from fimbria.learning.tasks.task import task
from fimbria.results.evaluation.classification import ClassificationMetrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from fimbria.results.evaluation.metric import Metrics


@task("classification")
class Classification:
    """Tell classes apart; the loss is the cross-entropy.

    Parameters
    ----------
    classes
        Names of the classes, in the order of the outputs.
    positive
        The class that sensitivity, precision and ROC speak of; needed when there are two.

    Raises
    ------
    ProblemsError
        When there is one class only, or the positive one is not said or unknown.
    """

    def __init__(self, classes: Sequence[str], positive: str | None = None) -> None:
        self.classes = tuple(classes)
        self.positive = positive
        self.outputs = len(self.classes)
        self.fitted: Mapping[str, Any] = {"classes": list(self.classes), "positive": positive}
        self.metrics: Metrics = ClassificationMetrics(positive)
        refuse("the classes", self._problems())

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
                    f"a positive class is for two classes; there are {len(self.classes)} ({names})",
                    "leave task.positive out",
                )
            ]
        if self.positive is not None and self.positive not in self.classes:
            return [
                Problem(f"the positive class {self.positive!r} is no class", did_you_mean(self.positive, self.classes))
            ]
        return []

    def targets(self, values: Sequence[object]) -> Tensor:
        """Give the number of each label's class, ``(session,)``, int64.

        Raises
        ------
        ProblemsError
            For labels that are no class.
        """
        codes = {name: code for code, name in enumerate(self.classes)}
        names = [label_text(value) for value in values]
        unknown = sorted(set(names) - set(codes))
        refuse(
            "the labels", [Problem(f"{name!r} is no class of this task", did_you_mean(name, codes)) for name in unknown]
        )
        return torch.tensor([codes[name] for name in names])

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Give the cross-entropy of each sample."""
        return functional.cross_entropy(outputs, targets, reduction="none")

    def read(self, outputs: Tensor, targets: Tensor | None) -> Mapping[str, NDArray[Any]]:
        """Give the true class if it is known, the predicted one, the probability of each, and the loss."""
        names = np.asarray(self.classes, dtype=object)
        precise = outputs.double()
        probabilities = torch.softmax(precise, dim=1).numpy()
        columns = {f"p_{name}": probabilities[:, code] for code, name in enumerate(self.classes)}
        columns["predicted_label"] = names[probabilities.argmax(axis=1)]
        if targets is not None:
            columns["true_label"] = names[targets.numpy()]
            columns["loss"] = self.loss(precise, targets).numpy()
        return columns


def label_text(value: object) -> str:
    """Give a label as text: 1.0 and 1 are the same class.

    Examples
    --------
    >>> label_text(1.0), label_text("AD")
    ('1', 'AD')
    """
    return str(int(value)) if isinstance(value, (float, np.floating)) and float(value).is_integer() else str(value)

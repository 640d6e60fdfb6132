"""Age and sex, learnt by one network: a task made of two that Fimbria has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003  (the signature is the schema, read when it is used)
from typing import TYPE_CHECKING, Any

import torch
from pydantic import NonNegativeFloat  # noqa: TC002  (likewise)

from fimbria.learning.tasks.classification import Classification
from fimbria.learning.tasks.regression import Regression
from fimbria.results.evaluation import Together

if TYPE_CHECKING:
    import numpy as np

    from fimbria.data.cohort.cohort import Cohort
    from fimbria.learning.outputs import Outputs


class AgeAndSex:
    """Learn two labels with one network: a class of two, sex, and a value, age.

    The network gives three numbers: one for each sex, and the age in deviations from the mean of the training people.

    Parameters
    ----------
    label, value
        Columns of the tables that name the class and hold the value.
    positive
        The class that sensitivity, precision and ROC speak of.
    weight
        Of the age's squared error beside the cross-entropy of the sex.
    classes, counts
        Of the training people, as of a classification.
    values
        Mean and spread of theirs, as of a regression.
    """

    def __init__(  # noqa: PLR0913, PLR0917  (what is chosen, and what the training people complete)
        self,
        label: str = "sex",
        value: str = "age",
        positive: str = "F",
        weight: NonNegativeFloat = 1.0,
        classes: Sequence[str] = (),
        counts: Sequence[float] = (),
        values: Mapping[str, Any] = {},
    ) -> None:
        self._options: dict[str, Any] = {"label": label, "value": value, "weight": weight}
        self._sex = Classification(label, positive, classes=classes, counts=counts)
        self._age = Regression(value, **values)
        self.weight = weight
        self.columns = (label, value)
        self.outputs = 3
        self.metrics = Together(self._sex.metrics, self._age.metrics)

    @property
    def fitted(self) -> Mapping[str, Any]:
        """What both took from the training people: options, with which the task is made again."""
        return {**self._sex.fitted, "values": self._age.fitted}

    def fit(self, cohort: Cohort) -> AgeAndSex:
        """Take the classes, and mean and spread of the values, from the training people."""
        return AgeAndSex(**self._options, **self._sex.fit(cohort).fitted, values=self._age.fit(cohort).fitted)

    def targets(self, cohort: Cohort) -> torch.Tensor:
        """Give each session the number of its class, and its value: ``(session, 2)``, float64."""
        return torch.stack([self._sex.targets(cohort).double(), self._age.targets(cohort)], dim=1)

    def loss(self, outputs: Outputs, targets: torch.Tensor) -> torch.Tensor:
        """Give the loss of each sample, ``(sample,)``, from ``(sample, 3)``."""
        outputs = torch.as_tensor(outputs)
        of_sex = self._sex.loss(outputs[:, :2], targets[:, 0].long())
        return of_sex + self.weight * self._age.loss(outputs[:, 2:], targets[:, 1])

    def read(self, outputs: Outputs, targets: torch.Tensor | None) -> Mapping[str, np.ndarray]:
        """Give the columns of a class and those of a value, and the loss of both."""
        outputs = torch.as_tensor(outputs).cpu()
        if targets is None:
            return {**self._sex.read(outputs[:, :2], None), **self._age.read(outputs[:, 2:], None)}
        of_sex = self._sex.read(outputs[:, :2], targets[:, 0].long())
        of_age = self._age.read(outputs[:, 2:], targets[:, 1])
        return {**of_sex, **of_age, "loss": of_sex["loss"] + self.weight * of_age["loss"]}

    def beyond(self, cohort: Cohort) -> str:
        """Say how many people's values lie outside the range of the training people."""
        return self._age.beyond(cohort)

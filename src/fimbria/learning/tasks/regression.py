"""A value of an image: age, a score, a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import torch

from fimbria.data.cohort.cohort import clean_labels
from fimbria.errors import ComponentError, Problem, counted, listing, refuse
from fimbria.learning.tasks import losses
from fimbria.learning.tasks.task import task
from fimbria.results.evaluation.regression import RegressionMetrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from fimbria.data.cohort.cohort import Cohort
    from fimbria.learning.outputs import Outputs


@task("regression")
class Regression:
    """Predict a value; the network learns it in units of the training people's spread, so the loss is in those too.

    Parameters
    ----------
    label
        Column of the tables that holds the value.
    loss
        What is minimised, with its options: mse, mae, huber, smooth-l1, kl-div, bce, or one of your own.
    standardize
        Learn (value - mean) / deviation of the training people; without, the value itself.
    mean, deviation
        Of the training sessions; computed where they are not given.
    low, high
        Range of the training sessions' values: beyond it, a prediction is an extrapolation.
    """

    def __init__(  # noqa: PLR0913, PLR0917  (what is chosen, and what the training people complete)
        self,
        label: str = "age",
        loss: str | dict[str, Any] = "mse",
        standardize: bool = True,  # noqa: FBT001, FBT002  (an option by its name)
        mean: float | None = None,
        deviation: float | None = None,
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        self.label, self.standardize = label, standardize
        self.mean, self.deviation, self.low, self.high = mean, deviation, low, high
        self.columns = (label,)
        self.outputs = 1
        self.metrics = RegressionMetrics(mean)
        self._chosen = loss
        self._loss = losses.build(loss, "values")
        name = loss if isinstance(loss, str) else loss.get("name")
        if standardize and name in losses.WITHIN_0_AND_1:
            msg = f"task 'regression': the loss {name!r} is for values from 0 to 1, which standardized ones are not: --task.standardize false, or another loss."
            raise ComponentError(msg)

    @property
    def fitted(self) -> Mapping[str, Any]:
        """Mean, spread and range of the training sessions' values."""
        return {"mean": self.mean, "deviation": self.deviation, "low": self.low, "high": self.high}

    def fit(self, cohort: Cohort) -> Self:
        """Take mean, spread and range from the training people.

        Raises
        ------
        ProblemsError
            When a value is missing or no number, or all are the same.
        """
        values = self._values(cohort)
        low, high = float(values.min()), float(values.max())
        one = [Problem(f"{self.label} has one value only ({low:g})", "is it the right column?")] if low == high else []
        refuse(f"the labels ({self.label})", one)
        made = (float(values.mean()), float(values.std(ddof=1)), low, high)
        return type(self)(self.label, self._chosen, self.standardize, *made)

    def _values(self, cohort: Cohort) -> NDArray[np.float64]:
        problems = clean_labels(cohort, self.label)
        given = cohort.column(self.label)
        values = pd.to_numeric(given, errors="coerce").to_numpy(np.float64)
        words = sorted({str(value) for value, number in zip(given, values, strict=True) if not np.isfinite(number)})
        if words and not problems:
            what = f"{self.label} holds what is no number in {cohort.name}: {listing(words)}"
            problems.append(Problem(what, "a regression learns numbers; to learn names: --task.name classification"))
        refuse(f"the labels ({self.label})", problems)
        return values

    def targets(self, cohort: Cohort) -> Tensor:
        """Give each session's value, in its own unit: ``(session,)``, float64.

        Raises
        ------
        ProblemsError
            For values that are missing or no number.
        """
        return torch.tensor(self._values(cohort))

    def beyond(self, cohort: Cohort) -> str:
        """Say how many sessions' values lie outside the range of the training people; empty where none does."""
        if self.low is None or self.high is None:
            return ""
        values = self._values(cohort)
        outside = int(((values < self.low) | (values > self.high)).sum())
        if not outside:
            return ""
        return f"{counted(outside, 'session')} with {self.label} outside {self.low:g} to {self.high:g}, the range of the training people"

    def loss(self, outputs: Outputs, targets: Tensor) -> Tensor:
        """Give the loss of each sample, from ``(sample, 1)``."""
        said = torch.as_tensor(outputs).flatten()
        return self._loss(said, ((targets - self._offset) / self._scale).to(said.dtype))

    def read(self, outputs: Outputs, targets: Tensor | None) -> Mapping[str, NDArray[Any]]:
        """Give the true value if it is known and the predicted one, in the label's unit, and the loss."""
        said = torch.as_tensor(outputs).cpu().double().flatten()
        columns = {"predicted_value": (losses.said_by(self._chosen, said) * self._scale + self._offset).numpy()}
        if targets is not None:
            columns["true_value"] = targets.cpu().double().numpy()
            columns["loss"] = self.loss(said, targets.cpu()).numpy()
        return columns

    @property
    def _offset(self) -> float:
        return self.mean if self.standardize and self.mean is not None else 0.0

    @property
    def _scale(self) -> float:
        return self.deviation if self.standardize and self.deviation is not None else 1.0

"""What is given to a network beside the image: age, sex, scores. Everything in it is fitted on training people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import torch

from fimbria.data.cohort.cohort import label_text
from fimbria.errors import MapsError, Problem, counted, listing, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fimbria.data.cohort.cohort import Cohort


_FAR = 5  # standard deviations


@dataclass(frozen=True)
class Covariate:
    """One column of the tables, as a network is given it.

    A number is ``(value - mean) / deviation``, and 0 where it is missing; a category has a column for each of its values.
    One more column says that the value is missing, or a category that no training person has.

    Attributes
    ----------
    column
        Its name.
    mean, deviation
        Of a number, over the training sessions that have one.
    categories
        Values of a category; empty for a number.
    """

    column: str
    mean: float = 0.0
    deviation: float = 1.0
    categories: tuple[str, ...] = ()

    @classmethod
    def of(cls, cohort: Cohort, column: str) -> Self:
        """Take mean and spread, or the categories, from the training people."""
        values = cohort.column(column).dropna()
        numbers = pd.to_numeric(values, errors="coerce")
        if numbers.isna().any():
            return cls(column, categories=tuple(sorted({label_text(value) for value in values})))
        numbers = numbers[np.isfinite(numbers)]  # `unreadable` names the others
        deviation = float(numbers.std(ddof=0)) if len(numbers) else 0.0
        return cls(column, float(numbers.mean()) if len(numbers) else 0.0, deviation or 1.0)

    @property
    def width(self) -> int:
        """How many numbers it becomes."""
        return (len(self.categories) or 1) + 1

    def unreadable(self, cohort: Cohort) -> list[str]:
        """Name what is neither empty nor a finite number, of a number."""
        if self.categories:
            return []
        values = cohort.column(self.column).dropna()
        finite = np.isfinite(pd.to_numeric(values, errors="coerce").to_numpy(np.float64))
        return sorted({str(value) for value in values[~finite]})

    def unknown(self, cohort: Cohort) -> int:
        """Count the sessions without a value that the network could be told: it is missing, or a category never seen."""
        return int(self.encode(cohort)[:, -1].sum())

    def far(self, cohort: Cohort) -> int:
        """Count the sessions whose number is farther from the mean of the training people than any of theirs may well be."""
        return 0 if self.categories else int((np.abs(self.encode(cohort)[:, 0]) > _FAR).sum())

    def encode(self, cohort: Cohort) -> np.ndarray:
        """Give its numbers for each session, ``(session, width)``, float32."""
        values = cohort.column(self.column)
        if self.categories:
            names = [None if pd.isna(value) else label_text(value) for value in values]
            known = np.array([[name == category for category in self.categories] for name in names], dtype=np.float32)
            return np.column_stack([known, known.sum(axis=1) == 0]).astype(np.float32)
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
        missing = ~np.isfinite(numbers)
        scaled = np.where(missing, 0.0, (numbers - self.mean) / self.deviation)
        return np.column_stack([scaled, missing]).astype(np.float32)


@dataclass(frozen=True)
class Covariates:
    """Several columns of the tables, as a network is given them.

    Attributes
    ----------
    columns
        One after the other.
    """

    columns: tuple[Covariate, ...] = ()

    @classmethod
    def fitted_on(cls, cohort: Cohort, names: Sequence[str]) -> Self:
        """Fit each column on the training people.

        Raises
        ------
        ProblemsError
            For columns that are not there, or that no training session has a value of.
        """
        there = [name for name in names if name in cohort.frame.columns]
        problems = [
            Problem(
                f"{cohort.name} has no column {name!r} to give beside the image", "name others with --data.covariates"
            )
            for name in names
            if name not in there
        ]
        problems += [
            Problem(f"{name!r} is named more than once", "name each column once with --data.covariates")
            for name in dict.fromkeys(names)
            if list(names).count(name) > 1
        ]
        problems += [
            Problem(f"no session of {cohort.name} has a value of {name!r}", "leave it out of --data.covariates")
            for name in there
            if cohort.frame[name].isna().all()
        ]
        refuse("the covariates", problems)
        return cls(tuple(Covariate.of(cohort, name) for name in names))

    @classmethod
    def taken_up(cls, fitted: Sequence[Mapping[str, Any]]) -> Self:
        """Make them again from what `fitted` gives.

        Raises
        ------
        MapsError
            When it does not.
        """
        try:
            return cls(tuple(Covariate(**{**one, "categories": tuple(one["categories"])}) for one in fitted))
        except (TypeError, KeyError) as error:
            msg = f"maps.json does not say how covariates were given to the network, but {fitted!r}. Copy the MAPS again from where it came from."
            raise MapsError(msg) from error

    def untold(self, cohort: Cohort) -> list[str]:
        """Say of which columns some sessions have no value that the network could be told, or one unlike any in training."""
        missing = [
            f"{one.column} is empty, or was never seen in training, for {counted(number, 'session')}; the network is told that it is not known"
            for one in self.columns
            if (number := one.unknown(cohort))
        ]
        return missing + [
            f"{one.column} is more than {_FAR} standard deviations from the mean of the training people ({one.mean:g}) for {counted(number, 'session')}; is it in the same unit?"
            for one in self.columns
            if (number := one.far(cohort))
        ]

    @property
    def fitted(self) -> list[dict[str, Any]]:
        """Everything that was fitted, as plain values."""
        return [asdict(one) for one in self.columns]

    @property
    def width(self) -> int:
        """How many numbers a network is given beside the image."""
        return sum(one.width for one in self.columns)

    def encode(self, cohort: Cohort) -> torch.Tensor | None:
        """Give the numbers of each session, ``(session, width)``, float32; None where there are no covariates.

        Raises
        ------
        ProblemsError
            For columns that are not there, and for what is no number where the training people have numbers.
        """
        there = [one for one in self.columns if one.column in cohort.frame.columns]
        missing = [one.column for one in self.columns if one not in there]
        problems = [
            Problem(
                f"{cohort.name} has no column {name!r}, which the network is given beside the image",
                "add it; a value may be empty",
            )
            for name in missing
        ]
        problems += [
            Problem(
                f"{one.column} holds what is no number in {cohort.name}: {listing(words)}",
                "leave a value empty where it is not known",
            )
            for one in there
            if (words := one.unreadable(cohort))
        ]
        refuse("the covariates", problems)
        if not self.columns:
            return None
        return torch.from_numpy(np.concatenate([one.encode(cohort) for one in self.columns], axis=1))

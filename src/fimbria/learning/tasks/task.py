"""What is learnt. A task knows nothing of files or loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from fimbria.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from numpy.typing import NDArray

    from fimbria.data.cohort.cohort import Cohort
    from fimbria.learning.outputs import Outputs
    from fimbria.results.evaluation.metric import Metrics


class Task(Protocol):
    """What is learnt from an image, and how what a network says is read.

    A class whose options are its signature, registered by name; it is made anew wherever it is needed.
    """

    @property
    def columns(self) -> Sequence[str]:
        """Columns of the tables that it learns."""
        ...

    @property
    def outputs(self) -> int | None:
        """How many numbers the network gives for a sample; None for an image of the sample's shape, which is its target."""
        ...

    @property
    def metrics(self) -> Metrics:
        """How good predictions are."""
        ...

    def targets(self, cohort: Cohort) -> torch.Tensor | None:
        """Turn what the tables say into what the loss compares with, ``(session, ...)``; None where it is the image.

        Raises
        ------
        ProblemsError
            For everything that cannot be learnt, at once.
        """
        ...

    def loss(self, outputs: Outputs, targets: torch.Tensor) -> torch.Tensor:
        """Give one loss a sample, ``(sample,)``."""
        ...

    def read(self, outputs: Outputs, targets: torch.Tensor | None) -> Mapping[str, NDArray[Any]]:
        """Give the columns of the prediction table: what the outputs of some samples say, and the truth if known."""
        ...


@runtime_checkable
class Fittable(Protocol):
    """A task that takes something from the training people: names of classes, mean and spread of a value."""

    @property
    def fitted(self) -> Mapping[str, Any]:
        """What it took, as plain values: options of its own, with which it is made again."""
        ...

    def fit(self, cohort: Cohort) -> Task:
        """Give the task as the training people complete it.

        Raises
        ------
        ProblemsError
            For everything in their tables that cannot be learnt, at once.
        """
        ...


@runtime_checkable
class Selective(Protocol):
    """A task that is validated on some of the people only."""

    def validates(self, cohort: Cohort) -> Sequence[bool]:
        """Tell which sessions it is validated on."""
        ...


@runtime_checkable
class Bounded(Protocol):
    """A task whose training people span a range, beyond which a prediction is an extrapolation."""

    def beyond(self, cohort: Cohort) -> str:
        """Say how many of some people lie outside it; empty where nobody does."""
        ...


task: Registry[Task] = Registry("task")

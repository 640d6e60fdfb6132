"""What is learnt. A task knows nothing of files or loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from fimbria.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from fimbria.results.evaluation.metric import Metrics


class Task(Protocol):
    """What is learnt from an image, and how what a network says is read."""

    outputs: int
    """How many numbers the network gives for a sample."""

    metrics: Metrics
    """How good predictions are."""

    fitted: Mapping[str, Any]
    """What it took from the training labels, as plain values; the task is made again from them."""

    def targets(self, values: Sequence[object]) -> Tensor:
        """Turn a column of labels into what the loss compares with, ``(session, ...)``.

        Raises
        ------
        ProblemsError
            For labels that cannot be learnt.
        """
        ...

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Give one loss a sample, ``(sample,)``."""
        ...

    def read(self, outputs: Tensor, targets: Tensor | None) -> Mapping[str, NDArray[Any]]:
        """Give the columns of the prediction table: what the outputs ``(sample, output)`` say, and the truth if known."""
        ...


task: Registry[Task] = Registry("task")

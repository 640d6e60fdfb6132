"""What is learnt: outputs, targets, loss, how outputs are read."""

from fimbria.learning.tasks import (  # the tasks register themselves
    adaptation,
    classification,
    reconstruction,
    regression,
)
from fimbria.learning.tasks.losses import loss
from fimbria.learning.tasks.task import Bounded, Fittable, Selective, Task, task

__all__ = [
    "Bounded",
    "Fittable",
    "Selective",
    "Task",
    "adaptation",
    "classification",
    "loss",
    "reconstruction",
    "regression",
    "task",
]

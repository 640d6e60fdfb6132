"""What is learnt: outputs, targets, loss, how outputs are read."""

from fimbria.learning.tasks import classification  # the tasks register themselves
from fimbria.learning.tasks.task import Task, task

__all__ = ["Task", "classification", "task"]

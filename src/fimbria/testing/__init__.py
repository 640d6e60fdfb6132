"""Checks that a component of your own can be put through, and people to train on; ours go through the same."""

from fimbria.testing.checks import check_extraction, check_network
from fimbria.testing.samples import known_caps
from fimbria.testing.tasks import check_task

__all__ = ["check_extraction", "check_network", "check_task", "known_caps"]

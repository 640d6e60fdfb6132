"""Metrics over a cohort, and how sure they are."""

from fimbria.results.evaluation import classification, reconstruction, regression  # the metrics register themselves
from fimbria.results.evaluation.datasets import by_data_set
from fimbria.results.evaluation.together import Together

__all__ = ["Together", "by_data_set", "classification", "reconstruction", "regression"]

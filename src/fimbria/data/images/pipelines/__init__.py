"""What pipelines call their files: data, not code."""

from fimbria.data.images.pipelines import definition as _presets  # noqa: F401  (registers what is shipped)
from fimbria.data.images.pipelines.pipeline import Pipeline, pipeline

__all__ = ["Pipeline", "pipeline"]

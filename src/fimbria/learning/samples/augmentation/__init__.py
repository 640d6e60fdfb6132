"""Random changes of images for training; importing it registers all of ours."""

from fimbria.learning.samples.augmentation import artifacts, intensity, spatial, torchio
from fimbria.learning.samples.augmentation.augmentation import (
    Augmentation,
    Drawn,
    OnDevice,
    augmentation,
    augmented,
    augmented_batch,
    draws,
)

__all__ = [
    "Augmentation",
    "Drawn",
    "OnDevice",
    "artifacts",
    "augmentation",
    "augmented",
    "augmented_batch",
    "draws",
    "intensity",
    "spatial",
    "torchio",
]

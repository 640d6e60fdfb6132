"""How far outputs are from targets, one value a sample."""

from fimbria.learning.tasks.losses import classes, values, variational  # the losses register themselves
from fimbria.learning.tasks.losses.loss import (
    FITS,
    WITHIN_0_AND_1,
    Kind,
    Loss,
    build,
    is_variational,
    loss,
    one_a_sample,
    said_by,
)
from fimbria.learning.tasks.losses.variational import kl_divergence, with_latent

__all__ = [
    "FITS",
    "WITHIN_0_AND_1",
    "Kind",
    "Loss",
    "build",
    "classes",
    "is_variational",
    "kl_divergence",
    "loss",
    "one_a_sample",
    "said_by",
    "values",
    "variational",
    "with_latent",
]

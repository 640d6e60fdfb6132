"""Networks by name."""

from fimbria.learning.networks import (
    autoencoder,
    conv,
    covariates,
    domains,
    monai_networks,
    residual,
    sfcn,
    unet,
    variational,
)  # the networks register themselves
from fimbria.learning.networks.network import network, parameter_count

__all__ = [
    "autoencoder",
    "conv",
    "covariates",
    "domains",
    "monai_networks",
    "network",
    "parameter_count",
    "residual",
    "sfcn",
    "unet",
    "variational",
]

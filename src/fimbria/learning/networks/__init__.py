"""Networks by name."""

from fimbria.learning.networks import conv  # the networks register themselves
from fimbria.learning.networks.network import network, parameter_count

__all__ = ["conv", "network", "parameter_count"]

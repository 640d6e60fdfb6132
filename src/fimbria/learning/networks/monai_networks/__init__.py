"""MONAI's networks, by our names; MONAI itself is imported when one is built."""

from fimbria.learning.networks.monai_networks import autoencoders, classifiers  # the networks register themselves

__all__ = ["autoencoders", "classifiers"]

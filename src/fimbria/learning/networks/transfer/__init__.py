"""What a network takes over from weights that are there already, and which of its layers then stay as they are."""

from fimbria.learning.networks.transfer.freezing import freeze, freeze_all_but, frozen_modules
from fimbria.learning.networks.transfer.layers import Transfer, Unlike, apply, fitted
from fimbria.learning.networks.transfer.weights import Weights, read_weights

__all__ = [
    "Transfer",
    "Unlike",
    "Weights",
    "apply",
    "fitted",
    "freeze",
    "freeze_all_but",
    "frozen_modules",
    "read_weights",
]

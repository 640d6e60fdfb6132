"""What a network takes over from weights that are there already, and which of its layers then stay as they are."""

from fimbria.learning.networks.transfer.freezing import freeze, freeze_all_but, frozen_modules
from fimbria.learning.networks.transfer.layers import Transfer, Unlike, apply, match_layers
from fimbria.learning.networks.transfer.weights import read_weights

__all__ = [
    "Transfer",
    "Unlike",
    "apply",
    "freeze",
    "freeze_all_but",
    "frozen_modules",
    "match_layers",
    "read_weights",
]

"""Networks that learn from two domains, and are kept from telling them apart by gradients that are reversed.

References
----------
Ganin, Y. et al. (2016). Domain-adversarial training of neural networks. Journal of Machine Learning Research 17 (59).
doi:10.48550/arXiv.1505.07818
"""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from fimbria.geometry import Shape
from fimbria.learning.networks.conv import Dropout, dense, halved_features, halving_blocks
from fimbria.learning.networks.network import network
from fimbria.learning.outputs import Domains

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Reversed(torch.autograd.Function):
    """Features as they are; their gradient times -alpha."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, alpha: float) -> Tensor:  # noqa: ANN401  (torch's own context)
        ctx.alpha = alpha
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401  (torch's own context)
        return -ctx.alpha * gradients[0], None


class DomainConvNet(nn.Module):
    """The blocks of `ConvNet`, read by a head for each of two domains and one that tells the domains apart.

    The third learns to tell them apart, and through reversed gradients teaches the blocks not to let it.

    Parameters
    ----------
    input_size
        ``(channel, x, y, z)`` or ``(channel, first, second)``, of any size.
    hidden
        Outputs of each dense layer but the last.
    output_size
        Outputs of the heads of the two domains.
    dropout
        Share of the features that training hides from the first dense layer of each head.

    Attributes
    ----------
    alpha
        How strongly the blocks unlearn what tells the domains apart: the gradient of the domain head reaches them times
        ``-alpha``.
    """

    def __init__(self, input_size: Shape, hidden: Sequence[int], output_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.convolutions = halving_blocks(input_size)
        features = halved_features(input_size)
        outputs = {"source": output_size, "target": output_size, "domain": 2}
        self.fc = nn.ModuleDict({name: dense(features, (*hidden, last), dropout) for name, last in outputs.items()})
        self.alpha = 0.0

    def at_epoch(self, epoch: int) -> None:
        """Set how strongly the domains are unlearnt: ``2 / (1 + exp(-epoch)) - 1``, epochs counted from 0."""
        self.alpha = 2 / (1 + exp(-epoch)) - 1

    def forward(self, images: Tensor) -> Domains | Tensor:
        """Give all heads in training, and in evaluation the target's alone, ``(sample, output)``."""
        features = self.convolutions(images)
        target: Tensor = self.fc["target"](features)
        if not self.training:
            return target
        reversed_features = _Reversed.apply(features, self.alpha)  # type: ignore[no-untyped-call]  # torch's own
        return Domains(self.fc["source"](features), target, self.fc["domain"](reversed_features))


@network("conv5-fc3-ssda")
def conv5_fc3_ssda(input_size: Shape, output_size: int, dropout: Dropout = 0.0) -> nn.Module:
    """Five convolutional blocks and three heads as conv5-fc3 has one, to learn from two domains and not their difference."""
    return DomainConvNet(input_size, (1300, 50), output_size, dropout)

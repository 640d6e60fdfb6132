"""What networks give beside plain tensors: several things at once, each by its name."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from torch import Tensor

Outputs: TypeAlias = Tensor | tuple[Tensor, ...]  # what a network gives for a batch


class Variational(NamedTuple):
    """What a variational autoencoder gives.

    Attributes
    ----------
    image
        The reconstruction, ``(sample, channel, ...)``.
    mu, log_variance
        Of the normal distribution in the latent space, ``(sample, ...)``.
    """

    image: Tensor
    mu: Tensor
    log_variance: Tensor


class Domains(NamedTuple):
    """What a network that adapts to another domain gives in training.

    Attributes
    ----------
    source, target
        Outputs of the heads of the two domains, ``(sample, output)``.
    domain
        Logits of the two domains, source first, ``(sample, 2)``.
    """

    source: Tensor
    target: Tensor
    domain: Tensor


def parted(outputs: Outputs) -> tuple[Tensor, ...]:
    """Give the tensors of an output, one or several."""
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)


def plain(outputs: Outputs) -> Outputs:
    """Give outputs as float32, without the way they came to be; a tuple of several stays what it is."""
    if isinstance(outputs, Tensor):
        return outputs.detach().float()
    moved = [output.detach().float() for output in outputs]
    return type(outputs)(*moved) if hasattr(outputs, "_fields") else tuple(moved)

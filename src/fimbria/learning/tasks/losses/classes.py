"""Losses of classes: outputs are logits ``(sample, class)``, targets the numbers of the classes ``(sample,)``, int64."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import torch
from pydantic import Field
from torch.nn import functional

from fimbria.errors import InputError, listing
from fimbria.learning.tasks.losses.loss import Loss, Positive, Weight, loss

if TYPE_CHECKING:
    from torch import Tensor

Counts: TypeAlias = Sequence[float]
ClassWeights: TypeAlias = Literal["none", "balanced"] | tuple[Positive, ...]


@loss("cross-entropy")
def cross_entropy(
    counts: Counts, label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0, class_weights: ClassWeights = "none"
) -> Loss:
    """Surprise at the true class: minus the logarithm of its probability.

    Outputs are logits ``(sample, class)``, targets the numbers of the classes ``(sample,)``, int64.

    Parameters
    ----------
    counts
        How many training participants there are of each class, in the order of the outputs.
    label_smoothing
        Share of the truth that is spread evenly over all classes (Szegedy et al. 2016).
    class_weights
        By what a sample's loss is multiplied, after its class: ``none``; ``balanced``, participants / (classes *
        participants of the class), so that classes weigh the same; or one number a class. It is not divided by the sum
        of a batch's weights, as torch does: a sample's loss is its own, whoever else is in the batch.

    Raises
    ------
    InputError
        When there is not one weight a class, or a class to balance has nobody.

    References
    ----------
    doi:10.1109/CVPR.2016.308 (label smoothing)
    """
    weights = weights_of(class_weights, counts)
    return _weighted(partial(functional.cross_entropy, reduction="none", label_smoothing=label_smoothing), weights)


@loss("focal")
def focal(counts: Counts, gamma: Weight = 2.0, class_weights: ClassWeights = "none") -> Loss:
    """Cross-entropy that turns away from what is already told apart well: times (1 - p) ** gamma, p of the true class.

    Outputs are logits ``(sample, class)``, targets the numbers of the classes ``(sample,)``, int64.

    Parameters
    ----------
    counts
        How many training participants there are of each class, in the order of the outputs.
    gamma
        How far it turns away; 0 is the cross-entropy.
    class_weights
        As of ``cross-entropy``; the alpha of the paper.

    Raises
    ------
    InputError
        When there is not one weight a class, or a class to balance has nobody.

    References
    ----------
    Lin et al. 2017, doi:10.1109/ICCV.2017.324
    """
    return _weighted(partial(_focal, gamma=gamma), weights_of(class_weights, counts))


@loss("multi-margin")
def multi_margin(
    counts: Counts, p: Literal[1, 2] = 1, margin: Positive = 1.0, class_weights: ClassWeights = "none"
) -> Loss:
    """By how much other classes come nearer to the true one than a margin: the hinge loss of several classes.

    Outputs are scores ``(sample, class)``, targets the numbers of the classes ``(sample,)``, int64.

    Parameters
    ----------
    counts
        How many training participants there are of each class, in the order of the outputs.
    p
        The power to which it is raised, class by class; the sum is divided by the number of classes.
    margin
        How far the true class should be ahead.
    class_weights
        As of ``cross-entropy``.

    Raises
    ------
    InputError
        When there is not one weight a class, or a class to balance has nobody.
    """
    weights = weights_of(class_weights, counts)
    return _weighted(partial(functional.multi_margin_loss, p=p, margin=margin, reduction="none"), weights)


def weights_of(class_weights: ClassWeights, counts: Counts) -> tuple[float, ...] | None:
    """Give the weight of each class; None where all weigh 1.

    Parameters
    ----------
    class_weights
        As chosen.
    counts
        Training participants of each class; empty while they are not known, and then nothing is checked.

    Raises
    ------
    InputError
        When there is not one weight a class, or a class to balance has nobody.

    Examples
    --------
    >>> weights_of("balanced", [30, 10])
    (0.6666666666666666, 2.0)
    """
    if class_weights == "none":
        return None
    if class_weights == "balanced":
        if empty := [number for number, count in enumerate(counts) if count <= 0]:
            msg = f"class_weights = 'balanced': no training participant is of class number {listing(empty)} (from 0; participants by class: {listing(counts, 12)}), so no weight makes it count. Choose other splits, or leave that class out."
            raise InputError(msg)
        return tuple(sum(counts) / (len(counts) * count) for count in counts)
    if counts and len(class_weights) != len(counts):
        msg = f"class_weights = {class_weights}: {len(counts)} weights were wanted, one a class, in the order of task.classes (by default sorted)."
        raise InputError(msg)
    return tuple(class_weights)


def _weighted(of: Loss, weights: tuple[float, ...] | None) -> Loss:
    """Multiply the loss of each sample by the weight of its class."""
    if weights is None:
        return of
    of_class = torch.tensor(weights, dtype=torch.float64, device="cpu")

    def weighted(outputs: Tensor, targets: Tensor) -> Tensor:
        return of(outputs, targets) * of_class.to(outputs)[targets]

    return weighted


def _focal(outputs: Tensor, targets: Tensor, gamma: float) -> Tensor:
    logs = functional.log_softmax(outputs, dim=1)
    true = targets[:, None]
    # The logarithm of 1 - p is that of the other classes' sum: unlike 1 - p it has a slope where p rounds to 1.
    of_others = logs.scatter(1, true, -torch.inf).logsumexp(dim=1)
    return torch.exp(gamma * of_others) * -logs.gather(1, true)[:, 0]

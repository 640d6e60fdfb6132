"""Losses of values ``(sample,)``, and of images ``(sample, channel, ...)``: then the mean over all voxels of each sample."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from fimbria.errors import InputError
from fimbria.learning.tasks.losses.loss import Loss, Positive, loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@loss("mse")
def mse() -> Loss:
    """Squared error; of an image, its mean over all voxels."""
    return _of_values(functional.mse_loss)


@loss("mae")
def mae() -> Loss:
    """Absolute error; of an image, its mean over all voxels."""
    return _of_values(functional.l1_loss)


@loss("huber")
def huber(delta: Positive = 1.0) -> Loss:
    """Squared error where it is small, absolute where it is large, so that extremes pull less.

    Parameters
    ----------
    delta
        Where it changes, in the unit of the targets: error ** 2 / 2 below, delta * (abs(error) - delta / 2) above.

    References
    ----------
    Huber 1964, doi:10.1214/aoms/1177703732
    """
    return _of_values(partial(functional.huber_loss, delta=delta))


@loss("smooth-l1")
def smooth_l1(beta: Positive = 1.0) -> Loss:
    """Absolute error without its corner: the Huber loss divided by where it changes.

    Parameters
    ----------
    beta
        Where it changes, in the unit of the targets: error ** 2 / (2 beta) below, abs(error) - beta / 2 above.

    References
    ----------
    Girshick 2015, doi:10.1109/ICCV.2015.169
    """
    return _of_values(partial(functional.smooth_l1_loss, beta=beta))


@loss("kl-div")
def kl_div() -> Loss:
    """Kullback-Leibler divergence, voxel by voxel: target * (log(target) - output), its mean over each sample.

    Targets lie between 0 and 1. Outputs are logarithms of probabilities, as torch's ``KLDivLoss`` wants them. Nothing
    here keeps them below 0: of a network that gives any number, the loss falls without end as its outputs grow.

    Raises
    ------
    InputError
        When the loss is called with a target outside 0 and 1.
    """
    return _of_values(functional.kl_div, within="kl-div")


@loss("bce")
def bce() -> Loss:
    """Binary cross-entropy of outputs that are logits, voxel by voxel, its mean over each sample.

    Targets lie between 0 and 1. Outputs are logits, as torch's ``BCEWithLogitsLoss`` wants them: of an image too, the
    network's number is not an intensity; its sigmoid is. A network that ends in a sigmoid wants another loss.

    Raises
    ------
    InputError
        When the loss is called with a target outside 0 and 1.
    """
    return _of_values(functional.binary_cross_entropy_with_logits, within="bce")


def _of_values(of: Callable[..., Tensor], within: str = "") -> Loss:
    def of_each(outputs: Tensor, targets: Tensor) -> Tensor:
        given, wanted = alike(outputs, targets), targets.to(outputs.dtype)
        if within:
            within_0_and_1(f"loss {within!r}", "targets", wanted)
        return each(of(given, wanted, reduction="none"), torch.mean)

    return of_each


def alike(outputs: Tensor, targets: Tensor) -> Tensor:
    """Give outputs in the shape of the targets; torch would compare every one of ``(n, 1)`` with every one of ``(n,)``."""
    if outputs.shape == targets.shape:
        return outputs
    if outputs.shape == (*targets.shape, 1):
        return outputs[..., 0]
    msg = f"outputs of shape {tuple(outputs.shape)} cannot be compared with targets of shape {tuple(targets.shape)}: the network must give what is learnt."
    raise InputError(msg)


def within_0_and_1(what: str, which: str, values: Tensor) -> None:
    """Refuse values outside 0 and 1.

    Raises
    ------
    InputError
        With the lowest and the highest.
    """
    if bool(((values < 0) | (values > 1)).any()):  # what is no number goes on to the loss, which is then none either
        low, high = float(values.min()), float(values.max())
        remedy = (
            "scale intensities to 0..1 (normalization 'min-max') without augmentations that leave it"
            if which == "targets"
            else "take a network that ends in a sigmoid"
        )
        msg = f"{what} wants {which} between 0 and 1, and they lie between {low:.4g} and {high:.4g}: {remedy}, or choose another loss, such as 'mse'."
        raise InputError(msg)


def each(values: Tensor, take: Callable[..., Tensor]) -> Tensor:
    """Take the mean or the sum of what is left of each sample."""
    return take(values.flatten(1), dim=1) if values.ndim > 1 else values

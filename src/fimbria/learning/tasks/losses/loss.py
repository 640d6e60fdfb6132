"""How far outputs are from targets, by name: one number a sample, that no other sample of its batch has a part in.

torch's own losses give the mean of a batch, and with class weights a mean that the batch itself weighs; then what a sample
counts for depends on whom it is dealt with. Here a loss gives ``(sample,)``, and whoever wants a mean takes it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import torch
from pydantic import Field

from fimbria.errors import ComponentError, InputError
from fimbria.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

Loss: TypeAlias = "Callable[[Any, Tensor], Tensor]"
"""Outputs and targets in, one value a sample ``(sample,)`` out."""

Kind = Literal["classes", "values", "images"]
"""What a loss is of."""

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

_OF_CLASSES = ("cross-entropy", "focal", "multi-margin")
_OF_VALUES = ("mse", "mae", "huber", "smooth-l1", "kl-div", "bce")
_OF_LATENT = ("vae-gaussian", "vae-bernoulli", "vae-continuous-bernoulli")

FITS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {"classes": _OF_CLASSES, "values": _OF_VALUES, "images": (*_OF_VALUES, *_OF_LATENT)}
)
"""Which of our losses fit what is learnt."""

WITHIN_0_AND_1 = frozenset({"kl-div", "bce", "vae-bernoulli", "vae-continuous-bernoulli"})
"""Losses whose targets lie between 0 and 1: values for them are not standardised."""

loss: Registry[Loss] = Registry("loss")


def said_by(chosen: str | Mapping[str, Any], outputs: Tensor) -> Tensor:
    """Turn outputs into what a loss compares with the targets: of logits their sigmoid, of logarithms what they are of.

    Parameters
    ----------
    chosen
        As in `build`. The outputs of most losses, and of somebody's own, are compared as they are.
    outputs
        Of any shape.
    """
    name, _ = _named(chosen)
    return torch.sigmoid(outputs) if name == "bce" else outputs.exp() if name == "kl-div" else outputs


def build(chosen: str | Mapping[str, Any], kind: Kind, **given: object) -> Loss:
    """Make a loss for what is learnt.

    Parameters
    ----------
    chosen
        Its name, or its options, with its ``name`` among them if it is not the first of `FITS`.
    kind
        What is learnt; a loss of somebody's own is taken at its word.
    given
        What the task passes by itself, as ``counts``.

    Returns
    -------
    callable
        The loss, held to one value a sample.

    Raises
    ------
    ComponentError
        When there is no such loss or option, or it is for something else than what is learnt; with those that fit.
    InputError
        When its options do not fit what is given.
    """
    name, options = _named(chosen, kind)
    found = loss.find(name)
    if name not in FITS[kind] and (others := [other for other, names in FITS.items() if name in names]):
        msg = f"loss {name!r} is for {' or '.join(others)}, and here {kind} are learnt: choose one of {', '.join(FITS[kind])}."
        raise ComponentError(msg)
    return one_a_sample(found.build(given, options), name)


def is_variational(chosen: str | Mapping[str, Any]) -> bool:
    """Tell whether one of our losses is of a variational autoencoder, and knows of its latent space.

    Examples
    --------
    >>> is_variational("mse"), is_variational({"name": "vae-gaussian", "kl_weight": 5})
    (False, True)
    """
    return _named(chosen)[0] in _OF_LATENT


def one_a_sample(of: Loss, name: str) -> Loss:
    """Give the same loss, held to its word: somebody's own may give the mean of a batch, which is easily overlooked.

    Raises
    ------
    InputError
        When the loss is called and gives anything else than one value a sample.
    """

    def held(outputs: Any, targets: Tensor) -> Tensor:  # noqa: ANN401  (a tensor or several, as a network gives)
        given, wanted = of(outputs, targets), (len(targets),)
        if tuple(given.shape) != wanted:
            msg = f"loss {name!r} gave a tensor of shape {tuple(given.shape)} for {len(targets)} samples; one value a sample, {wanted}, was wanted. Use torch's losses with reduction='none', and take the mean within each sample."
            raise InputError(msg)
        return given

    return held


def _named(chosen: str | Mapping[str, Any], kind: Kind = "values") -> tuple[str, dict[str, Any]]:
    """Part a loss's name from its options; without one, it is the first that fits."""
    if isinstance(chosen, str):
        return chosen, {}
    options = dict(chosen)
    if not isinstance(name := options.pop("name", FITS[kind][0]), str):
        msg = f"a loss is a name, or options with a name among them, as {{name = 'focal', gamma = 1}}, not {dict(chosen)}."
        raise ComponentError(msg)
    return name, options

"""Augmentations by name: what changes is drawn, then applied, and what was drawn can be kept.

A draw is a function of (seed, epoch, sample) and nothing else, so it depends neither on the number of workers nor on
where a training was broken. Each kind of augmentation draws from a stream of its own: one more leaves the others as they were.

The arithmetic of each is written once, on a tensor: a sample in a loader's process and a batch on a GPU get the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeAlias, runtime_checkable
from zlib import crc32

import numpy as np
import torch
from pydantic import AfterValidator, Field

from fimbria.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from fimbria.geometry import Shape

Drawn: TypeAlias = dict[str, Any]


def ascending(ends: tuple[float, float]) -> tuple[float, float]:
    """Refuse two ends in the wrong order."""
    if not ends[0] <= ends[1]:
        msg = "the first is above the second"
        raise ValueError(msg)
    return ends


Probability = Annotated[float, Field(ge=0, le=1)]
Between = Annotated[tuple[float, float], AfterValidator(ascending)]
AtLeastZero = Annotated[tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]], AfterValidator(ascending)]
Positive = Annotated[tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]], AfterValidator(ascending)]


class Augmentation(Protocol):
    """A random change of an image that leaves what it shows as it was."""

    def draw(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw how an image ``(channel, x, y, z)`` or ``(channel, first, second)`` of `shape` will be changed.

        Returns
        -------
        dict
            Values that JSON holds; all that `apply` needs.
        """
        ...

    def apply(self, image: NDArray[np.float32], drawn: Drawn) -> NDArray[np.float32]:
        """Change an image as drawn; same image and same draw, same bytes.

        Returns
        -------
        array
            Of the same shape; the image itself, not a copy, where the draw says to leave it.
        """
        ...


@runtime_checkable
class OnDevice(Augmentation, Protocol):
    """An augmentation that can also be applied to a batch, wherever that is."""

    def apply_batch(self, images: Tensor, drawn: Sequence[Drawn]) -> Tensor:
        """Change a batch ``(sample, channel, ...)`` as drawn, one draw a sample, on the device it is on.

        Returns
        -------
        Tensor
            A new one; what `apply` gives, but for rounding and for noise, which is drawn on the device.
        """
        ...


class Sometimes(ABC):
    """What is applied with a probability; what is drawn says whether."""

    probability: float

    def draw(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw whether an image is changed, and how."""
        applied = bool(rng.random() < self.probability)
        return {"applied": True, **self.parameters(rng, shape)} if applied else {"applied": False}

    @abstractmethod
    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:
        """Draw how an image is changed."""


class Arithmetic(Sometimes):
    """What is written as arithmetic on a tensor: one sample on the CPU, or a batch on any device."""

    @abstractmethod
    def changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """Change one image ``(channel, ...)`` on its device; gives a new one."""

    def apply(self, image: NDArray[np.float32], drawn: Drawn) -> NDArray[np.float32]:
        """Change an image as drawn."""
        if not drawn["applied"]:
            return image
        tensor = torch.from_numpy(np.require(image, requirements=["C", "W"]))  # torch warns of what is read-only
        changed: NDArray[np.float32] = self.changed(tensor, drawn).numpy()
        return changed

    def apply_batch(self, images: Tensor, drawn: Sequence[Drawn]) -> Tensor:
        """Change a batch as drawn."""
        changed = torch.empty_like(images)
        for place, image, how in zip(changed, images, drawn, strict=True):
            place.copy_(self.changed(image.contiguous(), how) if how["applied"] else image)
        return changed


augmentation: Registry[Augmentation] = Registry("augmentation")


def draws(augmentations: Sequence[Augmentation], rng_key: Sequence[int], shape: Shape) -> tuple[Drawn, ...]:
    """Draw how a sample is changed, without any state.

    Parameters
    ----------
    augmentations
        In the order in which they are applied.
    rng_key
        What the draw is a function of: (seed, epoch, sample), and the times that it was there before, if any.
    shape
        Of the sample's image, ``(channel, ...)``.

    Returns
    -------
    tuple of dict
        One an augmentation. Each kind has a stream of its own, and of several of one kind each has: leaving one out, or
        adding one of another kind anywhere, changes no other's.
    """
    drawn, seen = [], Counter[str]()
    for one in augmentations:
        kind = type(one).__name__
        stream = np.random.SeedSequence(tuple(rng_key), spawn_key=(crc32(kind.encode()), seen[kind]))
        drawn.append(one.draw(np.random.default_rng(stream), shape))
        seen[kind] += 1
    return tuple(drawn)


def augmented(
    image: NDArray[np.float32], augmentations: Sequence[Augmentation], drawn: Sequence[Drawn]
) -> NDArray[np.float32]:
    """Change an image as drawn, one augmentation after the other; the image given stays as it was."""
    for one, how in zip(augmentations, drawn, strict=True):
        image = one.apply(image, how)
    return image


def augmented_batch(images: Tensor, augmentations: Sequence[Augmentation], drawn: Sequence[Sequence[Drawn]]) -> Tensor:
    """Change a batch ``(sample, channel, ...)`` where it lies.

    Parameters
    ----------
    augmentations
        Each of them `OnDevice`.
    drawn
        For each sample, what was drawn for each augmentation.
    """
    for place, one in enumerate(augmentations):
        if not isinstance(one, OnDevice):
            msg = f"{type(one).__name__} cannot be applied to a batch; apply it to each sample."
            raise TypeError(msg)
        images = one.apply_batch(images, [sample[place] for sample in drawn])
    return images


def uniform(rng: np.random.Generator, ends: tuple[float, float], count: int) -> list[float]:
    """Draw numbers between two ends."""
    return [float(value) for value in rng.uniform(*ends, count)]


def seed(rng: np.random.Generator) -> int:
    """Draw the seed of an array that is too large to keep."""
    return int(rng.integers(2**63))

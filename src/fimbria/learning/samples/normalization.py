"""How intensities are scaled before a network sees them; on NumPy arrays, for which no threads have to be woken.

The statistics of the whole image come with each part, so that a part is scaled without a second look at its image. What
is learnt over people (`Fittable`) is learnt from the statistics of the training side alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from pydantic import Field

from fimbria.errors import ComponentError
from fimbria.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fimbria.data.extraction.store import Statistics

Scope = Literal["image", "part", "mask"]
Percent = Annotated[float, Field(ge=0, le=100)]
Part: TypeAlias = "NDArray[np.float32]"
Inside: TypeAlias = "NDArray[np.bool_] | None"


class Normalization(Protocol):
    """A way to scale intensities.

    Where a component has a scope, its numbers are those of the whole ``image``, so that its parts stay comparable; of
    each ``part`` by itself; or of the ``mask``, the voxels of the image that are not zero: in an image whose skull was
    removed, the brain.
    """

    def __call__(self, part: Part, whole: Statistics, nonzero: Statistics, inside: Inside = None) -> Part:
        """Scale a part.

        Parameters
        ----------
        part
            Its intensities, ``(channel, ...)``; they stay as they are.
        whole, nonzero
            Statistics of the image it comes from, over all voxels and over those that are not zero.
        inside
            Which voxels of its box belong to the part, without the channel axis; None where all do.

        Returns
        -------
        array
            A new one of the same shape; what lies outside the part is for the caller to blank.
        """
        ...


@runtime_checkable
class Fittable(Protocol):
    """A normalization that first learns something from the images of the training side."""

    def fit(self, training: Sequence[tuple[Statistics, Statistics]]) -> Fitted:
        """Learn from the statistics of each training image, over all its voxels and over those that are not zero."""
        ...

    def taken_up(self, fitted: dict[str, Any]) -> Fitted:
        """Give the fitted normalization again from what it kept."""
        ...


@runtime_checkable
class Fitted(Normalization, Protocol):
    """A normalization that has learnt."""

    @property
    def fitted(self) -> dict[str, Any]:
        """What it learnt, in values that JSON holds."""
        ...


normalization: Registry[Normalization] = Registry("normalization")


@normalization("min-max")
@dataclass(frozen=True)
class MinMax:
    """Scale the lowest intensity to 0 and the highest to 1; what holds one value only becomes 0.

    Attributes
    ----------
    scope
        Lowest and highest of the ``image``, of each ``part``, or of the ``mask`` (voxels that are not zero).
    """

    scope: Scope = "image"

    def __call__(self, part: Part, whole: Statistics, nonzero: Statistics, inside: Inside = None) -> Part:
        """Scale a part."""
        if self.scope == "part":
            values = _members(part, inside)
            return _scaled(part, float(values.min()), float(values.max())) if values.size else np.zeros_like(part)
        seen = whole if self.scope == "image" else nonzero
        return _scaled(part, seen.minimum, seen.maximum)


@normalization("z-score")
@dataclass(frozen=True)
class ZScore:
    """Shift the mean to 0 and scale the standard deviation to 1; what holds one value only becomes 0.

    Attributes
    ----------
    scope
        Mean and deviation of the ``image``, of each ``part``, or of the ``mask`` (voxels that are not zero).
    """

    scope: Scope = "image"

    def __call__(self, part: Part, whole: Statistics, nonzero: Statistics, inside: Inside = None) -> Part:
        """Scale a part."""
        if self.scope == "part":
            values = _members(part, inside)
            if not values.size or values.min() == values.max():  # rounding could give one value a deviation
                return np.zeros_like(part)
            mean, deviation = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
        else:
            seen = whole if self.scope == "image" else nonzero
            if seen.minimum >= seen.maximum:
                return np.zeros_like(part)
            mean, deviation = seen.mean, seen.deviation
        return _scaled(part, mean, mean + deviation)


@normalization("percentile")
@dataclass(frozen=True)
class Percentile:
    """Scale one percentile to 0 and another to 1, so that a few extreme voxels do not squeeze all others.

    Attributes
    ----------
    low, high
        The percentiles, 0 to 100; in steps of 0.5 unless the scope is the part.
    scope
        Percentiles of the ``image``, of each ``part``, or of the ``mask`` (voxels that are not zero).
    clip
        Cut what lies outside to 0 and 1.

    Raises
    ------
    ComponentError
        When `low` is not below `high`, or one is between the steps that are kept of an image.
    """

    low: Percent = 1.0
    high: Percent = 99.0
    scope: Scope = "image"
    clip: bool = True

    def __post_init__(self) -> None:
        """Refuse percentiles that are not there."""
        _refuse_percentiles("percentile", self.low, self.high, stepped=self.scope != "part")

    def __call__(self, part: Part, whole: Statistics, nonzero: Statistics, inside: Inside = None) -> Part:
        """Scale a part."""
        if self.scope == "part":
            values = _members(part, inside)
            if not values.size:
                return np.zeros_like(part)
            low, high = (float(value) for value in np.percentile(values, [self.low, self.high]))
        else:
            seen = whole if self.scope == "image" else nonzero
            low, high = _quantile(seen, self.low), _quantile(seen, self.high)
        return _scaled(part, low, high, clip=self.clip)


@normalization("range")
@dataclass(frozen=True)
class Range:
    """Scale one intensity to 0 and another to 1, the same for everybody: for images whose units mean something.

    Attributes
    ----------
    low, high
        The intensities, in the images' units.
    clip
        Cut what lies outside to 0 and 1.

    Raises
    ------
    ComponentError
        When `low` is not below `high`.
    """

    low: float
    high: float
    clip: bool = True

    def __post_init__(self) -> None:
        """Refuse a range with nothing in it."""
        if not self.low < self.high:
            msg = f"normalization 'range': low = {self.low:g} is not below high = {self.high:g}."
            raise ComponentError(msg)

    def __call__(self, part: Part, whole: Statistics, nonzero: Statistics, inside: Inside = None) -> Part:  # noqa: ARG002  (the protocol's)
        """Scale a part."""
        return _scaled(part, self.low, self.high, clip=self.clip)


@normalization("none")
@dataclass(frozen=True)
class AsIs:
    """Leave intensities as they are."""

    def __call__(self, part: Part, whole: Statistics, nonzero: Statistics, inside: Inside = None) -> Part:  # noqa: ARG002  (the protocol's)
        """Give a copy of a part."""
        return part.copy()


@normalization("histogram")
@dataclass(frozen=True)
class Histogram:
    """Bend intensities so that their deciles become those that the training images have on average.

    Attributes
    ----------
    low, high
        The percentiles that become 0 and 1, in steps of 0.5; the deciles between them are the other landmarks.
    scope
        Percentiles of the ``image`` or of the ``mask`` (voxels that are not zero).
    clip
        Cut what lies outside to 0 and 1; otherwise the first and last piece go on.

    Raises
    ------
    ComponentError
        When `low` is not below `high`, or one is between the steps that are kept of an image.

    References
    ----------
    Nyul, L. G. and Udupa, J. K. (1999). On standardizing the MR image intensity scale. Magnetic Resonance in Medicine
    42(6). doi:10.1002/(SICI)1522-2594(199912)42:6<1072::AID-MRM11>3.0.CO;2-M
    Nyul, L. G., Udupa, J. K. and Zhang, X. (2000). New variants of a method of MRI scale standardization. IEEE
    Transactions on Medical Imaging 19(2). doi:10.1109/42.836373
    """

    low: Percent = 1.0
    high: Percent = 99.0
    scope: Literal["image", "mask"] = "mask"
    clip: bool = True

    def __post_init__(self) -> None:
        """Refuse percentiles that are not there."""
        _refuse_percentiles("histogram", self.low, self.high, stepped=True)

    def __call__(self, part: Part, whole: Statistics, nonzero: Statistics, inside: Inside = None) -> Part:  # noqa: ARG002  (the protocol's)
        """Refuse: it has learnt nothing yet."""
        msg = "normalization 'histogram' was called before it was fitted: call `fit` with the training side's statistics, and use what it gives."
        raise TypeError(msg)

    @property
    def percentiles(self) -> tuple[float, ...]:
        """The landmarks: `low`, the deciles between, `high`."""
        return (self.low, *(decile for decile in range(10, 100, 10) if self.low < decile < self.high), self.high)

    def landmarks(self, whole: Statistics, nonzero: Statistics) -> NDArray[np.float64]:
        """Read the landmarks of an image from its statistics."""
        seen = whole if self.scope == "image" else nonzero
        return np.array([_quantile(seen, percent) for percent in self.percentiles])

    def fit(self, training: Sequence[tuple[Statistics, Statistics]]) -> StandardScale:
        """Learn where the landmarks of the training images lie on average, once each runs from 0 to 1.

        Raises
        ------
        ComponentError
            When no training image has two different intensities at `low` and `high`.
        """
        landmarks = [self.landmarks(whole, nonzero) for whole, nonzero in training]
        spread = [marks for marks in landmarks if marks[-1] > marks[0]]
        if not spread:
            msg = f"normalization 'histogram': none of {len(landmarks)} training images has different intensities at {self.low:g} and {self.high:g} %."
            raise ComponentError(msg)
        scale = np.mean([(marks - marks[0]) / (marks[-1] - marks[0]) for marks in spread], axis=0)
        return StandardScale(self, tuple(float(value) for value in scale))

    def taken_up(self, fitted: dict[str, Any]) -> StandardScale:
        """Give the fitted normalization again.

        Raises
        ------
        ComponentError
            When it was fitted with other landmarks.
        """
        if list(fitted["percentiles"]) != list(self.percentiles):
            msg = f"normalization 'histogram' was fitted with the percentiles {fitted['percentiles']}; these options have {list(self.percentiles)}."
            raise ComponentError(msg)
        return StandardScale(self, tuple(float(value) for value in fitted["scale"]))


@dataclass(frozen=True)
class StandardScale:
    """The histogram normalization, fitted.

    Attributes
    ----------
    histogram
        What it was fitted with.
    scale
        Where each landmark goes, from 0 to 1.
    """

    histogram: Histogram
    scale: tuple[float, ...]

    @property
    def fitted(self) -> dict[str, Any]:
        """The landmarks and where they go."""
        return {"percentiles": list(self.histogram.percentiles), "scale": list(self.scale)}

    def __call__(self, part: Part, whole: Statistics, nonzero: Statistics, inside: Inside = None) -> Part:  # noqa: ARG002  (the protocol's)
        """Scale a part; an image with one value at all landmarks becomes 0."""
        landmarks, group = np.unique(self.histogram.landmarks(whole, nonzero), return_inverse=True)
        if len(landmarks) == 1:
            return np.zeros_like(part)
        goals = np.bincount(group, self.scale) / np.bincount(group)  # equal landmarks go to one place
        slopes = np.diff(goals) / np.diff(landmarks)
        scaled = np.empty(part.shape, np.float32)
        for plane in np.ndindex(
            part.shape[:2]
        ):  # one after the other: interpolation needs twice the room of what it is given
            values = part[plane]
            bent = np.interp(values, landmarks, goals)
            if not self.histogram.clip:
                bent += slopes[0] * np.minimum(values - landmarks[0], 0)
                bent += slopes[-1] * np.maximum(values - landmarks[-1], 0)
            scaled[plane] = bent
        return scaled


def _members(part: Part, inside: Inside) -> Part:
    return part if inside is None else part[:, inside]


def _quantile(seen: Statistics, percent: float) -> float:
    return seen.quantiles[round(2 * percent)]


def _scaled(part: Part, low: float, high: float, *, clip: bool = False) -> Part:
    if not low < high:
        return np.zeros_like(part)
    scaled: Part = part - np.float32(low)
    scaled /= np.float32(high - low)
    return np.clip(scaled, 0, 1, out=scaled) if clip else scaled


def _refuse_percentiles(name: str, low: float, high: float, *, stepped: bool) -> None:
    wrong = [] if low < high else [f"low = {low:g} is not below high = {high:g}"]
    if stepped:
        steps = [f"{side} = {value:g}" for side, value in (("low", low), ("high", high)) if (2 * value) % 1]
        wrong += [f"{step} is not a multiple of 0.5, and between these nothing is kept of an image" for step in steps]
    if wrong:
        msg = f"normalization {name!r}: {'; '.join(wrong)}."
        raise ComponentError(msg)

"""What an image must be for a set of weights to mean anything; it travels with the weights and is checked at each use."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  (pydantic reads the annotations)
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from fimbria.errors import MapsError, Problem
from fimbria.geometry import Grid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fimbria.data.extraction.store import Entry

_LEEWAY = 4.0  # times the odds seen in training: scanners differ, but not by more


@dataclass(frozen=True)
class Channel:
    """Further images that weights were learnt from, beside the first of each session.

    Attributes
    ----------
    pipeline, relative_mean
        As those of the first.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    pipeline: Mapping[str, Any]
    relative_mean: tuple[float, float]


@dataclass(frozen=True)
class Contract:
    """The images that weights were learnt from.

    Attributes
    ----------
    pipeline
        What preprocessed them, with its options.
    space
        Name of the space they lie in.
    shape, affine, spacing_mm, orientation
        Their grid, as the network saw it before extraction.
    input_size
        Shape of one part, ``(channel, ...)``.
    relative_mean
        Lowest and highest mean intensity, as a share of the image's own range, over the training images: a measure
        that does not depend on the scanner's scale and tells a head from a brain, or from its negative.
    golden_output
        What the network says of an input that follows from `golden_seed`; weights that say anything else are damaged.
    golden_seed
        Seed of that input.
    channels
        Further images of a session, on the same grid.
    cut
        SHA-256 of how images are cut, masks of regions included; empty where that is not known.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    pipeline: Mapping[str, Any]
    space: str
    shape: tuple[int, ...]
    affine: tuple[tuple[float, ...], ...]
    spacing_mm: tuple[float, ...]
    orientation: str
    input_size: tuple[int, ...]
    relative_mean: tuple[float, float]
    golden_output: tuple[float, ...]
    golden_seed: int
    channels: tuple[Channel, ...] = ()
    cut: str = ""

    @classmethod
    def of(  # noqa: PLR0913  (of what, and what was done to it)
        cls,
        channels: Sequence[Sequence[Entry]],
        *,
        pipelines: Sequence[Mapping[str, Any]],
        space: str,
        input_size: Sequence[int],
        golden: tuple[int, Sequence[float]],
        cut: str = "",
    ) -> Self:
        """Describe the training images, all on one grid: those of each channel, and what preprocessed them."""
        grid = channels[0][0].grid
        ranges = [_range([relative_mean(entry) for entry in entries]) for entries in channels]
        return cls(
            pipeline=dict(pipelines[0]),
            space=space,
            shape=grid.shape,
            affine=tuple(tuple(float(v) for v in row) for row in grid.affine),
            spacing_mm=grid.spacing_mm,
            orientation=grid.orientation,
            input_size=tuple(input_size),
            relative_mean=ranges[0],
            cut=cut,
            channels=tuple(Channel(dict(made), seen) for made, seen in zip(pipelines[1:], ranges[1:], strict=True)),
            golden_output=tuple(float(v) for v in golden[1]),
            golden_seed=golden[0],
        )

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Self:
        """Make it from what ``contract.json`` holds.

        Raises
        ------
        MapsError
            When something is missing, unfit, or known to a newer Fimbria only.
        """
        try:
            return TypeAdapter(cls).validate_python({name: _tupled(value) for name, value in content.items()})
        except ValidationError as error:
            wrong = ", ".join(sorted({str(item["loc"][0]) for item in error.errors()}))
            msg = (
                f"the contract of the weights cannot be read ({wrong}). It is broken, or of another version of Fimbria."
            )
            raise MapsError(msg) from error

    def as_dict(self) -> dict[str, Any]:
        """Give what ``contract.json`` holds."""
        return asdict(self)

    def breaches(self, entries: Iterable[tuple[str, Entry]], channel: int = 0) -> list[Problem]:
        """Say what keeps images from being predicted with these weights.

        Parameters
        ----------
        entries
            What to call an image, and the image.
        channel
            Which of a session's images they are.
        """
        wanted = Grid(self.shape, np.asarray(self.affine))
        expected = self if channel == 0 else self.channels[channel - 1]
        name_of, (least, most) = expected.pipeline["name"], expected.relative_mean
        low, high = _odds(least) / _LEEWAY, _odds(most) * _LEEWAY
        problems = []
        for name, entry in entries:
            if entry.grid.matches(wanted.upright()) and not entry.grid.matches(wanted):
                what = f"{name} is read with axes that run right, anterior, superior; the weights were learnt from images that an earlier version did not turn"
                problems.append(Problem(what, "train anew"))
            elif not entry.grid.matches(wanted):
                problems.append(
                    Problem(
                        f"{name} is on another grid: {entry.grid}; the weights expect {wanted}",
                        f"preprocess it with {name_of}",
                    )
                )
            elif not low <= _odds(mean := relative_mean(entry)) <= high:
                problems.append(
                    Problem(
                        f"{name} has other intensities: their mean lies at {mean:.0%} of their range, in training at "
                        f"{least:.0%} to {most:.0%}",
                        f"preprocess it with {name_of}, or look at it",
                    )
                )
        return problems


def relative_mean(entry: Entry) -> float:
    """Give the mean intensity of an image as a share of its own range; 0 where it holds one value only."""
    statistics = entry.statistics
    extent = statistics.maximum - statistics.minimum
    return (statistics.mean - statistics.minimum) / extent if extent else 0.0


def _range(means: Sequence[float]) -> tuple[float, float]:
    return (min(means), max(means)) if means else (0.0, 1.0)  # a channel that no training person has


def _odds(share: float) -> float:
    """Give the odds of a share, which leave as much room near 1 as near 0."""
    return share / (1 - share) if share < 1 else float("inf")


def _tupled(value: Any) -> Any:  # noqa: ANN401  (JSON holds anything)
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value

"""From the names in an experiment to components with checked options; no image is read, and nothing is built for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fimbria.data.extraction import extraction
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import ComponentError, InputError, MissingExtraError, Problem, refuse
from fimbria.learning.networks import network
from fimbria.learning.samples.augmentation import OnDevice, augmentation
from fimbria.learning.samples.normalization import normalization
from fimbria.learning.tasks import Task, task
from fimbria.learning.training.optimizers import optimizer
from fimbria.results.evaluation.metric import find as find_metric
from fimbria.results.maps.paths import checked
from fimbria.workflows import images

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from fimbria.experiment.experiment import Component, Experiment
    from fimbria.registry import Registered, Registry

# What the house gives a component by itself; everything else in its signature is the user's to choose.
BUILT_AT_ONCE = ("pipeline", "normalization", "augmentation")  # what needs nothing else to say that it cannot be had
GIVEN: dict[str, tuple[str, ...]] = {
    "extraction": images.GIVEN,
    "network": ("input_size", "output_size"),
    "optimizer": ("parameters",),
    "task": ("classes", "positive"),
}


@dataclass(frozen=True)
class Choice:
    """A component that was found, and its options, checked and complete."""

    component: Registered[Any]
    options: dict[str, Any]

    def build(self, **given: object) -> Any:  # noqa: ANN401  (whatever the component makes)
        """Make it."""
        return self.component.build(given, self.options)

    @property
    def record(self) -> dict[str, Any]:
        """What a MAPS keeps of it."""
        return {**self.component.origin, "options": self.options}


@dataclass(frozen=True)
class Choices:
    """Every component of an experiment."""

    pipeline: Choice
    channels: tuple[Choice, ...]
    extraction: Choice
    normalization: Choice
    augmentation: tuple[Choice, ...]
    network: Choice
    optimizer: Choice
    task: Registered[Task]

    @property
    def record(self) -> dict[str, Any]:
        """What a MAPS keeps of them."""
        kept: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, tuple):
                kept |= {name: [choice.record for choice in value]}
            else:
                kept[name] = value.record if isinstance(value, Choice) else value.origin
        return kept

    @property
    def pipelines(self) -> tuple[Choice, ...]:
        """The pipelines of all channels."""
        return (self.pipeline, *self.channels)

    def components(self) -> Iterator[tuple[str, int | None, Registered[Any]]]:
        """Give each component with its kind, and its place where there are several."""
        for kind, value in vars(self).items():
            several = value if isinstance(value, tuple) else (value,)
            for place, choice in enumerate(several):
                found = choice.component if isinstance(choice, Choice) else choice
                yield kind, place if isinstance(value, tuple) else None, found


def resolve(experiment: Experiment, trusted: Collection[str] | None = None) -> Choices:
    """Find every component of an experiment and check its options; no image is read.

    Parameters
    ----------
    experiment
        Names the components.
    trusted
        SHA-256 of the study's own files that may be run; None for an experiment of the user's own.

    Raises
    ------
    ProblemsError
        For every unknown name and unfit option, at once.
    """
    problems: list[Problem] = []

    def chosen(kind: str, registry: Registry[Any], component: Component) -> Choice | None:
        try:
            found = registry.find(component.name, trusted)
            made = Choice(found, found.options(dict.fromkeys(GIVEN.get(kind, ())), component.options))
            if kind in BUILT_AT_ONCE:
                made.build()
        except (ComponentError, MissingExtraError) as error:
            problems.append(Problem(str(error)))
            return None
        return made

    data = experiment.data
    one: dict[str, tuple[Registry[Any], Component]] = {
        "pipeline": (pipeline, data.pipeline),
        "extraction": (extraction, data.extraction),
        "normalization": (normalization, data.normalization),
        "network": (network, experiment.network),
        "optimizer": (optimizer, experiment.optimization.optimizer),
    }
    found = {kind: chosen(kind, *wanted) for kind, wanted in one.items()}
    channels = [chosen("pipeline", pipeline, component) for component in data.channels]
    augmentations = [chosen("augmentation", augmentation, component) for component in data.augmentation]
    if experiment.compute.augment_on == "device":
        problems += [
            Problem(f"augmentation {choice.component.name!r} cannot run on the device", "--compute.augment_on worker")
            for choice in augmentations
            if choice and not isinstance(choice.build(), OnDevice)
        ]
    for metric in experiment.task.selection_metrics:
        try:
            checked(find_metric(metric).name)
        except InputError as error:
            problems.append(Problem(f"task.selection_metrics: {error}"))
    try:
        learnt = task.find(experiment.task.name, trusted)
    except ComponentError as error:
        problems.append(Problem(str(error)))
    refuse("the experiment", problems)
    several = {"channels": channels, "augmentation": augmentations}
    return Choices(**found, **{kind: tuple(filter(None, made)) for kind, made in several.items()}, task=learnt)  # type: ignore[arg-type]  # all were found

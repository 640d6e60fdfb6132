"""From the names in an experiment to components with checked options; no image is read, and nothing is built for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fimbria.data.extraction import extraction
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import InputError, MissingExtraError, Problem, ProblemsError, refuse
from fimbria.learning.networks import network
from fimbria.learning.samples.augmentation import OnDevice, augmentation
from fimbria.learning.samples.normalization import normalization
from fimbria.learning.samples.sampler import sampler
from fimbria.learning.tasks import task
from fimbria.learning.training.optimizers import optimizer
from fimbria.results.evaluation.metric import find as find_metric
from fimbria.results.maps.paths import checked
from fimbria.workflows import images

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from fimbria.experiment.experiment import Component, Experiment
    from fimbria.registry import Registered, Registry

# What the house gives a component by itself; everything else in its signature is the user's to choose.
BUILT_AT_ONCE = (
    "pipeline",
    "normalization",
    "augmentation",
    "task",
)  # what needs nothing else to say that it cannot be had
GIVEN: dict[str, tuple[str, ...]] = {
    "extraction": images.GIVEN,
    "loss": ("counts",),
    "network": ("input_size", "output_size", "covariates"),
    "optimizer": ("parameters",),
    "sampler": ("batch_size",),
}


@dataclass(frozen=True)
class Choice:
    """A component that was found, and its options, checked and complete."""

    component: Registered[Any]
    options: dict[str, Any]

    def build(self, **given: object) -> Any:  # noqa: ANN401  (whatever the component makes)
        """Make it."""
        return self.component.build(given, self.options)

    def completed(self, fitted: Mapping[str, object]) -> Any:  # noqa: ANN401  (likewise)
        """Make it with the options that training people completed."""
        return self.component.build({}, {**self.options, **fitted})

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
    sampler: Choice
    task: Choice

    @property
    def record(self) -> dict[str, Any]:
        """What a MAPS keeps of them."""
        kept: dict[str, Any] = {}
        for name, value in vars(self).items():
            kept[name] = [choice.record for choice in value] if isinstance(value, tuple) else value.record
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
                yield kind, place if isinstance(value, tuple) else None, choice.component


def resolve(experiment: Experiment, trusted: Collection[str] | None = None) -> Choices:
    """Find every component of an experiment and check its options; no image is read.

    Parameters
    ----------
    experiment
        Names the components. A study's own files that it names are run: of a MAPS, see `trust` first.
    trusted
        SHA-256 of the files that may be run; None where the user typed their names.

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
        except ProblemsError as error:
            problems.extend(error.problems)
            return None
        except (InputError, MissingExtraError) as error:
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
        "sampler": (sampler, experiment.optimization.sampler),
        "task": (task, experiment.task.component),
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
    learnt = found["task"].build().metrics if found["task"] else None
    for name in experiment.task.selection_metrics:
        try:
            metric = find_metric(name, learnt)
            checked(metric.name)
        except InputError as error:
            problems.append(Problem(f"task.selection_metrics: {error}"))
    refuse("the experiment", problems)
    several = {"channels": channels, "augmentation": augmentations}
    return Choices(**found, **{kind: tuple(filter(None, made)) for kind, made in several.items()})  # type: ignore[arg-type]  # all were found

"""From the names in an experiment to the things they name: the only assembly, for training and prediction alike.

Three steps, cheapest first: `resolve` checks names and options, `learnable` checks the tables, and `images` finds and
decodes the images. Each says everything that is wrong at once, and nothing is trained before all three have passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from fimbria.data.cohort.cohort import Cohort, Session, clean_labels
from fimbria.data.cohort.splits import Split
from fimbria.data.extraction import Extraction, Location, extraction
from fimbria.data.extraction.store import Entry, Store, default_root
from fimbria.data.images.layout import source_of
from fimbria.data.images.pipelines import Pipeline, pipeline
from fimbria.errors import ComponentError, InputError, Problem, refuse
from fimbria.learning.networks import network
from fimbria.learning.samples.dataset import PartDataset
from fimbria.learning.samples.loader import Loader
from fimbria.learning.samples.normalization import Normalization, normalization
from fimbria.learning.tasks import Task, task
from fimbria.learning.tasks.classification import label_text
from fimbria.learning.training.learner import Learner
from fimbria.learning.training.optimizers import optimizer
from fimbria.results.evaluation.metric import find as find_metric
from fimbria.results.maps.paths import checked
from fimbria.workflows.preflight import prepared
from fimbria.workflows.show import Show, quiet

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import torch
    from lightning_fabric import Fabric
    from torch import nn

    from fimbria.experiment.experiment import Component, Experiment
    from fimbria.geometry import Shape
    from fimbria.registry import Registered, Registry

# What the house gives a component by itself; everything else in its signature is the user's to choose.
GIVEN: dict[str, tuple[str, ...]] = {
    "extraction": ("caps", "space", "grid"),
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
    extraction: Choice
    normalization: Choice
    network: Choice
    optimizer: Choice
    task: Registered[Task]

    @property
    def record(self) -> dict[str, Any]:
        """What a MAPS keeps of them."""
        chosen = {name: value.record for name, value in vars(self).items() if isinstance(value, Choice)}
        return {**chosen, "task": self.task.origin}


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
    wanted: dict[str, tuple[Registry[Any], Component]] = {
        "pipeline": (pipeline, experiment.data.pipeline),
        "extraction": (extraction, experiment.data.extraction),
        "normalization": (normalization, experiment.data.normalization),
        "network": (network, experiment.network),
        "optimizer": (optimizer, experiment.optimization.optimizer),
    }
    chosen: dict[str, Choice] = {}
    for kind, (registry, component) in wanted.items():
        try:
            found = registry.find(component.name, trusted)
            given = dict.fromkeys(GIVEN.get(kind, ()))
            chosen[kind] = Choice(found, found.options(given, component.options))
        except ComponentError as error:
            problems.append(Problem(str(error)))
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
    return Choices(**chosen, task=learnt)


def chosen_sessions(split: Split, experiment: Experiment) -> Split:
    """Keep the sessions of each side that the experiment asks for."""
    train, other = split.train, split.other
    if experiment.data.training_sessions == "baseline":
        train = train.baseline()
    if experiment.data.validation_sessions == "baseline":
        other = other.baseline()
    return Split(split.index, train, other, split.name)


def learnable(splits: Sequence[Split], experiment: Experiment, choices: Choices) -> Task:
    """Make the task from the labels of all splits.

    Raises
    ------
    ProblemsError
        When a label is missing or padded, a class is unseen in some training side, or there is one class only.
    """
    label = experiment.task.label
    problems = [
        Problem(f"split-{split.index}: {problem.what}", problem.remedy)
        for split in splits
        for side in (split.train, split.other)
        for problem in clean_labels(side, label)
    ]
    refuse(f"the labels ({label})", problems)
    seen = [{label_text(v) for v in split.train.column(label)} for split in splits]
    held = [{label_text(v) for v in split.other.column(label)} for split in splits]
    refuse(
        f"the labels ({label})",
        [
            Problem(
                f"split-{split.index}: {', '.join(sorted(missing))} is in validation and never in training",
                "make the splits again with --stratify " + label,
            )
            for split, train, other in zip(splits, seen, held, strict=True)
            if (missing := other - train)
        ],
    )
    classes = sorted(set.union(*seen))
    by_class = [name for name in experiment.task.selection_metrics if find_metric(name).by_class]
    refuse(
        f"the labels ({label})",
        [
            Problem(
                f"split-{split.index}: nobody of {', '.join(lacking)} is in validation, so {by_class[0]} is undefined",
                f"make the splits again with --stratify {label}, or choose --task.selection_metrics loss",
            )
            for split, side in zip(splits, held, strict=True)
            if by_class and (lacking := sorted(set(classes) - side))
        ],
    )
    made: Task = choices.task.build({"classes": classes, "positive": experiment.task.positive}, {})
    return made


@dataclass(frozen=True, eq=False)
class Images:
    """The images of some sessions, decoded, and how they are cut.

    Attributes
    ----------
    entries
        One a session.
    locations
        Of the parts.
    left
        Sessions without a usable image, with the reason; there are some only where the experiment allows it.
    """

    entries: dict[Session, Entry]
    locations: tuple[Location, ...]
    left: tuple[tuple[Session, str], ...]

    @property
    def sample_shape(self) -> Shape:
        """Shape of one part, ``(channel, ...)``."""
        return self.locations[0].shape


def images(
    experiment: Experiment,
    choices: Choices,
    sessions: Sequence[Session],
    *,
    caps: Path | None = None,
    show: Show = quiet,
) -> Images:
    """Find and decode the images of sessions, and cut them.

    Parameters
    ----------
    experiment, choices
        What is wanted.
    sessions
        Whose images.
    caps
        Where they are; by default where the experiment says.
    show
        Who watches.

    Raises
    ------
    ProblemsError
        For every image that is missing, ambiguous, unreadable, empty or on another grid than most; at once.
    """
    data_set = caps or experiment.data.caps
    made: Pipeline = choices.pipeline.build()
    store = Store(default_root(data_set, made.layout), made.name, experiment.data.spacing)
    entries, left = prepared(
        source_of(data_set, made),
        store,
        sessions,
        jobs=max(1, experiment.compute.workers),
        allow_missing=experiment.data.allow_missing,
        show=show,
    )
    grid = next(iter(entries.values())).grid
    cut: Extraction = choices.extraction.build(caps=data_set, space=made.space, grid=grid)
    locations = tuple(cut.locations(grid.shape))
    if not locations:
        msg = f"{experiment.data.extraction.name} gives no part of an image of {grid}."
        raise InputError(msg)
    return Images(entries, locations, left)


@dataclass(frozen=True, eq=False)
class Parts:
    """Everything a training or a prediction is made of."""

    experiment: Experiment
    choices: Choices
    task: Task
    images: Images

    @property
    def part(self) -> str:
        """What a part is called: image, patch, slice, roi, or a plug-in's word."""
        name = self.experiment.data.extraction.name
        return name.rpartition(":")[2]

    def dataset(self, cohort: Cohort, *, labelled: bool = True) -> PartDataset:
        """Give the samples of a cohort."""
        kept = [(session, place) for place, session in enumerate(cohort.sessions) if session in self.images.entries]
        scaling: Normalization = self.choices.normalization.build()
        targets = None
        if labelled:
            values = cohort.column(self.experiment.task.label).to_numpy()
            targets = self.task.targets([values[place] for _, place in kept])
        return PartDataset(
            tuple(session for session, _ in kept),
            tuple(self.images.entries[session] for session, _ in kept),
            self.images.locations,
            scaling,
            targets,
        )

    def loader(self, cohort: Cohort, *, learning: bool = False, labelled: bool = True) -> Loader:
        """Give the batches of a cohort; shuffled for learning."""
        compute = self.experiment.compute
        seed = compute.seed if learning else None
        dataset = self.dataset(cohort, labelled=labelled)
        return Loader(dataset, self.experiment.optimization.batch_size, seed, compute.workers)

    def new_network(self) -> nn.Module:
        """Give the network, untrained."""
        made: nn.Module = self.choices.network.build(input_size=self.images.sample_shape, output_size=self.task.outputs)
        return made

    def new_learner(self, fabric: Fabric) -> Learner:
        """Give a training at its start."""
        return Learner(
            self.new_network,
            partial(_optimizer_of, self.choices.optimizer),
            self.task,
            fabric,
            self.experiment.compute.seed,
        )


def _optimizer_of(choice: Choice, module: nn.Module) -> torch.optim.Optimizer:
    made: torch.optim.Optimizer = choice.build(parameters=list(module.parameters()))
    return made

"""From the names in an experiment to the things they name: the only assembly, for training and prediction alike.

Three steps, cheapest first: `resolve` checks names and options, `learnable` the tables, and `images` finds and decodes
the images. Each says everything that is wrong at once, and nothing is trained before all three have passed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from fimbria.data.cohort.splits import Split
from fimbria.data.extraction.origin import READ_NIFTI
from fimbria.errors import FimbriaError, MapsError, Problem
from fimbria.learning.samples.augmentation import draws
from fimbria.learning.samples.dataset import Augmenting, PartDataset, sample_shape
from fimbria.learning.samples.loader import Loader
from fimbria.learning.samples.normalization import Fittable, Fitted, Normalization
from fimbria.learning.samples.tensors import READ_TENSORS
from fimbria.learning.training.learner import Learner
from fimbria.workflows.images import cut, gathered, origins_of
from fimbria.workflows.show import Show, quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import torch
    from lightning_fabric import Fabric
    from torch import nn

    from fimbria.data.cohort.cohort import Cohort, Session
    from fimbria.data.extraction import Location
    from fimbria.data.extraction.origin import Origin
    from fimbria.data.extraction.store import Entry
    from fimbria.experiment.experiment import Experiment
    from fimbria.geometry import Shape
    from fimbria.learning.tasks import Task
    from fimbria.workflows.choices import Choice, Choices
    from fimbria.workflows.learnt import Learnt


def chosen_sessions(split: Split, experiment: Experiment) -> Split:
    """Keep the sessions of each side that the experiment asks for."""
    train, other = split.train, split.other
    if experiment.data.training_sessions == "baseline":
        train = train.baseline()
    if experiment.data.validation_sessions == "baseline":
        other = other.baseline()
    return Split(split.index, train, other, split.name)


@dataclass(frozen=True, eq=False)
class Images:
    """The images of some sessions, decoded, and how they are cut.

    Attributes
    ----------
    channels
        The image of each session, one mapping a pipeline; of a further one an image may be missing where the experiment
        allows it.
    locations
        Of the parts.
    left
        Sessions without a usable image, with the reason; there are some only where the experiment allows it.
    places
        Which of `locations` the image of a session gives; None where each gives all.
    lacking
        Further channels may be missing, and samples say which are.
    """

    channels: tuple[dict[Session, Entry], ...]
    locations: tuple[Location, ...]
    left: tuple[tuple[Session, str], ...]
    places: dict[Session, tuple[int, ...]] | None = None
    lacking: bool = False

    @property
    def entries(self) -> dict[Session, Entry]:
        """The first image of each session."""
        return self.channels[0]

    @property
    def sample_shape(self) -> Shape:
        """Shape of one part, ``(channel, ...)``."""
        return sample_shape(self.locations[0], len(self.channels), lacking=self.lacking)

    def of(self, sessions: Iterable[Session]) -> list[list[Entry]]:
        """Give the images of sessions, one list a channel, without those that are missing."""
        wanted = list(sessions)
        return [[entries[session] for session in wanted if session in entries] for entries in self.channels]


def origins(experiment: Experiment, choices: Choices) -> tuple[Origin, ...]:
    """Say where the images of an experiment come from and are decoded to: one origin a channel.

    Raises
    ------
    InputError
        When a data set is not there, or not of a pipeline's kind.
    """
    read = READ_TENSORS if experiment.data.tensors else READ_NIFTI
    return origins_of(experiment.data, [choice.build() for choice in choices.pipelines], read)


def images(
    experiment: Experiment,
    choices: Choices,
    sessions: Sequence[Session],
    *,
    show: Show = quiet,
) -> Images:
    """Find and decode the images of sessions, and cut them.

    Parameters
    ----------
    experiment, choices
        What is wanted.
    sessions
        Whose images.
    show
        Who watches.

    Raises
    ------
    ProblemsError
        For every image that is missing, ambiguous, unreadable, empty or on another grid than most; at once.
    """
    data, jobs = experiment.data, max(1, experiment.compute.workers)
    lacking = data.missing_channel == "zeros" and bool(choices.channels)
    sources = origins(experiment, choices)
    found = gathered(sources, sessions, jobs=jobs, allow_missing=data.allow_missing, may_lack=lacking, show=show)
    parts = cut(choices.extraction.component, choices.extraction.options, sources[0], found.channels[0], jobs, show)
    return Images(found.channels, parts.locations, found.left, parts.places, lacking)


@dataclass(frozen=True, eq=False)
class Parts:
    """Everything a training or a prediction is made of.

    Attributes
    ----------
    experiment, choices, images
        What is wanted, and what it became.
    learnt
        The task, and what is given beside the image, as the training people of a split completed them.
    scaling
        How intensities are scaled, one a channel; fitted on the training people of a split where it has to be.
    """

    experiment: Experiment
    choices: Choices
    images: Images
    learnt: Learnt
    scaling: tuple[Normalization, ...] = ()

    @property
    def task(self) -> Task:
        """What is learnt."""
        return self.learnt.task

    @property
    def networks(self) -> tuple[int | None, ...]:
        """Numbers of the parts that have a network of their own; None of a network for all parts."""
        if self.experiment.optimization.networks == "one":
            return (None,)
        return tuple(location.index for location in self.images.locations)

    def of_network(self, network: int | None) -> Parts:
        """Give the same parts for one network: those that it reads."""
        if network is None:
            return self
        own = tuple(location for location in self.images.locations if location.index == network)
        return replace(self, images=replace(self.images, locations=own))

    @property
    def part(self) -> str:
        """What a part is called: image, patch, slice, roi, or a plug-in's word."""
        name = self.experiment.data.extraction.name
        return name.rpartition(":")[2]

    def fitted_on(self, training: Cohort) -> Parts:
        """Give the same parts with everything fitted that has to be, on training people and nobody else."""
        scaling: Normalization = self.choices.normalization.build()
        if not isinstance(scaling, Fittable):
            return replace(self, scaling=(scaling,) * len(self.images.channels))
        seen = self.images.of(training.sessions)
        return replace(
            self, scaling=tuple(scaling.fit([(e.statistics, e.nonzero) for e in entries]) for entries in seen)
        )

    def scaled_as(self, fitted: Sequence[Mapping[str, Any]]) -> Parts:
        """Give the same parts with the scaling that was fitted when the weights were trained.

        Raises
        ------
        MapsError
            When that was not kept for each channel.
        """
        scaling: Normalization = self.choices.normalization.build()
        if not isinstance(scaling, Fittable):
            return replace(self, scaling=(scaling,) * len(self.images.channels))
        if len(fitted) != len(self.images.channels):
            msg = "the MAPS does not say how the images of each channel were scaled when its weights were trained. Copy it again from where it came from."
            raise MapsError(msg)
        return replace(self, scaling=tuple(scaling.taken_up(dict(one)) for one in fitted))

    @property
    def fitted(self) -> list[dict[str, Any]]:
        """What was fitted, one a channel; empty where nothing had to be."""
        return [dict(one.fitted) for one in self.scaling if isinstance(one, Fitted)]

    def dataset(self, cohort: Cohort, *, learning: bool = False, labelled: bool = True) -> PartDataset:
        """Give the samples of a cohort; augmented only where they are learnt from."""
        kept = [(session, place) for place, session in enumerate(cohort.sessions) if session in self.images.entries]
        sessions = [session for session, _ in kept]
        people = (
            cohort
            if len(kept) == len(cohort)
            else cohort.keep([session in self.images.entries for session in cohort.sessions], "has a usable image")
        )
        changes = tuple(choice.build() for choice in self.choices.augmentation) if learning else ()
        compute = self.experiment.compute
        return PartDataset(
            tuple(sessions),
            tuple(tuple(entries.get(session) for entries in self.images.channels) for session in sessions),
            self.images.locations,
            self.scaling,
            self.task.targets(people) if labelled else None,
            None if self.images.places is None else tuple(self.images.places[session] for session in sessions),
            Augmenting(changes, compute.seed, here=compute.augment_on == "worker") if changes else None,
            lacking=self.images.lacking,
            covariates=self.learnt.covariates.encode(people),
        )

    def loader(self, cohort: Cohort, *, learning: bool = False, labelled: bool = True) -> Loader:
        """Give the batches of a cohort; shuffled and augmented for learning."""
        compute, batch_size = self.experiment.compute, self.experiment.optimization.batch_size
        dataset = self.dataset(cohort, learning=learning, labelled=labelled)
        if not learning:
            return Loader(dataset, batch_size, workers=compute.workers)
        sampler = self.choices.sampler.build(batch_size=batch_size)
        return Loader(dataset, batch_size, compute.seed, compute.workers, sampler)

    def network_for(self, input_size: Shape) -> nn.Module:
        """Give the network for parts of some shape, untrained."""
        outputs = self.task.outputs or 1  # a network that gives an image asks for no number of outputs
        width = self.learnt.covariates.width
        made: nn.Module = self.choices.network.build(input_size=input_size, output_size=outputs, covariates=width)
        return made

    def new_network(self) -> nn.Module:
        """Give the network, untrained."""
        return self.network_for(self.images.sample_shape)

    def new_learner(self, fabric: Fabric, build: Callable[[], nn.Module] | None = None) -> Learner:
        """Give a training at its start, of a new network or of the one that `build` gives."""
        return Learner(
            build or self.new_network,
            partial(_optimizer_of, self.choices.optimizer),
            self.task,
            fabric,
            self.experiment.compute.seed,
        )


def undrawable(parts: Parts) -> list[Problem]:
    """Say which augmentations cannot be drawn for samples of this shape, before any sample is read."""
    problems = []
    for choice in parts.choices.augmentation:
        try:
            draws((choice.build(),), (0, 0, 0), parts.images.sample_shape)
        except FimbriaError as error:
            problems.append(Problem(str(error)))
    return problems


def empty_channels(parts: Parts, splits: Sequence[Split]) -> list[Problem]:
    """Say which further channels nobody of a training side has: there is nothing to learn of them."""
    names = [choice.component.name for choice in parts.choices.pipelines]
    return [
        Problem(
            f"split-{split.index}: no training session has a {names[channel]} image",
            "preprocess some, or leave that channel out (--data.channels)",
        )
        for split in splits
        for channel, entries in enumerate(parts.images.of(split.train.sessions))
        if not entries
    ]


def _optimizer_of(choice: Choice, module: nn.Module) -> torch.optim.Optimizer:
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    made: torch.optim.Optimizer = choice.build(parameters=learning)
    return made

"""What a training needs, checked before anything is trained: names, tables, images, weights to begin with, room."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from fimbria.data.audit.material import Fitted
from fimbria.data.cohort.splits import Split, read_flow, read_splits
from fimbria.errors import FimbriaError, InputError, Problem, listing, refuse
from fimbria.learning.networks import parameter_count
from fimbria.learning.networks.fitting import misfits
from fimbria.learning.networks.network import on_no_memory
from fimbria.learning.networks.transfer.layers import layer_of
from fimbria.learning.outputs import Domains, parted
from fimbria.learning.samples.normalization import Fittable
from fimbria.learning.training.devices import fabric_for
from fimbria.provenance import free_bytes, memory_gib
from fimbria.workflows.certify import Accept, certify_training
from fimbria.workflows.choices import resolve
from fimbria.workflows.evidence import refuse_changed_images
from fimbria.workflows.extract import described
from fimbria.workflows.learnt import Learnt, learnable, tried, validated
from fimbria.workflows.parts import Images, Parts, chosen_sessions, empty_channels, images, origins, undrawable
from fimbria.workflows.show import Show, quiet
from fimbria.workflows.transfer import Source, frozen, sources
from fimbria.workflows.trust import kept_choices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from fimbria.data.audit.certificate import Certificate
    from fimbria.data.cohort.cohort import Session
    from fimbria.experiment.experiment import Experiment, Transfer
    from fimbria.geometry import Shape
    from fimbria.results.maps.maps import Maps
    from fimbria.workflows.choices import Choices

_TRIED = 2  # samples
_BYTES_A_WEIGHT = 16  # the weight, its gradient, and two moments of the optimizer


@dataclass(frozen=True, eq=False)
class Plan:
    """A training that could start now.

    Attributes
    ----------
    parts
        What it is made of; of one split, see `of`.
    splits
        Who learns, and who is held out.
    learnt
        What the training people of each split completed.
    sources
        Weights that each split begins with; empty where it begins at random.
    certificate
        What the audit of both found; None for a training that goes on, which was audited at its start.
    """

    parts: Parts
    splits: tuple[Split, ...]
    learnt: Mapping[int, Learnt]
    sources: Mapping[int, Source] = field(default_factory=dict)
    certificate: Certificate | None = None

    def of(self, split: int) -> Parts:
        """Give the parts of one split."""
        return replace(self.parts, learnt=self.learnt[split])


def plan(experiment: Experiment, folder: Path | None = None, *, accept: Accept = (), show: Show = quiet) -> Plan:
    """Check everything that a training needs, and decode its images; nothing is trained and no MAPS is made.

    Parameters
    ----------
    experiment
        What to train.
    folder
        Where the MAPS will be, for the room on that disk; by default here.
    accept
        Findings of the audit that the user answers for: name and reason.
    show
        Who watches.

    Raises
    ------
    ProblemsError, InputError
        For what stands in the way: all names and options first, then all tables, then all images.
    LeakError
        For what the audit finds and nobody answers for.
    """
    experiment = described(experiment)
    choices = resolve(experiment)
    fabric_for(experiment.compute)
    columns = choices.task.build().columns
    read = read_splits(experiment.data.splits, [*columns, *experiment.data.covariates])
    chosen = [chosen_sessions(split, experiment) for split in read]
    learnable(chosen, experiment, choices)
    splits = tuple(validated(split, choices) for split in chosen)
    begun = sources(experiment, [split.index for split in splits])
    steps = read_flow(experiment.data.splits)
    origin = origins(experiment, choices)[0]
    fitted = _fitted(choices, splits)
    certify_training(experiment, columns, splits, {}, origin, steps, fitted, begun, accept)
    found = images(experiment, choices, _everybody(splits), show=show)
    splits = tuple(_with_images(split, found) for split in splits)
    learnt = learnable(splits, experiment, choices)  # once more: whoever has no image may have been the last of a class
    certificate = certify_training(experiment, columns, splits, found.entries, origin, steps, fitted, begun, accept)
    planned = Plan(Parts(experiment, choices, found, learnt[splits[0].index]), splits, learnt, begun, certificate)
    refuse(
        "the experiment",
        [*empty_channels(planned.parts, splits), *undrawable(planned.parts), *_one_network_each(planned.parts)],
    )
    refuse("the network", _unfit(planned))
    refuse("the experiment", _too_large(planned, folder or Path.cwd()))
    return planned


def planned_again(maps: Maps, trusted: Sequence[str], show: Show) -> Plan:
    """Plan the training of a MAPS from what it keeps: its own lists and classes, and images that are what they were."""
    experiment, choices = kept_choices(maps, maps.experiment, trusted)
    splits = tuple(Split(i, maps.group("train", i), maps.group("validation", i)) for i in maps.splits)
    learnt = {split: Learnt.again(maps.fitted(split), choices) for split in maps.splits}
    strict = experiment.changed({"data": {"allow_missing": False}})  # whoever began must go on
    found = images(strict, choices, _everybody(splits), show=show)
    refuse_changed_images(maps, found.channels)
    return Plan(Parts(experiment, choices, found, learnt[splits[0].index]), splits, learnt)


def _fitted(choices: Choices, splits: Sequence[Split]) -> tuple[Fitted, ...]:
    """Say what will be computed from people's images before the network learns: of training people, by construction."""
    if not isinstance(choices.normalization.build(), Fittable):
        return ()
    what = f"{choices.normalization.component.name} normalization"
    return tuple(Fitted(what, frozenset(split.train.participants), split.index) for split in splits)


def _everybody(splits: Sequence[Split]) -> list[Session]:
    """Give every session of the splits once."""
    return list(dict.fromkeys(s for split in splits for side in (split.train, split.other) for s in side.sessions))


def _with_images(split: Split, found: Images) -> Split:
    """Keep the sessions that have a usable image."""
    if not found.left:
        return split
    train, other = (
        side.keep([session in found.entries for session in side.sessions], "has a usable image")
        for side in (split.train, split.other)
    )
    return Split(split.index, train, other, split.name)


def _one_network_each(parts: Parts) -> list[Problem]:
    """Say why each part cannot have a network of its own."""
    if parts.experiment.optimization.networks == "one":
        return []
    if len(parts.images.locations) == 1:
        return [Problem("one network for each part, and an image gives one part only", "--optimization.networks one")]
    if parts.images.places is not None:
        what = "one network for each part, and not every image gives the same parts"
        return [Problem(what, "leave out the threshold that skips background")]
    return []


def _unfit(planned: Plan) -> list[Problem]:
    """Try each network on no memory: its images, its task, its covariates, and the weights that it begins with."""
    of_shape = {parts.images.sample_shape: parts for parts in map(planned.parts.of_network, planned.parts.networks)}
    problems: list[Problem] = []
    for shape, parts in of_shape.items():  # networks of parts of one shape are one network
        problems += misfits(parts.network_for, shape, parts.task.outputs, parts.learnt.covariates.width)
        problems += _not_learning(parts, planned.splits[0]) if not problems else []
    if not problems and planned.sources:
        made = {shape: on_no_memory(parts.new_network) for shape, parts in of_shape.items()}
        problems += _not_taken(planned, made)
    return list(dict.fromkeys(problems))


def _not_taken(planned: Plan, made: Mapping[Shape, nn.Module]) -> list[Problem]:
    """Say why networks cannot begin with the weights that they should."""
    source, options = next(iter(planned.sources.values())), planned.parts.experiment.transfer
    shapes = {number: planned.parts.of_network(number).images.sample_shape for number in planned.parts.networks}
    looks = [partial(_begin, source, made[shape], number, options) for number, shape in shapes.items()]
    return [problem for look in looks for problem in tried(look)[1]]


def _begin(source: Source, network: nn.Module, number: int | None, options: Transfer) -> None:
    """Take over weights and freeze layers, as a training will.

    Raises
    ------
    InputError, ProblemsError
        When nothing fits, or a layer is frozen that was not taken over.
    """
    taken = {target for _, target in source.taken_by(network, number).matched}
    if strange := list(dict.fromkeys(layer_of(name) for name in frozen(network, options) if name not in taken)):
        which = "that layer" if len(strange) == 1 else f"those {len(strange)} layers"
        msg = f"{listing(strange)} would be frozen and not taken over: {which} would stay random for ever. Take weights that fit more of the network (fimbria list networks NAME --layers shows its layers), or freeze less."
        raise InputError(msg)


def _not_learning(parts: Parts, split: Split) -> list[Problem]:
    """Try the loss on outputs of the network's shapes, all zero: not every loss fits every network and task."""
    people = split.train.keep([place < _TRIED for place in range(len(split.train))], "is tried")
    size, width = parts.images.sample_shape, parts.learnt.covariates.width
    network = on_no_memory(parts.new_network).train()
    with torch.device("meta"):
        given = (torch.zeros((len(people), *size)), *([torch.zeros((len(people), width))] if width else []))
        try:
            outputs = network(*given)
        except (NotImplementedError, RuntimeError):  # an operation that cannot be tried on no memory
            return []
    if isinstance(outputs, Domains) and parts.choices.task.component.name != "domain-adaptation":
        what = "the network has a head for each of two data sets, which only the task domain-adaptation learns"
        return [Problem(what, "--task.name domain-adaptation --task.target NAME, or choose another network")]
    zeros = [torch.zeros(one.shape) for one in parted(outputs)]
    told = parts.task.targets(people)
    targets = torch.zeros((len(people), *size)) if parts.task.outputs is None or told is None else told
    try:
        whole = zeros[0] if isinstance(outputs, torch.Tensor) else type(outputs)(*zeros)
        losses = parts.task.loss(whole, targets)
        if losses.shape != (len(people),):
            what = f"the loss gives {tuple(losses.shape)} for {len(people)} samples"
            return [Problem(what, "one value for each sample is wanted, not the mean of a batch")]
    except FimbriaError as error:
        return [Problem(str(error))]
    except Exception as error:  # noqa: BLE001  (a loss or a task may be somebody's own: whatever it raises is said)
        what = f"the task {parts.choices.task.component.name} cannot learn from what the network gives ({type(error).__name__}: {error})"
        return [Problem(what, "choose another network (fimbria list networks), or another loss")]
    return []


def _too_large(planned: Plan, folder: Path) -> list[Problem]:
    """Compare the network with the memory and the disk there is."""
    parts, splits, networks = planned.parts, len(planned.splits), len(planned.parts.networks)
    count = parameter_count(on_no_memory(parts.of_network(parts.networks[0]).new_network))
    problems = []
    memory = memory_gib()
    at_once = min(parts.experiment.compute.side_by_side, splits * networks)
    if memory and at_once * count * _BYTES_A_WEIGHT > memory * 2**30:
        what = f"the network has {count / 1e6:.0f} million parameters; training needs {at_once * count * _BYTES_A_WEIGHT / 2**30:.0f} GiB and this machine has {memory:g}"
        problems.append(Problem(what, "choose a smaller network, or larger --data.spacing"))
    metrics = len(parts.experiment.task.selection_metrics)
    needed = count * 4 * (3 + splits * networks * (metrics + bool(planned.sources)))
    if needed > (free := free_bytes(folder)):
        problems.append(
            Problem(f"the weights need {needed / 1e6:,.0f} MB of disk, {free / 1e6:,.0f} MB are free", "free some room")
        )
    return problems

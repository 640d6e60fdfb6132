"""Train what an experiment describes, or go on with a training that was broken off: after its start it is the same thing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from fimbria import tables
from fimbria.atomic import building, write_json
from fimbria.data.audit.material import Fitted
from fimbria.data.cohort import flow
from fimbria.data.cohort.cohort import IDS
from fimbria.data.cohort.splits import Split, read_flow, read_splits
from fimbria.data.images.datasets import DataSets
from fimbria.errors import MapsError, Problem, refuse
from fimbria.learning.networks import parameter_count
from fimbria.learning.samples.normalization import Fittable
from fimbria.learning.training.devices import arithmetic, fabric_for, facts
from fimbria.learning.training.fit import fit
from fimbria.learning.training.learner import Epoch
from fimbria.learning.training.policies import is_best, is_out_of_patience
from fimbria.provenance import environment, free_bytes, memory_gib, now
from fimbria.results.evaluation.metric import find as find_metric
from fimbria.results.maps.integrity import seal, unseal
from fimbria.results.maps.maps import Maps, refuse_occupied
from fimbria.workflows.certify import Accept, certify_training, tell
from fimbria.workflows.choices import resolve
from fimbria.workflows.evidence import fingerprints, refuse_changed_images
from fimbria.workflows.extract import described
from fimbria.workflows.interrupt import postponed
from fimbria.workflows.parts import (
    Images,
    Parts,
    chosen_sessions,
    empty_channels,
    images,
    learnable,
    origins,
    undrawable,
)
from fimbria.workflows.scoring import contract_of, score_training, seen_by, trained_network
from fimbria.workflows.show import Show, quiet
from fimbria.workflows.trust import kept_choices

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from lightning_fabric import Fabric

    from fimbria.data.audit.certificate import Certificate
    from fimbria.data.cohort.cohort import Session
    from fimbria.experiment.experiment import Experiment
    from fimbria.learning.training.learner import Learner
    from fimbria.workflows.choices import Choices

_BYTES_A_WEIGHT = 16  # the weight, its gradient, and two moments of the optimizer


@dataclass(frozen=True, eq=False)
class Plan:
    """A training that could start now.

    Attributes
    ----------
    parts
        What it is made of.
    splits
        Who learns, and who is held out.
    certificate
        What the audit of both found; None for a training that goes on, which was audited at its start.
    """

    parts: Parts
    splits: tuple[Split, ...]
    certificate: Certificate | None = None


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
    read = read_splits(experiment.data.splits, [experiment.task.label])
    splits = tuple(chosen_sessions(split, experiment) for split in read)
    learnable(splits, experiment, choices)
    steps = read_flow(experiment.data.splits)
    origin = origins(experiment, choices)[0]
    fitted = _fitted(choices, splits)
    certify_training(experiment, splits, {}, origin, steps, fitted, accept)
    found = images(experiment, choices, _everybody(splits), show=show)
    splits = tuple(_with_images(split, found) for split in splits)
    task = learnable(splits, experiment, choices)  # once more: whoever has no image may have been the last of a class
    certificate = certify_training(experiment, splits, found.entries, origin, steps, fitted, accept)
    parts = Parts(experiment, choices, task, found)
    refuse("the experiment", [*empty_channels(parts, splits), *undrawable(parts)])
    refuse("the experiment", _too_large(parts, len(splits), folder or Path.cwd()))
    return Plan(parts, splits, certificate)


def train(experiment: Experiment, folder: str | Path, *, accept: Accept = (), show: Show = quiet) -> Maps:
    """Train what the experiment describes; keep everything in a new MAPS.

    Parameters
    ----------
    experiment
        What to train.
    folder
        A folder that does not exist yet, or is empty.
    accept
        Findings of the audit that the user answers for: name and reason; they stand in the certificate and the report.
    show
        Who watches.

    Returns
    -------
    Maps
        The finished MAPS.

    Raises
    ------
    ProblemsError, InputError
        Before anything is trained, for what stands in the way.
    KeyboardInterrupt
        After Ctrl-C, when the step at hand is kept; `resume` goes on from there.
    """
    folder = Path(folder)
    refuse_occupied(folder)
    experiment = described(experiment.anchored())
    if isinstance(experiment.data.caps, Path) and experiment.data.caps.suffix == ".tsv":
        experiment = experiment.elsewhere(DataSets.of(experiment.data.caps).folders)  # the table may not last
    planned = plan(experiment, folder, accept=accept, show=show)
    if planned.certificate:
        tell(planned.certificate, show)
    with arithmetic(experiment.compute):
        surroundings = {**environment(), **facts()}
    record = {
        "fimbria": surroundings["fimbria"],
        "created": now(),
        "splits": [split.index for split in planned.splits],
        "components": planned.parts.choices.record,
        "fitted": planned.parts.task.fitted,
        "input_size": planned.parts.images.sample_shape,
        "environment": surroundings,
    }
    with building(folder) as place:
        _keep_groups(Maps.create(place, experiment, record), planned)
    maps = Maps(folder)
    with maps.locked():
        _go_on(maps, planned, show)
    return maps


def resume(folder: str | Path, *, trust_code: Sequence[str] = (), show: Show = quiet) -> Maps:
    """Go on with a training that was broken off, from its last kept step; the result is that of an unbroken one.

    Parameters
    ----------
    folder
        The MAPS.
    trust_code
        SHA-256 of the study's own files that this MAPS may run.
    show
        Who watches.

    Raises
    ------
    MapsError
        When the MAPS cannot be opened, its images have changed, or another process writes to it.
    """
    maps = Maps(Path(folder))
    with maps.locked():
        if all(maps.training(split).is_finished() for split in maps.splits) and maps.paths.checksums.is_file():
            show.say(f"{folder} is finished; there is nothing to go on with.")
            return maps
        _go_on(maps, _planned_again(maps, trust_code, show), show)
    return maps


def _go_on(maps: Maps, planned: Plan, show: Show) -> None:
    experiment = planned.parts.experiment
    unseal(maps.paths)
    with arithmetic(experiment.compute):
        before, threads = maps.record.get("environment", {}).get("threads"), facts()["threads"]
        if before != threads:
            show.say(
                f"This training began with {before} threads and goes on with {threads}: the last bits will differ."
            )
        for split in planned.splits:
            if not maps.training(split.index).is_finished():
                # a Fabric of its own, whose state (the scale of gradients in half precision) begins anew
                train_split(planned.parts, split, maps, fabric_for(experiment.compute), show)
    seal(maps.paths)


def train_split(parts: Parts, split: Split, maps: Maps, fabric: Fabric, show: Show) -> None:
    """Train one split from wherever it stands, then score the weights that each selection metric kept."""
    options, compute = parts.experiment.optimization, parts.experiment.compute
    parts = parts.fitted_on(split.train)
    if parts.fitted:
        maps.training(split.index).keep_scaling(parts.fitted, split.train.frame[list(IDS)])
    learner = parts.new_learner(fabric)
    if state := maps.training(split.index).checkpoint():
        _restore(learner, state)
    loaders = parts.loader(split.train, learning=True), parts.loader(split.other)
    steps = len(loaders[0])
    left = (options.epochs - learner.epoch) * (steps + 1) - learner.step
    keep = partial(_keep_learner, maps, split, learner)
    started = saved = time.monotonic()
    if not _is_over(maps.training(split.index).read_log(), learner.epoch, parts.experiment):
        with postponed() as interrupted:
            for event in show.track(fit(learner, *loaders, options.epochs, parts.part), f"split {split.index}", left):
                if isinstance(event, Epoch):
                    log = _close(parts, split, maps, learner, event)
                    keep()
                    maps.training(split.index).log_time(event.epoch, time.monotonic() - started, now())
                    started = saved = time.monotonic()
                    show.say(_line(split, log))
                    if _is_over(log, learner.epoch, parts.experiment):
                        break
                elif time.monotonic() - saved > 60 * compute.checkpoint_minutes:
                    keep()
                    saved = time.monotonic()
                if interrupted():
                    keep()
                    raise KeyboardInterrupt
    for metric in parts.experiment.task.selection_metrics:
        network = trained_network(parts, maps, split.index, metric, fabric)
        maps.training(split.index).keep_contract(metric, contract_of(parts, split, network, fabric.device).as_dict())
        score_training(parts, split, maps, metric, network, fabric.device)
    maps.training(split.index).finish({"epochs": learner.epoch})


def _close(parts: Parts, split: Split, maps: Maps, learner: Learner, epoch: Epoch) -> pd.DataFrame:
    """Log an epoch, and keep its weights and validation predictions for every metric that calls it the best so far."""
    chosen = parts.experiment.task.selection_metrics
    metrics = parts.task.metrics
    names = list(dict.fromkeys([*metrics.followed, *(find_metric(name).name for name in chosen)]))
    row: dict[str, float] = {"epoch": epoch.epoch, "iteration": epoch.steps}
    for side, table in (("train", epoch.training), ("valid", epoch.validation)):
        row |= {f"{name}_{side}": score for name, score in metrics.scores(table, names).items()}
    log = maps.training(split.index).log(row)
    for metric in chosen:
        found = find_metric(metric)
        if not is_best(log[f"{found.name}_valid"].to_list(), higher_is_better=found.better == "higher"):
            continue
        about = {
            **parts.choices.network.record,
            "input_size": parts.images.sample_shape,
            "output_size": parts.task.outputs,
            "parameters": parameter_count(learner.network),
            "task": parts.task.fitted,
            "chosen_by": found.name,
            "epoch": epoch.epoch,
        }
        maps.training(split.index).keep_weights(metric, partial(save_file, learner.weights()), about)
        maps.keep_predictions(split.index, metric, "validation", epoch.validation)
    return log


def _restore(learner: Learner, state: Path) -> None:
    """Take up a training from its kept state; nothing is unpickled that is not tensors, numbers or text."""
    try:
        learner.restore(torch.load(state, map_location="cpu", weights_only=True))
    except (RuntimeError, UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        msg = (
            f"the state of the training {state} cannot be used ({reason}). Remove that file to begin this split again."
        )
        raise MapsError(msg) from error


def _keep_learner(maps: Maps, split: Split, learner: Learner) -> None:
    maps.training(split.index).keep_checkpoint(partial(torch.save, learner.state()))


def _is_over(log: pd.DataFrame, epoch: int, experiment: Experiment) -> bool:
    """Tell from the log of the epochs that are done whether there is no patience left."""
    if not len(log):
        return False
    losses = log.loc[log["epoch"] < epoch, "loss_valid"].to_list()
    return is_out_of_patience(losses, experiment.optimization.patience, experiment.optimization.tolerance)


def _line(split: Split, log: pd.DataFrame) -> str:
    row = log.iloc[-1]
    scores = ", ".join(
        f"{name} {row[f'{name}_train']:.3f} / {row[f'{name}_valid']:.3f}"
        for name in ("loss", "accuracy")
        if f"{name}_train" in row
    )
    return f"split {split.index}, epoch {int(row['epoch']) + 1}: {scores} (training / validation)"


def _keep_groups(maps: Maps, planned: Plan) -> None:
    """Keep whom the weights will see, what their images are, and who left on the way."""
    for split in planned.splits:
        for name, side in (("train", split.train), ("validation", split.other)):
            maps.keep_group(name, side, split.index)
    tables.write(seen_by(planned.splits), maps.paths.seen)
    steps = read_flow(planned.parts.experiment.data.splits)
    missing = {str(session): reason for session, reason in planned.parts.images.left}
    write_json(maps.paths.flow, {"cohort": flow.as_plain(steps), "without_image": missing})
    tables.write(fingerprints(planned.parts.images.channels), maps.paths.images)
    if planned.certificate:
        maps.audits.keep(planned.certificate)


def _planned_again(maps: Maps, trusted: Sequence[str], show: Show) -> Plan:
    """Plan the training of a MAPS from what it keeps: its own lists and classes, and images that are what they were."""
    experiment = maps.experiment
    choices = kept_choices(maps, experiment, trusted)
    splits = tuple(Split(i, maps.group("train", i), maps.group("validation", i)) for i in maps.splits)
    task = choices.task.build(maps.record["fitted"], {})
    strict = experiment.changed({"data": {"allow_missing": False}})  # whoever began must go on
    parts = Parts(experiment, choices, task, images(strict, choices, _everybody(splits), show=show))
    refuse_changed_images(maps, parts.images.channels)
    return Plan(parts, splits)


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


def _too_large(parts: Parts, splits: int, folder: Path) -> list[Problem]:
    """Compare the network with the memory and the disk there is."""
    with torch.device("meta"):
        count = parameter_count(parts.new_network())
    problems = []
    memory = memory_gib()
    if memory and count * _BYTES_A_WEIGHT > memory * 2**30:
        what = f"the network has {count / 1e6:.0f} million parameters; training needs {count * _BYTES_A_WEIGHT / 2**30:.0f} GiB and this machine has {memory:g}"
        problems.append(Problem(what, "choose a smaller network, or larger --data.spacing"))
    needed = count * 4 * (3 + splits * len(parts.experiment.task.selection_metrics))
    if needed > (free := free_bytes(folder)):
        problems.append(
            Problem(f"the weights need {needed / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free", "free some room")
        )
    return problems

"""Train what an experiment describes, or go on with a training that was broken off: after its start it is the same thing."""

from __future__ import annotations

import time
from functools import cache, partial
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from fimbria import tables
from fimbria.atomic import building, write_json
from fimbria.data.cohort import flow
from fimbria.data.cohort.cohort import IDS
from fimbria.data.cohort.splits import read_flow
from fimbria.data.images.datasets import DataSets
from fimbria.errors import DivergenceError, MapsError
from fimbria.execution import executor, run
from fimbria.learning.networks import parameter_count
from fimbria.learning.training.devices import arithmetic, fabric_for, facts
from fimbria.learning.training.fit import fit
from fimbria.learning.training.learner import Epoch
from fimbria.learning.training.policies import is_best, is_out_of_patience
from fimbria.provenance import environment, now, sha256
from fimbria.results.evaluation.metric import find as find_metric
from fimbria.results.maps.integrity import seal, unseal
from fimbria.results.maps.maps import Maps, refuse_occupied
from fimbria.workflows.certify import Accept, tell
from fimbria.workflows.evidence import fingerprints
from fimbria.workflows.extract import described
from fimbria.workflows.interrupt import postponed
from fimbria.workflows.plan import Plan, plan, planned_again
from fimbria.workflows.scoring import contract_of, score_training, seen_by, trained_network
from fimbria.workflows.show import Show, quiet
from fimbria.workflows.transfer import begun
from fimbria.workflows.transfer import keep as keep_transfer
from fimbria.workflows.trust import code_of, remember

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    from lightning_fabric import Fabric

    from fimbria.data.cohort.splits import Split
    from fimbria.experiment.experiment import Experiment
    from fimbria.learning.training.learner import Learner, Step
    from fimbria.results.maps.training import Training
    from fimbria.workflows.parts import Parts


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
    files = code_of(experiment)
    remember(files)
    digests = {name: sha256(file) for name, file in files.items()}
    record = {
        "fimbria": surroundings["fimbria"],
        "created": now(),
        "splits": [split.index for split in planned.splits],
        "components": planned.parts.choices.record,
        "learns": list(planned.parts.task.columns),
        "code": digests,
        "fitted": [{"split": split, **learnt.fitted} for split, learnt in planned.learnt.items()],
        "input_size": planned.parts.images.sample_shape,
        "environment": surroundings,
    }
    with building(folder) as place:
        made = Maps.create(place, experiment, record)
        made.code.keep(files)
        _keep_groups(made, planned)
        for split, source in planned.sources.items():
            for sentence in keep_transfer(made, split, source, planned.of(split)):
                show.say(f"split {split}: {sentence}")
    maps = Maps(folder)
    with maps.locked():
        _go_on(maps, planned, show, tuple(digests.values()))
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
        _go_on(maps, planned_again(maps, trust_code, show), show, trust_code)
    return maps


def _go_on(maps: Maps, planned: Plan, show: Show, trust_code: Sequence[str] = ()) -> None:
    experiment = planned.parts.experiment
    unseal(maps.paths)
    with arithmetic(experiment.compute):
        before, threads = maps.record.get("environment", {}).get("threads"), facts()["threads"]
        if before != threads:
            show.say(
                f"This training began with {before} threads and goes on with {threads}: the last bits will differ."
            )
        left = _left(maps, planned)
        if experiment.compute.side_by_side > 1 and len(left) > 1:
            _side_by_side(maps, left, trust_code, experiment.compute.side_by_side, show)
        for split in planned.splits:
            if maps.training(split.index).is_finished():
                continue
            for network in planned.parts.networks:
                if (split.index, network) in _left(maps, planned):
                    train_network(planned.of(split.index), split, maps, network, show)
            score_training(planned.of(split.index), split, maps)
            maps.training(split.index).finish({"networks": list(planned.parts.networks)})
    seal(maps.paths)


def _left(maps: Maps, planned: Plan) -> list[tuple[int, int | None]]:
    """Give every network, with its split, that is still to be trained."""
    return [
        (split.index, network)
        for split in planned.splits
        for network in planned.parts.networks
        if not maps.training(split.index).is_finished() and not maps.training(split.index, network).is_trained()
    ]


def _side_by_side(
    maps: Maps, left: Sequence[tuple[int, int | None]], trust_code: Sequence[str], at_once: int, show: Show
) -> None:
    """Train networks in processes of their own; what is interrupted goes on from its last kept step."""
    with executor(at_once, len(left)) as pool:
        jobs = run(partial(_train_alone, maps.root, tuple(trust_code), facts()["threads"]), left, pool)
        for outcome in show.track(jobs, "networks", len(left)):
            if outcome.error:
                raise outcome.error
            split, network = outcome.item
            show.say(f"split {split}{'' if network is None else f', network {network}'} is trained")


def _train_alone(root: Path, trust_code: Sequence[str], threads: int, job: tuple[int, int | None]) -> None:
    """Train one network of a MAPS in this process, with as many threads as the others have: the bytes are the same."""
    split, network = job
    maps = Maps(root)
    planned = _planned_once(root, tuple(trust_code), str(maps.record.get("created", "")))
    with arithmetic(planned.parts.experiment.compute.model_copy(update={"threads": threads})):
        wanted = next(one for one in planned.splits if one.index == split)
        train_network(planned.of(split), wanted, maps, network, quiet)


@cache
def _planned_once(root: Path, trust_code: tuple[str, ...], created: str) -> Plan:  # noqa: ARG001  (another MAPS may come to stand there)
    """Plan a training in a process that may train several of its networks."""
    return planned_again(Maps(root), trust_code, quiet)


def train_network(parts: Parts, split: Split, maps: Maps, network: int | None, show: Show) -> None:
    """Train one network of one split from wherever it stands, and keep the weights that each selection metric chooses."""
    options, compute = parts.experiment.optimization, parts.experiment.compute
    fabric = fabric_for(compute)  # of its own: its state (the scale of gradients in half precision) begins anew
    parts = parts.of_network(network).fitted_on(split.train)
    training = maps.training(split.index, network)
    if parts.fitted:
        training.keep_scaling(parts.fitted, split.train.frame[list(IDS)])
    learner = parts.new_learner(fabric, partial(begun, maps, split.index, parts, network))
    if state := training.checkpoint():
        _restore(learner, state)
    loaders = parts.loader(split.train, learning=True), parts.loader(split.other)
    left = (options.epochs - learner.epoch) * (len(loaders[0]) + 1) - learner.step
    keep = partial(_keep_learner, training, learner)
    name = f"split {split.index}" if network is None else f"split {split.index}, network {network}"
    started = saved = time.monotonic()
    if not _is_over(training.read_log(), learner.epoch, parts.experiment):
        with postponed() as interrupted:
            events = _guarded(fit(learner, *loaders, options.epochs, parts.part), learner, keep)
            for event in show.track(events, name, left):
                if isinstance(event, Epoch):
                    log = _close(parts, split, maps, network, learner, event)
                    over = learner.epoch == options.epochs or _is_over(log, learner.epoch, parts.experiment)
                    if not over:
                        keep()
                    training.log_time(event.epoch, time.monotonic() - started, now())
                    started = saved = time.monotonic()
                    show.say(_line(name, parts, log))
                    if over:
                        break
                elif time.monotonic() - saved > 60 * compute.checkpoint_minutes:
                    keep()
                    saved = time.monotonic()
                if interrupted():
                    keep()
                    raise KeyboardInterrupt
    _tell_undefined(name, parts, training.read_log(), show)
    _keep_contracts(parts, split, maps, network, fabric)
    training.mark_trained({"epochs": learner.epoch})


def _keep_contracts(parts: Parts, split: Split, maps: Maps, network: int | None, fabric: Fabric) -> None:
    """Keep what an image must be for the weights that each metric chose to mean anything."""
    for metric in parts.experiment.task.selection_metrics:
        trained = trained_network(parts, maps, split.index, metric, fabric, network)
        contract = contract_of(parts, split, trained, fabric.device)
        maps.training(split.index, network).keep_contract(metric, contract.as_dict())


def _tell_undefined(name: str, parts: Parts, log: pd.DataFrame, show: Show) -> None:
    """Say which selection metrics could not choose."""
    for chosen in parts.experiment.task.selection_metrics:
        metric = find_metric(chosen, parts.task.metrics).name
        if log[f"{metric}_valid"].isna().all():
            show.say(
                f"{name}: {metric} was undefined on the validation side in every epoch; the last one's weights are kept."
            )


def _guarded(events: Iterator[Step | Epoch], learner: Learner, keep: Callable[[], None]) -> Iterator[Step | Epoch]:
    """Pass events on; where the training goes astray, keep the state before it, if that is still good."""
    try:
        yield from events
    except DivergenceError:
        if learner.is_sound():
            keep()
        raise


def _close(  # noqa: PLR0913, PLR0917  (of what, where)
    parts: Parts, split: Split, maps: Maps, network: int | None, learner: Learner, epoch: Epoch
) -> pd.DataFrame:
    """Log an epoch, and keep its weights and predictions for every metric that calls it the best so far.

    The training predictions are those that the network made while it was learning, the validation ones those that it was
    scored on: nothing is predicted a second time.
    """
    chosen = parts.experiment.task.selection_metrics
    metrics, training = parts.task.metrics, maps.training(split.index, network)
    names = list(dict.fromkeys([*metrics.followed, *(find_metric(name, metrics).name for name in chosen)]))
    row: dict[str, float] = {"epoch": epoch.epoch, "iteration": epoch.steps}
    for side, table in (("train", epoch.training.known()), ("valid", epoch.validation.known())):
        scores = metrics.scores(table, names) if table else dict.fromkeys(names, float("nan"))
        row |= {f"{name}_{side}": score for name, score in scores.items()}
    log = training.log(row)
    for metric in chosen:
        found = find_metric(metric, metrics)
        if not is_best(log[f"{found.name}_valid"].to_list(), higher_is_better=found.better == "higher"):
            continue
        about = {
            **parts.choices.network.record,
            "input_size": parts.images.sample_shape,
            "output_size": parts.task.outputs,
            "covariates": parts.learnt.covariates.fitted,
            "parameters": parameter_count(learner.network),
            "tensors": list(learner.network.state_dict()),  # in forward order, which the file of weights does not keep
            "task": parts.learnt.fitted["task"],
            "chosen_by": found.name,
            "epoch": epoch.epoch,
        }
        training.keep_weights(metric, partial(save_file, learner.weights()), about)
        for group, table in (("train", epoch.training), ("validation", epoch.validation)):
            maps.scores.keep_predictions(split.index, metric, group, table, network)
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


def _keep_learner(training: Training, learner: Learner) -> None:
    training.keep_checkpoint(partial(torch.save, learner.state()))


def _is_over(log: pd.DataFrame, epoch: int, experiment: Experiment) -> bool:
    """Tell from the log of the epochs that are done whether there is no patience left."""
    if not len(log):
        return False
    losses = log.loc[log["epoch"] < epoch, "loss_valid"].to_list()
    return is_out_of_patience(losses, experiment.optimization.patience, experiment.optimization.tolerance)


def _line(name: str, parts: Parts, log: pd.DataFrame) -> str:
    row = log.iloc[-1]
    shown = dict.fromkeys(["loss", *parts.task.metrics.followed[:1]])
    said = {side: [f"{row[f'{one}_{side}']:.3f}".replace("nan", "n/a") for one in shown] for side in ("train", "valid")}
    scores = ", ".join(f"{one} {train} / {valid}" for one, train, valid in zip(shown, *said.values(), strict=True))
    return f"{name}, epoch {int(row['epoch']) + 1}: {scores} (training / validation)"


def _keep_groups(maps: Maps, planned: Plan) -> None:
    """Keep whom the weights will see, what their images are, and who left on the way."""
    for split in planned.splits:
        for name, side in (("train", split.train), ("validation", split.other)):
            maps.keep_group(name, side, split.index)
    tables.write(seen_by(planned.splits, planned.sources), maps.paths.seen)
    steps = read_flow(planned.parts.experiment.data.splits)
    missing = {str(session): reason for session, reason in planned.parts.images.left}
    write_json(maps.paths.flow, {"cohort": flow.as_plain(steps), "without_image": missing})
    tables.write(fingerprints(planned.parts.images.channels), maps.paths.images)
    if planned.certificate:
        maps.audits.keep(planned.certificate)

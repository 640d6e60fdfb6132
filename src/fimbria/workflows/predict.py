"""Predict a group with a trained MAPS, after checking that nobody in it was ever seen and every image is what it should be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fimbria.data.audit.material import Look, named
from fimbria.data.cohort.cohort import Cohort, clean_labels, shared_participants
from fimbria.data.extraction import digest
from fimbria.data.images.datasets import DataSets
from fimbria.errors import FimbriaError, InputError, LeakError, MapsError, Problem, did_you_mean, listing, refuse
from fimbria.learning.inference import predict as predict_samples
from fimbria.learning.tasks.classification import label_text
from fimbria.learning.training.devices import arithmetic, fabric_for
from fimbria.provenance import now
from fimbria.results.maps.contract import Contract
from fimbria.results.maps.integrity import refuse_changed, seal
from fimbria.results.maps.maps import Maps
from fimbria.results.maps.paths import RESERVED
from fimbria.results.predictions.ensemble import average, part_weights, vote
from fimbria.workflows.certify import Accept, candidate, certify_prediction, looks_at, tell
from fimbria.workflows.parts import Parts, images, origins
from fimbria.workflows.scoring import keep_scored, refuse_damaged, trained_network
from fimbria.workflows.show import Show, quiet
from fimbria.workflows.trust import kept_choices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from lightning_fabric import Fabric

    from fimbria.data.extraction.origin import Origin
    from fimbria.experiment.experiment import Experiment
    from fimbria.results.predictions.table import PredictionTable
    from fimbria.workflows.choices import Choices


@dataclass(frozen=True, eq=False)
class Prediction:
    """What came of predicting a group.

    Attributes
    ----------
    group
        Its name in the MAPS.
    table
        Predictions at image level; of several splits, the mean of their probabilities.
    metrics
        Of that table; None where labels are not known.
    folder
        Where they are kept.
    left
        How many sessions had no usable image, where that is allowed.
    """

    group: str
    table: PredictionTable
    metrics: pd.DataFrame | None
    folder: Path
    left: int


def predict(  # noqa: PLR0913  (with what, whom, from where)
    folder: str | Path,
    cohort: str | Path,
    *,
    group: str,
    caps: str | Path | Mapping[str, Path] | None = None,
    store: str | Path | None = None,
    splits: Sequence[int] | None = None,
    trust_code: Sequence[str] = (),
    accept: Accept = (),
    show: Show = quiet,
) -> Prediction:
    """Predict a cohort with a trained MAPS and keep the result in it as a group.

    Parameters
    ----------
    folder
        The MAPS.
    cohort
        Table of sessions; with the label's column the predictions are scored.
    group
        What to call it.
    caps
        Where the images are: a folder, a TSV (cohort, path) of several, or folders by name; by default where those of the training are.
    store
        Where decoded images are kept; by default where those of the training are.
    splits
        Which splits' weights to use; by default all.
    trust_code
        SHA-256 of the study's own files that this MAPS may run.
    accept
        Findings of the audit that the user answers for: name and reason; they stand in the certificate and the report.
    show
        Who watches.

    Raises
    ------
    LeakError
        When the weights have seen somebody of the cohort, or the audit finds a leak that nobody answers for.
    ProblemsError, InputError
        When an image breaks the contract of the weights, a label is no class, or a name is taken or unknown.
    """
    maps = Maps(Path(folder))
    used = _checked_splits(maps, splits)
    _refuse_name(maps, group)
    experiment = _elsewhere(maps, caps, store)
    choices = kept_choices(maps, experiment, trust_code)
    people = Cohort.read(Path(cohort))
    _refuse_seen(maps, people)
    task = choices.task.build(maps.record["fitted"], {})
    labelled = _labelled(people, maps.experiment.task.label, task.fitted["classes"])
    parts = Parts(experiment, choices, task, images(experiment, choices, people.sessions, show=show))
    weights, date = candidate(maps, used), now()
    looks = [*looks_at(maps), *([Look(group, weights, frozenset(people.participants), date)] if labelled else [])]
    origin, trained = origins(experiment, choices)[0], _trained(maps, choices)
    certificate = certify_prediction(maps, group, people, parts.images.entries, origin, trained, looks, accept)
    tell(certificate, show)
    contracts = _kept_contracts(maps, parts, used)
    if parts.images.left:
        people = people.keep([s in parts.images.entries for s in people.sessions], "has a usable image")
    with maps.locked(), arithmetic(experiment.compute):
        _refuse_name(maps, group)  # once more: somebody may have taken it while the images were decoded
        maps.drop_group(group)
        if labelled:  # before anything is scored: a look that is broken off was a look
            maps.audits.count_look(group, weights, date, named(people.participants))
        fabric = fabric_for(experiment.compute)
        results = {
            metric: _predict_with(parts, maps, metric, contracts, people, group, fabric, labelled, show)
            for metric in experiment.task.selection_metrics
        }
        about = {
            "caps_directory": experiment.plain()["data"]["caps"],
            "multi_cohort": len(DataSets.of(experiment.data.caps).folders) > 1,
            "labelled": labelled,
            "splits": used,
        }
        maps.audits.keep(certificate, group)
        maps.keep_group(group, people, about=about)
        if maps.paths.checksums.is_file():  # else the training goes on, and seals at its end
            seal(maps.paths, group)
    metric = experiment.task.selection_metrics[0]
    chosen = used[0] if len(used) == 1 else None
    place = maps.paths.predictions(chosen, metric, group, "image").parent
    return Prediction(
        group, results[metric], maps.metrics(chosen, metric, group, "image"), place, len(parts.images.left)
    )


def _predict_with(  # noqa: PLR0913, PLR0917  (what, with what, of whom)
    parts: Parts,
    maps: Maps,
    metric: str,
    contracts: dict[tuple[int, str], Contract],
    people: Cohort,
    group: str,
    fabric: Fabric,
    labelled: bool,  # noqa: FBT001  (whether labels are known)
    show: Show,
) -> PredictionTable:
    """Predict with the weights that one metric chose, of every split, and with all of them together."""
    voted = []
    used = [split for split, chosen_by in contracts if chosen_by == metric]
    for split in used:
        refuse_changed(maps.paths, maps.training(split).weights(metric))
        network = trained_network(parts, maps, split, metric, fabric)
        refuse_damaged(contracts[split, metric], network, fabric.device, maps)
        refuse_changed(maps.paths, maps.training(split).scaling_file)
        loader = parts.scaled_as(maps.training(split).scaling()).loader(people, labelled=labelled)
        batches = show.track(loader.batches(), f"predicting with split {split}", len(loader))
        table = predict_samples(network, parts.task, batches, parts.part, fabric.device)
        weights = part_weights(
            maps.predictions(split, metric, "validation", parts.part), parts.experiment.task.voting_threshold
        )
        voted.append(vote(table, weights))
        keep_scored(parts, maps, split, metric, group, table, voted[-1])
    if len(voted) == 1:
        return voted[0]
    together = average(voted)
    keep_scored(parts, maps, None, metric, group, together, together)
    return together


def _elsewhere(maps: Maps, caps: str | Path | Mapping[str, Path] | None, store: str | Path | None) -> Experiment:
    """Give the experiment of a MAPS, with images that are read from, or decoded to, another place."""
    experiment = maps.experiment
    if caps is not None:
        experiment = experiment.elsewhere(Path(caps) if isinstance(caps, str) else caps)
    return experiment if store is None else experiment.changed({"data": {"store": str(Path(store).absolute())}})


def _trained(maps: Maps, choices: Choices) -> Origin | None:
    """Say where the images of the training were decoded to; None where its data sets are no longer at hand."""
    try:
        return origins(maps.experiment, choices)[0]
    except FimbriaError:
        return None


def _checked_splits(maps: Maps, splits: Sequence[int] | None) -> list[int]:
    finished = [split for split in maps.splits if maps.training(split).is_finished()]
    if not finished:
        msg = f"{maps.root} has no finished split. Go on with the training: `fimbria resume {maps.root}`."
        raise MapsError(msg)
    if unknown := sorted(set(splits or ()) - set(finished)):
        msg = f"{maps.root} has no finished split {listing(unknown)}; it has: {listing(finished, 20)}."
        raise MapsError(msg)
    return sorted(set(splits)) if splits else finished


def _refuse_name(maps: Maps, group: str) -> None:
    if group in RESERVED:
        msg = f"--group {group}: that name is the training's own. Choose another, such as test."
        raise InputError(msg)
    if (maps.paths.group(group) / "data.tsv").is_file():
        msg = f"{maps.root} has a group {group!r} already; nothing is ever written over. Choose another name."
        raise MapsError(msg)


def _refuse_seen(maps: Maps, people: Cohort) -> None:
    seen = Cohort.read(maps.paths.seen)
    if shared := shared_participants(people, seen):
        msg = (
            f"{listing(shared)} of {people.name} were seen in training or validation of {maps.root}: a score on them would "
            "be false. Predict people that the weights have never seen."
        )
        raise LeakError(msg)


def _labelled(people: Cohort, label: str, classes: Sequence[str]) -> bool:
    """Tell whether the labels of a cohort are known, and refuse those that are no class."""
    if label not in people.frame.columns or people.frame[label].isna().all():
        return False
    problems = clean_labels(people, label)
    unknown = sorted({label_text(value) for value in people.frame[label].dropna()} - set(classes))
    problems += [Problem(f"{label} {name!r} is no class of this MAPS", did_you_mean(name, classes)) for name in unknown]
    refuse(people.name, problems)
    return True


def _kept_contracts(maps: Maps, parts: Parts, splits: Sequence[int]) -> dict[tuple[int, str], Contract]:
    """Read the contracts of all weights that will be used, and check every image against them."""
    contracts, problems = {}, []
    for split in splits:
        for metric in parts.experiment.task.selection_metrics:
            contract = contracts[split, metric] = Contract.read(maps.training(split).contract(metric))
            if contract.cut and contract.cut != digest(parts.images.locations):
                what = f"split-{split}: images are not cut as in training: a mask, or the extraction, is another"
                problems.append(Problem(what, "bring back the masks of the training (--caps with those first)"))
            for channel, entries in enumerate(parts.images.channels):
                named = [
                    (f"{session} ({entry.name})" if channel else str(session), entry)
                    for session, entry in entries.items()
                ]
                problems += contract.breaches(named, channel)
    refuse(f"these images for the weights of {maps.root}", list(dict.fromkeys(problems)))
    return contracts

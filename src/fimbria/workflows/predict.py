"""Predict a group with a trained MAPS, after checking that nobody in it was ever seen and every image is what it should be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from fimbria.data.audit.material import Look, named
from fimbria.data.cohort.cohort import IDS, Cohort, shared_participants
from fimbria.data.extraction import digest
from fimbria.data.images.datasets import DataSets
from fimbria.errors import FimbriaError, InputError, LeakError, MapsError, Problem, listing, refuse
from fimbria.learning.inference import codes
from fimbria.learning.inference import predict as predict_samples
from fimbria.learning.networks.fitting import passage
from fimbria.learning.tasks import Bounded, Fittable
from fimbria.learning.training.devices import arithmetic, fabric_for
from fimbria.provenance import now
from fimbria.results.maps.contract import Contract
from fimbria.results.maps.integrity import refuse_changed, seal
from fimbria.results.maps.maps import Maps
from fimbria.results.maps.paths import is_reserved
from fimbria.results.maps.transferred import BEFORE
from fimbria.results.predictions.ensemble import average, part_weights, vote
from fimbria.results.predictions.table import together
from fimbria.workflows.certify import Accept, candidate, certify_prediction, looks_at, tell
from fimbria.workflows.learnt import Learnt
from fimbria.workflows.parts import Parts, images, origins
from fimbria.workflows.scoring import keep_scored, refuse_damaged, trained_network
from fimbria.workflows.show import Show, quiet
from fimbria.workflows.trust import kept_choices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lightning_fabric import Fabric

    from fimbria.data.extraction.origin import Origin
    from fimbria.experiment.experiment import Experiment
    from fimbria.learning.outputs import Outputs
    from fimbria.learning.samples.sample import Batch
    from fimbria.learning.tasks import Task
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
    latent: bool = False,
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
    latent
        Keep where each part lies in the latent space of a variational autoencoder, too: the means.
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
    experiment, choices = kept_choices(maps, _elsewhere(maps, caps, store), trust_code)
    people = Cohort.read(Path(cohort))
    _refuse_seen(maps, people)
    learnt = {split: Learnt.again(maps.fitted(split), choices) for split in used}
    labelled = _labelled(people, learnt[used[0]].task)
    _refuse_lacking(people, learnt[used[0]])
    parts = Parts(experiment, choices, images(experiment, choices, people.sessions, show=show), learnt[used[0]])
    if latent:
        _refuse_without_latent_space(parts)
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
        maps.scores.drop(group)
        if labelled:  # before anything is scored: a look that is broken off was a look
            maps.audits.count_look(group, weights, date, named(people.participants))
        fabric = fabric_for(experiment.compute)
        asked = _Asked(maps, parts, learnt, contracts, people, group, labelled, latent, fabric, show)
        results = {metric: asked.chosen_by(metric) for metric in experiment.task.selection_metrics}
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
    for note in _notes(asked.of_all_splits, people, labelled=labelled):
        show.say(f"Note: {note}.")
    metric = experiment.task.selection_metrics[0]
    chosen = used[0] if len(used) == 1 else None
    place = maps.paths.predictions(chosen, metric, group, "image").parent
    return Prediction(
        group, results[metric], maps.scores.metrics(chosen, metric, group, "image"), place, len(parts.images.left)
    )


@dataclass(frozen=True, eq=False)
class _Asked:
    """Who is predicted, with what."""

    maps: Maps
    parts: Parts
    learnt: Mapping[int, Learnt]
    contracts: Mapping[tuple[int, str, int | None], Contract]
    people: Cohort
    group: str
    labelled: bool
    latent: bool
    fabric: Fabric
    show: Show

    def chosen_by(self, metric: str) -> PredictionTable:
        """Predict with the weights that one metric chose, of every split, and with all of them together."""
        voted = [self._of_split(split, metric) for split in self.learnt]
        if len(voted) == 1:
            return voted[0]
        averaged = average(voted)
        keep_scored(self.of_all_splits, self.maps, None, metric, self.group, averaged, averaged)
        return averaged

    @cached_property
    def of_all_splits(self) -> Parts:
        """The parts with the task as the training people of all splits complete it: the mean has learnt from them all."""
        task = self.parts.choices.task.build()
        if not isinstance(task, Fittable):
            return self.parts
        sides = [self.maps.group("train", split).frame for split in self.learnt]
        everybody = Cohort(pd.concat(sides).drop_duplicates(list(IDS)), "the training people of all splits")
        return replace(self.parts, learnt=self.parts.learnt._replace(task=task.fit(everybody)))

    def _of_split(self, split: int, metric: str) -> PredictionTable:
        """Predict with the networks of one split, and let the parts of an image vote."""
        maps, part = self.maps, self.parts.part
        refuse_changed(maps.paths, maps.training(split).scaling_file)
        parts = replace(self.parts, learnt=self.learnt[split]).scaled_as(maps.training(split).scaling())
        said: list[pd.DataFrame] = []
        table = together([self._of_network(parts, split, metric, one, said) for one in parts.networks])
        if said:
            maps.scores.keep_latent(split, metric, self.group, part, pd.concat(said))
        kept = [maps.scores.predictions(split, metric, "validation", part, one) for one in parts.networks]
        voted = vote(table, part_weights(together(kept), parts.experiment.task.voting_threshold))
        keep_scored(parts, maps, split, metric, self.group, table, voted)
        return voted

    def _of_network(
        self, parts: Parts, split: int, metric: str, number: int | None, said: list[pd.DataFrame]
    ) -> PredictionTable:
        own, device = parts.of_network(number), self.fabric.device
        refuse_changed(self.maps.paths, self.maps.training(split, number).weights(metric))
        network = trained_network(own, self.maps, split, metric, self.fabric, number)
        contract = self.contracts[split, metric, number]
        refuse_damaged(contract, network, device, self.maps, own.learnt.covariates.width)
        loader = own.loader(self.people, labelled=self.labelled)
        name = f"predicting with split {split}" if number is None else f"split {split}, network {number}"
        batches = self.show.track(loader.batches(), name, len(loader))
        if not self.latent:
            return predict_samples(network, own.task, batches, own.part, device)
        look = partial(_coded, said, own.part)
        return predict_samples(network, own.task, batches, own.part, device, shown=look)


def _coded(said: list[pd.DataFrame], part: str, batch: Batch, outputs: Outputs) -> None:
    said.append(codes(batch, outputs, part))


def _elsewhere(maps: Maps, caps: str | Path | Mapping[str, Path] | None, store: str | Path | None) -> Experiment:
    """Give the experiment of a MAPS, with images that are read from, or decoded to, another place."""
    experiment = maps.experiment
    if caps is not None:
        experiment = experiment.elsewhere(Path(caps) if isinstance(caps, str) else caps)
    return experiment if store is None else experiment.changed({"data": {"store": str(Path(store).absolute())}})


def _notes(parts: Parts, people: Cohort, *, labelled: bool) -> list[str]:
    """Say of whom predictions are extrapolations, and what the network could not be told."""
    outside = [parts.task.beyond(people)] if labelled and isinstance(parts.task, Bounded) else []
    return [*filter(None, outside), *parts.learnt.covariates.untold(people)]


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
    left = sorted(set(maps.splits) - set(finished))
    if left and not splits:
        msg = f"split {listing(left, 20)} of {maps.root} is not trained to its end. Go on with it: `fimbria resume {maps.root}`; or predict with what is finished: --split {' '.join(map(str, finished))}."
        raise MapsError(msg)
    if unknown := sorted(set(splits or ()) - set(finished)):
        msg = f"{maps.root} has no finished split {listing(unknown)}; it has: {listing(finished, 20)}."
        raise MapsError(msg)
    return sorted(set(splits)) if splits else finished


def _refuse_name(maps: Maps, group: str) -> None:
    if is_reserved(group):
        msg = f"--group {group}: that name is the training's own. Choose another, such as test."
        raise InputError(msg)
    if (maps.paths.group(group) / "data.tsv").is_file():
        msg = f"{maps.root} has a group {group!r} already; nothing is ever written over. Choose another name."
        raise MapsError(msg)


def _refuse_seen(maps: Maps, people: Cohort) -> None:
    seen = Cohort.read(maps.paths.seen)
    if shared := shared_participants(people, seen):
        before = ", or by the weights that it began with" if any(s.session_id == BEFORE for s in seen.sessions) else ""
        msg = (
            f"{listing(shared)} of {people.name} were seen in training or validation of {maps.root}{before}: a score on them would "
            "be false. Predict people that the weights have never seen."
        )
        if not all(dataset for dataset, _ in (*people.participants, *seen.participants)):
            msg += " Where a data set has no name, the participant's alone is compared: if these are others of the same name, say in a column `dataset` of all tables whose is whose, and train again."
        raise LeakError(msg)


def _labelled(people: Cohort, task: Task) -> bool:
    """Tell whether all that is true of a cohort is known, and refuse what the task cannot compare with."""
    unknown = [name for name in task.columns if name not in people.frame.columns or people.frame[name].isna().all()]
    if unknown:
        return False
    task.targets(people)
    return True


def _refuse_lacking(people: Cohort, learnt: Learnt) -> None:
    """Refuse people without the columns that the network is given beside the image."""
    learnt.covariates.encode(people)


def _refuse_without_latent_space(parts: Parts) -> None:
    own = parts.of_network(parts.networks[0])
    given = passage(own.network_for, own.images.sample_shape, own.learnt.covariates.width).outputs
    if "mu" not in given:
        msg = f"the network {parts.choices.network.component.name} has no latent space: variational autoencoders have one, such as vae-dense. Leave --latent out."
        raise InputError(msg)


def _kept_contracts(maps: Maps, parts: Parts, splits: Sequence[int]) -> dict[tuple[int, str, int | None], Contract]:
    """Read the contracts of all weights that will be used, and check every image against them."""
    contracts, problems = {}, []
    wanted = [
        (split, metric, one)
        for split in splits
        for metric in parts.experiment.task.selection_metrics
        for one in parts.networks
    ]
    for split, metric, number in wanted:
        contract = Contract.read(maps.training(split, number).contract(metric))
        contracts[split, metric, number] = contract
        if contract.cut and contract.cut != digest(parts.of_network(number).images.locations):
            what = f"split-{split}: images are not cut as in training: a mask, or the extraction, is another"
            problems.append(Problem(what, "bring back the masks of the training (--caps with those first)"))
        for channel, entries in enumerate(parts.images.channels):
            named = [
                (f"{session} ({entry.name})" if channel else str(session), entry) for session, entry in entries.items()
            ]
            problems += contract.breaches(named, channel)
    refuse(f"these images for the weights of {maps.root}", list(dict.fromkeys(problems)))
    return contracts

"""What trained weights say of a group, at part and image level, and how good it is; shared by training and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from fimbria.data.cohort.cohort import IDS
from fimbria.data.extraction import digest
from fimbria.errors import MapsError
from fimbria.learning.networks.network import to_be_filled
from fimbria.learning.outputs import parted, plain
from fimbria.learning.training.devices import seeded
from fimbria.results.evaluation.datasets import by_data_set
from fimbria.results.maps.contract import Contract
from fimbria.results.maps.transferred import BEFORE
from fimbria.results.predictions.ensemble import part_weights, vote, vote_left_out
from fimbria.results.predictions.table import together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lightning_fabric import Fabric
    from torch import nn

    from fimbria.data.cohort.splits import Split
    from fimbria.results.maps.maps import Maps
    from fimbria.results.predictions.table import PredictionTable
    from fimbria.workflows.parts import Parts
    from fimbria.workflows.transfer import Source

_GOLDEN_NUMBERS = 64
_GOLDEN_SEED = 20220
_GOLDEN_TOLERANCE = 1e-2  # of the outputs' size: other processors and precisions round otherwise


def trained_network(  # noqa: PLR0913, PLR0917  (of what, chosen by what, where)
    parts: Parts, maps: Maps, split: int, metric: str, fabric: Fabric, number: int | None = None
) -> nn.Module:
    """Give the network with the weights that a metric chose, ready to predict; of several, the one with a number.

    Raises
    ------
    MapsError
        When there are none, or they cannot be read or do not fit.
    """
    with seeded(parts.experiment.compute.seed):  # what no weights hold is drawn as the training drew it
        network = to_be_filled(parts.new_network)
    path = maps.training(split, number).weights(metric)
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        msg = f"the weights {path} cannot be used ({reason}). Copy the MAPS again from where it came from."
        raise MapsError(msg) from error
    ready: nn.Module = fabric.setup_module(network)
    return ready


def contract_of(parts: Parts, split: Split, network: nn.Module, device: torch.device) -> Contract:
    """Describe what an image must be for these weights."""
    return Contract.of(
        parts.images.of(split.train.sessions),
        pipelines=[choice.record for choice in parts.choices.pipelines],
        space=parts.choices.pipeline.build().space,
        input_size=parts.images.sample_shape,
        cut=digest(parts.images.locations),
        golden=(_GOLDEN_SEED, golden_output(network, parts.images.sample_shape, device, parts.learnt.covariates.width)),
    )


@torch.inference_mode()
def golden_output(
    network: nn.Module, input_size: Sequence[int], device: torch.device, covariates: int = 0, seed: int = _GOLDEN_SEED
) -> list[float]:
    """Give what a network says of an input that follows from the seed; of many numbers, some that lie evenly among them."""
    drawn = torch.rand((1, *input_size), generator=torch.Generator().manual_seed(seed))
    beside = (torch.zeros((1, covariates), device=device),) if covariates else ()
    network.eval()
    outputs = plain(network(drawn.to(device), *beside))
    said = torch.cat([one.flatten() for one in parted(outputs)])
    answer: list[float] = said[:: -(-len(said) // _GOLDEN_NUMBERS)].tolist()
    return answer


def refuse_damaged(
    contract: Contract, network: nn.Module, device: torch.device, maps: Maps, covariates: int = 0
) -> None:
    """Refuse weights that no longer say of the golden input what they said when they were kept.

    Raises
    ------
    MapsError
        When they do not.
    """
    said = torch.tensor(golden_output(network, contract.input_size, device, covariates, contract.golden_seed))
    kept = torch.tensor(contract.golden_output)
    if said.shape != kept.shape or not torch.allclose(said, kept, rtol=_GOLDEN_TOLERANCE, atol=_GOLDEN_TOLERANCE):
        msg = f"the weights of {maps.root} do not say of the golden input what they said when they were kept. They are damaged, or the network has changed."
        raise MapsError(msg)


def score_training(parts: Parts, split: Split, maps: Maps) -> None:
    """Score both sides of a split by the predictions of the kept epochs: nothing is predicted again.

    A vote needs weights from people other than the one it is about: training people are voted with those of the
    validation side, and each validation participant with those of all the other validation participants.
    """
    threshold = parts.experiment.task.voting_threshold
    for metric in parts.experiment.task.selection_metrics:
        training, validation = (
            together([maps.scores.predictions(split.index, metric, group, parts.part, one) for one in parts.networks])
            for group in ("train", "validation")
        )
        voted = vote(training, part_weights(validation, threshold))
        keep_scored(parts, maps, split.index, metric, "train", training, voted)
        voted = vote_left_out(validation, threshold)
        keep_scored(parts, maps, split.index, metric, "validation", validation, voted)


def keep_scored(  # noqa: PLR0913, PLR0917  (whose predictions, where, at which levels)
    parts: Parts, maps: Maps, split: int | None, metric: str, group: str, table: PredictionTable, voted: PredictionTable
) -> None:
    """Keep predictions and, where the truth is known, metrics: of the parts, and of the images they make up.

    Of people from several data sets, the metrics of each are kept too.
    """
    metrics, seed = parts.task.metrics, parts.experiment.compute.seed
    for level in [table] if table.part == "image" else [table, voted]:
        maps.scores.keep_predictions(split, metric, group, level)
        if (known := level.known()) is None:
            continue
        maps.scores.keep_metrics(split, metric, group, level.part, metrics.evaluate(known, seed=seed))
        if (apart := by_data_set(metrics, known, seed=seed)) is not None:
            maps.scores.keep_by_data_set(split, metric, group, level.part, apart)


def seen_by(splits: Sequence[Split], sources: Mapping[int, Source]) -> pd.DataFrame:
    """List everybody that the weights of any split have seen, those included that the weights they began with had seen."""
    sides = [side.frame[list(IDS)] for split in splits for side in (split.train, split.other)]
    people = sorted(frozenset().union(*(source.seen or () for source in sources.values())))
    sides.append(pd.DataFrame([(*person, BEFORE) for person in people], columns=list(IDS)))
    return pd.concat(sides).drop_duplicates().sort_values(list(IDS), ignore_index=True)

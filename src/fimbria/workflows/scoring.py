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
from fimbria.learning.inference import predict
from fimbria.results.maps.contract import Contract
from fimbria.results.predictions.ensemble import part_weights, vote, vote_left_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning_fabric import Fabric
    from torch import nn

    from fimbria.data.cohort.splits import Split
    from fimbria.results.maps.maps import Maps
    from fimbria.results.predictions.table import PredictionTable
    from fimbria.workflows.parts import Parts

_GOLDEN_SEED = 20220
_GOLDEN_TOLERANCE = 1e-2  # of the outputs' size: other processors and precisions round otherwise


def trained_network(parts: Parts, maps: Maps, split: int, metric: str, fabric: Fabric) -> nn.Module:
    """Give the network with the weights that a metric chose, ready to predict.

    Raises
    ------
    MapsError
        When there are none, or they cannot be read or do not fit.
    """
    network = parts.new_network()
    path = maps.training(split).weights(metric)
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
        golden=(_GOLDEN_SEED, golden_output(network, parts.images.sample_shape, device)),
    )


@torch.inference_mode()
def golden_output(
    network: nn.Module, input_size: Sequence[int], device: torch.device, seed: int = _GOLDEN_SEED
) -> list[float]:
    """Give what a network says of an input that follows from the seed."""
    drawn = torch.rand((1, *input_size), generator=torch.Generator().manual_seed(seed))
    network.eval()
    answer: list[float] = network(drawn.to(device)).float().flatten().tolist()
    return answer


def refuse_damaged(contract: Contract, network: nn.Module, device: torch.device, maps: Maps) -> None:
    """Refuse weights that no longer say of the golden input what they said when they were kept.

    Raises
    ------
    MapsError
        When they do not.
    """
    said = torch.tensor(golden_output(network, contract.input_size, device, contract.golden_seed))
    kept = torch.tensor(contract.golden_output)
    if said.shape != kept.shape or not torch.allclose(said, kept, rtol=_GOLDEN_TOLERANCE, atol=_GOLDEN_TOLERANCE):
        msg = f"the weights of {maps.root} do not say of the golden input what they said when they were kept. They are damaged, or the network has changed."
        raise MapsError(msg)


def score_training(  # noqa: PLR0913, PLR0917  (of what, by what, where)
    parts: Parts, split: Split, maps: Maps, metric: str, network: nn.Module, device: torch.device
) -> None:
    """Score both sides of a split with its weights.

    The validation predictions are those made when the epoch was scored. A vote needs weights from people other than the
    one it is about: training people are voted with those of the validation side, and each validation participant with
    those of all the other validation participants.
    """
    validation = maps.predictions(split.index, metric, "validation", parts.part)
    training = predict(network, parts.task, parts.loader(split.train).batches(), parts.part, device)
    threshold = parts.experiment.task.voting_threshold
    keep_scored(parts, maps, split.index, metric, "validation", validation, vote_left_out(validation, threshold))
    keep_scored(
        parts, maps, split.index, metric, "train", training, vote(training, part_weights(validation, threshold))
    )


def keep_scored(  # noqa: PLR0913, PLR0917  (whose predictions, where, at which levels)
    parts: Parts, maps: Maps, split: int | None, metric: str, group: str, table: PredictionTable, voted: PredictionTable
) -> None:
    """Keep predictions and, where labels are known, metrics: of the parts, and of the images they vote on."""
    levels = [table] if table.part == "image" else [table, voted]
    for level in levels:
        maps.keep_predictions(split, metric, group, level)
        if level.labelled:
            scored = parts.task.metrics.evaluate(level, seed=parts.experiment.compute.seed)
            maps.keep_metrics(split, metric, group, level.part, scored)


def seen_by(splits: Sequence[Split]) -> pd.DataFrame:
    """List everybody that the weights of any split have seen."""
    sides = [side.frame[list(IDS)] for split in splits for side in (split.train, split.other)]
    return pd.concat(sides).drop_duplicates().sort_values(list(IDS), ignore_index=True)

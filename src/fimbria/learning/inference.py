"""A network and a loader give a table of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from fimbria.data.cohort.cohort import IDS
from fimbria.errors import DivergenceError, listing
from fimbria.learning.outputs import Variational, parted, plain
from fimbria.results.predictions.table import PredictionTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from torch import nn

    from fimbria.learning.outputs import Outputs
    from fimbria.learning.samples.sample import Batch, Whose
    from fimbria.learning.tasks import Task


def _nobody(batch: Batch, outputs: Outputs) -> None:
    """Do nothing with a batch and its outputs: nobody asked to be shown them."""


def predict(  # noqa: PLR0913  (with what, of what, and who looks on)
    network: nn.Module,
    task: Task,
    batches: Iterable[Batch],
    part: str,
    device: torch.device,
    *,
    shown: Callable[[Batch, Outputs], None] = _nobody,
) -> PredictionTable:
    """Predict every sample.

    Parameters
    ----------
    network
        Set to evaluation, and back to what it was.
    task
        How outputs are read.
    batches
        The samples.
    part
        What a part is called: image, patch, slice, roi.
    device
        Where the network is.
    shown
        Is shown each batch with the network's outputs.

    Returns
    -------
    PredictionTable
        One row a sample; it does not depend on how samples were put into batches.

    Raises
    ------
    DivergenceError
        When the network gives what is no number.
    """
    whose: list[Whose] = []
    said = []
    for batch, outputs in answers(network, batches, device):
        whose += batch.whose
        shown(batch, outputs)
        if not all(torch.isfinite(one).all() for one in parted(outputs)):
            people = sorted({who.participant_id for who in batch.whose})
            msg = f"the network gives what is no number for {listing(people)}: its training has gone astray. Train again into another folder, with a smaller learning rate."
            raise DivergenceError(msg)
        said.append(task.read(outputs, wanted(task, batch)))
    return tabulate(whose, said, part)


def codes(batch: Batch, outputs: Outputs, part: str) -> pd.DataFrame:
    """Give where each sample lies in the latent space of a variational autoencoder: ids, then the means ``z0``, ``z1``, ..."""
    if not isinstance(outputs, Variational):
        msg = "codes are given by variational autoencoders"
        raise TypeError(msg)
    means = outputs.mu.flatten(1).cpu().numpy()
    ids = pd.DataFrame(list(batch.whose), columns=[*IDS, f"{part}_id"])
    return pd.concat([ids, pd.DataFrame(means, columns=[f"z{number}" for number in range(means.shape[1])])], axis=1)


@torch.inference_mode()
def answers(network: nn.Module, batches: Iterable[Batch], device: torch.device) -> Iterator[tuple[Batch, Outputs]]:
    """Give each batch with the network's outputs for it, float32, both on the device."""
    modes = [(module, module.training) for module in network.modules()]  # a frozen layer has its own
    network.eval()
    try:
        for batch in batches:
            moved = batch.to(device)
            yield moved, plain(network(*moved.inputs))
    finally:
        for module, training in modes:
            module.training = training


def wanted(task: Task, batch: Batch) -> torch.Tensor | None:
    """Give what the outputs for a batch are compared with: its targets, or its images themselves."""
    return batch.images if task.outputs is None else batch.targets


def tabulate(whose: Sequence[Whose], said: Sequence[Mapping[str, Any]], part: str) -> PredictionTable:
    """Put what was read of each batch into a table, in the order of participants, sessions and parts.

    Of a sample that was read several times, as some samplers have it, the last time counts.
    """
    ids = pd.DataFrame(list(whose), columns=[*IDS, f"{part}_id"])
    columns = {name: np.concatenate([one[name] for one in said]) for name in said[0]}
    frame = pd.concat([ids, pd.DataFrame(columns)], axis=1).drop_duplicates([*ids], keep="last")
    return PredictionTable(frame, part).sorted()

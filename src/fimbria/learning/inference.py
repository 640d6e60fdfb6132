"""A network and a loader give a table of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch

from fimbria.data.cohort.cohort import IDS
from fimbria.results.predictions.table import PredictionTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor, nn

    from fimbria.learning.samples.sample import Batch, Whose
    from fimbria.learning.tasks import Task


def predict(
    network: nn.Module, task: Task, batches: Iterable[Batch], part: str, device: torch.device
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

    Returns
    -------
    PredictionTable
        One row a sample; it does not depend on how samples were put into batches.
    """
    whose: list[Whose] = []
    outputs, targets = [], []
    for batch, answer in answers(network, batches, device):
        whose += batch.whose
        outputs.append(answer)
        if batch.targets is not None:
            targets.append(batch.targets)
    known = torch.cat(targets) if len(targets) == len(outputs) else None
    return tabulate(task, whose, torch.cat(outputs), known, part)


@torch.inference_mode()
def answers(network: nn.Module, batches: Iterable[Batch], device: torch.device) -> Iterator[tuple[Batch, Tensor]]:
    """Give each batch with the network's outputs for it, float32 in main memory."""
    modes = [(module, module.training) for module in network.modules()]  # a frozen layer has its own
    network.eval()
    try:
        for batch in batches:
            yield batch, network(batch.to(device).images).float().cpu()
    finally:
        for module, training in modes:
            module.training = training


def tabulate(task: Task, whose: Sequence[Whose], outputs: Tensor, targets: Tensor | None, part: str) -> PredictionTable:
    """Put outputs into a table, in the order of participants, sessions and parts."""
    ids = pd.DataFrame(list(whose), columns=[*IDS, f"{part}_id"])
    columns = pd.DataFrame(dict(task.read(outputs, targets)))
    return PredictionTable(pd.concat([ids, columns], axis=1), part).sorted()

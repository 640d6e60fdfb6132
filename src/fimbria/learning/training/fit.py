"""The loop. It yields steps and epochs, writes nothing and calls nobody back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fimbria.learning.inference import predict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fimbria.learning.samples.loader import Loader
    from fimbria.learning.training.learner import Epoch, Learner, Step


def fit(learner: Learner, train: Loader, validation: Loader, epochs: int, part: str) -> Iterator[Step | Epoch]:
    """Train until `epochs` are done, from wherever the learner stands.

    Parameters
    ----------
    learner
        The state, moved by each step.
    train, validation
        Samples to learn from, and to score on at the end of each epoch.
    epochs
        How many in all.
    part
        What a part is called: image, patch, slice, roi.

    Yields
    ------
    Step or Epoch
        What was just done. The learner can be saved at each of them and restored to go on from there.
    """
    while learner.epoch < epochs:
        for batch in train.batches(learner.epoch, start=learner.step):
            yield learner.learn(train.augmented(batch.to(learner.device)))
        scored = predict(learner.runner, learner.task, validation.batches(), part, learner.device)
        yield learner.close_epoch(scored)

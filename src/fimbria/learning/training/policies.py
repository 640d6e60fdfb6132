"""Which epoch is kept and when to stop: pure functions of the log, so that a resumed run needs no memory of its own."""

from __future__ import annotations

from math import inf, isfinite
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_best(scores: Sequence[float], *, higher_is_better: bool) -> bool:
    """Tell whether the last score is strictly better than all before.

    The first number always is, and a NaN never is once there was a number. While there was none, the last epoch counts as
    the best, so that something is kept of a training whose score is never defined.

    Examples
    --------
    >>> is_best([0.7, 0.6], higher_is_better=False), is_best([0.7, 0.7], higher_is_better=False)
    (True, False)
    """
    signed = np.asarray(scores, dtype=float) * (1 if higher_is_better else -1)
    before = signed[:-1][~np.isnan(signed[:-1])]
    return bool(before.size == 0 or signed[-1] > before.max())


def is_out_of_patience(losses: Sequence[float], patience: int, tolerance: float = 0.0) -> bool:
    """Tell whether the last `patience` epochs all failed to bring the loss below the best by a share of `tolerance`.

    Parameters
    ----------
    losses
        Validation loss of each epoch so far.
    patience
        Epochs to wait; 0 waits for ever.
    tolerance
        An epoch is better when its loss is below ``best * (1 - tolerance)``; the first always is.

    Examples
    --------
    >>> is_out_of_patience([1.0, 0.95, 0.91], patience=2, tolerance=0.1)
    True
    """
    best, waited = inf, 0
    for loss in losses:
        if loss < (best * (1 - tolerance) if isfinite(best) else inf):
            best, waited = loss, 0
        else:
            waited += 1
    return 0 < patience <= waited

"""Who of the held-out people was seen before, under the rule that a name without a data set may be anybody of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray


def seen(items: pd.DataFrame, people: Iterable[tuple[str, str]]) -> NDArray[np.bool_]:
    """Tell for each item whether it is of one of some people.

    Parameters
    ----------
    items
        As in `Material`.
    people
        ``(dataset, participant_id)``.

    Returns
    -------
    numpy.ndarray
        ``(items,)``. Where one side does not name its data set, the same ``participant_id`` counts as the same person:
        better one question too many than a leak.
    """
    named = pd.DataFrame(sorted(people), columns=["dataset", "participant_id"], dtype="str")
    whose, scope = items["participant_id"], items["dataset"]
    exact = pd.MultiIndex.from_frame(items[["dataset", "participant_id"]]).isin(pd.MultiIndex.from_frame(named))
    unscoped = whose.isin(named.loc[named["dataset"] == "", "participant_id"])
    by_name = (scope == "") & whose.isin(named["participant_id"])
    found: NDArray[np.bool_] = exact | unscoped.to_numpy(bool) | by_name.to_numpy(bool)
    return found & (whose != "").to_numpy(bool)

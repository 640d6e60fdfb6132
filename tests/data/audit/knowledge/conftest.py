from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fimbria.data.audit.material import Material


def cohort(people=40, sessions=1, sides=("train", "validation", "test"), seed=0, **columns):
    """People in turn on each side, with labels AD and CN that nothing tells; a column is one value a person."""
    rng = np.random.default_rng(seed)
    label = np.array(["AD", "CN"])[rng.permutation(np.arange(people) // len(sides) % 2)]
    frame = pd.DataFrame(
        {
            "side": [sides[number % len(sides)] for number in range(people)],
            "participant_id": [f"sub-{number:04d}" for number in range(people)],
            "diagnosis": label,
            **{name: values(label, rng) if callable(values) else values for name, values in columns.items()},
        }
    )
    visits = [frame.assign(session_id=f"ses-M{12 * visit:03d}", visit=visit) for visit in range(sessions)]
    return pd.concat(visits, ignore_index=True).drop(columns="visit")


@pytest.fixture
def table():
    """The table of a cohort, to be made as a test wants it."""
    return cohort


@pytest.fixture
def material():
    """What is audited, from the columns of a cohort or a table of one's own."""

    def make(frame=None, label="diagnosis", **wanted):
        facts = {name: wanted.pop(name) for name in list(wanted) if name in Material.__dataclass_fields__}
        return Material("here", "splits", cohort(**wanted) if frame is None else frame, label=label, **facts)

    return make

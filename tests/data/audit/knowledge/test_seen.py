from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.audit.knowledge.seen import seen
from fimbria.data.cohort.cohort import Cohort, shared_participants

whoever = st.lists(
    st.tuples(st.sampled_from(["", "A", "B"]), st.sampled_from(["sub-1", "sub-2"])), min_size=1, unique=True
)


@pytest.mark.parametrize(
    ("dataset", "people", "expected"),
    [
        ("A", {("A", "sub-1")}, True),
        ("A", {("B", "sub-1")}, False),
        ("A", {("", "sub-1")}, True),
        ("", {("A", "sub-1")}, True),
    ],
)
def test_a_name_without_a_data_set_may_be_anybody_of_that_name(dataset, people, expected):
    items = pd.DataFrame({"dataset": [dataset, ""], "participant_id": ["sub-1", ""]})
    assert seen(items, people).tolist() == [expected, False]


@given(whoever, whoever)
def test_the_rule_is_that_of_cohorts(one, other):
    def frame(people):
        return pd.DataFrame(people, columns=["dataset", "participant_id"]).assign(session_id="ses-1")

    found = seen(frame(one), other)
    named = sorted({who for (_, who), known in zip(one, found, strict=True) if known})
    assert named == shared_participants(Cohort(frame(one)), Cohort(frame(other)))

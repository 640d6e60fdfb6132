from __future__ import annotations

import json

import pytest
from hypothesis import given

from fimbria.data.cohort import flow
from fimbria.data.cohort.cohort import Session, Step
from fimbria.errors import TableError
from strategies import cohorts

STEPS = (
    Step("in people", 2, 3),
    Step("is over 60", 1, 2, ((Session("one", "sub-02", "ses-1"), "is 50"),)),
)


def test_a_flow_lies_beside_its_table(tmp_path):
    assert flow.beside(tmp_path / "cohort.tsv") == tmp_path / "cohort.flow.json"


def test_a_flow_survives_a_file(tmp_path):
    flow.write(STEPS, tmp_path / "flow.json")
    assert flow.read(tmp_path / "flow.json") == STEPS


@given(cohorts())
def test_the_flow_of_any_cohort_survives_json(people):
    kept = [number % 3 == 0 for number in range(len(people))]
    steps = people.keep(kept, "every third").flow
    assert flow.from_plain(json.loads(json.dumps(flow.as_plain(steps)))) == steps


def test_a_flow_that_is_not_there_is_empty(tmp_path):
    assert flow.read(tmp_path / "flow.json") == ()


@pytest.mark.parametrize(
    "content", ["[", "3", '[{"rule": "x"}]', '["x"]', '[{"rule":"x","participants":1,"sessions":1,"left":[{}]}]']
)
def test_a_flow_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "flow.json"
    path.write_text(content)
    with pytest.raises(TableError, match=r"flow\.json cannot be read as the flow of a cohort"):
        flow.read(path)

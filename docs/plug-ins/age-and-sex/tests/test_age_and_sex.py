"""The task keeps what Fimbria relies on, and means what it says."""

from pathlib import Path

import pytest
import torch
from age_and_sex import AgeAndSex

from fimbria import Cohort
from fimbria.testing import check_task, known_caps


@pytest.fixture
def people(tmp_path: Path) -> Cohort:
    return Cohort.read(known_caps(tmp_path, people=12, side=4))


def test_it_is_a_task_as_fimbria_knows_it(people: Cohort) -> None:
    check_task(AgeAndSex, people, weight=0.5)


def test_the_weight_is_the_ages_share_of_the_loss(people: Cohort) -> None:
    outputs = torch.randn((12, 3), generator=torch.Generator().manual_seed(0))
    none, one, two = (AgeAndSex(weight=weight).fit(people) for weight in (0, 1, 2))
    losses = [task.loss(outputs, task.targets(people)) for task in (none, one, two)]
    torch.testing.assert_close(losses[2] - losses[1], losses[1] - losses[0])
    mean, deviation = people.column("age").mean(), people.column("age").std()
    squares = (outputs[:, 2] * deviation + mean - torch.tensor(people.column("age").to_numpy())) ** 2
    torch.testing.assert_close((losses[1] - losses[0]).double(), squares / deviation**2, rtol=1e-4, atol=1e-4)

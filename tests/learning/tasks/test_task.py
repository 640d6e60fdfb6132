from __future__ import annotations

import pytest

from fimbria.learning.tasks import Bounded, Fittable, Selective
from fimbria.learning.tasks import task as tasks

OPTIONS = {"domain-adaptation": {"target": "HOME"}}


@pytest.mark.parametrize(
    ("name", "fits", "selects", "bounded"),
    [
        ("classification", True, False, False),
        ("regression", True, False, True),
        ("reconstruction", False, False, False),
        ("domain-adaptation", True, True, False),
    ],
)
def test_each_task_says_what_it_can(name, fits, selects, bounded):
    made = tasks.find(name).build({}, OPTIONS.get(name, {}))
    assert [isinstance(made, kind) for kind in (Fittable, Selective, Bounded)] == [fits, selects, bounded]
    assert "loss" in made.metrics.followed

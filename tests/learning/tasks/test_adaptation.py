from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from fimbria.data.cohort.cohort import Cohort
from fimbria.errors import ProblemsError
from fimbria.learning.outputs import Domains
from fimbria.learning.tasks.adaptation import DomainAdaptation

LABELS = ["AD", "CN", "AD", None]
PLACES = ["AWAY", "AWAY", "HOME", "HOME"]


def cohort(labels=LABELS, places=PLACES):
    names = [f"sub-{number:02d}" for number in range(len(labels))]
    frame = pd.DataFrame({"dataset": places, "participant_id": names, "session_id": "ses-M000"})
    return Cohort(frame.assign(diagnosis=labels))


@pytest.fixture
def adaptation():
    return DomainAdaptation("HOME", positive="AD", domain_weight=0.25).fit(cohort())


@pytest.fixture
def heads():
    drawn = torch.randn((3, 4, 2), generator=torch.Generator().manual_seed(0))
    return Domains(*drawn)


def test_targets_are_class_and_domain_and_a_label_of_the_target_may_be_missing(adaptation):
    assert adaptation.targets(cohort()).tolist() == [[0, 0], [1, 0], [0, 1], [-1, 1]]
    assert adaptation.validates(cohort()) == [False, False, True, False]
    assert adaptation.fitted == {"classes": ["AD", "CN"], "positive": "AD", "counts": [2.0, 1.0]}


def test_everybody_teaches_the_domain_and_each_head_its_own_people(adaptation, heads):
    targets = adaptation.targets(cohort())
    of_domain = functional.cross_entropy(heads.domain, targets[:, 1], reduction="none")
    of_class = adaptation.loss(heads, targets) - 0.25 * of_domain
    right = torch.stack([heads.source[0], heads.source[1], heads.target[2]])
    expected = functional.cross_entropy(right, torch.tensor([0, 1, 0]), reduction="none")
    torch.testing.assert_close(of_class, torch.cat([expected, torch.zeros(1)]))


def test_who_has_no_label_moves_no_head_but_the_one_of_domains(adaptation, heads):
    heads = Domains(*(one.clone().requires_grad_() for one in heads))
    adaptation.loss(heads, adaptation.targets(cohort())).sum().backward()
    assert heads.target.grad[3].tolist() == heads.source.grad[3].tolist() == [0, 0]
    assert heads.source.grad[2].tolist() == heads.target.grad[0].tolist() == [0, 0]
    assert bool((heads.domain.grad != 0).all())


def test_is_read_from_the_target_s_head(adaptation, heads):
    columns = adaptation.read(heads, adaptation.targets(cohort()))
    assert list(columns["true_label"]) == ["AD", "CN", "AD", None]
    np.testing.assert_allclose(columns["p_AD"], torch.softmax(heads.target.double(), dim=1)[:, 0])
    assert np.isfinite(columns["loss"]).all()
    assert "true_label" not in adaptation.read(heads.target, None)


@pytest.mark.parametrize(
    ("places", "sentence"),
    [(["AWAY"] * 4, "target data set 'HOME'; there is: AWAY"), (["HOME"] * 4, "nobody in training is of a source")],
)
def test_needs_people_of_the_target_and_of_another(places, sentence):
    with pytest.raises(ProblemsError, match=sentence):
        DomainAdaptation("HOME", positive="AD").fit(cohort(["AD", "CN", "AD", "CN"], places))


def test_a_source_needs_labels(adaptation):
    with pytest.raises(ProblemsError, match="diagnosis"):
        adaptation.targets(cohort(["AD", None, "AD", None]))

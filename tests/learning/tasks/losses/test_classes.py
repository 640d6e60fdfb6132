from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from fimbria.errors import InputError
from fimbria.learning.tasks.losses import FITS, build
from fimbria.learning.tasks.losses.classes import weights_of

COUNTS = (30.0, 10.0, 5.0, 15.0)
CHOICES = [
    {"name": name, "class_weights": weights, **more}
    for name, *options in [
        ("cross-entropy", {}, {"label_smoothing": 0.1}),
        ("focal", {}, {"gamma": 0.5}),
        ("multi-margin", {}, {"p": 2, "margin": 0.5}),
    ]
    for more in options
    for weights in ("none", "balanced", (1.0, 2.0, 0.5, 3.0))
]


def made(name, **options):
    return build({"name": name, **options}, "classes", counts=COUNTS)


def drawn(samples=40, classes=4, seed=0, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    outputs = scale * torch.randn(samples, classes, generator=generator, dtype=torch.float64)
    return outputs, torch.randint(classes, (samples,), generator=generator)


def by_hand(logits, true, of_one, **options):
    """The loss of one sample, written with the mathematics of floats."""
    logits = [float(value) for value in logits]
    total = math.log(sum(math.exp(value) for value in logits))
    logs = [value - total for value in logits]
    return of_one(logits, logs, int(true), **options)


def cross_entropy(_, logs, true, smoothing=0.0):
    return -(1 - smoothing) * logs[true] - smoothing * sum(logs) / len(logs)


def focal(_, logs, true, gamma=2.0):
    return -((1 - math.exp(logs[true])) ** gamma) * logs[true]


def multi_margin(logits, _, true, p=1, margin=1.0):
    others = (value for place, value in enumerate(logits) if place != true)
    return sum(max(0.0, margin - logits[true] + value) ** p for value in others) / len(logits)


@pytest.mark.parametrize(
    ("chosen", "of_one", "options"),
    [
        ({"name": "cross-entropy"}, cross_entropy, {}),
        ({"name": "cross-entropy", "label_smoothing": 0.3}, cross_entropy, {"smoothing": 0.3}),
        ({"name": "focal"}, focal, {}),
        ({"name": "focal", "gamma": 0.7}, focal, {"gamma": 0.7}),
        ({"name": "multi-margin"}, multi_margin, {}),
        ({"name": "multi-margin", "p": 2, "margin": 0.5}, multi_margin, {"p": 2, "margin": 0.5}),
    ],
)
@pytest.mark.parametrize("weights", ["none", "balanced", (1.0, 2.0, 0.5, 3.0)])
def test_losses_are_what_a_loop_over_samples_gives(chosen, of_one, options, weights):
    outputs, targets = drawn()
    of_class = {"none": (1, 1, 1, 1), "balanced": [60 / (4 * count) for count in COUNTS]}.get(weights, weights)
    wanted = [
        of_class[true] * by_hand(logits, true, of_one, **options) for logits, true in zip(outputs, targets, strict=True)
    ]
    given = made(**chosen, class_weights=weights)(outputs, targets)
    np.testing.assert_allclose(given.numpy(), wanted, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("weights", ["none", (1.0, 2.0, 0.5, 3.0)])
def test_losses_are_torchs_own_of_each_sample(weights):
    outputs, targets = drawn()
    of_class = None if weights == "none" else torch.tensor(weights, dtype=torch.float64)
    for p in (1, 2):
        wanted = functional.multi_margin_loss(outputs, targets, p=p, margin=0.5, weight=of_class, reduction="none")
        torch.testing.assert_close(
            made("multi-margin", p=p, margin=0.5, class_weights=weights)(outputs, targets), wanted
        )
    wanted = functional.cross_entropy(outputs, targets, of_class, reduction="none")
    torch.testing.assert_close(made("cross-entropy", class_weights=weights)(outputs, targets), wanted)
    smooth = functional.cross_entropy(outputs, targets, reduction="none", label_smoothing=0.2)
    assert torch.equal(made("cross-entropy", label_smoothing=0.2)(outputs, targets), smooth)


@pytest.mark.parametrize("chosen", CHOICES, ids=str)
@given(st.lists(st.integers(0, 39), min_size=1, max_size=12))
def test_the_loss_of_a_sample_is_its_own_whoever_else_is_in_the_batch(chosen, batch):
    outputs, targets = drawn()
    whole = made(**chosen)(outputs, targets)
    torch.testing.assert_close(made(**chosen)(outputs[batch], targets[batch]), whole[batch])


@given(st.integers(0, 10_000), st.integers(2, 9), st.floats(0.1, 30))
def test_a_focal_loss_without_gamma_is_the_cross_entropy(seed, classes, scale):
    outputs, targets = drawn(8, classes, seed, scale)
    losses = build({"name": "focal", "gamma": 0}, "classes", counts=(1.0,) * classes)(outputs, targets)
    torch.testing.assert_close(losses, functional.cross_entropy(outputs, targets, reduction="none"))


@given(st.floats(0, 5), st.floats(0, 5), st.integers(0, 10_000))
def test_a_greater_gamma_turns_further_from_what_is_told_apart_well(one, other, seed):
    outputs, targets = drawn(10, seed=seed)
    low, high = (made("focal", gamma=gamma)(outputs, targets) for gamma in sorted((one, other)))
    assert torch.all(high <= low * (1 + 1e-12))


@pytest.mark.parametrize("chosen", [*CHOICES, {"name": "focal", "gamma": 0}, {"name": "focal", "gamma": 0.1}], ids=str)
@pytest.mark.parametrize("extreme", [0.0, 20.0, 200.0, 1e4, 1e15])
def test_losses_and_gradients_are_numbers_however_far_apart_logits_are(chosen, extreme):
    outputs = torch.tensor([[extreme, -extreme, 0, 0], [-extreme, extreme, 0, 0], [0, 0, 0, 0]], requires_grad=True)
    losses = made(**chosen)(outputs, torch.tensor([0, 0, 3]))
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert torch.isfinite(outputs.grad).all()
    assert torch.all(losses >= 0)


def test_a_sample_that_is_certain_and_wrong_pulls_with_all_its_weight():
    outputs = torch.tensor([[-50.0, 50.0, 0, 0]], requires_grad=True)
    made("focal")(outputs, torch.tensor([0])).sum().backward()
    assert outputs.grad[0, 0] == -1


@pytest.mark.parametrize("name", FITS["classes"])
def test_precision_and_place_are_those_of_the_outputs(name):
    outputs, targets = drawn()
    chosen = made(name, class_weights="balanced")
    assert chosen(outputs, targets).dtype == torch.float64
    assert chosen(outputs.float(), targets).dtype == torch.float32
    assert chosen(outputs.to("meta"), targets.to("meta")).device.type == "meta"


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=9))
def test_balanced_classes_weigh_the_same_and_everybody_together_as_much_as_before(counts):
    weights = weights_of("balanced", counts)
    np.testing.assert_allclose(
        [weight * count for weight, count in zip(weights, counts, strict=True)], sum(counts) / len(counts)
    )
    assert math.isclose(sum(weight * count for weight, count in zip(weights, counts, strict=True)), sum(counts))


def test_weights_that_cannot_be_are_refused():
    with pytest.raises(InputError, match=r"no training participant is of class number 1, 2 .*by class: 4, 0, 0"):
        build({"name": "focal", "class_weights": "balanced"}, "classes", counts=(4, 0, 0))
    with pytest.raises(InputError, match=r"class_weights = \(1.0, 2.0\): 4 weights were wanted"):
        made("cross-entropy", class_weights=[1, 2])


def test_while_classes_are_not_known_any_number_of_weights_is_taken():
    for weights in ("none", "balanced", (1, 2, 3)):
        assert build({"name": "multi-margin", "class_weights": weights}, "classes", counts=())

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from fimbria.errors import InputError
from fimbria.learning.tasks.losses import FITS, WITHIN_0_AND_1, build

TORCH = {
    "mse": functional.mse_loss,
    "mae": functional.l1_loss,
    "huber": functional.huber_loss,
    "smooth-l1": functional.smooth_l1_loss,
    "kl-div": functional.kl_div,
    "bce": functional.binary_cross_entropy_with_logits,
}


def drawn(*shape, seed=0):
    """Outputs of any size, and targets between 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    outputs = 3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    return outputs, torch.rand(shape, generator=generator, dtype=torch.float64)


def huber(error, delta):
    return error**2 / 2 if abs(error) <= delta else delta * (abs(error) - delta / 2)


def smooth(error, beta):
    return error**2 / (2 * beta) if abs(error) < beta else abs(error) - beta / 2


BY_HAND = [
    ({"name": "mse"}, lambda out, true: (out - true) ** 2),
    ({"name": "mae"}, lambda out, true: abs(out - true)),
    ({"name": "huber"}, lambda out, true: huber(out - true, 1)),
    ({"name": "huber", "delta": 0.3}, lambda out, true: huber(out - true, 0.3)),
    ({"name": "smooth-l1"}, lambda out, true: smooth(out - true, 1)),
    ({"name": "smooth-l1", "beta": 0.3}, lambda out, true: smooth(out - true, 0.3)),
    ({"name": "kl-div"}, lambda out, true: true * (math.log(true) - out)),
    ({"name": "bce"}, lambda out, true: (1 - true) * out + math.log1p(math.exp(-out))),
]


@pytest.mark.parametrize(("chosen", "of_one"), BY_HAND, ids=[str(chosen) for chosen, _ in BY_HAND])
@pytest.mark.parametrize("shape", [(9,), (3, 1, 4, 5), (2, 2, 3, 4, 5)])
def test_losses_are_what_a_loop_over_voxels_gives(chosen, of_one, shape):
    outputs, targets = drawn(*shape)
    wanted = [
        np.mean(
            [of_one(float(out), float(true)) for out, true in zip(one.reshape(-1), target.reshape(-1), strict=True)]
        )
        for one, target in zip(outputs, targets, strict=True)
    ]
    np.testing.assert_allclose(build(chosen, "images")(outputs, targets).numpy(), wanted, rtol=1e-12)


@pytest.mark.parametrize("name", FITS["values"])
def test_losses_are_torchs_own_of_each_value_and_their_mean_is_torchs(name):
    outputs, targets = drawn(9)
    assert torch.equal(build(name, "values")(outputs, targets), TORCH[name](outputs, targets, reduction="none"))
    outputs, targets = drawn(4, 1, 5, 5, 5)
    wanted = TORCH[name](outputs, targets, reduction="none").mean()
    torch.testing.assert_close(build(name, "images")(outputs, targets).mean(), wanted)


@pytest.mark.parametrize("name", FITS["values"])
@given(st.lists(st.integers(0, 19), min_size=1, max_size=8))
def test_the_loss_of_a_sample_is_its_own_whoever_else_is_in_the_batch(name, batch):
    outputs, targets = drawn(20, 1, 3, 4)
    whole = build(name, "images")(outputs, targets)
    torch.testing.assert_close(build(name, "images")(outputs[batch], targets[batch]), whole[batch])


@pytest.mark.parametrize("name", FITS["values"])
def test_one_output_a_sample_may_stand_in_a_column(name):
    outputs, targets = drawn(9)
    given = build(name, "values")
    assert torch.equal(given(outputs[:, None], targets), given(outputs, targets))
    assert given(outputs[:1, None], targets[:1]).shape == (1,)
    assert given(outputs.float(), targets).dtype == torch.float32


@pytest.mark.parametrize(("outputs", "targets"), [((4, 2), (4,)), ((4,), (4, 1)), ((4,), (3,)), ((2, 1, 5), (2, 1, 6))])
def test_outputs_of_another_shape_are_refused_and_never_spread_over_each_other(outputs, targets):
    with pytest.raises(InputError, match="the network must give what is learnt"):
        build("mse", "values")(torch.zeros(outputs), torch.zeros(targets))


@pytest.mark.parametrize("name", FITS["values"])
@pytest.mark.parametrize("wrong", [-1e-3, 1.5])
def test_targets_outside_0_and_1_are_refused_where_they_mean_nothing(name, wrong):
    targets = torch.tensor([0.5, wrong, 1.0])
    if name not in WITHIN_0_AND_1:
        assert torch.isfinite(build(name, "values")(torch.zeros(3), targets)).all()
        return
    with pytest.raises(InputError, match=rf"loss '{name}' wants targets between 0 and 1.*{wrong:.4g}.*min-max.*'mse'"):
        build(name, "values")(torch.zeros(3), targets)


@pytest.mark.parametrize("name", FITS["values"])
@pytest.mark.parametrize("extreme", [-1e4, -90.0, 0.0, 90.0, 1e4])
def test_losses_and_gradients_are_numbers_at_extreme_outputs_and_at_both_ends(name, extreme):
    outputs = torch.full((2,), extreme, requires_grad=True)
    losses = build(name, "values")(outputs, torch.tensor([0.0, 1.0]))
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert torch.isfinite(outputs.grad).all()


@pytest.mark.parametrize("name", FITS["values"])
def test_outputs_that_are_no_numbers_give_a_loss_that_is_none(name):
    losses = build(name, "values")(torch.tensor([float("nan"), 0.0]), torch.tensor([0.5, 0.5]))
    assert losses.isnan().tolist() == [True, False]

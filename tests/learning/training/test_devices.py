from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from fimbria.errors import InputError
from fimbria.experiment.experiment import Compute
from fimbria.learning.training.devices import arithmetic, fabric_for, facts, seeded


def drawn(*numbers):
    with seeded(*numbers):
        return torch.rand(4)


def state():
    return (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.cudnn.benchmark,
    )


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=3))
def test_what_is_drawn_is_a_function_of_the_numbers_alone(numbers):
    first = drawn(*numbers)
    torch.rand(3)
    assert torch.equal(drawn(*numbers), first)


def test_other_numbers_and_another_order_give_something_else():
    seeds = [(1,), (2,), (1, 2), (2, 1), (12,), (1, 2, 0), (1, 20), (12, 0)]
    assert len({tuple(drawn(*numbers).tolist()) for numbers in seeds}) == len(seeds)


def test_what_is_drawn_is_the_same_for_ever():
    torch.testing.assert_close(
        drawn(11, 0, 0),
        torch.tensor([0.844194769859314, 0.5000134110450745, 0.9724007844924927, 0.675605058670044]),
        rtol=0,
        atol=1e-7,
    )  # a change here breaks the resuming of every training


def test_the_outer_random_state_is_left_as_it_was_also_by_what_breaks():
    before = torch.get_rng_state()
    drawn(5)
    with pytest.raises(ZeroDivisionError), seeded(6):
        raise ZeroDivisionError
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("deterministic", [True, False])
def test_arithmetic_is_set_and_put_back(deterministic):
    before = state()
    with arithmetic(Compute(threads=2, deterministic=deterministic)):
        assert state() == (2, deterministic, not deterministic)
    assert state() == before


def test_arithmetic_is_put_back_also_by_what_breaks():
    before = state()
    with pytest.raises(ZeroDivisionError), arithmetic(Compute(threads=2)):
        raise ZeroDivisionError
    assert state() == before


def test_no_thread_count_leaves_the_threads():
    before = torch.get_num_threads()
    with arithmetic(Compute(threads=0)):
        assert torch.get_num_threads() == before


@pytest.mark.parametrize(("precision", "kind"), [("32", torch.float32), ("bf16", torch.bfloat16)])
def test_gives_the_device_and_the_precision_that_are_asked_for(precision, kind):
    fabric = fabric_for(Compute(accelerator="cpu", precision=precision))
    network = fabric.setup_module(torch.nn.Linear(2, 2))
    seen = []
    network.module.register_forward_hook(lambda _module, _inputs, outputs: seen.append(outputs.dtype))
    network(torch.ones(1, 2))
    assert fabric.device.type == "cpu"
    assert seen == [kind]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"devices": 2}, "compute.devices = 2: .* Use 1"),
        ({"accelerator": "cuda"}, "PyTorch finds no CUDA device"),
        ({"accelerator": "mps"}, "PyTorch finds no Apple GPU"),
        ({"accelerator": "cpu", "precision": "16"}, "compute.precision = 16 needs a GPU"),
        ({"accelerator": "auto", "precision": "16"}, "compute.precision = 16 needs a GPU"),
    ],
)
def test_refuses_what_the_machine_does_not_have(monkeypatch, options, sentence):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match=sentence):
        fabric_for(Compute(**options))


def test_facts_name_what_decides_the_last_bits():
    found = facts()
    assert found["torch"] == torch.__version__
    assert found["threads"] == torch.get_num_threads()
    assert len(found["gpu"]) == torch.cuda.device_count()


@pytest.mark.parametrize(("kind", "axes"), [("Conv", 2), ("Conv", 3), ("ConvTranspose", 2), ("ConvTranspose", 3)])
def test_with_half_the_bits_a_processor_convolves_small_images_in_32_bits(kind, axes):
    torch.manual_seed(0)
    layer = getattr(nn, f"{kind}{axes}d")(8, 16, 3, padding=1)
    small, large = torch.rand(3, 8, *[2] * axes), torch.rand(1, 8, *[6] * axes)
    layer(small).square().sum().backward()
    wanted = layer.weight.grad.clone()
    layer.zero_grad()
    precision = fabric_for(Compute(precision="bf16", accelerator="cpu")).strategy.precision
    with precision.forward_context():
        said = layer(small)
        assert (said.dtype, layer(large).dtype) == (torch.float32, torch.bfloat16)
        assert layer(torch.rand(1, 8, *[6] * (axes - 1), 5)).dtype == torch.float32  # up to twice the kernel
        assert layer(torch.rand(8, *[6] * (axes - 1), 5)).dtype == torch.float32  # one image by itself
    said.square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, wanted)
    assert layer(small).dtype == torch.float32


def test_a_convolution_whose_arguments_stand_by_their_names_is_halved_too():
    images, kernel = torch.rand(1, 2, 9, 9, 9), torch.rand(4, 2, 3, 3, 3)
    with fabric_for(Compute(precision="bf16", accelerator="cpu")).strategy.precision.forward_context():
        assert functional.conv3d(input=images, weight=kernel).dtype == torch.bfloat16
        assert functional.conv3d(images[..., :4, :4, :4], weight=kernel).dtype == torch.float32

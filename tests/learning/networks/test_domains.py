from __future__ import annotations

from math import exp

import pytest
import torch

from fimbria.learning.networks import parameter_count
from fimbria.learning.networks.conv import conv5_fc3
from fimbria.learning.networks.domains import conv5_fc3_ssda
from fimbria.learning.outputs import Domains
from fimbria.testing import check_network


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


# what the network of this name has in ClinicaDL 1.6, for two outputs
@pytest.mark.parametrize(("input_size", "count"), [((1, 169, 208, 179), 126_292_476), ((1, 128, 128), 8_285_292)])
def test_has_as_many_parameters_as_the_network_of_its_name(input_size, count):
    with torch.device("meta"):
        assert parameter_count(conv5_fc3_ssda(input_size, 2)) == count


def test_passes_the_checks():
    check_network(conv5_fc3_ssda, [(1, 33, 27), (2, 20, 23, 19)], 3)


def test_gives_every_head_in_training_and_the_targets_alone_in_evaluation():
    made, images = conv5_fc3_ssda((1, 9, 8), 3), drawn(4, 1, 9, 8)
    heads = made.train()(images)
    assert isinstance(heads, Domains)
    assert [tuple(head.shape) for head in heads] == [(4, 3), (4, 3), (4, 2)]
    made.eval()
    target = made(images)
    assert torch.equal(target, made.fc["target"](made.convolutions(images)))


def test_its_blocks_are_named_as_those_of_conv5_fc3():
    ours, theirs = conv5_fc3_ssda((1, 9, 8), 2), conv5_fc3((1, 9, 8), 2)
    assert ours.convolutions.load_state_dict(theirs.convolutions.state_dict())
    assert ours.fc["target"].load_state_dict(theirs.fc.state_dict())


@pytest.mark.parametrize("epoch", [0, 1, 7, 2000])
def test_the_gradient_of_the_domains_is_reversed_as_far_as_the_epoch_says(epoch):
    torch.manual_seed(0)
    made, images = conv5_fc3_ssda((1, 40, 40), 2).train(), drawn(3, 1, 40, 40)
    made.at_epoch(epoch)
    blocks, head = list(made.convolutions.parameters()), list(made.fc["domain"].parameters())
    reversed_ = torch.autograd.grad(made(images).domain.sum(), [*blocks, *head])
    plain = torch.autograd.grad(made.fc["domain"](made.convolutions(images)).sum(), [*blocks, *head])
    alpha = 2 / (1 + exp(-epoch)) - 1
    assert alpha == made.alpha
    for found, forward in zip(reversed_[: len(blocks)], plain, strict=False):
        torch.testing.assert_close(found, -alpha * forward)
    for found, forward in zip(reversed_[len(blocks) :], plain[len(blocks) :], strict=True):
        torch.testing.assert_close(found, forward)
    assert any(bool(gradient.any()) for gradient in plain)


def test_unlearning_starts_from_nothing():
    made = conv5_fc3_ssda((1, 9, 8), 2)
    made(drawn(2, 1, 9, 8)).domain.sum().backward()
    assert not any(bool(parameter.grad.any()) for parameter in made.convolutions.parameters())

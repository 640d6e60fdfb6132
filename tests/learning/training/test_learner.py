from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from fimbria.errors import DivergenceError
from fimbria.learning.inference import predict
from fimbria.learning.networks.conv import conv4_fc3
from fimbria.learning.networks.transfer import freeze
from fimbria.learning.training.learner import Learner


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def batch(loaders):
    return next(loaders[0].batches())


def test_the_same_seed_gives_the_same_weights_and_another_others(new_learner):
    torch.manual_seed(1)
    first = new_learner(seed=1).weights()
    torch.manual_seed(2)
    assert same(first, new_learner(seed=1).weights())
    assert not same(first, new_learner(seed=2).weights())


def test_making_one_draws_nothing_from_outside(new_learner):
    before = torch.get_rng_state()
    new_learner()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_step_is_a_function_of_the_seed_and_its_place_alone(new_learner, batch):
    one, other = new_learner(), new_learner()
    torch.manual_seed(1)
    first = one.learn(batch)
    torch.manual_seed(2)
    torch.rand(5)
    assert other.learn(batch) == first
    assert same(one.weights(), other.weights())


def test_a_step_says_where_it_was_and_the_mean_loss_of_its_batch(new_learner, task, batch):
    learner = new_learner(dropout=0)
    learner.network.train()
    expected = float(task.loss(learner.network(batch.images), batch.targets).mean().detach())
    step = learner.learn(batch)
    assert (step.epoch, step.step, learner.step) == (0, 0, 1)
    assert step.loss == pytest.approx(expected, rel=1e-5)
    assert learner.learn(batch).step == 1


def test_the_mask_of_dropout_changes_from_step_to_step_and_from_epoch_to_epoch(new_learner, batch):
    learner, losses = new_learner(learning_rate=1e-30), set()
    for learner.epoch in (0, 1):
        learner.step = 0
        losses |= {learner.learn(batch).loss for _ in range(4)}
    assert len(losses) == 8


def test_a_step_is_one_of_training_whatever_the_network_did_before(new_learner, batch):
    one, other = new_learner(), new_learner()
    other.network.eval()
    assert one.learn(batch) == other.learn(batch)
    assert same(one.weights(), other.weights())


def test_closing_an_epoch_tells_what_was_said_of_each_training_sample_and_begins_the_next(new_learner, loaders):
    train, validation = loaders
    learner = new_learner()
    for batch in train.batches():
        learner.learn(batch)
    scored = predict(learner.runner, learner.task, validation.batches(), "image", learner.device)
    epoch = learner.close_epoch(scored)
    assert (epoch.epoch, epoch.steps) == (0, 3)
    assert (learner.epoch, learner.step) == (1, 0)
    assert epoch.training.sessions == 8
    assert epoch.training.labelled
    assert epoch.validation is scored
    assert learner.state()["said"] == []


def test_the_weights_are_contiguous_and_those_of_the_network(new_learner):
    learner = new_learner()
    weights = learner.weights()
    assert all(value.is_contiguous() and not value.requires_grad for value in weights.values())
    assert same(weights, learner.network.state_dict())


def test_kernels_with_three_axes_lie_as_convolutions_read_them_fastest(new_learner):
    kernels = [value for value in new_learner().network.parameters() if value.ndim == 5]
    assert len(kernels) == 5
    assert all(value.is_contiguous(memory_format=torch.channels_last_3d) for value in kernels)


def test_a_state_that_was_taken_does_not_grow_with_the_training(new_learner, loaders):
    learner = new_learner()
    first, second, _ = loaders[0].batches()
    learner.learn(first)
    state = learner.state()
    learner.learn(second)
    assert (len(state["whose"]), len(state["said"]), state["step"]) == (3, 1, 1)


def test_a_state_holds_tensors_numbers_and_text_only(new_learner, batch):
    learner = new_learner()
    learner.learn(batch)

    def plain(value):
        if isinstance(value, dict):
            return all(plain(item) for pair in value.items() for item in pair)
        if isinstance(value, (list, tuple)):
            return all(map(plain, value))
        return type(value) in {torch.Tensor, int, float, str, bool, type(None)}

    assert plain(learner.state())


def test_refuses_samples_without_targets(new_learner, batch):
    with pytest.raises(ValueError, match="need targets"):
        new_learner().learn(replace(batch, targets=None))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_names_the_people_and_leaves_the_state(new_learner, loaders, value):
    learner = new_learner()
    good, bad, _ = loaders[0].batches()
    learner.learn(good)
    before = {name: value.clone() for name, value in learner.weights().items() if "running" not in name}
    learner.task = _Diverging(learner.task, value)
    with pytest.raises(DivergenceError) as caught:
        learner.learn(bad)
    for who in bad.whose:
        assert who.participant_id in str(caught.value)
    assert "epoch 0, step 1" in str(caught.value)
    assert "smaller learning rate" in str(caught.value)
    assert learner.step == 1
    after = learner.weights()
    counters = {name for name in before if "num_batches" in name}
    assert same(
        {name: before[name] for name in before.keys() - counters},
        {name: after[name] for name in before.keys() - counters},
    )


class _Diverging:
    def __init__(self, task, value):
        self.task, self.value = task, value
        self.outputs = task.outputs

    def loss(self, outputs, targets):
        return self.task.loss(outputs, targets) * self.value


def test_overflowing_weights_are_a_divergence(batch, new_learner):
    learner = new_learner(learning_rate=1e30, dropout=0)
    learner.learn(batch)
    with pytest.raises(DivergenceError, match="sub-"):
        learner.learn(batch)


def test_what_a_gradient_scaler_knows_is_part_of_the_state(task):
    class Scaling:
        """Stands for the scaler of half precision, which needs a GPU."""

        def __init__(self):
            self.known = {"scale": 65536.0}

        def state_dict(self):
            return dict(self.known)

        def load_state_dict(self, state):
            self.known = dict(state)

    class Half:
        device = torch.device("cpu")

        def __init__(self):
            self.strategy = type("Strategy", (), {"precision": Scaling()})()

        def setup(self, network, optimizer):
            return network, optimizer

    def made(fabric):
        return Learner(lambda: nn.Linear(2, 2), lambda n: torch.optim.SGD(n.parameters()), task, fabric, 0)

    one, other = Half(), Half()
    learner = made(one)
    one.strategy.precision.known["scale"] = 1024.0
    made(other).restore(learner.state())
    assert other.strategy.precision.known == {"scale": 1024.0}


def test_words_and_whole_numbers_of_a_table_come_back_from_a_state(new_learner, batch):
    class Wordy:
        outputs = 2

        def __init__(self, task):
            self.task, self.loss = task, task.loss

        def read(self, outputs, targets):
            counted = np.arange(len(outputs))
            return {**self.task.read(outputs, targets), "word": np.array(["a"] * len(outputs)), "count": counted}

    learner, other = new_learner(), new_learner()
    learner.task = Wordy(learner.task)
    learner.learn(batch)
    other.restore(learner.state())
    said = other.state()["said"]
    assert said[0]["word"] == ["a"] * len(batch.whose)
    assert said[0]["count"].tolist() == list(range(len(batch.whose)))


def test_a_network_is_told_the_epoch_before_each_step(new_learner, batch):
    learner, told = new_learner(), []
    learner.network.at_epoch = told.append
    learner.learn(batch)
    learner.learn(batch)
    learner.epoch, learner.step = 1, 0
    learner.learn(batch)
    assert told == [0, 0, 1]


def test_a_frozen_layer_stays_as_it_is_with_its_running_statistics(task, batch):
    def network():
        made = conv4_fc3((1, 9, 8, 7), 2)
        freeze(made, ["convolutions"])
        return made

    def adam(of):
        return torch.optim.Adam([one for one in of.parameters() if one.requires_grad], lr=1e-2)

    learner = Learner(network, adam, task, Fabric(accelerator="cpu", devices=1), 0)
    before = {name: value.clone() for name, value in learner.weights().items()}
    learner.learn(batch)
    after = learner.weights()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert {name.partition(".")[0] for name in moved} == {"fc"}

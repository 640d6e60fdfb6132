from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import torch
from torch import nn

from fimbria.data.extraction.patches import Patches
from fimbria.learning.inference import answers, predict, tabulate, wanted
from fimbria.learning.networks.conv import conv4_fc3
from fimbria.learning.samples.loader import Loader
from fimbria.learning.samples.sample import Whose
from fimbria.learning.tasks.reconstruction import Reconstruction

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(2)
    return conv4_fc3((1, 4, 4, 4), 2, dropout=0.5)


@pytest.fixture(scope="module")
def parts(dataset):
    return dataset(Patches(4))


@pytest.fixture(scope="module")
def expected(network, task, parts):
    return predict(network, task, Loader(parts, 4).batches(), "patch", CPU)


def test_gives_one_row_a_sample_in_the_order_of_people_and_parts(expected, sessions):
    assert expected.frame["participant_id"].tolist() == [s.participant_id for s in sessions for _ in range(4)]
    assert expected.frame["patch_id"].tolist() == [0, 1, 2, 3] * 8
    assert expected.labelled
    assert expected.frame["true_label"].tolist() == (["AD"] * 4 + ["CN"] * 4) * 4


@pytest.mark.parametrize(
    "cut", [{"batch_size": size, "shuffle_seed": seed} for size in (1, 5, 32) for seed in (None, 8)]
)
def test_predictions_do_not_depend_on_batches_or_order(network, task, parts, expected, cut):
    again = predict(network, task, Loader(parts, **cut).batches(), "patch", CPU)
    pd.testing.assert_frame_equal(again.frame, expected.frame, rtol=0, atol=1e-6)


def test_predictions_do_not_depend_on_workers_at_all(network, task, parts, expected):
    again = predict(network, task, Loader(parts, 4, workers=2).batches(), "patch", CPU)
    pd.testing.assert_frame_equal(again.frame, expected.frame, check_exact=True)


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_put_back_to_what_it_did(network, task, parts, training):
    network.train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    predict(network, task, Loader(parts, 4).batches(), "patch", CPU)
    assert network.training is training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_layer_that_was_frozen_stays_frozen(task, parts):
    network = conv4_fc3((1, 4, 4, 4), 2).train()
    frozen = network.convolutions.eval()
    predict(network, task, Loader(parts, 4).batches(), "patch", CPU)
    assert network.training
    assert not any(module.training for module in frozen.modules())


def test_the_network_is_put_back_also_when_a_batch_breaks(parts):
    class Broken(nn.Module):
        def forward(self, images):
            raise RuntimeError(str(images.shape))

    broken = Broken().train()
    with pytest.raises(RuntimeError, match=r"torch\.Size"):
        list(answers(broken, Loader(parts, 4).batches(), CPU))
    assert broken.training


def test_nothing_that_is_learnt_is_touched_and_nothing_is_kept_for_gradients(network, parts):
    _, answer = next(answers(network, Loader(parts, 4).batches(), CPU))
    assert not answer.requires_grad
    assert answer.dtype == torch.float32
    assert all(parameter.grad is None for parameter in network.parameters())


def test_without_labels_there_is_no_truth(network, task, parts, expected):
    table = predict(network, task, Loader(replace(parts, targets=None), 4).batches(), "patch", CPU)
    assert not table.labelled
    assert "loss" not in table.frame
    pd.testing.assert_frame_equal(table.frame, expected.frame[list(table.frame)], check_exact=True)


def test_a_table_is_sorted_whatever_the_order_of_the_outputs(task):
    whose = [
        Whose("b", "sub-01", "ses-M000", 0),
        Whose("a", "sub-02", "ses-M000", 1),
        Whose("a", "sub-02", "ses-M000", 0),
    ]
    table = tabulate(whose, [task.read(torch.tensor([[2.0, 0.0], [0.0, 2.0], [0.0, 3.0]]), None)], "slice")
    assert table.frame["dataset"].tolist() == ["a", "a", "b"]
    assert table.frame["slice_id"].tolist() == [0, 1, 0]
    assert table.frame["predicted_label"].tolist() == ["CN", "CN", "AD"]


def test_of_a_sample_that_was_read_several_times_the_last_counts(task):
    again = [Whose("", "sub-01", "ses-M000", 0)] * 2
    said = [task.read(torch.tensor([outputs]), None) for outputs in ([2.0, 0.0], [0.0, 2.0])]
    table = tabulate(again, said, "image")
    assert table.frame["predicted_label"].tolist() == ["CN"]


def test_an_image_is_its_own_target_where_a_task_gives_one(parts, task):
    batch = next(Loader(parts, 4).batches())
    assert wanted(Reconstruction(), batch) is batch.images
    assert wanted(task, batch) is batch.targets

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.extraction.patches import Patches
from fimbria.learning.samples.loader import Loader, _Order
from fimbria.learning.samples.sample import Whose


def whose(batches):
    return [batch.whose for batch in batches]


@given(st.integers(1, 60), st.integers(1, 20), st.none() | st.integers(0, 2**63), st.integers(0, 9))
def test_an_epoch_holds_every_sample_once_in_batches_of_one_size(samples, size, seed, epoch):
    batches = list(_Order(samples, size, seed, epoch))
    assert sorted(number for batch in batches for number in batch) == list(range(samples))
    assert {len(batch) for batch in batches[:-1]} <= {size}
    assert len(batches) == len(_Order(samples, size, seed))


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 99), st.integers(0, 9), st.integers(0, 70))
def test_starting_later_skips_exactly_the_batches_before(samples, size, seed, epoch, start):
    assert list(_Order(samples, size, seed, epoch, start)) == list(_Order(samples, size, seed, epoch))[start:]


@given(st.integers(0, 2**32), st.integers(0, 99))
def test_the_order_is_a_function_of_seed_and_epoch_alone(seed, epoch):
    order = list(_Order(40, 7, seed, epoch))
    np.random.default_rng(0).random()
    torch.rand(1)
    assert list(_Order(40, 7, seed, epoch)) == order
    assert list(_Order(40, 7, seed + 1, epoch)) != order
    assert list(_Order(40, 7, seed, epoch + 1)) != order


def test_each_sample_brings_its_own_identity_image_and_target(dataset):
    parts = dataset(Patches(4))
    by_name = {parts[number].whose: parts[number] for number in range(len(parts))}
    for batch in Loader(parts, 5, shuffle_seed=1).batches():
        for image, target, who in zip(batch.images, batch.targets, batch.whose, strict=True):
            assert isinstance(who, Whose)
            assert torch.equal(image, by_name[who].image)
            assert target == by_name[who].target


def test_without_a_seed_the_order_is_that_of_the_data_set(dataset, sessions):
    seen = [who.participant_id for batch in Loader(dataset(), 3).batches(epoch=4) for who in batch.whose]
    assert seen == [session.participant_id for session in sessions]


def test_no_batches_are_left_after_the_last(loaders):
    train, _ = loaders
    assert len(train) == 3
    assert list(train.batches(start=3)) == []


@pytest.fixture(scope="module")
def with_workers(dataset):
    return Loader(dataset(Patches(4)), 3, shuffle_seed=9, workers=2)


@pytest.fixture(scope="module")
def without_workers(dataset):
    return Loader(dataset(Patches(4)), 3, shuffle_seed=9)


def test_two_workers_give_the_same_batches_as_none(with_workers, without_workers):
    for one, other in zip(with_workers.batches(2), without_workers.batches(2), strict=True):
        assert one.whose == other.whose
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.targets, other.targets)


def test_an_epoch_that_was_broken_off_leaves_nothing_for_the_next(with_workers, without_workers):
    assert len(list(islice(with_workers.batches(0), 2))) == 2
    assert whose(with_workers.batches(1, start=4)) == whose(without_workers.batches(1, start=4))


def test_epochs_differ_and_come_back_the_same(without_workers):
    first, second = whose(without_workers.batches(0)), whose(without_workers.batches(1))
    assert first != second
    assert whose(without_workers.batches(0)) == first

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.extraction.patches import Patches
from fimbria.errors import FimbriaError
from fimbria.learning.samples.augmentation.intensity import Gamma, Noise
from fimbria.learning.samples.augmentation.spatial import Affine, Flip
from fimbria.learning.samples.dataset import Augmenting
from fimbria.learning.samples.loader import Loader, _Order
from fimbria.learning.samples.normalization import MinMax
from fimbria.learning.samples.sample import Whose


def whose(batches):
    return [batch.whose for batch in batches]


@given(st.integers(1, 60), st.integers(1, 20), st.none() | st.integers(0, 2**63), st.integers(0, 9))
def test_an_epoch_holds_every_sample_once_in_batches_of_one_size(samples, size, seed, epoch):
    batches = list(_Order(samples, size, seed, epoch))
    assert sorted(turn.sample for batch in batches for turn in batch) == list(range(samples))
    assert {turn.epoch for batch in batches for turn in batch} == {epoch}
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


def changes(*, here=True):
    return Augmenting((Noise(deviation=(0.1, 0.3)), Flip(probability=0.5)), 3, here)


@pytest.fixture(scope="module")
def restless(dataset):
    """Loaders of augmented samples, with 0, 1 and 2 workers."""
    return [Loader(dataset(Patches(4), augmenting=changes()), 5, 9, workers) for workers in range(3)]


def told(batch):
    return batch.whose, batch.drawn, batch.images.numpy().tobytes()


def test_what_is_drawn_depends_on_no_number_of_workers(restless):
    alone, one, two = ([told(batch) for batch in loader.batches(3)] for loader in restless)
    assert alone == one == two
    assert len({drawn for _, batch, _ in alone for sample in batch for drawn in [str(sample)]}) == 32


@pytest.mark.parametrize("workers", [0, 2])
def test_a_training_that_goes_on_in_the_middle_of_an_epoch_draws_what_it_would_have(restless, workers):
    unbroken = [told(batch) for batch in restless[0].batches(2)]
    restless[workers].batches(5)  # whatever was read before
    assert [told(batch) for batch in restless[workers].batches(2, start=3)] == unbroken[3:]


def test_each_epoch_draws_anew(restless):
    by_epoch = []
    for epoch in (0, 1):
        batches = list(restless[0].batches(epoch))
        by_epoch.append({w: str(d) for b in batches for w, d in zip(b.whose, b.drawn, strict=True)})
    assert by_epoch[0].keys() == by_epoch[1].keys()
    assert all(by_epoch[0][who] != by_epoch[1][who] for who in by_epoch[0])


def lacking(parts, augmenting):
    entries = [one for (one,) in parts.images]
    images = tuple(zip(entries, [None, *entries[1:]], strict=True))
    return replace(parts, images=images, normalizations=(MinMax(), MinMax()), lacking=True, augmenting=augmenting)


@pytest.mark.parametrize("marked", [False, True])
def test_on_the_device_samples_become_what_a_worker_makes_of_them(dataset, marked):
    exact = (Flip(probability=0.5), Gamma(probability=0.5), Affine(probability=0.5))
    batches = []
    for here in (True, False):
        augmenting = Augmenting(exact, 3, here)
        parts = lacking(dataset(), augmenting) if marked else dataset(augmenting=augmenting)
        loader = Loader(parts, 8, shuffle_seed=1)
        batches.append([(batch, loader.augmented(batch)) for batch in loader.batches(1)])
    ((by_worker, same),), ((before, on_device),) = batches
    assert same is by_worker
    assert on_device.whose == by_worker.whose
    assert not torch.allclose(before.images, on_device.images, atol=1e-3)
    torch.testing.assert_close(on_device.images, by_worker.images, rtol=1e-4, atol=1e-4)


def test_noise_on_the_device_leaves_a_lacking_channel_zero_and_its_mark(dataset):
    loader = Loader(lacking(dataset(), Augmenting((Noise(deviation=(1, 1)),), 3, here=False)), 8)
    (batch,) = loader.batches()
    changed = loader.augmented(batch)
    assert changed.images.shape == batch.images.shape == (8, 3, 9, 8, 7)
    assert not changed.images[0, 1:].any()
    assert torch.all(changed.images[1:, 2] == 1)
    assert (changed.images - batch.images)[0, 0].std() > 0.5
    assert (changed.images - batch.images)[1:, :2].std() > 0.5


def test_a_batch_is_given_as_it_is_where_nothing_is_left_for_the_device(dataset):
    for parts in (dataset(), dataset(augmenting=changes())):
        loader = Loader(parts, 3)
        batch = next(iter(loader.batches()))
        assert loader.augmented(batch) is batch


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_can_no_longer_be_read_is_said_in_our_own_sentence(dataset, tmp_path, workers):
    parts = dataset()
    gone = replace(parts.images[2][0], path=tmp_path / "gone.safetensors")
    broken = replace(parts, images=(*parts.images[:2], (gone,), *parts.images[3:]))
    with pytest.raises(FimbriaError) as caught:
        list(Loader(broken, 2, workers=workers).batches())
    assert "Traceback" not in str(caught.value)
    assert "gone" in str(caught.value)

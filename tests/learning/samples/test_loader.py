from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.cohort.cohort import Session
from fimbria.data.extraction.patches import Patches
from fimbria.errors import FimbriaError, InputError
from fimbria.learning.samples.augmentation.intensity import Gamma, Noise
from fimbria.learning.samples.augmentation.spatial import Affine, Flip
from fimbria.learning.samples.dataset import Augmenting
from fimbria.learning.samples.loader import Loader, _Order
from fimbria.learning.samples.normalization import MinMax
from fimbria.learning.samples.sample import Whose
from fimbria.learning.samples.sampler import Balanced, Shuffle, Weighted


def whose(batches):
    return [batch.whose for batch in batches]


SAMPLERS = [Shuffle(), Weighted(), Balanced()]


def order(samples, size, seed, epoch=0, start=0, sampler=None):
    """The batches of an epoch of some samples, four a participant, every third of the second class."""
    numbers = np.arange(samples)
    return _Order((numbers % 3 == 1).astype(int), numbers // 4, size, seed, sampler or Shuffle(), epoch, start)


@given(st.integers(1, 60), st.integers(1, 20), st.none() | st.integers(0, 2**63), st.integers(0, 9))
def test_an_epoch_holds_every_sample_once_in_batches_of_one_size(samples, size, seed, epoch):
    batches = list(order(samples, size, seed, epoch))
    assert sorted(turn.sample for batch in batches for turn in batch) == list(range(samples))
    assert {turn.epoch for batch in batches for turn in batch} == {epoch}
    assert {len(batch) for batch in batches[:-1]} <= {size}
    assert len(batches) == len(order(samples, size, seed))


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 2**63), st.integers(0, 9))
def test_without_a_sampler_the_order_is_the_one_that_earlier_trainings_had(samples, size, seed, epoch):
    wanted = np.random.default_rng([seed, epoch]).permutation(samples).tolist()
    assert [turn.sample for batch in order(samples, size, seed, epoch) for turn in batch] == wanted


@pytest.mark.parametrize("sampler", SAMPLERS)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 99), st.integers(0, 9), st.integers(0, 70))
def test_starting_later_skips_exactly_the_batches_before(sampler, samples, size, seed, epoch, start):
    whole = list(order(samples, size, seed, epoch, 0, sampler))
    assert list(order(samples, size, seed, epoch, start, sampler)) == whole[start:]
    assert len(order(samples, size, seed, 3, 0, sampler)) == len(whole)


@pytest.mark.parametrize("sampler", SAMPLERS)
@given(st.integers(0, 2**32), st.integers(0, 99))
def test_the_order_is_a_function_of_seed_and_epoch_alone(sampler, seed, epoch):
    first = list(order(40, 7, seed, epoch, 0, sampler))
    np.random.default_rng(0).random()
    torch.rand(1)
    assert list(order(40, 7, seed, epoch, 0, sampler)) == first
    assert list(order(40, 7, seed + 1, epoch, 0, sampler)) != first
    assert list(order(40, 7, seed, epoch + 1, 0, sampler)) != first


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


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_without_a_seed_no_sampler_has_a_say(dataset, sampler):
    assert whose(Loader(dataset(), 3, sampler=sampler).batches(2)) == whose(Loader(dataset(), 3).batches(2))


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


def uneven(dataset):
    """Parts of seven sessions of four participants, one of them with AD and with one part alone."""
    whole = dataset(Patches(4), count=7)
    people = ("sub-a", "sub-b", "sub-b", "sub-b", "sub-c", "sub-d", "sub-d")
    sessions = tuple(Session("", who, f"ses-M{place:03d}") for place, who in enumerate(people))
    places = ((2,), (0, 1, 2, 3), (0, 1), (3,), (0, 1, 2), (1,), (0, 2))
    return replace(whole, sessions=sessions, places=places, targets=torch.tensor([0, 1, 1, 1, 1, 1, 1]))


def test_the_sampler_is_told_whose_each_part_is_and_of_which_class(dataset):
    parts = uneven(dataset)
    counted = Counter()
    for epoch in range(60):
        batches = list(Loader(parts, 4, 5, sampler=Balanced()).batches(epoch))
        assert len(batches) == len(Loader(parts, 4, 5, sampler=Balanced())) == 7
        assert all(batch.targets.tolist() in ([0, 1] * 2, [1, 0] * 2, [0, 1], [1, 0]) for batch in batches)
        counted += Counter(who.participant_id for batch in batches for who in batch.whose)
    assert counted["sub-a"] == 13 * 60
    assert all(4 * 60 <= counted[who] <= 5 * 60 for who in ("sub-b", "sub-c", "sub-d"))


@pytest.mark.parametrize("values", [[50.0, 51, 52, 53, 54, 55, 90], [[50.0], [51], [52], [53], [54], [55], [90]]])
def test_values_are_cut_into_bins_that_take_the_place_of_classes(dataset, values):
    parts = replace(uneven(dataset), targets=torch.tensor(values))
    for batch in Loader(parts, 6, 5, sampler=Balanced(bins=2)).batches(1):
        old = batch.targets.reshape(-1) > 70
        assert abs(int(old.sum()) - int((~old).sum())) <= 1


def test_without_targets_participants_alone_are_balanced(dataset):
    parts = replace(uneven(dataset), targets=None)
    (batch,) = Loader(parts, 14, 5, sampler=Balanced()).batches()
    assert sorted(Counter(who.participant_id for who in batch.whose).values()) == [3, 3, 4, 4]


def test_several_targets_need_no_strata_to_be_shuffled_and_are_refused_where_they_do(dataset):
    parts = replace(dataset(), targets=torch.zeros(8, 2))
    assert len(list(Loader(parts, 4, 5).batches())) == 2
    with pytest.raises(InputError, match=r"shape \(8, 2\) make no strata"):
        Loader(parts, 4, 5, sampler=Weighted())


@pytest.mark.parametrize("sampler", SAMPLERS[1:])
@pytest.mark.parametrize("workers", [0, 2])
def test_any_sampler_goes_on_in_the_middle_of_an_epoch_with_any_number_of_workers(dataset, sampler, workers):
    unbroken = whose(Loader(uneven(dataset), 3, 5, sampler=sampler).batches(4))
    resumed = Loader(uneven(dataset), 3, 5, workers, sampler)
    assert whose(resumed.batches(4, start=2)) == unbroken[2:]
    assert whose(resumed.batches(4)) == unbroken
    assert whose(resumed.batches(5)) != unbroken


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

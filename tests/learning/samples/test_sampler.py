from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.cohort.cohort import Session
from fimbria.errors import ComponentError, InputError
from fimbria.learning.samples.sampler import (
    Balanced,
    Shuffle,
    Weighted,
    in_rounds,
    likelihoods,
    people_of,
    sampler,
    strata_of,
)

# One of class 0 with a single sample and one with three; of class 1 one with twelve, one with two, two with one. The last
# participant changed class on the way.
STRATA = np.array([0] * 4 + [1] * 16 + [0, 1])
PEOPLE = np.array([5, 9, 9, 9] + [1] * 12 + [2] * 2 + [3, 4] + [8, 8])


@st.composite
def samples(draw):
    """Strata and people of up to 60 samples, numbered anyhow."""
    count = draw(st.integers(1, 60))
    some = st.lists(st.integers(-3, 12), min_size=count, max_size=count).map(np.array)
    return draw(some) // draw(st.integers(1, 8)), draw(some)


def rng(seed=0, epoch=0):
    return np.random.default_rng([seed, epoch])


def epochs(one, count, strata=STRATA, people=PEOPLE, seed=0):
    return [one.order(strata, people, rng(seed, epoch)) for epoch in range(count)]


def test_samplers_are_chosen_by_name_with_their_options():
    assert sampler.names() == ["balanced", "shuffle", "weighted"]
    assert sampler.build("weighted", {"bins": 3}, batch_size=8) == Weighted(3)
    assert sampler.build("balanced", {}, batch_size=8) == Balanced(5)
    assert sampler.build("shuffle").bins is None
    for wrong in (1, 0, -2, 2.5):
        with pytest.raises(ComponentError, match="bins"):
            sampler.build("weighted", {"bins": wrong})
    with pytest.raises(ComponentError, match="no option 'bins'"):
        sampler.build("shuffle", {"bins": 3})


@given(samples(), st.sampled_from([Shuffle(), Weighted(), Balanced()]), st.integers(0, 2**63), st.integers(0, 99))
def test_an_order_holds_samples_alone_and_comes_back_the_same(given_samples, one, seed, epoch):
    order = one.order(*given_samples, rng(seed, epoch))
    assert order.dtype == np.int64
    assert order.min() >= 0
    assert order.max() < len(given_samples[0])
    assert order.tobytes() == one.order(*given_samples, rng(seed, epoch)).tobytes()


@pytest.mark.parametrize("one", [Shuffle(), Weighted(), Balanced()])
def test_each_epoch_has_an_order_of_its_own(one):
    assert len({order.tobytes() for order in epochs(one, 50)}) == 50


@pytest.mark.parametrize("one", [Shuffle(), Weighted(), Balanced()])
def test_of_no_samples_there_is_no_order(one):
    nobody = np.zeros(0, dtype=np.int64)
    assert len(one.order(nobody, nobody, rng())) == 0


@given(samples(), st.integers(0, 99))
def test_shuffling_is_a_permutation_whatever_samples_are(given_samples, seed):
    order = Shuffle().order(*given_samples, rng(seed))
    assert order.tolist() == rng(seed).permutation(len(given_samples[0])).tolist()


@given(samples())
def test_strata_are_equally_likely_and_in_each_its_people_and_of_each_their_samples(given_samples):
    strata, people = given_samples
    likely = likelihoods(strata, people)
    assert likely.sum() == pytest.approx(1)
    present = np.unique(strata)
    for stratum in present:
        theirs = np.unique(people[strata == stratum])
        for person in theirs:
            own = likely[(strata == stratum) & (people == person)]
            np.testing.assert_allclose(own, 1 / (len(present) * len(theirs) * len(own)))


def test_weighted_draws_come_as_often_as_they_are_likely():
    drawn = np.concatenate(epochs(Weighted(), 2000))
    assert len(drawn) == 2000 * len(STRATA)
    likely = likelihoods(STRATA, PEOPLE)
    expected, spread = len(drawn) * likely, np.sqrt(len(drawn) * likely * (1 - likely))
    assert np.all(np.abs(np.bincount(drawn, minlength=len(STRATA)) - expected) < 4.5 * spread)
    by_person = Counter(PEOPLE[drawn][STRATA[drawn] == 1].tolist())
    assert max(by_person.values()) < 1.06 * min(by_person.values())


@given(samples(), st.integers(1, 25), st.integers(0, 99), st.integers(0, 40))
def test_every_stretch_of_a_balanced_order_and_so_every_batch_is_balanced(given_samples, size, seed, start):
    strata, people = given_samples
    order = Balanced().order(strata, people, rng(seed))
    stretch = order[start : start + size]
    counts = Counter(strata[stretch].tolist())
    by_stratum = [counts[stratum] for stratum in np.unique(strata)]
    assert max(by_stratum) - min(by_stratum) <= 1


@given(samples(), st.integers(0, 99))
def test_a_balanced_epoch_sees_everyone_of_a_stratum_as_often_as_any_other_and_their_samples_too(given_samples, seed):
    strata, people = given_samples
    most = np.unique(strata, return_counts=True)[1].max()
    order = Balanced().order(strata, people, rng(seed))
    assert len(order) == most * len(np.unique(strata))
    seen = np.bincount(order, minlength=len(strata))
    for stratum in np.unique(strata):
        here = strata == stratum
        by_person = [seen[here & (people == person)] for person in np.unique(people[here])]
        totals = [own.sum() for own in by_person]
        assert min(totals) >= 1
        assert max(totals) - min(totals) <= 1
        assert all(np.ptp(own) <= 1 for own in by_person)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 5), st.integers(0, 99))
def test_where_everyone_has_as_many_samples_each_of_the_most_frequent_class_is_seen_once(few, more, each, seed):
    people = np.repeat(np.arange(2 * few + more), each)
    strata = (people >= few).astype(int)
    order = Balanced().order(strata, people, rng(seed))
    assert sorted(order[strata[order] == 1]) == np.flatnonzero(strata).tolist()


def test_over_epochs_nobody_and_no_sample_of_anybody_is_favoured():
    seen = sum(np.bincount(order, minlength=len(STRATA)) for order in epochs(Balanced(), 400))
    for stratum in (0, 1):
        here = stratum == STRATA
        people = np.unique(PEOPLE[here])
        turns = 400 * 17 / len(people)
        for person in people:
            own = seen[here & (person == PEOPLE)]
            assert own.sum() == pytest.approx(turns, rel=0.05)
            np.testing.assert_allclose(own, turns / len(own), rtol=0.2)


def test_a_round_sees_everybody_once_and_is_drawn_anew():
    mine = np.flatnonzero(STRATA == 1)
    dealt = PEOPLE[in_rounds(mine, PEOPLE, 5 * 40, rng())].reshape(40, 5)
    assert {tuple(sorted(one)) for one in dealt.tolist()} == {(1, 2, 3, 4, 8)}
    assert len({tuple(one) for one in dealt.tolist()}) > 20


def test_nobody_is_seen_twice_before_all_of_their_samples_were():
    dealt = in_rounds(np.flatnonzero(STRATA == 1), PEOPLE, 5 * 12, rng())
    own = dealt[PEOPLE[dealt] == 1]
    assert sorted(own) == np.flatnonzero(PEOPLE == 1).tolist()


def test_whole_numbers_are_classes():
    assert strata_of(torch.tensor([2, 0, 2, 7]), 5).tolist() == [2, 0, 2, 7]
    assert strata_of(torch.tensor([[True], [False]]), 5).tolist() == [1, 0]


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40), st.integers(2, 9))
def test_a_value_is_in_the_highest_bin_whose_lower_bound_is_not_above_it(values, bins):
    strata = strata_of(torch.tensor(values), bins)
    low, high = min(values), max(values)
    bounds = np.linspace(low, high, bins + 1)[:-1]
    assert strata.tolist() == [max(place for place, bound in enumerate(bounds) if bound <= value) for value in values]
    assert (high == low) or (strata[np.argmin(values)], strata[np.argmax(values)]) == (0, bins - 1)


def test_values_all_alike_are_one_stratum():
    assert len(set(strata_of(torch.full((6,), 3.5), 5).tolist())) == 1


def test_no_values_are_in_no_stratum():
    assert strata_of(torch.zeros(0), 5).tolist() == []
    assert strata_of(torch.zeros(0, 2), 5).tolist() == []


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        (torch.zeros(4, 2), r"targets of shape \(4, 2\) make no strata.*'shuffle'"),
        (torch.tensor([1.0, float("nan"), float("inf"), 2.0]), "2 of 4 targets are not finite"),
    ],
)
def test_targets_that_make_no_strata_are_refused(targets, sentence):
    with pytest.raises(InputError, match=sentence):
        strata_of(targets, 5)


def test_the_same_participant_of_two_data_sets_is_two_people():
    named = [("one", "sub-2"), ("one", "sub-1"), ("two", "sub-2"), ("one", "sub-2")]
    assert people_of([Session(*who, f"ses-{place}") for place, who in enumerate(named)]).tolist() == [0, 1, 2, 0]
    assert people_of([]).tolist() == []

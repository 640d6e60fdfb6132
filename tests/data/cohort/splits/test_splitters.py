from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.splits import HoldOut, KFold, LeaveGroupOut, Nested, RepeatedKFold
from fimbria.errors import ProblemsError
from strategies import cohorts

stratified = st.sampled_from([(), ("diagnosis",), ("diagnosis", "sex")])


def people(count=8, name="people", **columns):
    frame = pd.DataFrame({"participant_id": [f"sub-{i:02d}" for i in range(count)], "session_id": "ses-M000"})
    return Cohort(frame.assign(**({"diagnosis": ["AD", "CN"] * (count // 2)} | columns)), name)


def kinds(cohort, columns):
    """Count the participants of each stratum."""
    first = cohort.baseline().frame
    return Counter(tuple(row) for row in first[list(columns)].itertuples(index=False)) if columns else Counter()


def rng(seed=0):
    return np.random.default_rng(seed)


def assert_partition(split, whole):
    train, other = set(split.train.participants), set(split.other.participants)
    assert train.isdisjoint(other)
    assert train | other == set(whole.participants)
    assert sorted(split.train.sessions + split.other.sessions) == sorted(whole.sessions)


@settings(max_examples=12)  # a split takes some hundredths of a second
@given(cohorts(), stratified, st.data())
def test_a_hold_out_parts_people_and_keeps_the_strata_even(whole, columns, data):
    total = whole.participant_count
    wanted = data.draw(st.integers(1, total - 1))
    (split,) = HoldOut(wanted, columns).split(whole, rng())
    assert_partition(split, whole)
    assert split.other.participant_count == wanted
    assert split.name == split.other.name == "test"
    for kind, size in kinds(whole, columns).items():
        assert abs(kinds(split.other, columns)[kind] - size * wanted / total) < 1


@settings(max_examples=12)  # a split takes some hundredths of a second
@given(cohorts(least=4), stratified, st.sampled_from([(), ("month",), ("month", "sex")]), st.data())
def test_folds_hold_everybody_out_once_and_are_even(whole, columns, balance, data):
    lone = {kind for kind, size in kinds(whole, columns[:1]).items() if size == 1}
    folds = data.draw(st.integers(2, min(6, whole.participant_count)))
    splitter = KFold(folds, columns, balance)
    if lone:
        with pytest.raises(ProblemsError, match="cannot be on every training side"):
            splitter.split(whole, rng())
        return
    splits = splitter.split(whole, rng())
    assert [split.index for split in splits] == list(range(folds))
    for split in splits:
        assert_partition(split, whole)
    held = Counter(person for split in splits for person in split.other.participants)
    assert held == Counter(whole.participants)
    sizes = [split.other.participant_count for split in splits]
    assert max(sizes) - min(sizes) <= 1
    for kind in kinds(whole, columns):
        shares = [kinds(split.other, columns)[kind] for split in splits]
        assert max(shares) - min(shares) <= 1


@settings(max_examples=6)  # a split takes some hundredths of a second
@given(cohorts(least=6), st.integers(0, 99), st.data())
def test_the_order_of_rows_does_not_change_who_goes_where(whole, seed, data):
    order = data.draw(st.permutations(range(len(whole))))
    turned = Cohort(whole.frame.iloc[order], whole.name)
    for splitter in (
        HoldOut(0.5, balance=("month", "sex")),
        KFold(2, balance=("month",)),
        RepeatedKFold(KFold(3), 2),
    ):
        one, other = (
            [sorted(split.other.participants) for split in splitter.split(cohort, rng(seed))]
            for cohort in (whole, turned)
        )
        assert one == other


def test_another_seed_gives_other_splits():
    drawn = {tuple(HoldOut(4).split(people(), rng(seed))[0].other.frame["participant_id"]) for seed in range(9)}
    assert len(drawn) > 1


def test_a_share_is_of_participants_and_not_of_sessions():
    rows = [("sub-01", f"ses-{i}") for i in range(9)] + [("sub-02", "ses-1"), ("sub-03", "ses-1"), ("sub-04", "ses-1")]
    whole = Cohort(pd.DataFrame(rows, columns=["participant_id", "session_id"]))
    (split,) = HoldOut(0.25).split(whole, rng())
    assert split.other.participant_count == 1


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (0, "--test 0 would hold out 0 of 8"),
        (8, "--test 8 would hold out 8 of 8"),
        (0.01, "at least one is wanted on each side"),
        (-0.5, "would hold out -4 of 8"),
        (2.5, "--test 2.5: a whole number of participants was wanted, or a share below 1"),
    ],
)
def test_a_hold_out_with_an_empty_side_is_refused(size, sentence):
    with pytest.raises(ProblemsError, match=sentence):
        list(HoldOut(size).split(people(), rng()))


def test_fewer_folds_than_two_are_refused():
    with pytest.raises(ProblemsError, match="--folds 1  -> at least 2 are needed"):
        list(KFold(1).split(people(), rng()))


def test_a_stratum_smaller_than_the_folds_is_dealt_and_named():
    whole = people(12, diagnosis=["AD", "AD", *["CN"] * 10])
    made = KFold(4, ("diagnosis",)).split(whole, rng())
    assert [split.other.participant_count for split in made] == [3, 3, 3, 3]
    assert made.notes == ("diagnosis AD: too few to be on every side.",)


def test_a_label_of_one_participant_is_refused():
    whole = people(6, diagnosis=["AD", "CN", "CN", "CN", "CN", "CN"])
    with pytest.raises(ProblemsError, match="diagnosis AD: of one participant only, so it cannot be on every training"):
        KFold(3, ("diagnosis",)).split(whole, rng())


def test_a_label_of_one_family_is_refused():
    whole = people(6, family_id=["F1", "F2", "F1", "F3", "F1", "F4"])
    with pytest.raises(ProblemsError, match="diagnosis AD: of one family_id only"):
        KFold(2, ("diagnosis",), group=("family_id",)).split(whole, rng())


def test_more_folds_than_people_or_groups_are_refused():
    with pytest.raises(ProblemsError, match="--folds 9, and only 8 participants  -> at most 8 folds"):
        KFold(9).split(people(), rng())
    with pytest.raises(ProblemsError, match="--folds 3, and only 2 groups of site"):
        KFold(3, group=("site",)).split(people(site=["a", "b"] * 4), rng())


def test_everything_that_is_wrong_is_said_at_once():
    whole = people(6, site=["a", None, "b", "a", "b", "a"], age=[60, None, 61, 62, 63, 64])
    with pytest.raises(ProblemsError) as caught:
        KFold(1, ("age", "site"), group=("site",)).split(whole, rng())
    said = [problem.what for problem in caught.value.problems]
    assert said == [
        "--folds 1",
        "--group site and --stratify site",
        "site is missing for sub-01",
        "age is missing for sub-01 ses-M000",
        "site is missing for sub-01 ses-M000",
    ]


def test_a_missing_value_to_stratify_on_is_named_with_whose_it_is():
    whole = people(4, diagnosis=["AD", "CN", None, "CN"])
    with pytest.raises(ProblemsError, match="diagnosis is missing for sub-02 ses-M000"):
        list(KFold(2, ("diagnosis",)).split(whole, rng()))


def test_a_column_to_stratify_on_that_is_not_there_is_answered_with_those_there_are():
    with pytest.raises(ProblemsError, match="did you mean 'diagnosis'"):
        list(KFold(2, ("diagnose",)).split(people(), rng()))


def test_where_strata_tie_the_seed_decides_and_not_the_alphabet():
    frame = pd.DataFrame(
        {
            "participant_id": [f"sub-{i:02d}" for i in range(40)],
            "session_id": "ses-M000",
            "site": [f"s{i // 4}" for i in range(40)],
        }
    )
    held = [
        {p for _, p in HoldOut(5, ("site",)).split(Cohort(frame), np.random.default_rng(seed))[0].other.participants}
        for seed in range(8)
    ]
    sites = [{int(p[-2:]) // 4 for p in people} for people in held]
    assert len({frozenset(chosen) for chosen in sites}) > 4
    assert set.union(*sites) == set(range(10))


@pytest.mark.parametrize("seed", range(5))
def test_each_value_of_the_first_column_gives_its_share_however_small_the_strata(seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "participant_id": [f"sub-{i:02d}" for i in range(60)],
            "session_id": "ses-M000",
            "diagnosis": ["AD", "CN"] * 30,
            "age": rng.uniform(55, 90, 60).round(1),
        }
    )
    split = HoldOut(12, ("diagnosis", "age")).split(Cohort(frame), rng)[0]
    held = split.other.frame
    assert (held["diagnosis"] == "AD").sum() == 6
    assert abs(held["age"].mean() - split.train.frame["age"].mean()) < 4


def grouped(sizes, seed=0):
    """A cohort of families of these sizes, with diagnosis and age by lot."""
    draws = np.random.default_rng(seed)
    family = np.repeat([f"F{i:02d}" for i in range(len(sizes))], sizes)
    count = len(family)
    return people(
        count,
        family_id=family,
        diagnosis=draws.choice(["AD", "CN"], count),
        age=draws.normal(70, 8, count).round(1),
    )


@settings(max_examples=8)  # a split takes some hundredths of a second
@given(st.lists(st.integers(1, 4), min_size=6, max_size=20), st.integers(2, 4), st.integers(0, 9))
def test_families_stay_whole_and_every_fold_has_somebody(sizes, folds, seed):
    whole = grouped(sizes, seed)
    splitter = KFold(folds, (), ("age", "diagnosis"), ("family_id",))
    splits = splitter.split(whole, rng(seed))
    held = Counter(person for split in splits for person in split.other.participants)
    assert held == Counter(whole.participants)
    for split in splits:
        assert_partition(split, whole)
        assert split.group_by == ("family_id",)
        assert set(split.train.column("family_id")).isdisjoint(split.other.column("family_id"))
    turned = splitter.split(Cohort(whole.frame.iloc[::-1]), rng(seed))
    assert [sorted(s.other.participants) for s in splits] == [sorted(s.other.participants) for s in turned]


def test_a_held_out_side_of_families_is_as_large_as_was_wanted_where_it_can_be():
    made = HoldOut(12, ("diagnosis",), ("age",), ("family_id",)).split(grouped([3, 2, 1, 1] * 8), rng())
    assert abs(made[0].other.participant_count - 12) <= 2
    made = HoldOut(1, group=("family_id",)).split(grouped([4] * 5), rng())
    assert made[0].other.participant_count == 4
    assert made.notes == ("4 participants are held out where 1 were wanted: each family_id stays whole.",)


def test_families_and_sites_together_make_larger_groups():
    whole = people(8, family_id=["F1", "F1", "F2", "F3", "F4", "F5", "F6", "F7"], site=list("abbccdde"))
    splits = KFold(3, group=("family_id", "site")).split(whole, rng())
    assert sorted(split.other.participant_count for split in splits) == [2, 3, 3]
    with pytest.raises(ProblemsError, match="only 4 groups of family_id or site"):
        KFold(5, group=("family_id", "site")).split(whole, rng())


def test_one_name_with_and_without_a_data_set_stays_on_one_side():
    rows = [(dataset, f"sub-{i}", "ses-1") for i in range(6) for dataset in ("", "one")]
    whole = Cohort(pd.DataFrame(rows, columns=["dataset", "participant_id", "session_id"]))
    for split in KFold(3).split(whole, rng()):
        assert split.other.participant_count == 4


def test_a_group_that_changes_between_sessions_is_named():
    frame = pd.DataFrame(
        {
            "participant_id": ["sub-1", "sub-1", "sub-2"],
            "session_id": ["ses-1", "ses-2", "ses-1"],
            "site": ["a", "b", "a"],
        }
    )
    with pytest.raises(ProblemsError, match="site differs between sessions of sub-1"):
        HoldOut(1, group=("site",)).split(Cohort(frame), rng())


def test_everybody_of_one_group_cannot_be_parted():
    with pytest.raises(ProblemsError, match="everybody is of one site"):
        HoldOut(2, group=("site",)).split(people(site="a"), rng())


def test_balancing_makes_the_sides_more_alike_and_keeps_the_strata():
    draws = np.random.default_rng(3)
    whole = people(
        200,
        age=draws.normal(70, 8, 200).round(1),
        sex=draws.choice(["F", "M"], 200),
        site=draws.choice(list("abcd"), 200),
    )
    columns = ("age", "sex", "site")
    for splitter in (HoldOut(0.2, ("diagnosis",), columns), KFold(5, ("diagnosis",), columns)):
        made = splitter.split(whole, rng())
        assert made.balance["achieved"].max() < 0.08 < made.balance["before"].max()
        assert all((split.other.column("diagnosis") == "AD").sum() == 20 for split in made)


def test_a_missing_value_to_balance_is_the_mean_and_is_said():
    whole = people(40, age=[None, *range(61, 100)])
    made = KFold(2, balance=("age",)).split(whole, rng())
    assert made.notes == ("age is missing for 1 participants: taken for the mean, and balanced as missing or not.",)
    assert set(made.balance["level"]) == {"", "missing"}


def test_repeats_hold_everybody_out_once_each_and_more_leave_the_first_as_they_were():
    fold = KFold(3, ("diagnosis",), ("age",))
    whole = people(12, age=range(12))
    three, two = (RepeatedKFold(fold, repeats).split(whole, rng()) for repeats in (3, 2))
    assert [(s.index, s.repeat) for s in three] == [(3 * r + f, r) for r in range(3) for f in range(3)]
    for repeat in range(3):
        held = Counter(p for s in three if s.repeat == repeat for p in s.other.participants)
        assert held == Counter(whole.participants)
    dealt = [[s.other.participants for s in made] for made in (three, two)]
    assert dealt[0][:6] == dealt[1]
    assert dealt[0][:3] != dealt[0][3:6]
    assert sorted(set(three.balance["split"])) == list(range(9))
    with pytest.raises(ProblemsError, match="--repeats 0"):
        RepeatedKFold(fold, 0).split(whole, rng())


def test_each_site_is_left_out_once():
    made = LeaveGroupOut("site").split(people(site=list("abcabcab")), rng())
    assert [(s.held_out, s.other.participant_count) for s in made] == [
        ("site = a", 3),
        ("site = b", 3),
        ("site = c", 2),
    ]
    assert all(s.group_by == ("site",) for s in made)


def test_one_site_only_or_a_family_across_sites_cannot_be_left_out():
    with pytest.raises(ProblemsError, match=r"site has only 1 value \(a\)"):
        LeaveGroupOut("site").split(people(site="a"), rng())
    whole = people(4, site=list("aabb"), family_id=["F1", "F2", "F2", "F3"])
    with pytest.raises(ProblemsError, match="sub-01, sub-02 go together by family_id and are of several site"):
        LeaveGroupOut("site", ("family_id",)).split(whole, rng())


def test_nested_folds_lie_inside_the_outer_training_side():
    whole = people(24, site=list("abc") * 8)
    made = Nested(LeaveGroupOut("site", name="test"), KFold(2, ("diagnosis",))).split(whole, rng())
    for outer, inner in zip(made, made.inner, strict=True):
        assert outer.name == "test"
        held = Counter(person for split in inner for person in split.other.participants)
        assert held == Counter(outer.train.participants)


def test_what_the_outer_folds_make_impossible_is_said_with_its_place():
    whole = people(8, diagnosis=["AD", "AD", *["CN"] * 6])
    with pytest.raises(ProblemsError, match="in the training side of split 0: diagnosis AD"):
        Nested(KFold(2, ("diagnosis",), name="test"), KFold(2, ("diagnosis",))).split(whole, rng())


@pytest.mark.parametrize("size", [float("nan"), float("inf")])
def test_a_size_that_is_no_number_is_refused(size):
    with pytest.raises(ProblemsError, match="would hold out 0 of 8"):
        HoldOut(size).split(people(), rng())

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.splits import (
    HoldOut,
    KFold,
    Split,
    read_flow,
    read_splits,
    write_manifest,
    write_split,
)
from fimbria.errors import InputError, LeakError, ProblemsError, TableError
from strategies import cohorts

stratified = st.sampled_from([(), ("diagnosis",), ("diagnosis", "sex")])


def people(count=8, name="people", **columns):
    frame = pd.DataFrame({"participant_id": [f"sub-{i:02d}" for i in range(count)], "session_id": "ses-M000"})
    return Cohort(frame.assign(**({"diagnosis": ["AD", "CN"] * (count // 2)} | columns)), name)


def rng(seed=0):
    return np.random.default_rng(seed)


def kinds(cohort, columns):
    """Count the participants of each stratum."""
    first = cohort.baseline().frame
    return Counter(tuple(row) for row in first[list(columns)].itertuples(index=False)) if columns else Counter()


def assert_partition(split, whole):
    train, other = set(split.train.participants), set(split.other.participants)
    assert train.isdisjoint(other)
    assert train | other == set(whole.participants)
    assert sorted(split.train.sessions + split.other.sessions) == sorted(whole.sessions)


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


@given(cohorts(least=4), stratified, st.integers(2, 6))
def test_folds_hold_everybody_out_once_and_are_even(whole, columns, folds):
    smallest = min([*kinds(whole, columns).values(), whole.participant_count])
    assume(smallest >= folds)
    splits = list(KFold(folds, columns).split(whole, rng()))
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


@given(cohorts(least=4), st.integers(0, 99))
def test_the_same_seed_gives_the_same_splits_whatever_the_order_of_rows(whole, seed):
    turned = Cohort(whole.frame.iloc[::-1], whole.name)
    for splitter in (HoldOut(0.5), KFold(2)):
        one, other = (
            [sorted(split.other.participants) for split in splitter.split(cohort, rng(seed))]
            for cohort in (whole, turned)
        )
        assert one == other


def test_another_seed_gives_other_splits():
    drawn = {
        tuple(next(iter(HoldOut(4).split(people(), rng(seed)))).other.frame["participant_id"]) for seed in range(9)
    }
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
    with pytest.raises(InputError, match=sentence):
        list(HoldOut(size).split(people(), rng()))


def test_fewer_folds_than_two_are_refused():
    with pytest.raises(InputError, match="--folds 1: at least 2"):
        list(KFold(1).split(people(), rng()))


def test_a_stratum_smaller_than_the_folds_is_named():
    whole = people(6, diagnosis=["AD", "AD", "CN", "CN", "CN", "CN"])
    with pytest.raises(ProblemsError, match=r"only 2 participants like sub-00 \(diagnosis\)  -> at most 2 folds"):
        list(KFold(3, ("diagnosis",)).split(whole, rng()))


def test_more_folds_than_people_are_refused():
    with pytest.raises(ProblemsError, match=r"only 8 participants like sub-00 \(all\)"):
        list(KFold(9).split(people(), rng()))


def test_a_missing_value_to_stratify_on_is_named_with_whose_it_is():
    whole = people(4, diagnosis=["AD", "CN", None, "CN"])
    with pytest.raises(ProblemsError, match="diagnosis is missing for sub-02 ses-M000"):
        list(KFold(2, ("diagnosis",)).split(whole, rng()))


def test_a_column_to_stratify_on_that_is_not_there_is_answered_with_those_there_are():
    with pytest.raises(TableError, match="did you mean 'diagnosis'"):
        list(KFold(2, ("diagnose",)).split(people(), rng()))


def test_a_participant_on_two_sides_cannot_be():
    with pytest.raises(LeakError, match=r"sub-01, sub-02, sub-03 in train and in test: .*`fimbria cohort kfold`"):
        Split(0, people(4, "train"), people(4, "test").keep([False, True, True, True], "others"))


def test_a_participant_of_another_dataset_is_somebody_else():
    Split(0, people(2, dataset="one"), people(2, dataset="two"))
    with pytest.raises(LeakError):
        Split(0, people(2, dataset="one"), people(2))


def made(folder, folds=2, seed=0):
    digests = {}
    for split in KFold(folds, ("diagnosis",)).split(people(), rng(seed)):
        written = write_split(split, folder / f"split-{split.index}")
        digests |= {f"split-{split.index}/{name}": digest for name, digest in written.items()}
    write_manifest(folder / "kfold.json", {"folds": folds, "seed": seed}, people().flow, digests)
    return folder


def test_splits_survive_their_files(tmp_path):
    read = read_splits(made(tmp_path), ["diagnosis"])
    for back, split in zip(read, KFold(2, ("diagnosis",)).split(people(), rng()), strict=True):
        assert (back.index, back.name) == (split.index, "validation")
        pd.testing.assert_frame_equal(back.train.frame, split.train.frame)
        pd.testing.assert_frame_equal(back.other.frame, split.other.frame)
    assert read_flow(tmp_path) == people().flow


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    made(tmp_path / "one")
    made(tmp_path / "two")
    for path in sorted((tmp_path / "one").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_each_side_has_all_its_sessions_and_its_first_ones(tmp_path):
    rows = [("sub-01", "ses-M12"), ("sub-01", "ses-M6"), ("sub-02", "ses-M0")]
    whole = Cohort(pd.DataFrame(rows, columns=["participant_id", "session_id"]))
    split = Split(0, whole.of_participants({("", "sub-01")}).named("train"), whole.of_participants({("", "sub-02")}))
    assert sorted(write_split(split, tmp_path)) == [
        "train.tsv",
        "train_baseline.tsv",
        "validation.tsv",
        "validation_baseline.tsv",
    ]
    assert (tmp_path / "train_baseline.tsv").read_text() == "participant_id\tsession_id\nsub-01\tses-M6\n"
    assert len(read_splits(tmp_path)[0].train) == 2


def test_splits_are_numbered_and_not_sorted_as_text(tmp_path):
    for number in (10, 9, 0):
        write_split(next(iter(KFold(2).split(people(), rng()))), tmp_path / f"split-{number}")
    (tmp_path / "split-x").mkdir()
    assert [split.index for split in read_splits(tmp_path)] == [0, 9, 10]


def test_a_list_that_was_changed_is_noticed(tmp_path):
    made(tmp_path)
    path = tmp_path / "split-1" / "train.tsv"
    path.write_text(path.read_text().replace("AD", "CN"))
    with pytest.raises(ProblemsError, match=r"split-1/train\.tsv is not the list that was made .*SHA-256") as caught:
        read_splits(tmp_path)
    assert len(caught.value.problems) == 1


def test_a_list_that_is_gone_is_not_replaced_by_the_baseline_in_silence(tmp_path):
    made(tmp_path)
    (tmp_path / "split-0" / "train.tsv").unlink()
    with pytest.raises(ProblemsError, match=r"split-0/train\.tsv was made and is gone"):
        read_splits(tmp_path)


def test_a_split_may_be_taken_away_whole(tmp_path):
    made(tmp_path)
    for path in (tmp_path / "split-1").iterdir():
        path.unlink()
    (tmp_path / "split-1").rmdir()
    assert [split.index for split in read_splits(tmp_path)] == [0]


def test_lists_of_another_program_without_a_manifest_are_read(tmp_path):
    made(tmp_path)
    (tmp_path / "kfold.json").unlink()
    for path in tmp_path.glob("split-*/train.tsv"):
        path.unlink()
    assert len(read_splits(tmp_path)) == 2
    assert read_flow(tmp_path) == ()


def test_a_manifest_that_is_no_json_is_named(tmp_path):
    (made(tmp_path) / "kfold.json").write_text("{")
    with pytest.raises(ProblemsError, match=r"kfold\.json cannot be read as JSON"):
        read_splits(tmp_path)


def test_a_missing_validation_side_says_what_to_do(tmp_path):
    write_split(next(iter(HoldOut(2).split(people(), rng()))), tmp_path)
    with pytest.raises(ProblemsError, match=r"no validation\.tsv .*test\.tsv is kept for prediction; to train, split"):
        read_splits(tmp_path)


def test_a_missing_folder_says_how_to_make_one(tmp_path):
    with pytest.raises(TableError, match=r"no folder of splits .*`fimbria cohort kfold`"):
        read_splits(tmp_path / "none")


def test_every_unfit_split_is_named_at_once(tmp_path):
    made(tmp_path)
    (tmp_path / "kfold.json").unlink()
    (tmp_path / "split-0" / "validation.tsv").write_text("participant_id\nsub-01\n")
    leaky = tmp_path / "split-1" / "train.tsv"
    leaky.write_text(leaky.read_text() + (tmp_path / "split-1" / "validation.tsv").read_text().partition("\n")[2])
    with pytest.raises(ProblemsError) as caught:
        read_splits(tmp_path)
    first, second = map(str, caught.value.problems)
    assert "no column 'session_id'" in first
    assert "would be scored on the same participant" in second


def test_the_manifest_says_the_rule_and_the_seed(tmp_path):
    manifest = json.loads((made(tmp_path) / "kfold.json").read_text())
    assert (manifest["folds"], manifest["seed"]) == (2, 0)
    assert len(manifest["sha256"]) == 8


def test_where_strata_tie_the_seed_decides_and_not_the_alphabet():
    frame = pd.DataFrame(
        {
            "participant_id": [f"sub-{i:02d}" for i in range(40)],
            "session_id": "ses-M000",
            "site": [f"s{i // 4}" for i in range(40)],
        }
    )
    held = [
        {p for _, p in next(HoldOut(5, ("site",)).split(Cohort(frame), np.random.default_rng(seed))).other.participants}
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
    split = next(HoldOut(12, ("diagnosis", "age")).split(Cohort(frame), rng))
    held = split.other.frame
    assert (held["diagnosis"] == "AD").sum() == 6
    assert abs(held["age"].mean() - split.train.frame["age"].mean()) < 4

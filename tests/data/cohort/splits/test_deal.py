from __future__ import annotations

import numpy as np
import pandas as pd

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.splits.deal import deal
from fimbria.data.cohort.splits.units import Units


def people(**columns):
    count = len(next(iter(columns.values())))
    frame = pd.DataFrame({"participant_id": [f"sub-{i:03d}" for i in range(count)], "session_id": "ses-1"})
    return Cohort(frame.assign(**columns))


def test_strata_too_small_for_every_side_are_shared_out_and_counted():
    whole = people(diagnosis=["AD", "CN"] * 30, site=[f"s{i // 4}" for i in range(60)])
    dealt = deal(Units.of(whole), np.full(5, 12.0), ["diagnosis", "site"], [], np.random.default_rng(0))
    assert np.bincount(dealt.side).tolist() == [12] * 5
    diagnosis = Units.of(whole).first["diagnosis"].to_numpy()
    assert [int((diagnosis[dealt.side == fold] == "AD").sum()) for fold in range(5)] == [6] * 5
    assert "30 of 30 strata of diagnosis x site have fewer participants than there are sides" in dealt.notes[-1]


def test_sites_of_different_sizes_are_dealt_to_like_sides():
    sizes = [40, 30, 20, 20, 10, 10, 10, 5, 3, 2]
    whole = people(site=np.repeat([f"s{i}" for i in range(10)], sizes), diagnosis=["AD", "CN"] * 75)
    dealt = deal(Units.of(whole, ["site"]), np.full(3, 50.0), ["diagnosis"], [], np.random.default_rng(0))
    assert np.ptp(np.bincount(dealt.side)) <= 5
    assert np.abs(dealt.achieved).max() < 0.2


def test_a_label_that_can_be_on_two_sides_is_not_brought_together_for_balance():
    draws = np.random.default_rng(2)
    whole = people(
        family_id=np.arange(40) // 2,
        diagnosis=["AD" if i in (0, 2) else "CN" for i in range(40)],
        age=draws.normal(size=40),
    )
    for seed in range(5):
        units = Units.of(whole, ["family_id"])
        dealt = deal(units, np.full(4, 10.0), ["diagnosis"], ["age"], np.random.default_rng(seed))
        assert len({int(dealt.side[i]) for i in (0, 2)}) == 2


def test_without_balance_before_and_achieved_are_the_same():
    whole = people(age=np.arange(30.0))
    dealt = deal(Units.of(whole), np.full(3, 10.0), ["age"], [], np.random.default_rng(0))
    assert (dealt.before == dealt.achieved).all()
    assert np.abs(dealt.achieved).max() < 0.3

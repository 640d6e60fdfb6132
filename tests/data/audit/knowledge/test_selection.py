from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fimbria.data.audit.knowledge import selection
from fimbria.data.cohort.cohort import Session, Step


@pytest.fixture
def whole(table):
    """Two hundred people, and which of them are ill."""
    frame = table(people=200, age=lambda label, rng: rng.normal(70, 8, len(label)).round(1))
    return frame, (frame["diagnosis"] == "AD").to_numpy()


def left(frame, gone, reason="quality check failed"):
    """The step of the flow at which some left."""
    people = [(Session("", who, "ses-M000"), reason) for who in frame.loc[gone, "participant_id"]]
    return (Step("quality", len(frame) - len(people), len(frame) - len(people), tuple(people)),)


def test_people_who_left_more_often_with_one_label_are_a_risk(material, whole):
    frame, ill = whole
    gone = ill & (np.arange(200) % 4 == 0)
    (found,) = selection.look(material(frame[~gone], everybody=frame)).findings
    assert (found.level, found.certainty) == ("risk", "probable")
    assert set(found.who) == set(frame.loc[gone, "participant_id"])
    assert "100% AD" in found.what
    assert found.where == "the table the splits were made of"


def test_people_who_left_by_chance_are_clean(material, whole):
    frame, _ = whole
    gone = np.random.default_rng(0).random(200) < 0.2
    checked = selection.look(material(frame[~gone], everybody=frame))
    assert checked.verdict == "clean"
    assert f"{gone.sum()} people left and {200 - gone.sum()} stayed" in checked.looked_at
    assert "would show a difference of" in checked.looked_at


@pytest.mark.parametrize(("reason", "verdict"), [("QC failed", "risk"), ("is 50, not over 60", "clean")])
def test_people_who_left_by_a_rule_that_is_written_down_are_not_counted(material, whole, reason, verdict):
    frame, ill = whole
    gone = ill & (np.arange(200) % 4 == 0)
    checked = selection.look(material(frame[~gone], everybody=frame, flow=left(frame, gone, reason)))
    assert checked.verdict == verdict


def test_a_class_that_nobody_kept_has_was_not_to_be_learnt(material, whole):
    frame, ill = whole
    everybody = pd.concat([frame, frame[ill].assign(diagnosis="MCI", participant_id="mci-" + frame["participant_id"])])
    assert selection.look(material(frame, everybody=everybody)).verdict == "clean"


def test_a_quantity_of_those_who_left_is_compared_too(material, whole):
    frame, _ = whole
    old = (frame["age"] > 78).to_numpy()
    (found,) = selection.look(material(frame[~old], label="age", everybody=frame)).findings
    assert "mean 8" in found.what
    assert selection.look(material(frame[1::2], label="age", everybody=frame)).verdict == "clean"


def test_a_side_with_other_shares_of_the_label_is_a_risk(material, whole):
    frame, ill = whole
    skewed = frame.assign(side=np.where(ill & (np.arange(200) % 3 > 0), "test", "train"))
    (found,) = selection.look(material(pd.concat([frame.assign(split=0), skewed.assign(split=1)]))).findings
    assert (found.level, found.where) == ("risk", "test and train of split-1")
    assert "is not shared out alike between test and train" in found.what


def test_many_sessions_of_few_people_are_few(material, table):
    frame = table(people=8, sessions=40, sides=("train", "test"))
    frame["diagnosis"] = np.where(frame["side"] == "train", "AD", "CN")
    checked = selection.look(material(frame))
    assert checked.findings == ()
    assert "4 people against 4" in checked.looked_at


def test_folds_of_small_cohorts_seldom_alarm(material, table):
    alarms = 0
    for seed in range(50):
        frame = table(people=40, seed=seed)
        fold = np.random.default_rng(seed).integers(5, size=40)
        splits = [frame.assign(split=k, side=np.where(fold == k, "validation", "train")) for k in range(5)]
        alarms += bool(selection.look(material(pd.concat(splits))).findings)
    assert alarms <= 1


def test_what_cannot_be_looked_at_is_said(material, whole):
    frame, ill = whole
    assert "--label" in selection.look(material(label=None)).unchecked
    assert "--table" in selection.look(material(frame)).unchecked
    assert f"{ill.sum()} people left for quality" in selection.look(material(frame, flow=left(frame, ill))).unchecked
    alone = selection.look(material(frame.assign(side="train")))
    assert alone.verdict == "not checked"

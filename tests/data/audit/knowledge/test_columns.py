from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fimbria.data.audit.knowledge import columns


def from_label(coded):
    """A column made from each person's label."""
    return lambda label, rng: np.array([coded(one, rng) for one in label])


COPY = from_label(lambda one, _: {"AD": "ill", "CN": "well"}[one])


@pytest.mark.parametrize(
    ("column", "said", "certainty"),
    [
        (from_label(lambda one, _: one), "is a copy of the label, value by value", "certain"),
        (COPY, "is the label under another code, one to one", "certain"),
        (from_label(lambda one, _: float(one == "AD")), "is the label under another code", "certain"),
        (from_label(lambda one, rng: rng.normal(10 * (one == "AD"))), "by its value: area under the ROC", "probable"),
        (from_label(lambda one, rng: one + str(rng.integers(3))), "by its values: balanced accuracy 1.000", "probable"),
        (
            from_label(lambda one, rng: rng.normal() if one == "AD" else np.nan),
            "by whether it is filled in",
            "probable",
        ),
        (
            from_label(lambda one, rng: f"{2010 + 5 * (one == 'AD')}-0{rng.integers(1, 9)}-01"),
            "by its value: area under the ROC",
            "probable",
        ),
    ],
)
def test_a_column_that_gives_the_label_away_is_a_risk(material, column, said, certainty):
    (found,) = columns.look(material(people=60, finding=column)).findings
    assert said in found.what
    assert (found.level, found.certainty, found.who) == ("risk", certainty, ("column finding",))


def test_a_column_that_the_model_reads_is_a_leak(material):
    (found,) = columns.look(material(people=60, finding=COPY, site=COPY, inputs=("finding",))).findings
    assert found.level == "leak"
    assert "the model reads it" in found.what


def test_a_site_is_looked_at_as_a_column_only_where_the_model_reads_it(material):
    assert columns.look(material(people=60, site=COPY, sex="F")).verdict == "clean"
    assert columns.look(material(people=60, site=COPY, inputs=("site",))).verdict == "leak"


def test_the_label_as_an_input_is_a_leak(material):
    (found,) = columns.look(material(inputs=("diagnosis",))).findings
    assert (found.level, found.certainty) == ("leak", "certain")


@pytest.mark.parametrize("name", ["MMSE", "MMS", "cdr_global", "ADAS13", "MoCA", "bl_mmse", "dx_score"])
def test_an_instrument_that_diagnoses_are_made_with_is_named_earlier(material, name):
    tells = from_label(lambda one, rng: rng.normal(1.8 * (one == "AD")))
    (found,) = columns.look(material(people=100, **{name: tells})).findings
    assert "with which diagnoses are made" in found.what
    assert columns.look(material(people=100, volume=tells)).verdict == "clean"


def test_an_instrument_that_does_not_tell_the_label_is_clean(material):
    assert columns.look(material(MMSE=lambda label, rng: rng.integers(20, 31, len(label)))).verdict == "clean"


@pytest.mark.parametrize("name", ["source_participant_id", "fold", "acq_time", "Unnamed: 0", "label_date"])
def test_identifiers_folds_and_clocks_are_not_looked_at(material, name):
    checked = columns.look(material(people=60, sex="F", **{name: COPY}))
    assert checked.findings == ()
    assert name not in checked.looked_at


def test_few_people_do_not_alarm_by_luck(material):
    checked = columns.look(material(people=6, sides=("train", "test"), sex=COPY))
    assert checked.findings == ()
    assert "too few to tell a telling column from luck" in checked.looked_at


def test_many_sessions_of_few_people_are_few(material):
    score = from_label(lambda one, rng: rng.normal(10 * (one == "AD")))
    checked = columns.look(material(people=6, sessions=50, sides=("train", "test"), score=score))
    assert checked.findings == ()
    assert "in 6 participants" in checked.looked_at


@pytest.fixture
def grades():
    """Eight classes of thirty people, with columns that tell one of them, all, or none."""
    rng = np.random.default_rng(0)
    grade = rng.permutation(np.arange(240) % 8)
    return pd.DataFrame(
        {
            "side": "train",
            "participant_id": [f"sub-{number}" for number in range(240)],
            "grade": [f"grade {one}" for one in grade],
            "is_third": (grade == 3).astype(int),
            "letter": list(np.array(list("hgfedcba"))[grade]),
            "height": rng.normal(size=240),
            "colour": rng.choice(list("rgb"), 240),
        }
    )


def test_many_classes_are_told_apart_from_the_others(material, grades):
    findings = {found.who[0]: found.what for found in columns.look(material(grades, label="grade")).findings}
    assert sorted(findings) == ["column is_third", "column letter"]
    assert "grade 3 from the other 7 classes" in findings["column is_third"]


def test_a_quantity_is_followed_by_what_it_is_made_of(material, table):
    rng = np.random.default_rng(0)
    age = rng.normal(70, 8, 60).round(1)
    born = pd.Timestamp("2010-01-01") - pd.to_timedelta(age * 365.25 + rng.normal(0, 100, 60), unit="D")
    frame = table(
        people=60, age=age, age_bl=age, birth_date=born.strftime("%Y-%m-%d"), volume=rng.normal(size=60) - age / 8
    )
    findings = {found.who[0]: found for found in columns.look(material(frame, label="age")).findings}
    assert sorted(findings) == ["column age_bl", "column birth_date"]
    assert findings["column age_bl"].certainty == "certain"
    assert "rank correlation -" in findings["column birth_date"].what


def test_what_cannot_be_looked_at_is_said(material, table):
    assert "--label" in columns.look(material(label=None)).unchecked
    assert "no column beside" in columns.look(material()).unchecked
    assert "--participant" in columns.look(material(table(sex="F").assign(participant_id=""))).unchecked


def test_random_columns_seldom_alarm(material):
    def noise(_, rng):
        return rng.normal(size=30)

    def names(_, rng):
        return rng.choice(["F", "M"], 30)

    random = {**{f"score{number}": noise for number in range(4)}, "sex": names, "MMSE": noise}
    alarms = sum(bool(columns.look(material(people=30, seed=seed, **random)).findings) for seed in range(50))
    assert alarms <= 1


def test_a_code_of_the_label_called_an_id_is_looked_at(material, table):
    frame = table(people=60)
    codes = frame.assign(class_id=(frame["diagnosis"] == "AD").astype(int))
    assert [finding.who for finding in columns.look(material(codes)).findings] == [("column class_id",)]


def test_of_many_people_some_are_drawn_and_not_the_first(material, table, monkeypatch):
    frame = table(people=400).sort_values("diagnosis", kind="stable")
    monkeypatch.setattr(columns, "PEOPLE", 100)
    told = frame.assign(score=(frame["diagnosis"] == "AD") * 10.0)
    copied = columns.look(material(told.assign(klass=frame["diagnosis"].map({"AD": "x", "CN": "y"}))))
    assert ("column klass",) in [finding.who for finding in copied.findings]

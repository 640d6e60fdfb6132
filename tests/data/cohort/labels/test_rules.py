"""Labels of sessions and of participants: each rule, with the answer by hand and the reason of who has none."""

import pytest

from fimbria.data.cohort.labels.definition import Definition
from fimbria.data.cohort.labels.files import read
from fimbria.data.cohort.labels.labelling import label
from fimbria.errors import ProblemsError
from histories import adds_up, left, table, told

PARTICIPANTS = read("alzheimer-participants")
WITNESS = {"AD": {0: "AD"}, "MCI": {0: "MCI"}, "sMCI": {0: "MCI", 36: "MCI"}, "pMCI": {0: "MCI", 6: "AD"}}


def labels(story, *keep, **changes):
    """Label one participant beside another who gets the first label, so that somebody stays."""
    found = label(table(a=story, z=WITNESS[keep[0]]), PARTICIPANTS.changed(keep=keep, **changes))
    assert adds_up(found)
    mine = {name[1]: value for name, value in told(found, "diagnosis").items() if name[0] == "a"}
    return mine, {name[1]: reason for name, reason in left(found).items() if name[0] == "a"}


def test_a_session_gets_the_label_of_its_own_diagnosis_whatever_comes_before_or_after():
    people = table(a={0: "CN", 12: "MCI", 24: "AD"}, b={6: "AD", 12: "CN"}, c={0: "Dementia"})
    found = label(people, read("alzheimer-sessions"))
    assert told(found, "diagnosis", "label_month") == {
        ("a", "M000"): ("CN", 0),
        ("a", "M024"): ("AD", 24),
        ("b", "M006"): ("AD", 6),
        ("b", "M012"): ("CN", 12),
    }
    assert left(found) == {("a", "M012"): "diagnosis is MCI", ("c", "M000"): "diagnosis is Dementia"}


@pytest.mark.parametrize(
    ("story", "expected", "reason"),
    [
        ({0: "CN", 12: "CN"}, {"M000": "CN", "M012": "CN"}, None),
        ({0: "AD"}, {"M000": "AD"}, None),
        ({0: "CN", 12: None, 24: "CN"}, {"M000": "CN", "M012": "CN", "M024": "CN"}, None),
        ({0: "AD", 12: "Dementia"}, {"M000": "AD", "M012": "AD"}, None),
        ({0: "CN", 12: "MCI", 24: "CN"}, {}, {"M000": "diagnosis is MCI at ses-M012"}),
        (
            {0: "CN", 12: "AD"},
            {},
            {"M000": "diagnosis is AD at ses-M012", "M012": "diagnosis is CN at the first session"},
        ),
        ({0: "MCI", 12: "AD"}, {}, {"M012": "diagnosis is MCI at the first session"}),
        ({0: "CN", 12: "MCI", 24: "AD"}, {}, {"M000": "diagnosis is MCI at ses-M012"}),
        ({0: None, 12: "CN"}, {}, {"M012": "diagnosis is unknown at the first session"}),
        ({6: "CN", 12: "CN"}, {}, {"M006": "the first session is of month 6"}),
        ({0: "CN", 12: "stroke"}, {}, {"M012": "diagnosis is stroke"}),
    ],
)
def test_a_constant_label_asks_for_the_same_diagnosis_at_every_session(story, expected, reason):
    found, gone = labels(story, "AD", "CN")
    assert found == expected
    assert reason is None or reason.items() <= gone.items()


@pytest.mark.parametrize(
    ("story", "stable", "progressed"),
    [
        ({0: "MCI", 36: "MCI"}, ["M000"], []),
        ({0: "EMCI", 36: "LMCI"}, ["M000"], []),
        ({0: "MCI", 12: "MCI"}, [], []),
        ({0: "MCI", 12: "AD"}, [], ["M000"]),
        ({0: "MCI", 36: "AD"}, [], ["M000"]),
        ({0: "MCI", 24: "MCI", 48: "MCI"}, ["M000"], []),
        ({0: "MCI", 24: "MCI", 48: "AD"}, [], ["M024"]),
        ({0: "MCI", 24: "MCI", 36: "MCI", 48: "AD"}, [], ["M024", "M036"]),
        ({0: "MCI", 36: "MCI", 48: "MCI", 96: "AD"}, ["M000"], []),
        ({0: "MCI", 24: "CN"}, [], []),
        ({0: "MCI", 36: "MCI", 60: "CN"}, [], []),
        ({0: "MCI", 12: "AD", 24: "MCI", 60: "MCI"}, [], []),
        ({0: "CN", 12: "MCI", 48: "MCI"}, [], []),
        ({0: None, 12: "MCI", 48: "MCI"}, [], []),
        ({6: "MCI", 42: "MCI"}, [], []),
    ],
)
def test_what_follows_mild_impairment_decides_which_it_was(story, stable, progressed):
    assert sorted(labels(story, "sMCI")[0]) == stable
    assert sorted(labels(story, "pMCI")[0]) == progressed
    both, _ = labels(story, "sMCI", "pMCI")
    assert both == dict.fromkeys(stable, "sMCI") | dict.fromkeys(progressed, "pMCI")


@pytest.mark.parametrize(
    ("story", "kept"),
    [
        ({0: "MCI", 12: "MCI"}, ["M000", "M012"]),
        ({0: "MCI", 12: "AD"}, ["M000"]),
        ({0: "MCI", 12: "MCI", 24: "AD"}, ["M000", "M012"]),
        ({0: "MCI", 12: "CN"}, []),
        ({0: "MCI", 12: "CN", 24: "MCI"}, []),
        ({0: "CN", 12: "MCI"}, []),
    ],
)
def test_mild_impairment_is_kept_where_it_does_not_go_back(story, kept):
    assert sorted(labels(story, "MCI")[0]) == kept


@pytest.mark.parametrize(
    ("story", "reason"),
    [
        ({0: "MCI", 12: "MCI"}, "unknown 36 months after"),
        ({0: "MCI", 24: "CN"}, "regressed 36 months after"),
        ({0: "MCI", 12: "CN", 24: "MCI"}, "diagnosis changes 2 times, at most 1 allowed"),
        ({0: "MCI", 36: "MCI", 60: "CN"}, "regressed 36 months after ses-M036, the last such session"),
    ],
)
def test_the_flow_says_why_a_session_is_neither_stable_nor_progressive(story, reason):
    assert labels(story, "sMCI", "pMCI")[1]["M000"] == reason


def test_a_shorter_horizon_makes_more_of_them_stable():
    story = {0: "MCI", 12: "MCI", 30: "AD"}
    assert labels(story, "sMCI", "pMCI")[0] == {"M000": "pMCI", "M012": "pMCI"}
    assert labels(story, "pMCI", "sMCI", horizon=12)[0] == {"M000": "sMCI"}
    assert labels({0: "MCI", 12: "MCI", 24: "MCI"}, "sMCI", horizon=12)[0] == {"M000": "sMCI", "M012": "sMCI"}


def test_the_month_that_decided_a_label_stands_beside_it():
    people = table(
        a={0: "MCI", 24: "MCI", 48: "MCI"}, b={0: "MCI", 6: "MCI", 12: "AD", 60: "AD"}, c={0: "CN", 60: "CN"}
    )
    found = label(people, PARTICIPANTS.changed(keep=("sMCI", "pMCI", "CN")))
    assert told(found, "diagnosis", "label_month") == {
        ("a", "M000"): ("sMCI", 48),
        ("b", "M000"): ("pMCI", 12),
        ("b", "M006"): ("pMCI", 12),
        ("c", "M000"): ("CN", 60),
        ("c", "M060"): ("CN", 60),
    }


def test_a_label_can_be_of_several_states_and_other_names_than_theirs():
    plain = {
        "column": "stage",
        "keep": ["patient"],
        "states": {"early": 1, "late": 2, "none": 0},
        "labels": {"patient": {"state": ["early", "late"], "stability": "constant"}},
    }
    stories = {"a": [1, 2], "b": [0, 1], "c": [2, 2]}
    people = table(**{name: {month: {"stage": s} for month, s in enumerate(story)} for name, story in stories.items()})
    found = label(people, Definition.of(plain))
    assert set(told(found, "label")) == {("a", "M000"), ("a", "M001"), ("c", "M000"), ("c", "M001")}
    assert set(told(found, "label").values()) == {"patient"}
    assert found.frame["stage"].tolist() == [1, 2, 2, 2]


def test_nobody_with_a_label_is_an_error_that_names_the_rule():
    with pytest.raises(ProblemsError, match=r"no session passes: .*\(sMCI\)"):
        label(table(a={0: "CN"}), PARTICIPANTS.changed(keep=("sMCI",)))

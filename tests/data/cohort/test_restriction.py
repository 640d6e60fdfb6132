from __future__ import annotations

import pandas as pd
import pytest

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.restriction import conditions, judged, listed
from fimbria.errors import TableError


@pytest.fixture
def people():
    """Three sessions of two people."""
    frame = pd.DataFrame({"participant_id": ["sub-1", "sub-1", "sub-2"], "session_id": ["ses-1", "ses-2", "ses-1"]})
    return Cohort(frame.assign(age=[60, 61, 62]), "people.tsv")


@pytest.fixture
def written(tmp_path):
    """Write rows of words as a table."""

    def write(*rows, name="list.tsv"):
        path = tmp_path / name
        path.write_text("".join("\t".join(row.split()) + "\n" for row in rows))
        return path

    return write


def test_everything_wrong_with_conditions_is_said_at_once(people):
    rules, problems = conditions(people, ["age >= 61", "age =>", "old == 1", "age < 60", "age == 61"])
    assert [rule.text for rule in rules] == ["age >= 61", "age < 60", "age == 61"]
    assert len(problems) == 3
    assert problems[-1].what == "nobody could pass age >= 61 and age < 60"


def test_a_list_keeps_or_leaves_out_participants_or_sessions(people, written):
    path = written("participant_id", "sub-1", "sub-1", "sub-9")
    assert listed(people, path, wanted=True).kept.tolist() == [True, True, False]
    assert listed(people, path, wanted=False).kept.tolist() == [False, False, True]
    assert listed(people, path, wanted=True).notes == ("In list.tsv, not in people.tsv: sub-9.",)
    path = written("participant_id session_id", "sub-1 ses-2")
    rule = listed(people, path, wanted=True)
    assert (rule.kept.tolist(), rule.text, rule.reasons[0]) == (
        [False, True, False],
        "is in list.tsv",
        "is not in list.tsv",
    )


@pytest.mark.parametrize("words", [("True", "False"), ("1", "0"), ("pass", "fail"), ("yes", "No")])
def test_a_verdict_is_read_as_people_write_it(people, written, words):
    path = written(
        "participant_id session_id pass", f"sub-1 ses-1 {words[0]}", f"sub-1 ses-2 {words[1]}", name="QC.tsv"
    )
    rule = judged(people, path)
    assert rule.kept.tolist() == [True, False, True]
    assert rule.reasons[1] == "failed in QC.tsv"
    assert rule.notes == ("Without a verdict in QC.tsv, they stay (1): sub-2 ses-1.",)
    strict = judged(people, path, judged_only=True)
    assert strict.kept.tolist() == [True, False, False]
    assert strict.reasons[2] == "has no verdict in QC.tsv"


def test_a_threshold_judges_anew_and_the_threshold_itself_fails(people, written):
    rows = ("participant_id session_id pass_probability pass", "sub-1 ses-1 .5 True", "sub-1 ses-2 .6 False")
    rule = judged(people, written(*rows), threshold=0.5, judged_only=True)
    assert rule.kept.tolist() == [False, True, False]
    assert rule.text == "passed in list.tsv (above 0.5)"


def test_a_list_of_those_who_passed_is_a_verdict(people, written):
    path = written("participant_id session_id max_intensity", "sub-1 ses-2 0.97", name="pass_step-3.tsv")
    assert judged(people, path).kept.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("rows", "threshold", "sentence"),
    [
        (("participant_id session_id pass", "sub-1 ses-1 maybe"), None, "pass is 'maybe' for sub-1"),
        (
            ("participant_id session_id pass", "sub-1 ses-1 True", "sub-1 ses-1 False"),
            None,
            "different verdicts of sub-1 ses-1",
        ),
        (("participant_id pass", "sub-1 True", "sub-1 False"), None, "different verdicts of sub-1"),
        (("participant_id session_id pass", "sub-1 ses-1 True"), 0.5, "no column 'pass_probability'"),
        (("participant_id session_id pass_probability", "sub-1 ses-1 x"), 0.5, "a number was wanted"),
    ],
)
def test_verdicts_that_cannot_be_used_are_refused(people, written, rows, threshold, sentence):
    with pytest.raises(TableError) as caught:
        judged(people, written(*rows), threshold=threshold)
    assert sentence in str(caught.value)


def test_measures_are_no_verdict(people, written):
    with pytest.raises(TableError, match=r"measures and no verdict.*pass_step-3\.tsv"):
        judged(people, written("participant_id session_id max_intensity", "sub-1 ses-1 1", name="QC_metrics.tsv"))

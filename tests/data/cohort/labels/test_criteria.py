"""What is asked besides the diagnosis: exclusions, first visits, images, lists."""

import numpy as np
import pandas as pd
import pytest

from fimbria import tables
from fimbria.data.cohort.labels.criteria import Criterion, excluded, listed, met, sieve, visits, with_image
from fimbria.data.cohort.labels.files import read
from fimbria.data.cohort.labels.timeline import timeline, with_months
from fimbria.errors import InputError, ProblemsError, TableError
from histories import adds_up, left, table

DEFINITION = read("alzheimer-sessions")
PEOPLE = {"a": {0: "CN", 12: "CN"}, "b": {6: "AD"}, "c": {0: "AD"}}


def line(**people):
    return timeline(*with_months(table(**(people or PEOPLE))), DEFINITION)


def mods(folder, sessions, prefix="missing_mods"):
    """Write tables of modalities: ``{session: {participant: {column: value}}}``."""
    folder.mkdir(exist_ok=True)
    for session, people in sessions.items():
        rows = [{"participant_id": f"sub-{name}", **columns} for name, columns in people.items()]
        tables.write(pd.DataFrame(rows), folder / f"{prefix}_{session}.tsv")
    return folder


def test_questions_are_asked_one_after_the_other_of_who_is_left():
    people = table(**PEOPLE)
    one = Criterion("one", np.array([True, True, False, True]), ["", "", "no one", ""])
    two = Criterion("two", np.array([False, True, False, True]), ["no two"] * 4)
    kept, here = sieve(people, [one, two])
    assert here.tolist() == [False, True, False, True]
    assert left(kept) == {("b", "M006"): "no one", ("a", "M000"): "no two"}
    assert adds_up(kept)


def test_an_exclusion_says_what_it_found_and_where():
    row = {"diagnosis": "CN"}
    people = table(
        a={0: row | {"diagnosis_bl": "SMC"}}, b={0: row | {"diagnosis_sc": "SMC"}}, c={0: row | {"diagnosis_bl": "CN"}}
    )
    kept, here = sieve(people, excluded(people, DEFINITION))
    assert here.tolist() == [False, False, True]
    assert left(kept) == {
        ("a", "M000"): "subjective memory complaint: diagnosis_bl is SMC",
        ("b", "M000"): "subjective memory complaint: diagnosis_sc is SMC",
    }
    assert excluded(people, DEFINITION.changed(admit=("smc",))) == []


def test_an_exclusion_of_columns_that_are_not_there_leaves_nobody_out():
    people = table(**PEOPLE)
    assert excluded(people, DEFINITION)[0].passed.all()


def test_a_first_session_of_another_month_and_an_only_session_are_told():
    first, several = visits(line(), DEFINITION.changed(baseline_month=0, remove_unique_session=True))
    assert first.passed.tolist() == [True, True, False, True]
    assert first.reasons[2] == "the first session is of month 6"
    assert several.passed.tolist() == [True, True, False, False]
    assert visits(line(), DEFINITION) == []


def test_a_condition_tells_the_value_that_did_not_meet_it():
    people = table(a={0: {"age": 61.0}, 12: {"age": 62.0}}, b={0: {"age": None}})
    (criterion,) = met(people, ["age >= 62"])
    assert criterion.passed.tolist() == [False, True, False]
    assert [criterion.reasons[at] for at in (0, 2)] == ["age is 61", "age is missing"]
    with pytest.raises(TableError, match="no column 'MMSE'"):
        met(people, ["MMSE > 20"])


def test_an_image_is_there_where_the_session_s_table_has_a_one(tmp_path):
    folder = mods(
        tmp_path / "mods",
        {
            "ses-M00": {"a": {"t1w": 1}, "c": {"t1w": 0}},
            "ses-M012": {"a": {"pet": 1}},
            "ses-M006": {"a": {"t1w": 1}},
        },
    )
    criterion = with_image(line(), folder, "t1w")
    assert criterion.passed.tolist() == [True, False, False, False]
    assert criterion.reasons[1] == "no image t1w"


@pytest.mark.parametrize(
    ("sessions", "modality", "sentence"),
    [
        ({}, "t1w", "there is no table"),
        ({"summary": {"a": {"t1w": 1}}}, "t1w", "there is no table"),
        ({"ses-M000": {"a": {"t1w": 1}}}, "T1", r"has a column 'T1'; .*they have: t1w"),
        (
            {"ses-M000": {"a": {"t1w": 1}}, "ses-M00": {"a": {"t1w": 0}}},
            "t1w",
            "stand there twice for a session: sub-a at month 0",
        ),
    ],
)
def test_tables_of_images_that_cannot_be_used_are_refused(sessions, modality, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        with_image(line(), mods(tmp_path / "mods", sessions), modality)


def test_a_folder_that_is_not_there_has_no_tables(tmp_path):
    with pytest.raises(TableError, match="check-missing-modalities"):
        with_image(line(), tmp_path / "no", "t1w")


def test_a_list_keeps_whom_it_names_once_by_month(tmp_path):
    names = [
        ("a", "ses-M00"),
        ("a", "ses-M012"),
        ("a", "ses-M12"),
        ("b", "ses-M006"),
        ("z", "ses-M000"),
        ("c", "ses-x"),
    ]
    rows = pd.DataFrame(names, columns=["participant_id", "session_id"])
    tables.write(rows.assign(participant_id="sub-" + rows["participant_id"]), tmp_path / "list.tsv")
    criterion = listed(line(), tmp_path / "list.tsv")
    assert criterion.passed.tolist() == [True, False, True, False]
    assert [criterion.reasons[at] for at in (1, 3)] == ["in list.tsv 2 times", "not in list.tsv"]


def test_a_list_without_data_sets_cannot_part_two_people_of_one_name(tmp_path):
    both = line(a={0: {"diagnosis": "CN", "dataset": "one"}, 6: {"diagnosis": "CN", "dataset": "two"}})
    rows = pd.DataFrame({"participant_id": ["sub-a"], "session_id": ["ses-M006"]})
    tables.write(rows, tmp_path / "list.tsv")
    with pytest.raises(InputError, match=r"several \(one, two\)"):
        listed(both, tmp_path / "list.tsv")
    with pytest.raises(InputError, match=r"several \(one, two\)"):
        with_image(both, tmp_path, "t1w")
    tables.write(rows.assign(dataset="two"), tmp_path / "scoped.tsv")
    assert listed(both, tmp_path / "scoped.tsv").passed.tolist() == [False, True]


def test_a_list_of_nobody_here_leaves_nobody():
    with pytest.raises(ProblemsError, match="no session passes"):
        sieve(table(**PEOPLE), [Criterion("is there", np.zeros(4, dtype=bool), ["not there"] * 4)])

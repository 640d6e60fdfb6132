"""Tables made from tables: who left is written, nothing is written over, and what is wrong is said at once."""

import pytest

from fimbria import tables
from fimbria.data.cohort import flow
from fimbria.data.cohort.splits import read_splits
from fimbria.errors import InputError, ProblemsError
from fimbria.workflows.cohorts import cohort_from_bids
from fimbria.workflows.restrict import adapt_clinicadl, join_metadata, restrict_cohort


@pytest.fixture
def cohort(tiny_bids, tmp_path):
    """Six sessions of three people, with the flow of who has an image."""
    cohort_from_bids(tiny_bids, tmp_path / "cohort.tsv")
    return tmp_path / "cohort.tsv"


def test_every_rule_is_a_step_of_the_flow_that_goes_on(cohort, tmp_path):
    (tmp_path / "only.tsv").write_text("participant_id\nsub-01\nsub-9\n")
    before = flow.read(flow.beside(cohort))
    made = restrict_cohort(
        cohort, tmp_path / "out.tsv", where=["age >= 62", "session_id != ses-M006"], only=tmp_path / "only.tsv"
    )
    steps = flow.read(tmp_path / "out.flow.json")
    assert steps == made.cohort.flow
    assert steps[: len(before)] == before
    assert [(step.rule, step.sessions, len(step.left)) for step in steps[len(before) :]] == [
        ("age >= 62", 5, 1),
        ("session_id != ses-M006", 4, 1),
        ("is in only.tsv", 2, 2),
    ]
    assert steps[-3].left[0][1] == "age is missing"
    assert tables.read(tmp_path / "out.tsv")["participant_id"].tolist() == ["sub-01", "sub-01"]
    assert made.notes == (f"In only.tsv, not in {cohort}: sub-9.",)


def test_everything_wrong_with_the_rules_is_said_at_once(cohort, tmp_path):
    with pytest.raises(ProblemsError) as caught:
        restrict_cohort(
            cohort,
            tmp_path / "out.tsv",
            where=["age >= 62", "age < 60", "age => 3", "acq_time > 2020-02-30"],
            only=tmp_path / "nobody.tsv",
            threshold=0.5,
        )
    said = str(caught.value)
    assert len(caught.value.problems) == 5
    for part in (
        "nobody could pass age >= 62 and age < 60",
        "cannot be read",
        "is no date",
        "there is no table",
        "0.5",
    ):
        assert part in said
    assert not (tmp_path / "out.tsv").exists()


def test_rules_that_leave_nobody_or_are_none_are_refused(cohort, tmp_path):
    with pytest.raises(ProblemsError, match="no session passes: age > 99"):
        restrict_cohort(cohort, tmp_path / "out.tsv", where="age > 99")
    with pytest.raises(ProblemsError, match="there is no rule"):
        restrict_cohort(cohort, tmp_path / "out.tsv")


def test_nothing_is_written_over_and_the_same_twice_is_the_same(cohort, tmp_path):
    restrict_cohort(cohort, tmp_path / "out.tsv", where=["age >= 62"])
    before = (tmp_path / "out.tsv").read_bytes(), (tmp_path / "out.flow.json").read_bytes()
    restrict_cohort(cohort, tmp_path / "out.tsv", where=["age >= 62"])
    assert ((tmp_path / "out.tsv").read_bytes(), (tmp_path / "out.flow.json").read_bytes()) == before
    with pytest.raises(InputError, match="nothing is ever written over"):
        restrict_cohort(cohort, tmp_path / "out.tsv", where=["age >= 70"])
    with pytest.raises(InputError, match="tells of another way to the same table"):
        restrict_cohort(cohort, tmp_path / "out.tsv", where=["age is known"])
    with pytest.raises(InputError, match="nothing is ever written over"):
        restrict_cohort(cohort, cohort, where=["age >= 62"])


def test_a_table_changed_by_hand_begins_anew_in_its_flow(cohort, tmp_path):
    lines = cohort.read_text().splitlines(keepends=True)
    cohort.write_text("".join(lines[:-1]))
    made = restrict_cohort(cohort, tmp_path / "out.tsv", where=["participant_id is known"])
    assert made.cohort.flow[-2].rule == f"in {cohort}, changed by hand"


def test_a_quality_check_leaves_out_who_failed(cohort, tmp_path):
    rows = ["participant_id\tsession_id\tpass_probability\tpass", "sub-01\tses-M000\t0.1\tFalse"]
    (tmp_path / "QC.tsv").write_text("\n".join(rows) + "\n")
    made = restrict_cohort(cohort, tmp_path / "out.tsv", quality=[tmp_path / "QC.tsv"])
    assert [str(who) for who, _ in made.cohort.flow[-1].left] == ["sub-01 ses-M000"]
    assert made.notes[0].startswith("Without a verdict in QC.tsv, they stay (5)")


def test_metadata_are_joined_and_nobody_leaves(cohort, tmp_path):
    (tmp_path / "more.tsv").write_text("participant_id\tapoe4\nsub-01\t1\nsub-02\t0\nsub-77\t1\n")
    made = join_metadata(cohort, tmp_path / "more.tsv", tmp_path / "out.tsv")
    assert len(tables.read(tmp_path / "out.tsv")) == 6
    assert made.cohort.flow[-1].rule == "joined with more.tsv (apoe4)"
    assert [note.partition(" (")[0] for note in made.notes] == [
        "Not in more.tsv, new columns n/a",
        "In more.tsv, not in cohort.tsv",
    ]


def test_an_old_folder_becomes_splits_that_can_be_read(tmp_path):
    for label in ("AD", "CN"):
        for side, end, numbers in (("train", "", (1, 2)), ("validation", "_baseline", (3,))):
            place = tmp_path / "old" / f"{side}_splits-5" / "split-0"
            place.mkdir(parents=True, exist_ok=True)
            rows = "".join(f"sub-{label}{number}\tses-M00\t{label}\n" for number in numbers)
            (place / f"{label}{end}.tsv").write_text(f"participant_id\tsession_id\tdiagnosis\n{rows}")
        (tmp_path / "old" / f"{label}.tsv").write_text(f"participant_id\tsession_id\nsub-{label}1\tses-M00\n")
    adapt_clinicadl(tmp_path / "old", tmp_path / "new", labels=["AD", "CN"], pad_sessions=True)
    (split,) = read_splits(tmp_path / "new" / "5_fold", ["diagnosis"])
    assert (split.train.participant_count, split.other.participant_count) == (4, 2)
    assert tables.read(tmp_path / "new" / "labels.tsv")["diagnosis"].tolist() == ["AD", "CN"]
    assert flow.read(tmp_path / "new" / "labels.flow.json")[0].participants == 2
    with pytest.raises(InputError, match="holds something already"):
        adapt_clinicadl(tmp_path / "old", tmp_path / "new")

"""Tables of sessions as files, with the flow of those who left."""

from fimbria import tables
from fimbria.data.cohort import flow
from fimbria.workflows.cohorts import cohort_from_bids, cohort_from_caps


def test_a_cohort_of_bids_says_who_left_and_why(tiny_bids, tmp_path):
    cohort = cohort_from_bids(tiny_bids, tmp_path / "cohort.tsv")
    written = tables.read(tmp_path / "cohort.tsv")
    assert len(written) == len(cohort) == 6
    assert {"sex", "age", "MMSE", "acq_time"} <= set(written)
    left = [reason for step in flow.read(tmp_path / "cohort.flow.json") for _, reason in step.left]
    assert left == ["in participants.tsv, without a folder"]


def test_a_cohort_of_caps_lists_its_images(tiny_caps, tmp_path):
    cohort = cohort_from_caps(tiny_caps, tmp_path / "cohort.tsv")
    assert cohort.participant_count == 8

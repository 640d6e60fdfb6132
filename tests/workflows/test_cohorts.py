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


def test_a_cohort_of_derivatives_lists_the_images_of_a_pipelines_options(tmp_path):
    for path in ("sub-01/ses-1/anat/sub-01_ses-1", "sub-01/ses-2/anat/sub-01_ses-2", "sub-02/anat/sub-02"):
        image = tmp_path / "fmriprep" / f"{path}_space-MNI152NLin6Asym_desc-preproc_T1w.nii.gz"
        image.parent.mkdir(parents=True)
        image.touch()
    (tmp_path / "fmriprep" / "sub-03" / "anat").mkdir(parents=True)
    options = {"space": "MNI152NLin6Asym"}
    cohort = cohort_from_caps(
        tmp_path / "fmriprep", tmp_path / "cohort.tsv", pipeline_name="fmriprep", pipeline_options=options
    )
    assert [str(session) for session in cohort.sessions] == ["sub-01 ses-1", "sub-01 ses-2", "sub-02 ses-M000"]
    assert [str(session) for session, _ in cohort.flow[-1].left] == ["sub-03 ses-M000"]

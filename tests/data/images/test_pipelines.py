from __future__ import annotations

import pytest

from fimbria.data.cohort.cohort import Session
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import ComponentError

WHO = Session("", "sub-01", "ses-M000")
CROPPED = "_space-MNI152NLin2009cSym_desc-Crop_res-1x1x1_T1w.nii.gz"
WHOLE = "_space-MNI152NLin2009cSym_res-1x1x1_T1w.nii.gz"


@pytest.mark.parametrize(
    ("name", "cropped", "whole"),
    [
        (f"sub-01_ses-M000{CROPPED}", True, False),
        (f"sub-01_ses-M000{WHOLE}", False, True),
        (f"sub-01_ses-M000_acq-mprage_run-01{CROPPED}", True, False),
        (f"sub-01_ses-M000{CROPPED.removesuffix('.gz')}", True, False),
        (f"sub-01_ses-M0001{CROPPED}", False, False),
        (f"sub-01{CROPPED}", False, False),
        (f"sub-011_ses-M000{CROPPED}", False, False),
        (f"sub-01_ses-M000{CROPPED}.part", False, False),
        (f"sub-01_ses-M000{CROPPED.replace('T1w', 'FLAIR')}", False, False),
        (f"x_sub-01_ses-M000{CROPPED}", False, False),
    ],
)
def test_t1_linear_knows_its_files(name, cropped, whole):
    assert bool(pipeline.build("t1-linear").names(WHO).fullmatch(name)) is cropped
    assert bool(pipeline.build("t1-linear", {"cropped": False}).names(WHO).fullmatch(name)) is whole


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("sub-01_ses-M000_T1w.nii.gz", True),
        ("sub-01_T1w.nii", True),
        ("sub-01_ses-M000_acq-x_run-2_T1w.nii.gz", True),
        ("sub-01_acq-x_T1w.nii.gz", True),
        ("sub-01_ses-M012_T1w.nii.gz", False),
        ("sub-01_ses-M0001_T1w.nii.gz", False),
        ("sub-01_ses-M000_T2w.nii.gz", False),
        ("sub-01_ses-M000_T1w.json", False),
        ("sub-012_ses-M000_T1w.nii.gz", False),
    ],
)
def test_raw_images_are_those_of_the_session_with_or_without_its_name(name, matches):
    assert bool(pipeline.build("raw").names(WHO).fullmatch(name)) is matches


def test_a_name_with_signs_of_a_pattern_stands_for_itself():
    raw = pipeline.build("raw", {"suffix": "T1.w", "folder": "x"})
    assert raw.folder == "x"
    assert not raw.names(WHO).fullmatch("sub-01_T1xw.nii.gz")
    assert raw.names(Session("", "sub-a+b", "ses-1")).fullmatch("sub-a+b_T1.w.nii")


def test_an_option_of_another_pipeline_is_refused():
    with pytest.raises(ComponentError, match="pipeline 't1-linear': no option 'suffix'"):
        pipeline.build("t1-linear", {"suffix": "T1w"})

"""Preprocessing a data set: names, going on, and images that fail; the registration itself is tested where it lives."""

import shutil

import pytest

from fimbria import tables
from fimbria.data.cohort.cohort import Session
from fimbria.data.images import nifti
from fimbria.data.preprocessing.t1_linear import Alignment
from fimbria.errors import ImageError, ProblemsError
from fimbria.workflows import preprocess
from fimbria.workflows.preprocess import files_of, preprocess_t1_linear


@pytest.fixture
def aligned(monkeypatch):
    """Replace the registration, which takes seconds, by a copy; give the scans it was asked for."""
    asked = []

    def copied(scan, files):
        asked.append(scan)
        image = nifti.read(scan)
        for path in (files.uncropped, files.cropped):
            nifti.write(path, image.array, image.grid)
        files.transform.write_bytes(b"affine")
        return Alignment(0.3 if "sub-03" in scan.name else 0.5, 0.8, 0.001)

    monkeypatch.setattr(preprocess, "t1_linear", copied)
    return asked


@pytest.mark.parametrize(
    ("scan", "session", "stem"),
    [
        ("sub-01_ses-M006_T1w.nii.gz", "ses-M006", "sub-01_ses-M006"),
        ("sub-01_T1w.nii.gz", "ses-M000", "sub-01_ses-M000"),
        ("sub-01_acq-mprage_run-2_T1w.nii", "ses-M000", "sub-01_ses-M000_acq-mprage_run-2"),
    ],
)
def test_names_are_clinica_s(tmp_path, scan, session, stem):
    files = files_of(tmp_path, Session("", "sub-01", session), tmp_path / scan)
    assert files.cropped.name == f"{stem}_space-MNI152NLin2009cSym_desc-Crop_res-1x1x1_T1w.nii.gz"
    assert files.transform.name == f"{stem}_space-MNI152NLin2009cSym_res-1x1x1_affine.mat"
    assert files.cropped.parent == tmp_path / "subjects" / "sub-01" / session / "t1_linear"


def test_goes_on_where_it_was_and_keeps_how_each_scan_lies(tiny_bids, tmp_path, aligned):
    first = preprocess_t1_linear(tiny_bids, tmp_path)
    assert len(first.alignments) == len(aligned) == 6
    assert [session.participant_id for session, a in first.alignments.items() if a.alarms] == ["sub-03"]
    next((tmp_path / "subjects" / "sub-02").rglob("*_alignment.json")).unlink()
    second = preprocess_t1_linear(tiny_bids, tmp_path)
    assert (len(second.alignments), second.skipped) == (1, 5)
    table = tables.read(tmp_path / "t1-linear.tsv")
    assert len(table) == 6
    assert table["alarms"].notna().sum() == 1


def test_an_image_that_fails_does_not_stop_the_others(tiny_bids, tmp_path, aligned, monkeypatch):
    copied = preprocess.t1_linear

    def failing(scan, files):
        if "sub-01_ses-M006" in scan.name:
            msg = f"{scan} is no head."
            raise ImageError(msg)
        return copied(scan, files)

    monkeypatch.setattr(preprocess, "t1_linear", failing)
    done = preprocess_t1_linear(tiny_bids, tmp_path)
    assert len(done.alignments) == len(aligned) == 5
    assert [str(session) for session in done.failed] == ["sub-01 ses-M006"]


def test_several_scans_of_a_session_are_refused_before_anything_is_computed(tiny_bids, tmp_path, aligned):

    bids = tmp_path / "bids"
    shutil.copytree(tiny_bids, bids)
    scan = bids / "sub-03" / "anat" / "sub-03_T1w.nii.gz"
    shutil.copy(scan, scan.with_name("sub-03_run-2_T1w.nii.gz"))
    with pytest.raises(ProblemsError, match="2 files"):
        preprocess_t1_linear(bids, tmp_path / "caps")
    assert not aligned


def test_the_data_set_itself_is_no_place_for_the_results(tiny_bids, aligned):
    with pytest.raises(ValueError, match="choose another folder"):
        preprocess_t1_linear(tiny_bids, tiny_bids)
    assert not aligned

from __future__ import annotations

import shutil

import pandas as pd
import pytest

from fimbria import tables
from fimbria.data.cohort.cohort import Session
from fimbria.data.images import bids
from fimbria.data.images.listing import listed
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import ImageError, InputError, ProblemsError, TableError

RAW = pipeline.build("raw")


@pytest.fixture
def copy(tiny_bids, tmp_path):
    """A data set that may be changed."""
    return shutil.copytree(tiny_bids, tmp_path / "bids")


def names(cohort):
    return [str(session) for session in cohort.sessions]


def test_everybody_with_an_image_is_listed_ragged_sessions_and_none(tiny_bids):
    assert names(bids.cohort(tiny_bids, RAW)) == [
        "sub-01 ses-M000",
        "sub-01 ses-M006",
        "sub-01 ses-M012",
        "sub-02 ses-M12",
        "sub-02 ses-M6",
        "sub-03 ses-M000",
    ]


def test_what_the_tables_say_goes_with_the_sessions(tiny_bids):
    frame = bids.cohort(tiny_bids, RAW).frame.set_index(["participant_id", "session_id"])
    assert frame.loc[("sub-01", "ses-M012"), ["sex", "age", "diagnosis", "MMSE"]].tolist() == ["F", 70.5, "AD", 21]
    assert frame.loc[("sub-02", "ses-M6"), "acq_time"] == "2020-03-04T09:00:00"
    assert frame.loc[("sub-02", "ses-M12"), ["diagnosis", "acq_time"]].isna().all()
    assert pd.isna(frame.loc[("sub-03", "ses-M000"), "age"])


def test_the_flow_names_who_has_no_folder(tiny_bids):
    flow = bids.cohort(tiny_bids, RAW).flow
    assert [(step.participants, step.sessions) for step in flow] == [(4, 6), (3, 6), (3, 6)]
    assert flow[1].left == ((Session("", "sub-04", ""), "in participants.tsv, without a folder"),)


def test_a_session_without_the_image_leaves_and_is_named(copy):
    (copy / "sub-01" / "ses-M006" / "anat" / "sub-01_ses-M006_T1w.nii.gz").unlink()
    cohort = bids.cohort(copy, RAW)
    assert len(cohort) == 5
    assert cohort.flow[-1].left == ((Session("", "sub-01", "ses-M006"), "no raw image in anat"),)


def test_an_image_that_nobody_has_is_said_so(tiny_bids):
    with pytest.raises(ProblemsError, match="no session passes: has a raw image in anat"):
        bids.cohort(tiny_bids, pipeline.build("raw", {"suffix": "FLAIR"}))


def test_the_table_of_participants_may_be_missing(copy):
    (copy / "participants.tsv").unlink()
    cohort = bids.cohort(copy, RAW)
    assert len(cohort) == 6
    assert "sex" not in cohort.frame


def test_the_dataset_is_named_in_every_session(tiny_bids):
    assert {session.dataset for session in bids.cohort(tiny_bids, RAW, "tiny").sessions} == {"tiny"}


def test_a_participant_who_stands_twice_is_named(copy):
    tables.write(pd.DataFrame({"participant_id": ["sub-01", "sub-01"]}), copy / "participants.tsv")
    with pytest.raises(InputError, match=r"participants\.tsv names sub-01 more than once"):
        bids.cohort(copy, RAW)


def test_a_table_of_sessions_without_sessions_is_named(copy):
    (copy / "sub-01" / "sub-01_sessions.tsv").write_text("session\nses-M000\n")
    with pytest.raises(TableError, match=r"sub-01_sessions\.tsv has no column 'session_id'"):
        bids.cohort(copy, RAW)


def test_finds_each_image_also_without_session_folders(tiny_bids):
    source = listed(tiny_bids, RAW)
    assert source.find(Session("", "sub-02", "ses-M6")).name == "sub-02_ses-M6_T1w.nii.gz"
    assert source.find(Session("", "sub-03", "ses-M000")) == tiny_bids / "sub-03" / "anat" / "sub-03_T1w.nii.gz"


def test_every_listed_session_has_its_image(tiny_bids):
    assert len({listed(tiny_bids, RAW).find(session) for session in bids.cohort(tiny_bids, RAW).sessions}) == 6


def test_no_image_says_where_it_was_looked_for(tiny_bids):
    with pytest.raises(ImageError, match=r"no raw image for sub-02 ses-M99\. Looked in .*ses-M99"):
        listed(tiny_bids, RAW).find(Session("", "sub-02", "ses-M99"))


def test_several_images_are_named(copy):
    anat = copy / "sub-03" / "anat"
    shutil.copy(anat / "sub-03_T1w.nii.gz", anat / "sub-03_run-2_T1w.nii.gz")
    with pytest.raises(ImageError, match=r"2 files .*: sub-03_T1w\.nii\.gz, sub-03_run-2_T1w"):
        listed(copy, RAW).find(Session("", "sub-03", "ses-M000"))


def test_another_sessions_image_in_the_wrong_folder_is_not_taken(copy):
    anat = copy / "sub-02" / "ses-M6" / "anat"
    (anat / "sub-02_ses-M6_T1w.nii.gz").rename(anat / "sub-02_ses-M99_T1w.nii.gz")
    with pytest.raises(ImageError, match="no raw image for sub-02 ses-M6"):
        listed(copy, RAW).find(Session("", "sub-02", "ses-M6"))


def test_a_caps_given_for_a_bids_is_recognised(tiny_caps):
    with pytest.raises(InputError, match="is it a CAPS"):
        bids.cohort(tiny_caps, RAW)


@pytest.mark.parametrize(("name", "sentence"), [("none", "there is no folder"), ("empty", r"holds no sub-\* folder")])
def test_a_folder_that_is_no_bids_is_refused(tmp_path, name, sentence):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=sentence):
        bids.cohort(tmp_path / name, RAW)


def test_files_among_the_folders_are_passed_over(copy):
    (copy / "sub-99").write_text("a file")
    (copy / "sub-01" / "ses-x").write_text("a file")
    assert len(bids.cohort(copy, RAW)) == 6


def test_tables_of_sessions_say_the_same_read_together_or_alone(copy):
    rows = "session_id\tgroup\tscore\nses-M6\t01\t70\nses-M12\tn/a\t70.5\n"
    (copy / "sub-02" / "sub-02_sessions.tsv").write_text(rows)
    together = bids.cohort(copy, RAW).frame
    (copy / "sub-02" / "sub-02_sessions.tsv").write_text(rows.replace("\n", "\r\n"))
    pd.testing.assert_frame_equal(bids.cohort(copy, RAW).frame, together, check_like=True)
    assert together.set_index("session_id").loc["ses-M12", "score"] == 70.5


def test_a_folder_that_cannot_be_read_is_told(copy, monkeypatch):
    def scandir(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(bids.os, "scandir", scandir)
    with pytest.raises(InputError, match=r"the folder .* cannot be read \(Permission denied\)"):
        bids.cohort(copy, RAW)

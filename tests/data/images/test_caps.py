from __future__ import annotations

import shutil

import pytest

from fimbria.data.cohort.cohort import Cohort, Session
from fimbria.data.images import caps
from fimbria.data.images.listing import listed
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import ImageError, InputError, ProblemsError

T1 = pipeline.build("t1-linear")
WHO = Session("", "sub-02", "ses-M000")


@pytest.fixture
def copy(tiny_caps, tmp_path):
    """A CAPS that may be changed."""
    return shutil.copytree(tiny_caps, tmp_path / "caps")


def test_everybody_with_an_image_is_listed_with_ragged_sessions(tiny_caps):
    cohort = caps.cohort(tiny_caps, T1)
    assert cohort.participant_count == 8
    assert cohort.sessions == Cohort.read(tiny_caps / "data.tsv").sessions
    assert len(cohort) == 11


def test_finds_the_image_of_every_row(tiny_caps):
    for session in Cohort.read(tiny_caps / "data.tsv").sessions:
        path = listed(tiny_caps, T1).find(session)
        assert path.name.startswith(f"{session.participant_id}_{session.session_id}_")
        assert path.parent == caps.session_folder(tiny_caps, session) / "t1_linear"


def test_no_image_says_where_it_was_looked_for_and_how_to_make_it(tiny_caps):
    with pytest.raises(ImageError, match=r"no t1-linear image for sub-02 ses-M99\. .*`fimbria preprocess t1-linear`"):
        listed(tiny_caps, T1).find(Session("", "sub-02", "ses-M99"))


def test_the_image_of_another_pipeline_is_none(tiny_caps):
    with pytest.raises(ImageError, match="no t1-linear image"):
        listed(tiny_caps, pipeline.build("t1-linear", {"cropped": False})).find(WHO)


def test_several_images_are_named(copy):
    found = listed(copy, T1).find(WHO)
    shutil.copy(found, found.with_name(found.name.replace("_space", "_run-2_space")))
    with pytest.raises(ImageError, match=r"2 files for the t1-linear image of sub-02 ses-M000 .*run-2"):
        listed(copy, T1).find(WHO)


def test_a_session_without_the_image_leaves_and_is_named(copy):
    listed(copy, T1).find(WHO).unlink()
    cohort = caps.cohort(copy, T1)
    assert len(cohort) == 10
    assert cohort.flow[-1].left == ((WHO, "no t1-linear image"),)


def test_an_image_that_nobody_has_is_said_so(tiny_caps):
    with pytest.raises(ProblemsError, match="no session passes: has a t1-linear image"):
        caps.cohort(tiny_caps, pipeline.build("t1-linear", {"cropped": False}))


def test_a_bids_given_for_a_caps_is_recognised(tiny_bids):
    with pytest.raises(InputError, match="looks like a BIDS data set: run `fimbria preprocess t1-linear`"):
        caps.cohort(tiny_bids, T1)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none", "there is no folder"),
        ("empty", "holds no folder 'subjects', so it is no CAPS.$"),
        ("bare", "holds no sub-"),
    ],
)
def test_a_folder_that_is_no_caps_is_refused(tmp_path, name, sentence):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare" / "subjects" / "sub-01").mkdir(parents=True)
    with pytest.raises(InputError, match=sentence):
        caps.cohort(tmp_path / name, T1)

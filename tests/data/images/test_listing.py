from __future__ import annotations

import os

import pytest

from fimbria.data.cohort.cohort import Session
from fimbria.data.images.layout import source_of
from fimbria.data.images.listing import listed
from fimbria.data.images.pipelines import Pipeline, pipeline
from fimbria.errors import ImageError, InputError

RAW = pipeline.build("raw")
WHO = Session("", "sub-01", "ses-1")


def put(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


@pytest.fixture
def data(tmp_path):
    """Two people, one without session folders."""
    return put(
        tmp_path / "data",
        "sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz",
        "sub-01/ses-2/anat/sub-01_ses-2_T1w.nii",
        "sub-02/anat/sub-02_T1w.nii.gz",
        "sub-02/anat/.sub-02_T1w.nii.gz",
        ".git/sub-03/anat/sub-03_T1w.nii.gz",
    )


def test_lists_everybody_once_with_and_without_session_folders(data):
    images = listed(data, RAW)
    assert images.sessions == (("sub-01", "ses-1"), ("sub-01", "ses-2"), ("sub-02", "ses-M000"))
    assert images.find(Session("any", "sub-02", "ses-M000")) == data / "sub-02/anat/sub-02_T1w.nii.gz"
    assert images.has(WHO)
    assert not images.has(Session("", "sub-01", "ses-3"))


def test_an_image_of_the_person_counts_where_no_session_has_one(data):
    put(data, "sub-01/anat/sub-01_T1w.nii.gz", "sub-04/ses-1/func/x.nii", "sub-04/anat/sub-04_T1w.nii.gz")
    assert ("sub-01", "ses-M000") not in listed(data, RAW).files
    assert listed(data, RAW).has(Session("", "sub-04", "ses-M000"))


def test_every_folder_is_read_at_most_once_and_none_that_the_pattern_passes_by(data, monkeypatch):
    put(data, "sub-01/ses-1/func/deep/x.nii", "sourcedata/sub-01/x.nii")
    read, real = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: read.append(str(path)) or real(path))
    listed(data, Pipeline("x", "{participant}/{session}/anat/{participant}_{session}_T1w"))
    assert len(read) == len(set(read))
    assert not [path for path in read if "func" in path or "sourcedata" in path]
    read.clear()
    listed(data, Pipeline("x", "{participant}/{session}/**/{participant}_{session}_T1w"))
    assert len(read) == len(set(read))
    assert [path for path in read if path.endswith("deep")]


def test_folders_of_any_depth_are_gone_through(data):
    put(data, "sub-01/ses-1/a/b/c/sub-01_ses-1_x.nii", "sub-01/ses-2/sub-01_ses-2_x.nii.gz")
    found = listed(data, Pipeline("x", "{participant}/{session}/**/{participant}_{session}_x"))
    assert found.sessions == (("sub-01", "ses-1"), ("sub-01", "ses-2"))


def test_what_was_listed_stays_when_files_come_later(data):
    images = listed(data, RAW)
    put(data, "sub-01/ses-1/anat/sub-01_ses-1_run-2_T1w.nii.gz")
    assert images.find(WHO).name == "sub-01_ses-1_T1w.nii.gz"
    with pytest.raises(ImageError, match=r"2 files for the raw image of sub-01 ses-1"):
        listed(data, RAW).find(WHO)


def test_no_image_says_where_it_was_looked_for_and_what_it_would_be_called(data):
    with pytest.raises(
        ImageError, match=r"no raw image for sub-02 ses-M000\. Looked in .*sub-02.anat\. .*\*_FLAIR\.nii"
    ):
        listed(data, pipeline.build("raw", {"suffix": "FLAIR"})).find(Session("", "sub-02", "ses-M000"))


def test_a_link_to_a_file_within_the_data_set_is_followed(data):
    image = data / "sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz"
    put(data, ".git/annex/objects/key")
    image.unlink()
    image.symlink_to("../../../.git/annex/objects/key")
    assert listed(data, RAW).find(WHO) == image


@pytest.mark.parametrize(
    "place", ["sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz", "sub-01/ses-1/anat", "sub-01/ses-1", "sub-01"]
)
def test_a_link_out_of_the_data_set_is_refused_wherever_it_stands(data, tmp_path, place):
    elsewhere = tmp_path / f"{data.name}-private"  # whose name begins as the data set's does
    (data / place).rename(elsewhere)
    (data / place).symlink_to(elsewhere)
    with pytest.raises(ImageError) as caught:
        listed(data, RAW).find(WHO)
    said = str(caught.value)
    assert f"{data / place} is a link to {elsewhere}, out of the data set. Copy it in, or name the data set" in said
    if place != "sub-01":
        assert listed(data, RAW).find(Session("", "sub-01", "ses-2"))


def test_the_data_set_may_itself_be_reached_by_a_link(data, tmp_path):
    (tmp_path / "alias").symlink_to(data)
    assert listed(tmp_path / "alias", RAW).find(WHO).is_file()


@pytest.mark.parametrize("place", ["sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz", "sub-01/ses-1/anat"])
def test_a_link_to_nothing_is_told(data, place):
    (data / place).rename(data / "away")
    (data / place).symlink_to(data / "nothing")
    with pytest.raises(ImageError, match=r"is a link to .*nothing, which is not there\. .*`datalad get`"):
        listed(data, RAW).find(WHO)


def test_a_circle_of_links_comes_to_an_end(data, tmp_path):
    (data / "sub-01" / "ses-1" / "round").symlink_to(data / "sub-01")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "back").symlink_to(tmp_path / "out")
    (data / "sub-01" / "ses-1" / "out").symlink_to(tmp_path / "out")
    found = listed(data, Pipeline("x", "{participant}/{session}/**/{participant}_{session}_T1w"))
    assert found.find(WHO).parent.name == "anat"


def test_a_folder_that_cannot_be_read_is_told(data, monkeypatch):
    closed, real = f"{data}/sub-01/ses-1/anat", os.scandir

    def scandir(path):
        if str(path) == closed:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(
        ImageError, match=r"no raw image for sub-01 ses-1\. .*anat cannot be read \(Permission denied\)"
    ):
        listed(data, RAW).find(WHO)


def test_a_folder_named_as_an_image_is_none(data):
    image = data / "sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz"
    image.unlink()
    image.mkdir()
    assert not listed(data, RAW).has(WHO)


def test_a_data_set_of_another_kind_or_none_is_refused(data):
    with pytest.raises(InputError, match="so it is no CAPS"):
        source_of(data, pipeline.build("t1-linear"))
    with pytest.raises(InputError, match=r"there is no folder .*none; a data set with raw images was wanted"):
        source_of(data / "none", RAW)

from __future__ import annotations

import json

import numpy as np
import pytest

from fimbria.data.audit.evidence import Evidence, ImageFacts, acquisition, keep, kept, refuse_empty, within
from fimbria.errors import ImageError
from fimbria.geometry import Grid
from fimbria.provenance import Fingerprint


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "sub-01_T1w.nii.gz"
    path.write_bytes(b"voxels")
    return path


@pytest.mark.parametrize("printed", [None, np.eye(2, 512, dtype=np.float32)])
def test_facts_survive_a_file_for_as_long_as_the_image_is_what_it_was(tmp_path, image, printed):
    facts = ImageFacts(6, "digest", Grid((1, 2, 3), np.eye(4)), printed, {"EchoTime": 0.1})
    keep(tmp_path / "facts.safetensors", facts, Fingerprint.of(image))
    read = kept(tmp_path / "facts.safetensors", image)
    assert (read.file_size, read.voxels, read.grid.shape, read.acquisition) == (
        6,
        "digest",
        (1, 2, 3),
        {"EchoTime": 0.1},
    )
    assert (read.fingerprint is None) == (printed is None)
    if printed is not None:
        np.testing.assert_array_equal(read.fingerprint, printed)
    image.write_bytes(b"other voxels")
    assert kept(tmp_path / "facts.safetensors", image) is None


def test_facts_that_are_not_there_or_broken_are_taken_anew(tmp_path, image):
    assert kept(tmp_path / "nowhere", image) is None
    (tmp_path / "broken").write_bytes(b"broken")
    assert kept(tmp_path / "broken", image) is None


def test_a_sidecar_tells_the_scanner_and_nothing_else(tmp_path, image):
    assert acquisition(image) == {}
    sidecar = tmp_path / "sub-01_T1w.json"
    sidecar.write_text(json.dumps({"Manufacturer": "A", "EchoTime": 0.003, "PatientName": "Doe", "FlipAngle": [1]}))
    assert acquisition(image) == {"Manufacturer": "A", "EchoTime": 0.003}
    sidecar.write_text("{")
    assert acquisition(image) == {}


@pytest.mark.parametrize("name", ["case_1", "case_1_0000.nii.gz", "deep/case_2.nii.gz"])
def test_images_are_found_by_the_names_of_lists(tmp_path, name):
    for path in ("imagesTr/case_1_0000.nii.gz", "case_1_0000.nii.gz", "deep/case_2.nii.gz"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    assert within(tmp_path, name).is_file()


@pytest.mark.parametrize("name", ["../secret.nii", "/etc/hostname", "deep/../../secret.nii"])
def test_a_list_leads_nowhere_outside_the_folder(tmp_path, name):
    (tmp_path / "secret.nii").touch()
    inside = tmp_path / "inside"
    inside.mkdir()
    assert within(inside, name) is None


def test_a_link_that_leads_outside_is_not_followed(tmp_path):
    (tmp_path / "secret.nii").touch()
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "case.nii").symlink_to(tmp_path / "secret.nii")
    assert within(inside, "case.nii") is None


def test_a_folder_in_which_nothing_is_found_is_refused():
    with pytest.raises(ImageError, match=r"none of the 1 images is in caps; the first, sub-01: gone"):
        refuse_empty(Evidence("caps", {}, {"sub-01": "gone"}))
    refuse_empty(Evidence("caps", {"sub-02": ImageFacts(1, "a")}, {"sub-01": "gone"}))

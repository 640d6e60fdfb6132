"""Extraction ahead of training: decoded once, described in ClinicaDL's words."""

import json
import shutil
from pathlib import Path

import pytest

from fimbria import tables
from fimbria.data.extraction.store import Store
from fimbria.data.images import nifti
from fimbria.errors import InputError, ProblemsError
from fimbria.workflows.extract import extract


@pytest.fixture
def caps(tiny_caps, tmp_path):
    return Path(shutil.copytree(tiny_caps, tmp_path / "caps"))


def test_every_image_is_decoded_once_for_all_modes(caps, monkeypatch):
    decoded = []
    read = nifti.read
    monkeypatch.setattr(nifti, "read", lambda path: decoded.append(path) or read(path))
    for mode, options in (("image", {}), ("patch", {"size": 6}), ("slice", {"direction": 1})):
        done = extract(mode, caps, options=options)
        assert done.images == 11
    assert len(decoded) == len(set(decoded)) == 11


@pytest.mark.parametrize(
    ("mode", "options", "words"),
    [
        ("image", {}, {"mode": "image", "preprocessing": "t1-linear", "prepare_dl": False}),
        ("patch", {"size": 6}, {"patch_size": 6, "stride_size": 6}),
        ("slice", {"discard": [2, 1], "channels": 3}, {"discarded_slices": [2, 1], "slice_mode": "rgb"}),
    ],
)
def test_is_described_in_clinicadl_s_words(caps, mode, options, words):
    written = json.loads(extract(mode, caps, options=options).description.read_text())
    assert words.items() <= written.items()
    assert written["extract_json"].endswith(".json")


def test_counts_parts_and_their_shape(caps):
    done = extract("slice", caps, options={"direction": 2, "discard": [1, 2]})
    assert (done.parts, done.sample_shape) == (10, (1, 12, 14))


def test_the_same_name_for_another_extraction_is_refused(caps):
    extract("patch", caps, options={"size": 6}, name="mine")
    extract("patch", caps, options={"size": 6}, name="mine")
    with pytest.raises(InputError, match="another --name"):
        extract("patch", caps, options={"size": 5}, name="mine")


def test_only_the_sessions_of_a_table(caps, begun):
    assert extract("image", caps, table=begun.test).images == len(tables.read(begun.test))


def test_images_that_cannot_be_used_can_be_left_out_but_never_silently(caps):
    next((caps / "subjects" / "sub-02" / "ses-M000" / "t1_linear").iterdir()).write_bytes(b"")
    with pytest.raises(ProblemsError, match="empty file"):
        extract("image", caps)
    done = extract("image", caps, allow_missing=True)
    assert [session.participant_id for session, _ in done.left] == ["sub-02"]


def test_decodes_in_several_processes(caps):
    done = extract("image", caps, spacing=2, jobs=2)
    assert done.grid.spacing_mm == (2, 2, 2)
    assert len(list(Store(caps / "fimbria-store", "t1-linear", 2).folder.rglob("*.safetensors"))) == 11

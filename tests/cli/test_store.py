"""Decoding ahead and looking after the store, through the command line."""

import json
import re
import shutil

import numpy as np
import pytest

from fimbria.cli.app import run
from fimbria.data.images import nifti
from fimbria.geometry import Grid


@pytest.fixture
def study(begun, tmp_path):
    return begun.copy(tmp_path)


@pytest.fixture
def store(study, capsys):
    assert run(["extract", "image", str(study.caps), "--quiet"]) == 0
    capsys.readouterr()
    return study.caps / "fimbria-store"


def test_list_says_what_there_is_and_what_is_not_needed(study, store, capsys):
    assert run(["store", "list", str(store)]) == 0
    said = capsys.readouterr().out
    assert "own-spacing" in said
    assert "11" in said
    assert "prune" not in said
    study.image("sub-02").unlink()
    assert run(["store", "list", str(store)]) == 0
    assert f"fimbria store prune {store}" in " ".join(capsys.readouterr().out.split())


def test_list_prints_json_for_scripts(study, store, capsys):
    assert run(["store", "list", str(store), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 11
    assert {row["sources"][0]["path"] for row in rows} == {
        str(path) for path in study.caps.glob("subjects/*/*/t1_linear/*")
    }
    assert {row["sources"][0]["state"] for row in rows} == {"as it was"}


def test_verify_ends_with_1_where_an_image_is_damaged_and_names_it(store, capsys):
    assert run(["store", "verify", str(store), "--quiet"]) == 0
    assert "11 images as they were kept, 0 damaged" in capsys.readouterr().out
    path = sorted(store.rglob("*.safetensors"))[4]
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    assert run(["store", "verify", str(store), "--quiet"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "1 damaged" in said
    assert path.name in said


def test_prune_says_first_and_removes_then(study, store, capsys):
    study.image("sub-02").unlink()
    assert run(["store", "prune", str(store), "--dry-run"]) == 0
    assert "2 files would be removed" in capsys.readouterr().out
    assert len(list(store.rglob("*.safetensors"))) == 11
    assert run(["store", "prune", str(store)]) == 0
    assert "2 files removed" in capsys.readouterr().out
    assert len(list(store.rglob("*.safetensors"))) == 10


@pytest.mark.parametrize("command", ["list", "verify", "prune"])
def test_a_folder_that_is_no_store_ends_with_2(study, command, capsys):
    assert run(["store", command, str(study.caps)]) == 2
    assert "is no store of decoded images" in " ".join(capsys.readouterr().err.split())


def test_extract_compact_says_the_error_and_where_it_is_described(study, capsys):
    assert run(["extract", "image", str(study.caps), "--compact", "--quiet"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "16-bit numbers: the largest error is 0.00" in said
    assert "image.json" in said


def test_extract_exports_tensors_and_reads_them_again(study, capsys):
    assert run(["extract", "image", str(study.caps), "--export", "pt", "--quiet"]) == 0
    assert "11 tensors written" in capsys.readouterr().out
    for path in study.caps.glob("subjects/*/*/t1_linear/*"):
        path.unlink()
    words = ["extract", "image", str(study.caps), "--tensors", "--store", str(study.root / "store"), "--quiet"]
    assert run(words) == 0
    assert "11 images of 12x14x13" in capsys.readouterr().out


def test_extract_of_two_data_sets(study, capsys):
    shutil.copytree(study.caps, study.root / "other")
    words = ["--cohort", f"one={study.caps}", "--cohort", f"two={study.root / 'other'}"]
    assert run(["extract", "image", *words, "--store", str(study.root / "store"), "--quiet"]) == 0
    assert "22 images" in capsys.readouterr().out
    assert len(list((study.root / "store").rglob("*.safetensors"))) == 11


@pytest.mark.parametrize("words", [[], ["CAPS", "--cohort", "one=CAPS"]])
def test_extract_needs_one_way_to_say_where_images_are(words, capsys):
    assert run(["extract", "image", *words, "--quiet"]) == 2
    assert "where are the images?" in capsys.readouterr().err


def test_extract_takes_options_of_the_pipeline(tmp_path, capsys):
    grid = Grid((6, 7, 8), np.eye(4))
    for number, tracer in enumerate(("18FFDG", "18FAV45")):
        name = f"sub-01_ses-M000_trc-{tracer}_space-MNI152NLin2009cSym_desc-Crop_res-1x1x1_suvr-pons_pet.nii.gz"
        array = np.random.default_rng(number).normal(number + 1, 0.1, grid.shape).astype("f4")
        nifti.write(tmp_path / "subjects" / "sub-01" / "ses-M000" / "pet_linear" / name, array, grid)
    words = ["extract", "image", str(tmp_path), "pet-linear", "--option", "region=pons", "--quiet"]
    assert run([*words, "--option", "tracer=18FFDG"]) == 0
    capsys.readouterr()
    assert run(["store", "list", str(tmp_path / "fimbria-store"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert "trc-18FFDG" in row["sources"][0]["path"]
    assert run(words) == 2
    assert "tracer" in capsys.readouterr().err


def test_extract_leaves_out_background(study, capsys):
    words = ["extract", "patch", str(study.caps), "--size", "4", "--foreground", "0.6", "--quiet"]
    assert run(words) == 0
    said = capsys.readouterr().out
    parts = int(re.search(r"([\d,]+) parts", said)[1].replace(",", ""))
    assert 11 <= parts < 11 * 27

"""Extraction ahead of training: decoded once, described in ClinicaDL's words."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fimbria import tables
from fimbria.data.extraction.store import Store, read_entry
from fimbria.data.images import nifti
from fimbria.errors import InputError, ProblemsError
from fimbria.experiment.experiment import Experiment
from fimbria.geometry import Grid
from fimbria.learning.samples.tensors import READ_TENSORS, read_tensor, write_tensor
from fimbria.workflows.extract import described, extract


@pytest.fixture
def caps(tiny_caps, tmp_path):
    return Path(shutil.copytree(tiny_caps, tmp_path / "caps"))


def test_every_image_is_decoded_once_for_all_modes(caps, monkeypatch):
    decoded = []
    decode = Store._decoded
    monkeypatch.setattr(Store, "_decoded", lambda self, path, known: decoded.append(path) or decode(self, path, known))
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
    assert (done.parts, done.sample_shape) == (110, (1, 12, 14))


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
    assert len(list((caps / "fimbria-store" / "images" / "2mm").rglob("*.safetensors"))) == 11


def tensors(caps, mode):
    return sorted(caps.glob(f"subjects/*/*/deeplearning_prepare_data/{mode}_based/t1_linear/*.pt"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_parts_are_written_as_tensors_under_clinicadl_s_names(caps, jobs):
    done = extract("patch", caps, options={"size": 6}, export=write_tensor, jobs=jobs)
    written = tensors(caps, "patch")
    assert done.exported == done.parts == len(written) == 88
    session = [path.name for path in written if path.parts[-6:-4] == ("sub-01", "ses-M000")]
    stem = "sub-01_ses-M000_space-MNI152NLin2009cSym_desc-Crop_res-1x1x1"
    assert session == [f"{stem}_patchsize-6_stride-6_patch-{number}_T1w.pt" for number in range(8)]
    source = next((caps / "subjects" / "sub-01" / "ses-M000" / "t1_linear").iterdir())
    array = nifti.read(source).upright().array
    first = next(path for path in written if path.name == session[0])
    last = next(path for path in written if path.name == session[7])
    assert np.array_equal(read_tensor(first), array[None, :6, :6, :6])
    assert np.array_equal(read_tensor(last), array[None, 6:12, 6:12, 6:12])
    assert json.loads(done.description.read_text())["prepare_dl"] is True


def test_whole_images_that_were_written_as_tensors_are_read_again(caps, tmp_path):
    extract("image", caps, export=write_tensor, name="written")
    assert len(tensors(caps, "image")) == 11
    for path in caps.glob("subjects/*/*/t1_linear/*"):
        path.unlink()
    done = extract("image", caps, reading=READ_TENSORS, store=tmp_path / "store")
    assert done.images == 11
    assert done.sample_shape == (1, 12, 14, 13)


def test_slices_have_the_numbers_that_they_have_in_the_whole_image(caps):
    extract("slice", caps, options={"direction": 2, "discard": [4, 7]}, export=write_tensor)
    names = {path.name.rpartition("slice-")[2] for path in tensors(caps, "slice")}
    assert names == {"4_T1w.pt", "5_T1w.pt"}


class BrokenOffError(Exception):
    pass


def test_an_export_that_was_broken_off_goes_on(caps):
    count = []

    def breaking(path, array):
        count.append(path)
        if len(count) == 20:
            raise BrokenOffError
        write_tensor(path, array)

    with pytest.raises(BrokenOffError):
        extract("patch", caps, options={"size": 6}, export=breaking)
    assert len(tensors(caps, "patch")) == 19
    done = extract("patch", caps, options={"size": 6}, export=write_tensor)
    assert done.exported == len(tensors(caps, "patch")) == 88


def test_decoding_that_was_broken_off_goes_on(caps, monkeypatch):
    decode, count = Store._decoded, []

    def breaking(self, path, known):
        count.append(path)
        if len(count) == 5:
            raise BrokenOffError
        return decode(self, path, known)

    monkeypatch.setattr(Store, "_decoded", breaking)
    with pytest.raises(BrokenOffError):
        extract("image", caps)
    assert extract("image", caps).images == 11
    assert len(count) == len(set(count)) + 1 == 12  # only the one that was broken off is done again


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"options": {"size": 6}}, {"options": {"size": 6}, "spacing": 1.5}),
        ({"options": {"size": 4, "foreground": 0.6}}, {"options": {"size": 4, "foreground": 0.1}, "spacing": 1.2}),
    ],
)
def test_tensors_of_another_extraction_are_never_written_over(caps, first, then):
    extract("patch", caps, export=write_tensor, name="first", **first)
    before = {path: path.read_bytes() for path in tensors(caps, "patch")}
    with pytest.raises(InputError, match="nothing is ever written over"):
        extract("patch", caps, export=write_tensor, name="then", **then)
    assert {path: path.read_bytes() for path in tensors(caps, "patch")} == before


def test_slices_of_another_extraction_are_never_written_over(caps):
    cut = {"direction": 2, "discard": [4, 4]}
    extract("slice", caps, options=cut, export=write_tensor, name="first")
    with pytest.raises(InputError, match="nothing is ever written over"):
        extract("slice", caps, options={"direction": 2}, spacing=0.9, export=write_tensor, name="then")


def test_an_extraction_that_was_described_can_be_exported_later(caps):
    extract("patch", caps, options={"size": 6})
    assert extract("patch", caps, options={"size": 6}, export=write_tensor).exported == 88


def test_tensors_are_of_a_caps_only(tiny_bids):
    with pytest.raises(InputError, match="lie in a BIDS data set"):
        extract("image", tiny_bids, "raw", export=write_tensor)


def test_background_is_left_out_image_by_image(caps):
    done = extract("patch", caps, options={"size": 4, "foreground": 0.6}, export=write_tensor)
    assert done.exported == done.parts == len(tensors(caps, "patch"))
    assert 11 <= done.parts < 11 * 27
    assert json.loads(done.description.read_text())["fimbria"]["extraction"]["foreground"] == 0.6


def test_compact_says_its_largest_error(caps):
    plain = extract("image", caps)
    small = extract("image", caps, compact=True)
    assert plain.room[1] == 0
    images = [nifti.read(path).array for path in caps.glob("subjects/*/*/t1_linear/*")]
    widest = max(float(array.max() - array.min()) for array in images)
    assert 0 < small.room[1] <= 1.01 * widest / 131_070
    assert small.room[0] < plain.room[0]


def test_two_data_sets_by_name_or_by_table(caps, tmp_path):
    other = Path(shutil.copytree(caps, tmp_path / "other"))
    shutil.rmtree(other / "subjects" / "sub-08")
    done = extract("image", {"one": caps, "two": other}, store=tmp_path / "store")
    assert done.images == 21
    assert len(list((tmp_path / "store" / "images").rglob("*.safetensors"))) == 11
    assert done.description.parent == tmp_path / "store" / "tensor_extraction"
    tables.write(pd.DataFrame({"cohort": ["one", "two"], "path": ["caps", "other"]}), tmp_path / "sets.tsv")
    assert extract("image", tmp_path / "sets.tsv", store=tmp_path / "store").images == 21


def test_a_caps_that_may_not_be_written_to_is_left_alone_where_a_store_is_named(caps, tmp_path):
    before = sorted(caps.rglob("*"))
    extract("patch", caps, options={"size": 6}, store=tmp_path / "store")
    assert sorted(caps.rglob("*")) == before
    assert (tmp_path / "store" / "tensor_extraction" / "patch_size-6.json").is_file()


@pytest.fixture
def pet(tmp_path):
    """One session with a PET image of each of two tracers."""
    grid = Grid((6, 7, 8), np.eye(4))
    for number, tracer in enumerate(("18FFDG", "18FAV45")):
        name = f"sub-01_ses-M000_trc-{tracer}_space-MNI152NLin2009cSym_desc-Crop_res-1x1x1_suvr-pons_pet.nii.gz"
        array = np.random.default_rng(number).normal(number + 1, 0.1, grid.shape).astype("f4")
        nifti.write(tmp_path / "caps" / "subjects" / "sub-01" / "ses-M000" / "pet_linear" / name, array, grid)
    return tmp_path / "caps"


def test_options_of_the_pipeline_choose_the_images(pet):
    for number, tracer in enumerate(("18FFDG", "18FAV45")):
        options = {"tracer": tracer, "region": "pons"}
        done = extract("image", pet, "pet-linear", pipeline_options=options, name=tracer, compact=True)
        assert done.images == 1
        told = json.loads(done.description.read_text())
        assert (told["tracer"], told["suvr_reference_region"]) == (tracer, "pons")
        newest = max((pet / "fimbria-store").rglob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns)
        assert read_entry(newest).statistics.mean == pytest.approx(number + 1, abs=0.1)


def test_a_description_of_other_images_is_not_written_over(pet):
    options = {"region": "pons"}
    file = extract("image", pet, "pet-linear", pipeline_options={**options, "tracer": "18FFDG"}).description
    before = file.read_bytes()
    with pytest.raises(InputError, match="another --name"):
        extract("image", pet, "pet-linear", pipeline_options={**options, "tracer": "18FAV45"})
    assert file.read_bytes() == before


def experiment(caps, **data):
    return Experiment.of({"data": {"caps": str(caps), "splits": "folds", **data}})


@pytest.mark.parametrize("ending", ["", ".json"])
def test_a_description_is_laid_over_an_experiment(caps, ending):
    done = extract("patch", caps, options={"size": 6, "stride": 3}, spacing=1.5, name="mine")
    assert done.description.name == "mine.json"
    found = described(experiment(caps, described=f"mine{ending}", compact=True))
    assert found.data.extraction.name == "patch"
    assert (found.data.extraction.options["size"], found.data.extraction.options["stride"]) == (6, 3)
    assert found.data.pipeline.name == "t1-linear"
    assert (found.data.spacing, found.data.compact, found.data.described) == (1.5, True, None)


def test_a_description_of_clinicadl_is_laid_over_an_experiment(caps):
    folder = caps / "tensor_extraction"
    folder.mkdir()
    told = {"preprocessing": "t1-linear", "mode": "slice", "use_uncropped_image": False, "prepare_dl": True}
    told |= {"slice_direction": 1, "slice_mode": "rgb", "discarded_slices": [2, 3]}
    (folder / "extract_1.json").write_text(json.dumps(told))
    found = described(experiment(caps, described="extract_1"))
    assert found.data.extraction.options == {"direction": 1, "discard": [2, 3], "channels": 3}


def test_an_experiment_that_names_no_description_stays_as_it_is(caps):
    assert described(experiment(caps)) == experiment(caps)


def test_a_description_that_is_not_there_is_refused_with_those_that_are(caps):
    extract("patch", caps, options={"size": 6}, name="mine")
    with pytest.raises(InputError, match=r"no description .* There is: mine\.json"):
        described(experiment(caps, described="yours"))


def test_a_description_outside_the_folder_of_descriptions_is_not_read(caps):
    extract("patch", caps, options={"size": 6}, name="mine")
    shutil.copy(caps / "tensor_extraction" / "mine.json", caps / "secret.json")
    with pytest.raises(InputError, match=r"no description '\.\./secret'"):
        described(experiment(caps, described="../secret"))


def test_a_description_in_a_store_outside_the_data_set_is_found(caps, tmp_path):
    extract("patch", caps, options={"size": 6}, store=tmp_path / "store", name="mine")
    found = described(experiment(caps, described="mine", store=str(tmp_path / "store")))
    assert found.data.extraction.name == "patch"

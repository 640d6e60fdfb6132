"""Several images of a session, several data sets, a description, a store elsewhere: trained and predicted from end to end."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fimbria import tables
from fimbria.data.images import nifti
from fimbria.errors import FimbriaError, MapsError, ProblemsError
from fimbria.results.maps.maps import Maps
from fimbria.workflows.extract import extract
from fimbria.workflows.plan import plan
from fimbria.workflows.predict import predict
from fimbria.workflows.splits import kfold_cohort, split_cohort
from fimbria.workflows.train import resume, train

ONE_EPOCH = {"optimization": {"epochs": 1}}
BOTH = {"channels": ["flair-linear"], "missing_channel": "zeros"}


@pytest.fixture
def study(begun, tmp_path):
    """The study with a FLAIR image beside each T1, but for one person on each side."""
    study = begun.copy(tmp_path / "study")
    for path in study.caps.glob("subjects/*/*/t1_linear/*.nii.gz"):
        image = nifti.read(path)
        other = path.parent.parent / "flair_linear" / path.name.replace("_T1w", "_FLAIR")
        nifti.write(other, image.array.max() - image.array, image.grid)
    return study


def without_flair(study, participant):
    shutil.rmtree(study.caps / "subjects" / participant / "ses-M000" / "flair_linear")


def whoever(table):
    return sorted(set(tables.read(table)["participant_id"]))


def test_two_channels_one_of_which_may_lack(study):
    held_out = whoever(study.test)[0]
    learning = whoever(study.root / "labels" / "train.tsv")[0]
    without_flair(study, held_out)
    without_flair(study, learning)
    with pytest.raises(ProblemsError, match="no flair-linear image"):
        train(study.experiment.changed({**ONE_EPOCH, "data": {"channels": ["flair-linear"]}}), study.maps)
    assert not study.maps.exists()
    experiment = study.experiment.changed({**ONE_EPOCH, "data": {**BOTH, "augmentation": ["noise"]}})
    maps = train(experiment, study.maps)
    contract = maps.training(0).contract("loss")
    assert contract["input_size"] == [3, 12, 14, 13]
    assert [channel["pipeline"]["name"] for channel in contract["channels"]] == ["flair-linear"]
    result = predict(study.maps, study.test, group="test")
    assert set(result.table.frame["participant_id"]) == set(whoever(study.test))
    assert np.isfinite(result.table.frame["loss"]).all()


def test_a_channel_is_what_the_contract_says_or_it_is_not_predicted(study):
    train(study.experiment.changed({**ONE_EPOCH, "data": BOTH}), study.maps)
    path = next((study.caps / "subjects" / whoever(study.test)[0] / "ses-M000" / "flair_linear").iterdir())
    image = nifti.read(path)
    nifti.write(path, (image.array == image.array.max()) + 0.0 * image.array, image.grid)
    with pytest.raises(ProblemsError, match=r"FLAIR.*other intensities"):
        predict(study.maps, study.test, group="test")


def test_a_channel_to_fit_that_nobody_in_training_has_is_refused_before_anything_is_trained(study):
    for participant in {path.parts[-3] for path in study.caps.glob("subjects/*/*/flair_linear")}:
        for folder in (study.caps / "subjects" / participant).glob("*/flair_linear"):
            shutil.rmtree(folder)
    data = {**BOTH, "normalization": {"name": "histogram", "scope": "image"}}
    with pytest.raises(FimbriaError, match="flair-linear"):
        train(study.experiment.changed({**ONE_EPOCH, "data": data}), study.maps)
    assert not study.maps.exists()  # it is said before anything is trained


def test_what_was_fitted_is_kept_with_whom_it_was_fitted_on(study):
    data = {**BOTH, "normalization": {"name": "histogram", "scope": "image"}}
    experiment = study.experiment.changed({**ONE_EPOCH, "data": data})
    maps, planned = train(experiment, study.maps), plan(experiment)
    for split in planned.splits:
        kept = maps.training(split.index).scaling()
        assert kept == planned.parts.fitted_on(split.train).fitted
        assert kept != planned.parts.fitted_on(split.other).fitted
    for split in (0, 1):
        assert len(maps.training(split).scaling()) == 2
        people = tables.read(study.maps / f"split-{split}" / "normalization_fitted_on.tsv")
        assert set(people["participant_id"]) == {who for _, who in maps.group("train", split).participants}
        one, other = maps.training(split).scaling()
        assert one["scale"] != other["scale"]  # each channel is fitted on its own images
    assert maps.training(0).scaling() != maps.training(1).scaling()
    assert len(predict(study.maps, study.test, group="test").table.frame) == len(tables.read(study.test))


@pytest.mark.parametrize("change", [lambda path: path.write_text("[]"), lambda path: path.unlink()])
def test_a_scaling_that_was_changed_or_lost_is_not_predicted_with(study, change):
    data = {"normalization": {"name": "histogram", "scope": "image"}}
    train(study.experiment.changed({**ONE_EPOCH, "data": data}), study.maps)
    change(study.maps / "split-0" / "normalization.json")
    with pytest.raises(MapsError, match=r"normalization\.json was changed or damaged"):
        predict(study.maps, study.test, group="test")


def test_an_augmentation_that_cannot_be_drawn_is_refused_before_anything_is_trained(study):
    data = {"augmentation": [{"name": "flip", "axes": [2]}], "extraction": {"name": "slice", "direction": 2}}
    with pytest.raises(ProblemsError, match="flip"):
        train(study.experiment.changed({**ONE_EPOCH, "data": data}), study.maps)
    assert not study.maps.exists()


def named(tsv, name):
    """Give the rows of a table as those of a data set."""
    frame = tables.read(tsv)
    return frame.assign(dataset=name)[["dataset", *(column for column in frame.columns if column != "dataset")]]


@pytest.fixture
def sites(begun, tmp_path):
    """Two data sets whose participants bear the same names and are other people, split together."""
    rng = np.random.default_rng(5)
    frames, folders = [], {}
    for name in ("one", "two"):
        folders[name] = Path(shutil.copytree(begun.caps, tmp_path / name))
        if name == "two":
            for path in folders[name].glob("subjects/*/*/t1_linear/*.nii.gz"):
                image = nifti.read(path)
                nifti.write(path, image.array + rng.normal(0, 9, image.array.shape).astype("f4"), image.grid)
        frames.append(named(folders[name] / "data.tsv", name))
    tables.write(pd.concat(frames), tmp_path / "all.tsv")
    split_cohort(tmp_path / "all.tsv", tmp_path / "labels", test=4, stratify=["diagnosis"], seed=1)
    kfold_cohort(tmp_path / "labels" / "train.tsv", tmp_path / "folds", folds=2, stratify=["diagnosis"], seed=1)
    return tmp_path, folders


def test_two_data_sets_are_learnt_from_and_predicted(begun, sites):
    root, folders = sites
    caps = {name: str(folder) for name, folder in folders.items()}
    experiment = begun.experiment.changed({**ONE_EPOCH, "data": {"caps": caps, "splits": str(root / "folds")}})
    maps = train(experiment, root / "maps")
    assert set(maps.group("train", 0).frame["dataset"]) == {"one", "two"}
    assert maps.experiment.data.caps == folders
    moved = {name: folder.rename(folder.with_name(f"{name}-moved")) for name, folder in folders.items()}
    result = predict(root / "maps", root / "labels" / "test.tsv", group="test", caps=moved)
    wanted = tables.read(root / "labels" / "test.tsv")
    assert len(result.table.frame) == len(wanted)
    assert sorted(result.table.frame["dataset"]) == sorted(wanted["dataset"])
    about = json.loads(next((root / "maps").rglob("groups/test/*.json")).read_text())
    assert about["multi_cohort"] is True
    assert about["caps_directory"] == {name: str(folder) for name, folder in moved.items()}


def test_a_training_on_two_data_sets_goes_on_where_it_was(begun, sites):
    root, folders = sites
    caps = {name: str(folder) for name, folder in folders.items()}
    experiment = begun.experiment.changed({**ONE_EPOCH, "data": {"caps": caps, "splits": str(root / "folds")}})
    train(experiment, root / "maps")
    before = (root / "maps" / "split-0" / "best-loss" / "model.safetensors").read_bytes()
    (root / "maps" / "split-0" / "finished.json").unlink(missing_ok=True)
    resume(root / "maps")
    assert (root / "maps" / "split-0" / "best-loss" / "model.safetensors").read_bytes() == before


def test_a_table_names_the_data_sets_as_a_mapping_does(begun, sites):
    root, folders = sites
    frame = pd.DataFrame({"cohort": list(folders), "path": [folder.name for folder in folders.values()]})
    tables.write(frame, root / "sets.tsv")
    data = {"caps": str(root / "sets.tsv"), "splits": str(root / "folds")}
    maps = train(begun.experiment.changed({**ONE_EPOCH, "data": data}), root / "maps")
    assert set(maps.group("train", 0).frame["dataset"]) == {"one", "two"}


def test_a_description_is_trained_from_and_stands_in_the_maps(study):
    extract("slice", study.caps, options={"direction": 1, "discard": [4, 6]}, name="mine")
    experiment = study.experiment.changed({**ONE_EPOCH, "data": {"described": "mine"}})
    maps = train(experiment, study.maps)
    kept = Maps(study.maps).experiment.data
    assert kept.described is None
    assert kept.extraction.name == "slice"
    assert maps.training(0).contract("loss")["input_size"] == [1, 12, 13]
    (study.caps / "tensor_extraction" / "mine.json").unlink()
    predict(study.maps, study.test, group="test")


def test_a_data_set_that_may_not_be_written_to_is_left_alone(study, tmp_path):
    before = sorted(study.caps.rglob("*"))
    experiment = study.experiment.changed({**ONE_EPOCH, "data": {"store": str(tmp_path / "store")}})
    train(experiment, study.maps)
    predict(study.maps, study.test, group="test")
    assert sorted(study.caps.rglob("*")) == before
    assert len(list((tmp_path / "store").rglob("*.safetensors"))) == len(
        list(study.caps.glob("subjects/*/ses-M000/t1_linear/*"))
    ) + len(list(study.caps.glob("subjects/*/ses-M012/t1_linear/*")))


@pytest.mark.parametrize("where", ["worker", "device"])
def test_augmented_training_is_the_same_whatever_the_workers(study, where):
    told = {"data": {"augmentation": ["noise", "flip"]}, "compute": {"augment_on": where}}
    weights = []
    for workers in (0, 2):
        maps = study.root / f"maps-{workers}"
        experiment = study.experiment.changed({**ONE_EPOCH, **told})
        train(experiment.changed({"compute": {"workers": workers}}), maps)
        weights.append((maps / "split-0" / "best-loss" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    train(study.experiment.changed(ONE_EPOCH), study.maps)
    assert (study.maps / "split-0" / "best-loss" / "model.safetensors").read_bytes() != weights[0]


def test_compact_images_are_learnt_from(study):
    maps = train(study.experiment.changed({**ONE_EPOCH, "data": {"compact": True}}), study.maps)
    assert maps.training(0).is_finished()
    kept = study.caps / "fimbria-store" / "images" / "own-spacing_int16"
    assert list(kept.rglob("*.safetensors"))
    predict(study.maps, study.test, group="test")

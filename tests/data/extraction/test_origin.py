from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from fimbria.data.cohort.cohort import Session
from fimbria.data.extraction.origin import READ_NIFTI, Origin, tensors_of
from fimbria.data.extraction.store import Transform
from fimbria.data.images.datasets import DataSets
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import InputError

WHO = Session("one", "sub-01", "ses-M000")


def origin(sets, name="t1-linear", **told):
    return Origin(DataSets(sets), pipeline.build(name), **told)


def test_each_data_set_has_its_store_unless_one_is_named():
    sets = {"one": Path("a"), "two": Path("b")}
    assert origin(sets).root(WHO) == Path("a/fimbria-store")
    assert origin(sets).root(WHO._replace(dataset="two")) == Path("b/fimbria-store")
    assert origin(sets, "raw").root(WHO) == Path("a/derivatives/fimbria-store")
    assert origin(sets, folder=Path("c")).root(WHO) == Path("c")


def test_the_store_decodes_as_the_origin_says():
    transform = Transform(2.0, compact=True)
    store = origin({"one": Path("a")}, transform=transform).store(WHO)
    assert (store.transform, store.read) == (transform, READ_NIFTI.image)


def test_a_session_of_an_unknown_data_set_has_no_store():
    with pytest.raises(InputError, match="data set 'three', whose folder was not given"):
        origin({"one": Path("a")}).root(WHO._replace(dataset="three"))


def test_is_called_by_its_data_sets_and_pipeline_and_no_path():
    assert origin({"one": Path("/x/a"), "two": Path("/x/b")}).called == "one, two (t1-linear)"
    assert origin({"": Path("/x/caps")}).called == "caps (t1-linear)"


def test_travels_between_processes():
    there = pickle.loads(pickle.dumps(origin({"one": Path("a")})))  # noqa: S301  (our own)
    assert there.root(WHO) == Path("a/fimbria-store")
    assert there.pipeline == pipeline.build("t1-linear")


@pytest.mark.parametrize("name", ["t1-linear", "flair-linear"])
def test_tensors_lie_beside_the_images_under_their_names(tmp_path, name):
    made = tensors_of(pipeline.build(name))
    folder = tmp_path / "subjects" / "sub-01" / "ses-M000" / "deeplearning_prepare_data" / "image_based"
    suffix = {"t1-linear": "T1w", "flair-linear": "FLAIR"}[name]
    path = folder / name.replace("-", "_") / f"sub-01_ses-M000_space-MNI152NLin2009cSym_desc-Crop_res-1x1x1_{suffix}.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    source = Origin(DataSets({"": tmp_path}), made).source()
    assert source.find(Session("", "sub-01", "ses-M000")) == path
    assert not source.has(Session("", "sub-01", "ses-M006"))
    assert made.layout == "caps"

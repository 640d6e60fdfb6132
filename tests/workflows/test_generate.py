"""Synthetic data sets: the same for the same seed, whatever the number of processes."""

import pytest

from fimbria import tables
from fimbria.data.cohort.cohort import Session
from fimbria.data.extraction import extraction
from fimbria.data.images.caps import cohort
from fimbria.data.images.listing import listed
from fimbria.data.images.nifti import read_grid
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import FimbriaError
from fimbria.workflows.generate import generate_atrophy


def images(caps):
    return {path.name: path.read_bytes() for path in caps.rglob("*_T1w.nii.gz")}


def test_people_are_the_same_however_many_are_made_by_however_many(tmp_path):
    generate_atrophy(tmp_path / "two", people=2, spacing=8, seed=5)
    generate_atrophy(tmp_path / "four", people=4, spacing=8, seed=5, jobs=2)
    few, many = images(tmp_path / "two"), images(tmp_path / "four")
    assert len(few) == 2
    assert {name: many[name] for name in few} == few


def test_what_is_made_is_a_caps_with_its_table_and_the_mask_of_its_region(tmp_path):
    table = generate_atrophy(tmp_path, people=4, spacing=8, region="amygdala")
    made = pipeline.build("t1-linear")
    assert len(cohort(tmp_path, made)) == 4
    assert list(tables.read(table)["diagnosis"]) == ["AD", "CN", "AD", "CN"]
    grid = read_grid(listed(tmp_path, made).find(Session("", "sub-ATRO0000", "ses-M000")))
    cut = extraction.build("roi", {"roi": ["amygdala"]}, caps=tmp_path, space=made.space, grid=grid)
    assert cut.locations(grid.shape)[0].mask.any()


@pytest.mark.parametrize("record", [None, "{", "[]", '{"recipe": 3}'])
def test_a_folder_of_something_else_is_never_written_over(tmp_path, record):
    (tmp_path / "data.tsv").write_text("mine")
    if record is not None:
        (tmp_path / "commandline.json").write_text(record)
    with pytest.raises(FimbriaError, match="nothing is ever written over"):
        generate_atrophy(tmp_path, people=2, spacing=8)
    assert (tmp_path / "data.tsv").read_text() == "mine"


@pytest.mark.parametrize(
    "wrong", [{"people": 1}, {"region": "hipocampus"}, {"degree": 0}, {"spacing": 99}, {"seed": -1}, {"jobs": 0}]
)
def test_refuses_a_recipe_that_cannot_be_followed_before_anything_is_made(tmp_path, wrong):
    with pytest.raises(FimbriaError):
        generate_atrophy(tmp_path / "caps", **{"people": 2, "spacing": 8, **wrong})
    assert not images(tmp_path)

"""Before the first step: every image found, whole, on one grid, and room for all."""

import pytest

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.extraction.store import Store
from fimbria.data.images import nifti
from fimbria.data.images.caps import Caps
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import ProblemsError
from fimbria.geometry import Grid
from fimbria.workflows import preflight
from fimbria.workflows.preflight import prepared
from fimbria.workflows.show import quiet


@pytest.fixture
def study(begun, tmp_path):
    return begun.copy(tmp_path)


def prepare(study, *, jobs=1, allow_missing=False):
    sessions = Cohort.read(study.caps / "data.tsv").sessions
    store = Store(study.root / "store", "t1-linear")
    source = Caps(study.caps, pipeline.build("t1-linear"))
    return prepared(source, store, sessions, jobs=jobs, allow_missing=allow_missing, show=quiet), sessions


def test_gives_every_image_in_the_order_of_the_sessions_whatever_the_jobs(study):
    (alone, left), sessions = prepare(study)
    assert list(alone) == sessions
    assert left == ()
    (again, _), _ = prepare(study, jobs=2)
    assert list(again) == sessions


def test_the_grid_that_most_have_is_the_right_one(study):
    path = study.image("sub-01")
    image = nifti.read(path)
    nifti.write(path, image.array[1:], Grid((11, 14, 13), image.grid.affine))
    with pytest.raises(ProblemsError, match="the image of sub-01 ses-M000 is on another grid") as caught:
        prepare(study)
    assert len(caught.value.problems) == 1
    (usable, left), sessions = prepare(study, allow_missing=True)
    assert len(usable) == len(sessions) - 1
    assert [str(session) for session, _ in left] == ["sub-01 ses-M000"]


def test_a_store_without_room_is_refused_before_anything_is_decoded(study, monkeypatch):
    monkeypatch.setattr(preflight, "free_bytes", lambda _: 5000)
    with pytest.raises(ProblemsError, match="free some room"):
        prepare(study)
    assert not (study.root / "store").exists()


def test_nobody_with_a_usable_image_is_refused_even_where_missing_ones_are_allowed(study):
    for path in study.caps.rglob("*_T1w.nii.gz"):
        path.write_bytes(b"")
    with pytest.raises(ProblemsError, match="empty file"):
        prepare(study, allow_missing=True)

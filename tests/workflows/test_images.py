"""Before the first step: every image found, whole, on one grid, and room for all."""

import shutil

import numpy as np
import pytest

from fimbria.data.cohort.cohort import Cohort, Session
from fimbria.data.extraction import extraction
from fimbria.data.extraction.origin import Origin
from fimbria.data.extraction.store import Transform
from fimbria.data.images import nifti
from fimbria.data.images.datasets import DataSets
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import InputError, ProblemsError
from fimbria.geometry import Grid
from fimbria.workflows import images as module
from fimbria.workflows.images import cut, gathered
from fimbria.workflows.show import quiet

FIRST = "sub-01 ses-M000"


@pytest.fixture
def study(begun, tmp_path):
    return begun.copy(tmp_path)


@pytest.fixture
def two(study):
    """The study with a FLAIR image beside each T1."""
    for path in study.caps.glob("subjects/*/*/t1_linear/*.nii.gz"):
        image = nifti.read(path)
        other = path.parent.parent / "flair_linear" / path.name.replace("_T1w", "_FLAIR")
        nifti.write(other, image.array.max() - image.array, image.grid)
    return study


def sessions_of(study):
    return Cohort.read(study.caps / "data.tsv").sessions


def origins(study, *names, store=True, transform=None):
    sets = DataSets.of(study.caps)
    folder = study.root / "store" if store else None
    return [Origin(sets, pipeline.build(name), transform or Transform(), folder) for name in names or ("t1-linear",)]


def gather(study, *names, jobs=1, sessions=None, **told):
    wanted = sessions_of(study) if sessions is None else sessions
    return gathered(origins(study, *names), wanted, jobs=jobs, show=quiet, **told)


def flair(study, who, session="ses-M000"):
    return next((study.caps / "subjects" / who / session / "flair_linear").iterdir())


def test_gives_every_image_in_the_order_of_the_sessions_whatever_the_jobs(study):
    sessions = sessions_of(study)[::-1]
    alone = gather(study, sessions=sessions)
    assert list(alone.channels[0]) == sessions
    assert alone.left == ()
    shutil.rmtree(study.root / "store")
    again = gather(study, sessions=sessions, jobs=2)
    assert list(again.channels[0]) == sessions
    assert [e.content for e in again.channels[0].values()] == [e.content for e in alone.channels[0].values()]


def test_the_grid_that_most_have_is_the_right_one(study):
    path = study.image("sub-01")
    image = nifti.read(path)
    nifti.write(path, image.array[1:], Grid((11, 14, 13), image.grid.affine))
    with pytest.raises(ProblemsError, match=f"the image of {FIRST} .* is on another grid") as caught:
        gather(study)
    assert len(caught.value.problems) == 1
    found = gather(study, allow_missing=True)
    assert len(found.channels[0]) == len(sessions_of(study)) - 1
    assert [str(session) for session, _ in found.left] == [FIRST]


def test_a_store_without_room_is_refused_before_anything_is_decoded(study, monkeypatch):
    monkeypatch.setattr(module, "free_bytes", lambda _: 5000)
    with pytest.raises(ProblemsError, match=r"decoding 11 images needs .*free some room.*--store"):
        gather(study)
    assert not (study.root / "store").exists()


def test_the_room_of_all_channels_is_asked_for_together(two, monkeypatch):
    (one,) = origins(two)
    needed = 11 * one.transform.bytes_needed(nifti.read_grid(two.image()))
    monkeypatch.setattr(module, "free_bytes", lambda _: 1.5 * needed)
    with pytest.raises(ProblemsError, match="decoding 22 images"):
        gather(two, "t1-linear", "flair-linear")
    gather(two)
    gather(two, "t1-linear", "flair-linear")  # what is there already needs no room


def test_nobody_with_a_usable_image_is_refused_even_where_missing_ones_are_allowed(study):
    for path in study.caps.rglob("*_T1w.nii.gz"):
        path.write_bytes(b"")
    with pytest.raises(ProblemsError, match="empty file"):
        gather(study, allow_missing=True)


def test_everything_wrong_with_all_channels_is_said_at_once(two):
    two.image("sub-01").unlink()
    two.image("sub-02").write_bytes(b"")
    shutil.copy(
        two.image("sub-03"), two.image("sub-03").with_name("sub-03_ses-M000_run-2_" + two.image("sub-03").name[16:])
    )
    flair(two, "sub-04").unlink()
    flair(two, "sub-05").write_bytes(b"junk" * 99)
    with pytest.raises(ProblemsError) as caught:
        gather(two, "t1-linear", "flair-linear")
    said = [problem.what for problem in caught.value.problems]
    assert len(said) == 5
    for words in (
        ("sub-01", "no t1-linear"),
        ("sub-02", "empty file"),
        ("2 files", "sub-03"),
        ("sub-04", "no flair-linear"),
        ("sub-05", "not packed with gzip"),
    ):
        assert sum(all(word in text for word in words) for text in said) == 1, (words, said)
    assert not (two.root / "store").exists()


def test_a_further_channel_may_lack_where_that_is_allowed_and_the_first_may_not(two):
    flair(two, "sub-04").unlink()
    names = ("t1-linear", "flair-linear")
    with pytest.raises(ProblemsError, match="sub-04"):
        gather(two, *names)
    left_out = gather(two, *names, allow_missing=True)
    assert [str(session) for session, _ in left_out.left] == ["sub-04 ses-M000"]
    assert len(left_out.channels[0]) == len(left_out.channels[1]) == 10
    zeros = gather(two, *names, may_lack=True)
    assert zeros.left == ()
    assert (len(zeros.channels[0]), len(zeros.channels[1])) == (11, 10)
    two.image("sub-02").unlink()
    with pytest.raises(ProblemsError, match="sub-02") as caught:
        gather(two, *names, may_lack=True)
    assert len(caught.value.problems) == 1


def test_several_images_are_no_lack(two):
    path = flair(two, "sub-04")
    shutil.copy(path, path.with_name(path.name.replace("ses-M000_", "ses-M000_run-2_")))
    with pytest.raises(ProblemsError, match=r"2 files .*sub-04"):
        gather(two, "t1-linear", "flair-linear", may_lack=True)


def test_a_broken_image_of_a_further_channel_is_no_lack(two):
    flair(two, "sub-04").write_bytes(b"")
    with pytest.raises(ProblemsError, match="empty file"):
        gather(two, "t1-linear", "flair-linear", may_lack=True)


def test_channels_on_other_grids_are_refused_with_which_of_them_is(two):
    path = flair(two, "sub-01")
    image = nifti.read(path)
    moved = image.grid.affine.copy()
    moved[0, 3] += 1
    nifti.write(path, image.array, Grid(image.grid.shape, moved))
    with pytest.raises(ProblemsError, match=f"the image of {FIRST} .*FLAIR.* is on another grid"):
        gather(two, "t1-linear", "flair-linear")


def test_who_is_left_out_is_the_same_whether_images_were_decoded_before_or_not(two):
    for number in range(1, 6):
        path = two.image(f"sub-{number:02d}")
        image = nifti.read(path)
        nifti.write(path, image.array[1:], Grid((11, 14, 13), image.grid.affine))
        flair(two, f"sub-{number:02d}").unlink()
    names = ("t1-linear", "flair-linear")
    fresh = gather(two, *names, allow_missing=True)
    gather(two, allow_missing=True)
    gather(two, sessions=[s for s in sessions_of(two) if s.participant_id < "sub-06" and s.session_id == "ses-M000"])
    again = gather(two, *names, allow_missing=True)
    assert [session for session, _ in again.left] == [session for session, _ in fresh.left]
    assert list(again.channels[0]) == list(fresh.channels[0])
    assert [text for _, text in again.left] == [text for _, text in fresh.left]


def test_two_sessions_that_would_read_one_file_are_refused(study):
    one, other = Session("one", "sub-01", "ses-M000"), Session("two", "sub-01", "ses-M000")
    with pytest.raises(ProblemsError, match=r"are one file: .*--cohort NAME=PATH"):
        gather(study, sessions=[one, other])


def test_one_image_in_two_data_sets_is_decoded_once(study, tmp_path):
    shutil.copytree(study.caps, tmp_path / "again")
    sets = DataSets({"one": study.caps, "two": tmp_path / "again"})
    origin = Origin(sets, pipeline.build("t1-linear"), Transform(), study.root / "store")
    sessions = [Session(name, *session[1:]) for name in sets for session in sessions_of(study)]
    found = gathered([origin], sessions, jobs=1, show=quiet)
    assert len(found.channels[0]) == 22
    assert len(list((study.root / "store").rglob("*.safetensors"))) == 11


def test_each_data_set_keeps_its_own_store_where_none_is_named(study, tmp_path):
    shutil.rmtree(study.caps / "fimbria-store", ignore_errors=True)  # what other tests decoded
    shutil.copytree(study.caps, tmp_path / "again")
    sets = DataSets({"one": study.caps, "two": tmp_path / "again"})
    sessions = [Session("one", "sub-01", "ses-M000"), Session("two", "sub-02", "ses-M000")]
    gathered([Origin(sets, pipeline.build("t1-linear"))], sessions, jobs=1, show=quiet)
    for folder in sets.folders.values():
        assert len(list((folder / "fimbria-store").rglob("*.safetensors"))) == 1


def test_a_session_of_an_unknown_data_set_is_refused(study):
    origin = Origin(DataSets({"one": study.caps}), pipeline.build("t1-linear"))
    with pytest.raises(InputError, match="data set 'two', whose folder was not given"):
        gathered([origin], [Session("two", "sub-01", "ses-M000")], jobs=1, show=quiet)


def test_an_image_with_infinities_is_refused_or_mended(study):
    path = study.image("sub-01")
    image = nifti.read(path)
    spoilt = image.array.copy()
    spoilt[0, 0, 0] = np.inf
    nifti.write(path, spoilt, image.grid)
    with pytest.raises(ProblemsError, match="--nonfinite 0"):
        gather(study)
    found = gathered(origins(study, transform=Transform(nonfinite=0)), sessions_of(study), jobs=1, show=quiet)
    assert next(iter(found.channels[0].values()))[(slice(0, 1),) * 3].item() == 0


def chosen_by(study, jobs=1, **options):
    found = gather(study).channels[0]
    (origin,) = origins(study)
    component = extraction.find("patch")
    complete = component.options(dict.fromkeys(("caps", "space", "grid")), {"size": 4, **options})
    return cut(component, complete, origin, found, jobs, quiet), found


@pytest.mark.parametrize("jobs", [1, 2])
def test_parts_are_chosen_image_by_image_where_the_cut_leaves_out_background(study, jobs):
    made, found = chosen_by(study, jobs, foreground=0.6)
    assert list(made.places) == list(found)
    assert len(set(made.places.values())) > 1
    for session, entry in found.items():
        array, chosen = entry[(slice(None),) * 3], made.places[session]
        assert list(chosen) == sorted(chosen)
        assert 0 < len(chosen) <= len(made.locations)
        shares = [np.mean(array[place.box] > array.mean()) for place in made.locations]
        assert list(chosen) == ([n for n, s in enumerate(shares) if s >= 0.6] or [int(np.argmax(shares))])


def test_a_cut_that_leaves_nothing_out_reads_no_image(study, monkeypatch):
    monkeypatch.setattr("fimbria.data.extraction.store.Entry.__getitem__", None)
    made, _ = chosen_by(study)
    assert made.places is None
    assert len(made.locations) == 27

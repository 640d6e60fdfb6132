"""Looking after a store: what there is, whether it is whole, what can go."""

import pytest

from fimbria.data.extraction.store import Store, Transform
from fimbria.errors import InputError
from fimbria.workflows.store import Verified, list_store, prune_store, verify_store


@pytest.fixture
def study(begun, tmp_path):
    """A study with all its images decoded, and those of one person compact too."""
    study = begun.copy(tmp_path)
    store = Store(study.caps / "fimbria-store")
    for path in sorted(study.caps.glob("subjects/*/*/t1_linear/*.nii.gz")):
        store.prepare(path)
    Store(store.root, Transform(compact=True)).prepare(study.image("sub-01"))
    return study


@pytest.fixture
def root(study):
    return study.caps / "fimbria-store"


def test_lists_every_image_with_its_source(study, root):
    held = list_store(root)
    assert [one.transform for one in held].count("own-spacing") == 11
    assert [one.transform for one in held].count("own-spacing_int16") == 1
    sources = {note.source.resolve() for one in held for note in one.sources}
    assert sources == set(study.caps.glob("subjects/*/*/t1_linear/*.nii.gz"))
    assert all(one.needed for one in held)


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_flipped_bit_among_many_images_is_found(root, jobs):
    assert verify_store(root, jobs=jobs) == Verified(12, (), ())
    path = list_store(root)[3].path
    content = bytearray(path.read_bytes())
    content[-5] ^= 64
    path.write_bytes(content)
    found = verify_store(root, jobs=jobs)
    assert (found.whole, len(found.broken), found.stale) == (11, 1, ())
    assert found.broken[0][0] == path


def test_what_is_no_longer_needed_is_stale_and_is_pruned(study, root):
    study.image("sub-02").unlink()
    (stale,) = verify_store(root).stale
    files, size = prune_store(root, dry_run=True)
    assert stale in files
    assert size == sum(path.stat().st_size for path in files) > 0
    removed, freed = prune_store(root)
    assert (list(removed), freed) == (list(files), size)
    assert not any(path.exists() for path in files)
    assert verify_store(root) == Verified(11, (), ())
    assert list(prune_store(root)[0]) == []


def test_a_folder_that_is_no_store_is_refused_by_all(tmp_path):
    for command in (list_store, verify_store, prune_store):
        with pytest.raises(InputError, match="is no store of decoded images"):
            command(tmp_path)


def test_an_empty_store_is_whole(tmp_path):
    (tmp_path / "images").mkdir()
    assert list_store(tmp_path) == []
    assert verify_store(tmp_path).whole == 0

from __future__ import annotations

import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from fimbria.data.extraction.store import Transform
from fimbria.data.extraction.store.upkeep import damage, holdings, leftovers, notes, remove
from fimbria.data.images import nifti
from fimbria.errors import InputError, StorageError

DAY = 86_400


@pytest.fixture
def other(source, oblique):
    """A second image."""
    path = source.with_name("sub-02_ses-M000_T1w.nii.gz")
    nifti.write(path, np.arange(210, dtype="f4").reshape(oblique.shape), oblique)
    return path


def left(store, **told):
    return leftovers(store.root, holdings(store.root), **told)


def test_says_of_each_file_whose_it_is_and_how_it_was_decoded(store, source, other):
    one = store.prepare(source)
    small = replace(store, transform=Transform(compact=True)).prepare(other)
    held = {holding.path: holding for holding in holdings(store.root)}
    assert set(held) == {one.path, small.path}
    assert held[one.path].transform == "own-spacing"
    assert held[small.path].transform == "own-spacing_int16"
    (note,) = held[one.path].sources
    assert note.source.resolve() == source
    assert note.state == "as it was"
    assert held[one.path].bytes == one.path.stat().st_size
    assert held[small.path].entry.packing == small.packing
    assert left(store) == []


@pytest.mark.parametrize("inside", ["fimbria-store", "derivatives/fimbria-store"])
def test_a_folder_that_is_no_store_is_refused_with_where_one_is(tmp_path, inside):
    with pytest.raises(InputError, match=r"is no store of decoded images\. `fimbria extract` makes one"):
        holdings(tmp_path)
    (tmp_path / inside).mkdir(parents=True)
    with pytest.raises(InputError, match=f"Did you mean .*{inside}"):
        holdings(tmp_path)


def test_what_is_whole_is_not_damaged(store, source, other):
    store.prepare(source)
    replace(store, transform=Transform(compact=True)).prepare(source)
    replace(store, transform=Transform(2.0, 0.0)).prepare(other)
    assert [damage(holding) for holding in holdings(store.root)] == [""] * 3


@pytest.mark.parametrize("transform", [Transform(), Transform(compact=True)])
@pytest.mark.parametrize("place", [-1, -100, -400])
def test_one_flipped_bit_of_the_voxels_is_found(store, source, transform, place):
    entry = replace(store, transform=transform).prepare(source)
    content = bytearray(entry.path.read_bytes())
    content[place] ^= 1
    entry.path.write_bytes(content)
    (holding,) = holdings(store.root)
    assert damage(holding).startswith("damaged")


@pytest.mark.parametrize("word", ['"affine\\": [[', '"mean\\": ', '"scale\\": '])
def test_a_changed_number_of_the_header_is_found(store, source, word):
    entry = replace(store, transform=Transform(compact=True)).prepare(source)
    content = entry.path.read_bytes()
    where = content.index(word.encode()) + len(word)
    digit = next(place for place in range(where, where + 30) if chr(content[place]).isdigit())
    changed = b"8" if content[digit : digit + 1] != b"8" else b"7"
    entry.path.write_bytes(content[:digit] + changed + content[digit + 1 :])
    (holding,) = holdings(store.root)
    assert damage(holding)


@pytest.mark.parametrize(("content", "sentence"), [(b"junk", "cut short"), (None, "cannot be read")])
def test_what_is_cut_short_or_gone_is_found(store, source, content, sentence):
    entry = store.prepare(source)
    (before,) = holdings(store.root)
    if content is None:
        entry.path.unlink()
        assert sentence in damage(before)
        return
    entry.path.write_bytes(content)
    (holding,) = holdings(store.root)
    assert sentence in damage(holding)
    assert not holding.needed


def test_images_whose_source_is_gone_are_left_over_with_their_notes(store, source, other):
    entry, stays = store.prepare(source), store.prepare(other)
    (note,) = (note.path for note in notes(store.root) if note.source.resolve() == source)
    source.unlink()
    assert set(left(store)) == {entry.path, note}
    assert remove(left(store)) > 0
    assert [holding.path for holding in holdings(store.root)] == [stays.path]
    assert store.find(other) is not None


def test_an_image_stays_as_long_as_one_of_its_sources_is_there(store, source, tmp_path):
    twin = tmp_path / "twin.nii.gz"
    twin.write_bytes(source.read_bytes())
    entry = store.prepare(source)
    store.prepare(twin)
    source.unlink()
    assert entry.path not in left(store)
    remove(left(store))
    assert store.find(twin) is not None
    twin.unlink()
    assert entry.path in left(store)


def test_images_whose_source_has_changed_are_left_over(store, source, oblique):
    before = store.prepare(source)
    nifti.write(source, np.arange(210, dtype="f4").reshape(oblique.shape), oblique)
    after = store.prepare(source)
    assert left(store) == [before.path]
    remove(left(store))
    assert store.find(source).path == after.path


def test_what_the_first_versions_wrote_is_left_over_and_nothing_else_of_the_data_set_is(store, source):
    store.prepare(source)
    old = store.root / "t1-linear_own-spacing" / "sub-01" / "ses-M000" / "sub-01_ses-M000_T1w.safetensors"
    strange = old.with_name("model.safetensors")
    old.parent.mkdir(parents=True)
    save_file({"image": np.zeros((2, 2, 2), "f4")}, old, metadata={"fimbria": json.dumps({"format": 2})})
    save_file({"weights": np.zeros(3, "f4")}, strange)
    assert left(store) == [old]


def test_a_store_of_the_first_version_alone_is_a_store(tmp_path):
    old = tmp_path / "store" / "t1-linear_own-spacing" / "sub-01" / "ses-M000" / "sub-01_ses-M000_T1w.safetensors"
    old.parent.mkdir(parents=True)
    save_file({"image": np.zeros((2, 2, 2), "f4")}, old, metadata={"fimbria": json.dumps({"format": 2})})
    assert leftovers(tmp_path / "store", holdings(tmp_path / "store")) == [old]


@pytest.mark.parametrize("kind", ["images", "sources"])
def test_what_a_broken_write_left_goes_once_it_is_surely_over(store, source, kind):
    store.prepare(source)
    beside = next(path for path in (store.root / kind).rglob("*") if path.is_file())
    part = beside.with_name(f".{beside.name}.abc.part")
    part.write_bytes(b"half")
    assert left(store) == []
    then = time.time() - 1.1 * DAY
    os.utime(part, (then, then))
    assert left(store) == [part]


def test_what_was_long_unread_goes_only_where_that_is_asked(store, source, other):
    entry, stays = store.prepare(source), store.prepare(other)
    then = time.time() - 40 * DAY
    os.utime(entry.path, (then, then))
    assert left(store) == []
    assert left(store, unused_days=50) == []
    assert left(store, unused_days=30) == [entry.path]
    assert stays.path.is_file()


def test_removing_counts_bytes_and_passes_over_what_is_gone_already(tmp_path):
    for name, size in (("a", 10), ("b", 5)):
        (tmp_path / name).write_bytes(bytes(size))
    assert remove([tmp_path / "a", tmp_path / "gone", tmp_path / "b"]) == 15
    assert list(tmp_path.iterdir()) == []


def test_what_may_not_be_removed_is_said(tmp_path, monkeypatch):
    def refused(_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a").write_bytes(b"x")
    monkeypatch.setattr(type(tmp_path), "unlink", refused)
    with pytest.raises(StorageError, match="permission"):
        remove([tmp_path / "a"])


@pytest.mark.parametrize("content", ["", "[]", '{"path": "x"}', "junk"])
def test_a_broken_note_is_passed_over(store, source, content):
    store.prepare(source)
    (path,) = (store.root / "sources").rglob("*.json")
    path.write_text(content)
    assert list(notes(store.root)) == []


def test_a_source_that_was_only_touched_is_still_needed(store, source):
    store.prepare(source)
    os.utime(source, (1, 1))
    assert left(store) == []


def test_a_data_set_that_is_not_at_hand_keeps_its_images(store, source):
    store.prepare(source)
    deep = source.parents[0] / "subjects" / "sub-03" / "ses-M000" / "t1_linear" / "sub-03_ses-M000_T1w.nii.gz"
    deep.parent.mkdir(parents=True)
    deep.write_bytes(source.read_bytes())
    entry = store.prepare(deep)
    source.unlink()
    (source.parents[0] / "subjects").rename(source.parents[0] / "unmounted")
    assert entry.path not in left(store)
    (source.parents[0] / "unmounted").rename(source.parents[0] / "subjects")
    deep.unlink()
    assert entry.path in left(store)

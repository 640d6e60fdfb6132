from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fimbria.data.cohort.cohort import Session
from fimbria.data.extraction import store as module
from fimbria.data.extraction import take
from fimbria.data.extraction.patches import Patches
from fimbria.data.extraction.slices import Slices
from fimbria.data.extraction.store import Store, default_root, read_entry
from fimbria.data.images import nifti
from fimbria.errors import ImageError, StorageError

WHO = Session("", "sub-01", "ses-M000")


@pytest.fixture
def source(tmp_path, oblique):
    """One image."""
    path = tmp_path / "images" / "sub-01_ses-M000_T1w.nii.gz"
    nifti.write(path, np.random.default_rng(0).normal(100, 10, oblique.shape).astype("f4"), oblique)
    return path


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", "t1-linear")


@pytest.fixture
def decoded(monkeypatch):
    """Count how often each image is decoded."""
    count = Counter()
    read = nifti.read

    def counting(path):
        count[path] += 1
        return read(path)

    monkeypatch.setattr(module.nifti, "read", counting)
    return count


def test_parts_are_those_of_the_image(store, source):
    image, entry = nifti.read(source), store.prepare(WHO, source)
    assert entry.shape == image.array.shape
    assert entry.grid.matches(image.grid, tolerance_mm=0)
    for way in (Patches((2, 3, 4), (1, 2, 2)), Slices(0), Slices(1), Slices(2, channels=3)):
        for location in way.locations(entry.shape):
            assert np.array_equal(take(entry, location), take(image.array, location))


def test_the_statistics_are_those_of_all_voxels(store, source):
    array, known = nifti.read(source).array.astype(float), store.prepare(WHO, source).statistics
    assert (known.minimum, known.maximum) == (array.min(), array.max())
    assert (known.mean, known.deviation) == pytest.approx((array.mean(), array.std()))


def test_an_image_is_decoded_once(store, source, decoded):
    assert store.find(WHO, source) is None
    first = store.prepare(WHO, source)
    again = store.prepare(WHO, source)
    assert decoded == {source: 1}
    assert again.statistics == first.statistics
    assert again.source == first.source
    assert again.grid.matches(first.grid, tolerance_mm=0)


def test_every_image_of_a_caps_is_decoded_once(tmp_path, tiny_caps, decoded):
    store = Store(tmp_path, "t1-linear")
    sources = sorted(tiny_caps.glob("subjects/*/*/t1_linear/*.nii.gz"))
    for _ in range(3):
        for path in sources:
            store.prepare(Session("", path.parts[-4], path.parts[-3]), path)
    assert len(decoded) == 11
    assert set(decoded.values()) == {1}


def test_a_source_touched_but_the_same_inside_is_not_decoded_again(store, source, decoded):
    store.prepare(WHO, source)
    os.utime(source, ns=(1, 1))
    store.prepare(WHO, source)
    assert decoded[source] == 1


def test_a_source_that_has_changed_is_decoded_again(store, source, oblique, decoded):
    store.prepare(WHO, source)
    nifti.write(source, np.arange(210, dtype="f4").reshape(oblique.shape), oblique)
    assert store.find(WHO, source) is None
    assert store.prepare(WHO, source).statistics.maximum == 209
    assert decoded[source] == 2


def test_a_source_that_is_gone_is_no_longer_served(store, source):
    store.prepare(WHO, source)
    source.unlink()
    assert store.find(WHO, source) is None
    with pytest.raises(ImageError, match=r"there is no image .*T1w\.nii\.gz"):
        store.prepare(WHO, source)


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:-7], lambda whole: whole[:10], lambda _: b"", lambda _: b"junk" * 9]
)
def test_a_half_written_file_is_ignored_and_made_again(store, source, decoded, damage):
    entry = store.prepare(WHO, source)
    entry.path.write_bytes(damage(entry.path.read_bytes()))
    assert read_entry(entry.path) is None
    again = store.prepare(WHO, source)
    assert decoded[source] == 2
    assert np.array_equal(again[(slice(None),) * 3], nifti.read(source).array)


def test_a_file_of_another_format_is_ignored(store, source, monkeypatch):
    entry = store.prepare(WHO, source)
    monkeypatch.setattr(module, "FORMAT", module.FORMAT + 1)
    assert read_entry(entry.path) is None


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda array: np.where(array == array.max(), np.nan, array), "holds NaN or infinity in 1 of 210 voxels"),
        (lambda array: np.where(array == array.max(), np.inf, array), "holds NaN or infinity in 1 of 210 voxels"),
        (lambda array: array * 0, "holds nothing but 0"),
        (lambda array: array * 0 + 7, "holds nothing but 7"),
    ],
)
def test_an_image_that_says_nothing_is_refused_by_name(store, source, oblique, spoil, sentence):
    nifti.write(source, spoil(nifti.read(source).array).astype("f4"), oblique)
    with pytest.raises(ImageError, match=sentence) as caught:
        store.prepare(WHO, source)
    assert str(source) in str(caught.value)
    assert not store.folder.exists()


def test_an_image_cut_short_is_refused_by_name(store, source):
    source.write_bytes(source.read_bytes()[:-50])
    with pytest.raises(ImageError, match=r"T1w\.nii\.gz is cut short"):
        store.prepare(WHO, source)


def test_a_full_disk_is_said_so_and_leaves_no_half_file(store, source, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="the disk is full"):
        store.prepare(WHO, source)
    assert not [path for path in store.root.rglob("*") if path.is_file()]


def test_another_spacing_is_another_image(tmp_path, source, store):
    coarse = Store(tmp_path / "store", "t1-linear", 2.5)
    entry = coarse.prepare(WHO, source)
    assert entry.grid.spacing_mm == pytest.approx((2.5,) * 3)
    assert entry[(slice(None),) * 3].shape == entry.shape == (2, 3, 5)
    assert store.find(WHO, source) is None


@pytest.mark.parametrize("spacing", [None, 0.7])
def test_the_room_it_needs_is_told_beforehand(tmp_path, source, oblique, spacing):
    store = Store(tmp_path / "store", "t1-linear", spacing)
    needed = store.bytes_needed(oblique)
    written = store.prepare(WHO, source).path.stat().st_size
    assert written <= needed <= written + 4096


def test_two_files_of_one_session_do_not_share_an_entry(store):
    assert store.path(WHO, Path("x_desc-Crop_T1w.nii.gz")) != store.path(WHO, Path("x_T1w.nii.gz"))


def test_a_store_lies_inside_a_caps_and_among_the_derivatives_of_a_bids():
    assert default_root(Path("x"), "caps") == Path("x/fimbria-store")
    assert default_root(Path("x"), "bids") == Path("x/derivatives/fimbria-store")

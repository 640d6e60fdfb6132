from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fimbria.data.extraction import take
from fimbria.data.extraction.patches import Patches
from fimbria.data.extraction.slices import Slices
from fimbria.data.extraction.store import Store, Transform, default_root, read_entry
from fimbria.data.extraction.store.upkeep import holdings
from fimbria.data.images import nifti
from fimbria.data.images.nifti import Image
from fimbria.errors import ImageError, StorageError
from fimbria.geometry import Grid

ALL = (slice(None),) * 3
HARDLY = 1e-4  # mm; a header keeps float32


def files(store):
    return sorted(path for path in store.root.rglob("*") if path.is_file())


def entries(store):
    return [path for path in files(store) if path.suffix == ".safetensors"]


@pytest.fixture
def decoded():
    """Give a way to read that counts how often each image is decoded."""
    count = Counter()

    def counting(path):
        count[path] += 1
        return nifti.read(path)

    return count, counting


def test_parts_are_those_of_the_upright_image(store, source):
    image, entry = nifti.read(source).upright(), store.prepare(source)
    assert entry.shape == image.array.shape
    assert entry.grid.matches(image.grid, tolerance_mm=0)
    for way in (Patches((2, 3, 4), (1, 2, 2)), Slices(0), Slices(1), Slices(2, channels=3)):
        for location in way.locations(entry.shape):
            assert np.array_equal(take(entry, location), take(image.array, location))


def test_the_statistics_are_those_of_all_voxels(store, source):
    array, known = nifti.read(source).array.astype(float), store.prepare(source).statistics
    assert (known.minimum, known.maximum) == (array.min(), array.max())
    assert (known.mean, known.deviation) == pytest.approx((array.mean(), array.std()))


@pytest.mark.parametrize("codes", ["RAS", "LAS", "PSR", "IPL", "ARS"])
@pytest.mark.parametrize("askew", [False, True])
def test_however_its_axes_run_an_image_is_kept_as_its_ras_twin(tmp_path, store, oblique, codes, askew):
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    if askew:  # its first axis runs left
        affine = oblique.affine @ np.diag([-1.0, 1.0, 1.0, 1.0])
    twin = Image(np.random.default_rng(0).normal(size=(5, 6, 7)).astype("f4"), Grid((5, 6, 7), affine))
    axes = [next(pair for pair in ("RL", "AP", "SI") if code in pair) for code in codes]
    order = [("RL", "AP", "SI").index(pair) for pair in axes]
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    array = twin.array.transpose(order)
    for place, (pair, code) in enumerate(zip(axes, codes, strict=True)):
        flipped = code == pair[1]
        turn[order[place], place] = -1 if flipped else 1
        turn[order[place], 3] = twin.array.shape[order[place]] - 1 if flipped else 0
        array = np.flip(array, place) if flipped else array
    path = tmp_path / f"{codes}.nii.gz"
    nifti.write(path, np.ascontiguousarray(array), Grid(array.shape, twin.grid.affine @ turn))
    assert np.allclose(nifti.read_grid(path).affine, twin.grid.affine @ turn, atol=HARDLY)
    nifti.write(tmp_path / "twin.nii.gz", twin.array, twin.grid)
    entry, expected = store.prepare(path), store.prepare(tmp_path / "twin.nii.gz")
    assert np.array_equal(entry[ALL], twin.array)
    assert entry.grid.matches(expected.grid, tolerance_mm=HARDLY)
    assert entry.grid.orientation == "RAS"
    assert (entry.voxels, entry.content, entry.statistics) == (expected.voxels, expected.content, expected.statistics)


def test_slices_of_an_image_that_lies_otherwise_are_anatomical(tmp_path, store):
    affine = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])  # P, S, R
    array = np.zeros((6, 7, 5), "f4")
    array[:, :, 4] = 1  # all the way to the right
    nifti.write(tmp_path / "x.nii", array, Grid(array.shape, affine))
    entry = store.prepare(tmp_path / "x.nii")
    assert entry.shape == (5, 6, 7)
    sagittal = [take(entry, place).mean() for place in Slices(0).locations(entry.shape)]
    assert sagittal == [0, 0, 0, 0, 1]


def test_an_image_is_decoded_once(store, source, decoded):
    count, counting = decoded
    store = replace(store, read=counting)
    assert store.find(source) is None
    first = store.prepare(source)
    again = store.prepare(source)
    assert count == {source: 1}
    assert again.statistics == first.statistics
    assert again.source == first.source
    assert again.grid.matches(first.grid, tolerance_mm=0)


def test_every_image_of_a_caps_is_decoded_once(tmp_path, tiny_caps, decoded):
    count, counting = decoded
    store = Store(tmp_path, read=counting)
    sources = sorted(tiny_caps.glob("subjects/*/*/t1_linear/*.nii.gz"))
    for _ in range(3):
        for path in sources:
            store.prepare(path)
    assert len(count) == 11
    assert set(count.values()) == {1}


def test_the_same_content_under_two_names_is_one_file_and_each_keeps_its_name(store, source, tmp_path, decoded):
    count, counting = decoded
    store = replace(store, read=counting)
    other = tmp_path / "another" / "caps" / "sub-77_T1w.nii.gz"
    other.parent.mkdir(parents=True)
    shutil.copy(source, other)
    one, two = store.prepare(source), store.prepare(other)
    assert (one.path, one.content) == (two.path, two.content)
    assert (one.name, two.name) == ("sub-01_ses-M000_T1w", "sub-77_T1w")
    assert count == {source: 1}
    assert len(entries(store)) == 1
    assert store.find(source).name == "sub-01_ses-M000_T1w"
    assert store.find(other).name == "sub-77_T1w"


def test_two_files_of_one_session_do_not_share_an_entry(store, source, oblique):
    other = source.with_name("sub-01_ses-M000_desc-Crop_T1w.nii.gz")
    nifti.write(other, np.arange(210, dtype="f4").reshape(oblique.shape), oblique)
    assert store.prepare(source).path != store.prepare(other).path


def test_a_source_touched_but_the_same_inside_is_not_decoded_again(store, source, decoded):
    count, counting = decoded
    store = replace(store, read=counting)
    before = store.prepare(source).path
    os.utime(source, ns=(1, 1))
    assert store.find(source) is None
    assert store.prepare(source).path == before
    assert store.find(source).path == before
    assert count == {source: 1}


def test_a_source_that_has_changed_gets_another_entry_and_the_old_is_not_needed(store, source, oblique):
    before = store.prepare(source)
    assert [holding.needed for holding in holdings(store.root)] == [True]
    nifti.write(source, np.arange(210, dtype="f4").reshape(oblique.shape), oblique)
    assert store.find(source) is None
    after = store.prepare(source)
    assert after.statistics.maximum == 209
    assert after.path != before.path
    assert {holding.path: holding.needed for holding in holdings(store.root)} == {before.path: False, after.path: True}


def test_a_source_that_is_gone_is_no_longer_served(store, source):
    store.prepare(source)
    source.unlink()
    assert store.find(source) is None
    with pytest.raises(ImageError, match=r"there is no image .*T1w\.nii\.gz"):
        store.prepare(source)


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:-7], lambda whole: whole[:10], lambda _: b"", lambda _: b"junk" * 9]
)
def test_a_half_written_file_is_ignored_and_made_again(store, source, damage):
    entry = store.prepare(source)
    good = entry.path.read_bytes()
    entry.path.write_bytes(damage(good))
    assert read_entry(entry.path) is None
    assert store.find(source) is None
    again = store.prepare(source)
    assert np.array_equal(again[ALL], nifti.read(source).upright().array)
    assert entry.path.read_bytes() == good


@pytest.mark.parametrize("note", ["", "{}", "[]", '{"size": 1', '{"size": 1, "modified_ns": 2}'])
def test_a_broken_note_is_no_note(store, source, decoded, note):
    count, counting = decoded
    store = replace(store, read=counting)
    store.prepare(source)
    (path,) = (store.root / "sources").rglob("*.json")
    path.write_text(note)
    assert store.find(source) is None
    store.prepare(source)
    assert store.find(source) is not None
    assert count == {source: 1}


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
        store.prepare(source)
    assert str(source) in str(caught.value)
    assert not store.root.exists()


def test_an_image_cut_short_is_refused_by_name(store, source):
    source.write_bytes(source.read_bytes()[:-50])
    with pytest.raises(ImageError, match=r"T1w\.nii\.gz is cut short"):
        store.prepare(source)


def test_a_full_disk_is_said_so_and_leaves_no_half_file(store, source, monkeypatch):
    def full(path, content):
        with path.open("wb") as stream:  # some of it is written before the disk is full
            stream.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="the disk is full"):
        store.prepare(source)
    assert files(store) == []


@pytest.mark.parametrize("other", [Transform(2.5), Transform(nonfinite=0), Transform(compact=True)])
def test_what_is_decoded_otherwise_is_another_file(store, source, other):
    one, two = store.prepare(source), replace(store, transform=other).prepare(source)
    assert one.path != two.path
    assert one.path.is_file()
    assert one.voxels == two.voxels


def test_another_spacing_is_another_image(tmp_path, source, store):
    coarse = Store(tmp_path / "store", Transform(2.5))
    entry = coarse.prepare(source)
    assert entry.grid.spacing_mm == pytest.approx((2.5,) * 3)
    assert entry[ALL].shape == entry.shape == (2, 3, 5)
    assert store.find(source) is None


@pytest.mark.parametrize("transform", [Transform(), Transform(0.3), Transform(compact=True)])
def test_the_room_it_needs_is_told_beforehand(tmp_path, source, oblique, transform):
    needed = transform.bytes_needed(oblique)
    written = Store(tmp_path / "store", transform).prepare(source).path.stat().st_size
    assert written <= needed <= written + (1 << 14)


def test_a_compact_entry_takes_half_the_room(tmp_path):
    grid = Grid((40, 40, 40), np.eye(4))
    nifti.write(tmp_path / "x.nii", np.random.default_rng(0).normal(size=grid.shape).astype("f4"), grid)
    plain = Store(tmp_path / "store").prepare(tmp_path / "x.nii").path.stat().st_size
    small = Store(tmp_path / "store", Transform(compact=True)).prepare(tmp_path / "x.nii").path.stat().st_size
    assert small < 0.55 * plain


def prepared(job):
    """Prepare an image in another process, at the same moment as the others."""
    root, path, barrier = job
    for _ in range(barrier):
        entry = Store(root).prepare(path)
    return entry.path.read_bytes()


def test_several_processes_that_prepare_one_image_at_once_leave_one_whole_file(store, source):
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("fork")) as pool:
        written = list(pool.map(prepared, [(store.root, source, 3)] * 8))
    assert len(set(written)) == 1
    assert [path.suffix for path in files(store)] == [".safetensors", ".json"]
    assert np.array_equal(store.find(source)[ALL], nifti.read(source).upright().array)


def test_the_same_image_is_the_same_bytes_in_another_store(tmp_path, source):
    one, two = (Store(tmp_path / name).prepare(source).path.read_bytes() for name in "ab")
    assert one == two


def test_a_data_set_that_is_moved_with_its_store_is_not_decoded_again(tmp_path, source, decoded):
    _, counting = decoded
    Store(source.parent / "fimbria-store", read=counting).prepare(source)
    moved = tmp_path / "moved"
    source.parent.rename(moved)
    assert Store(moved / "fimbria-store", read=counting).find(moved / source.name) is not None
    assert [holding.needed for holding in holdings(moved / "fimbria-store")] == [True]


def test_a_store_behind_a_link_knows_its_sources(tmp_path, source):
    (tmp_path / "disk" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "deep")
    store = Store(tmp_path / "link" / "store")
    store.prepare(source)
    assert [holding.needed for holding in holdings(store.root)] == [True]
    assert [holding.needed for holding in holdings(tmp_path / "disk" / "deep" / "store")] == [True]


def test_a_store_lies_inside_a_caps_and_among_the_derivatives_of_a_bids():
    assert default_root(Path("x"), "caps") == Path("x/fimbria-store")
    assert default_root(Path("x"), "bids") == Path("x/derivatives/fimbria-store")

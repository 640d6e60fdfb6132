from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.extraction.store import Store, Transform, read_entry
from fimbria.data.extraction.store import entry as module
from fimbria.data.images import nifti
from fimbria.errors import ImageError

ALL = (slice(None),) * 3


@pytest.fixture(scope="module")
def kept(tmp_path_factory, oblique):
    """One image in a store, and its voxels as they lie there."""
    root = tmp_path_factory.mktemp("entry")
    array = np.random.default_rng(0).normal(100, 10, oblique.shape).astype("f4")
    nifti.write(root / "x.nii", array, oblique)
    return Store(root / "store").prepare(root / "x.nii"), nifti.read(root / "x.nii").upright().array


@st.composite
def boxes(draw, shape=(5, 6, 7)):
    starts = [draw(st.integers(0, side - 1)) for side in shape]
    stops = [draw(st.integers(start + 1, side)) for start, side in zip(starts, shape, strict=True)]
    steps = [draw(st.sampled_from([None, 1, 2, 3, 9])) for _ in shape]
    return tuple(map(slice, starts, stops, steps))


@given(boxes())
def test_a_box_is_that_of_the_array_with_any_steps(kept, box):
    entry, array = kept
    part = entry[box]
    assert part.dtype == np.float32
    assert np.array_equal(part, array[box])
    assert part.flags.c_contiguous


@given(boxes())
def test_a_box_of_a_compact_entry_is_unpacked(tmp_path_factory, oblique, box):
    root = tmp_path_factory.mktemp("compact")
    array = np.arange(210, dtype="f4").reshape(oblique.shape) - 100
    nifti.write(root / "x.nii", array, oblique)
    entry = Store(root / "store", Transform(compact=True)).prepare(root / "x.nii")
    part = entry[box]
    assert part.dtype == np.float32
    assert np.array_equal(part, nifti.read(root / "x.nii").upright().array[box])


def test_what_is_read_again_is_what_was_kept(kept):
    entry, _ = kept
    again = read_entry(entry.path, entry.source, entry.name)
    assert again.name == entry.name
    assert again.grid.matches(entry.grid, tolerance_mm=0)
    for name in ("path", "statistics", "nonzero", "source", "voxels", "content", "packing"):
        assert getattr(again, name) == getattr(entry, name)


def test_a_packing_is_read_again(store, source):
    entry = replace(store, transform=Transform(compact=True)).prepare(source)
    assert entry.packing is not None
    assert read_entry(entry.path).packing == entry.packing


@pytest.mark.parametrize("content", [None, b"", b"junk" * 9])
def test_a_pruned_or_damaged_file_is_named_with_what_to_do(store, source, content):
    entry = store.prepare(source)
    if content is None:
        entry.path.unlink()
    else:
        entry.path.write_bytes(content)
    with pytest.raises(ImageError, match=r"cannot be read any more .*Run the same command again") as caught:
        entry[ALL]
    assert str(entry.path) in str(caught.value)
    assert "sub-01_ses-M000_T1w" in str(caught.value)
    again = store.prepare(source)
    assert np.array_equal(again[ALL], nifti.read(source).upright().array)


def test_a_file_of_another_format_is_ignored(store, source, monkeypatch):
    entry = store.prepare(source)
    monkeypatch.setattr(module, "FORMAT", module.FORMAT + 1)
    assert read_entry(entry.path) is None


@pytest.mark.parametrize("header", [{"format": module.FORMAT}, {"format": module.FORMAT, "shape": 3, "affine": 1}])
def test_a_header_that_says_too_little_is_no_entry(tmp_path, header):
    from_others = tmp_path / "x.safetensors"
    from_others.write_bytes(module.save({"image": np.zeros(3, "f4")}, metadata={"fimbria": module.json.dumps(header)}))
    assert read_entry(from_others) is None

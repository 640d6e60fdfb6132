from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.images import nifti
from fimbria.errors import ImageError
from fimbria.geometry import Grid
from strategies import grids


@pytest.fixture
def packed(tmp_path, oblique):
    """A whole, packed image."""
    nifti.write(tmp_path / "x.nii.gz", np.arange(210, dtype="f4").reshape(5, 6, 7), oblique)
    return (tmp_path / "x.nii.gz").read_bytes()


@given(grids(), st.sampled_from([".nii", ".nii.gz"]), st.sampled_from(["f4", "u1", "i2"]))
def test_affine_in_is_affine_out_and_voxels_stay(tmp_path_factory, grid, ending, kind):
    path = tmp_path_factory.mktemp("n") / f"x{ending}"
    array = (np.arange(np.prod(grid.shape)) % 251).reshape(grid.shape).astype(kind)
    nifti.write(path, array, grid)
    image = nifti.read(path)
    assert image.array.dtype == np.float32
    assert np.array_equal(image.array, array)
    assert image.grid.shape == grid.shape
    assert np.allclose(image.grid.affine, grid.affine, atol=1e-4)  # a header keeps float32
    assert np.array_equal(nifti.read_grid(path).affine, image.grid.affine)
    assert nifti.read_grid(path).shape == grid.shape


def test_nibabel_reads_what_was_written(tmp_path, oblique):
    array = np.random.default_rng(0).normal(size=oblique.shape).astype("f4")
    nifti.write(tmp_path / "x.nii.gz", array, oblique)
    oracle = nibabel.load(tmp_path / "x.nii.gz")
    assert np.array_equal(oracle.get_fdata(), array)
    assert oracle.header.get_xyzt_units()[0] == "mm"
    assert np.allclose(oracle.affine, oblique.affine, atol=1e-5)


def test_the_same_image_gives_the_same_bytes(tmp_path, packed, oblique):
    nifti.write(tmp_path / "y.nii.gz", np.arange(210, dtype="f4").reshape(5, 6, 7), oblique)
    assert (tmp_path / "y.nii.gz").read_bytes() == packed
    assert packed[4:8] == bytes(4)  # where gzip would keep the time of day


def test_a_mask_is_written_as_small_numbers(tmp_path, oblique):
    nifti.write(tmp_path / "x.nii.gz", np.ones(oblique.shape, bool), oblique)
    assert nibabel.load(tmp_path / "x.nii.gz").get_data_dtype() == np.uint8


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
def test_reads_both_versions_in_either_byte_order_and_scaled(tmp_path, oblique, ending, kind, order):
    array = np.arange(210, dtype="i2").reshape(5, 6, 7, 1)
    made = kind(array, oblique.affine, kind.header_class(endianness=order))
    made.header.set_slope_inter(0.5, 3)
    made.to_filename(tmp_path / f"x{ending}")
    image = nifti.read(tmp_path / f"x{ending}")
    assert image.array.shape == (5, 6, 7)
    assert image.array.dtype.isnative
    assert np.allclose(image.array, nibabel.load(tmp_path / f"x{ending}").get_fdata()[..., 0])
    assert nifti.read_grid(tmp_path / f"x{ending}").matches(oblique)


@pytest.mark.parametrize("reading", [nifti.read, nifti.read_grid])
@pytest.mark.parametrize(
    ("name_and_damage", "sentence"),
    [
        (("x.nii.gz", lambda _: b""), "is an empty file"),
        (("x.nii", lambda _: b""), "is an empty file"),
        (("x.nii.gz", lambda packed: packed[:-60]), r"is cut short \(truncated\)"),
        (("x.nii.gz", lambda packed: packed[:20]), r"is cut short \(truncated\)"),
        (("x.nii", lambda packed: gzip.decompress(packed)[:200]), r"is cut short \(truncated\)"),
        (("x.nii.gz", lambda packed: packed[:-8] + b"12345678"), "is damaged: its content is not what was packed"),
        (("x.nii.gz", gzip.decompress), "is not packed with gzip, as its name says"),
        (("x.nii.gz", lambda _: b"hello world" * 100), "is not packed with gzip"),
        (("x.nii.gz", lambda _: gzip.compress(b"hello world" * 100)), "it does not begin as NIfTI does"),
        (("x.nii", lambda _: b"hello world" * 100), "it does not begin as NIfTI does"),
        (("x.nii", lambda packed: packed * 4), "it does not begin as NIfTI does"),
    ],
)
def test_a_file_that_is_no_whole_image_is_named_with_what_is_wrong(
    tmp_path, packed, reading, name_and_damage, sentence
):
    name, damage = name_and_damage
    path = tmp_path / name
    path.write_bytes(damage(packed))
    with pytest.raises(ImageError, match=sentence) as caught:
        reading(path)
    assert str(path) in str(caught.value)


def test_voxels_cut_short_are_noticed_when_they_are_read(tmp_path, packed):
    path = tmp_path / "x.nii"
    path.write_bytes(gzip.decompress(packed)[:-50])
    with pytest.raises(ImageError, match="is cut short"):
        nifti.read(path)


@pytest.mark.parametrize("reading", [nifti.read, nifti.read_grid])
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_a_file_that_is_not_there_is_said_so(tmp_path, reading, name):
    with pytest.raises(ImageError, match=r"there is no image .*x\.nii"):
        reading(tmp_path / name)


@pytest.mark.parametrize("reading", [nifti.read, nifti.read_grid])
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_a_folder_is_no_image(tmp_path, reading, name):
    (tmp_path / name).mkdir()
    with pytest.raises(ImageError, match="cannot be read as a NIfTI image"):
        reading(tmp_path / name)


@pytest.mark.parametrize("reading", [nifti.read, nifti.read_grid])
@pytest.mark.parametrize(("shape", "said"), [((5, 6), "5x6"), ((5, 6, 7, 3), "5x6x7x3")])
def test_an_image_of_other_than_three_axes_is_refused(tmp_path, reading, shape, said):
    nibabel.Nifti1Image(np.ones(shape, "f4"), np.eye(4)).to_filename(tmp_path / "x.nii.gz")
    with pytest.raises(ImageError, match=f"is {said}; a three-dimensional image was wanted"):
        reading(tmp_path / "x.nii.gz")


@pytest.mark.parametrize("kind", [np.dtype("c8"), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])])
def test_colours_and_complex_numbers_are_refused(tmp_path, kind):
    nibabel.Nifti1Image(np.zeros((5, 6, 7), kind), np.eye(4)).to_filename(tmp_path / "x.nii.gz")
    with pytest.raises(ImageError, match="one real number each was wanted"):
        nifti.read(tmp_path / "x.nii.gz")


def test_an_image_that_was_read_does_not_hang_on_its_file(tmp_path):
    nifti.write(tmp_path / "x.nii", np.ones((3, 3, 3), "f4"), Grid((3, 3, 3), np.eye(4)))
    image = nifti.read(tmp_path / "x.nii")
    (tmp_path / "x.nii").write_bytes(b"")
    assert image.array.sum() == 27


@given(grids(), st.sampled_from([(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)]), st.tuples(*[st.booleans()] * 3))
def test_upright_moves_no_voxel_in_space(grid, order, flips):
    array = np.arange(np.prod(grid.shape), dtype="f4").reshape(grid.shape)
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    turned = array.transpose(order)
    for place, (axis, flip) in enumerate(zip(order, flips, strict=True)):
        turn[axis, place] = -1 if flip else 1
        turn[axis, 3] = array.shape[axis] - 1 if flip else 0
        turned = np.flip(turned, place) if flip else turned
    image = nifti.Image(turned, Grid(turned.shape, grid.affine @ turn))
    upright = image.upright()
    assert np.all(np.diag(upright.grid.affine)[:3] != 0)
    assert upright.array.shape == upright.grid.shape
    assert np.array_equal(np.sort(upright.array, axis=None), np.sort(array, axis=None))
    for value in (0, array.size // 2, array.size - 1):  # each voxel lies where it lay
        where = np.argwhere(upright.array == value)[0]
        was = np.argwhere(array == value)[0]
        assert np.allclose(upright.grid.affine @ [*where, 1], grid.affine @ [*was, 1], atol=1e-6)
    again = upright.upright()
    assert np.array_equal(again.array, upright.array)
    assert np.array_equal(again.grid.affine, upright.grid.affine)
    assert image.digest() == upright.digest()


@pytest.mark.parametrize("reading", [nifti.read, nifti.read_grid])
@pytest.mark.parametrize("shape", [(5, 6, 7, 1), (5, 6, 7, 1, 1), (1, 5, 6, 7), (1, 1, 5, 6, 7), (5, 6, 7)])
def test_axes_of_one_voxel_beyond_three_say_nothing(tmp_path, reading, shape):
    array = np.arange(210, dtype="f4").reshape(shape)
    nibabel.Nifti1Image(array, np.eye(4)).to_filename(tmp_path / "x.nii")
    found = reading(tmp_path / "x.nii")
    assert getattr(found, "grid", found).shape == (5, 6, 7)
    if reading is nifti.read:
        assert np.array_equal(found.array, array.reshape(5, 6, 7))


def test_an_image_one_voxel_thick_keeps_its_three_axes(tmp_path):
    nibabel.Nifti1Image(np.ones((1, 6, 7), "f4"), np.eye(4)).to_filename(tmp_path / "x.nii")
    assert nifti.read(tmp_path / "x.nii").array.shape == (1, 6, 7)


@pytest.mark.parametrize("reading", [nifti.read, nifti.read_grid])
@pytest.mark.parametrize("affine", [np.diag([0.0, 0, 0, 1]), np.diag([1.0, 1, 0, 1]), np.diag([1.0, np.nan, 1, 1])])
def test_an_affine_that_gives_no_place_is_refused(tmp_path, reading, affine):
    made = nibabel.Nifti1Image(np.ones((5, 6, 7), "f4"), np.eye(4))
    made.header["sform_code"], made.header["qform_code"] = 1, 0
    content = bytearray(made.to_bytes())
    content[280:328] = affine[:3].astype("<f4").tobytes()  # srow_x, srow_y, srow_z
    (tmp_path / "x.nii").write_bytes(content)
    with pytest.raises(ImageError, match="does not say where its voxels lie: its affine is"):
        reading(tmp_path / "x.nii")

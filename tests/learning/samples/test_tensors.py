from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch

from fimbria.data.extraction import take
from fimbria.data.extraction.patches import Patches
from fimbria.data.extraction.slices import Slices
from fimbria.data.extraction.tensor_names import tensor_name
from fimbria.errors import ImageError
from fimbria.learning.samples.tensors import image_of_parts, read_tensor, write_tensor

SHAPE = (9, 8, 7)


def image():
    return np.random.default_rng(0).normal(10, 2, SHAPE).astype("f4")


@pytest.mark.parametrize(
    "array", [image()[None], image()[None, :, 3], np.asfortranarray(image())[None, ::2], np.ones((1, 2, 2), ">i2")]
)
def test_what_is_written_is_read(tmp_path, array):
    path = tmp_path / "folder" / "a.pt"
    write_tensor(path, array)
    found = read_tensor(path)
    assert found.dtype == np.float32
    assert np.array_equal(found, array)
    assert [file.name for file in path.parent.iterdir()] == ["a.pt"]


def test_what_is_written_is_one_contiguous_tensor_and_no_more_than_the_part(tmp_path):
    write_tensor(tmp_path / "a.pt", image()[None, 2:4, 2:4, 2:4])
    tensor = torch.load(tmp_path / "a.pt", weights_only=True)
    assert (tensor.dtype, tensor.shape, tensor.is_contiguous()) == (torch.float32, (1, 2, 2, 2), True)
    assert tensor.untyped_storage().nbytes() == 4 * 8


def test_the_same_part_is_the_same_bytes_under_any_name(tmp_path):
    for name in ("a.pt", "b.pt"):
        write_tensor(tmp_path / name, image()[None])
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("save", [torch.save, lambda what, path: path.write_bytes(pickle.dumps(what))])
def test_code_in_a_file_is_refused_and_does_not_run(tmp_path, save):
    path, mark = tmp_path / "a.pt", tmp_path / "mark"
    save(Evil(mark), path)
    with pytest.raises(
        ImageError, match=r"a\.pt cannot be read as a tensor: it is damaged, or holds more than numbers"
    ):
        read_tensor(path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Evil(mark)))  # noqa: S301  (that it would have run is what makes the test one)
    assert mark.exists()


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ({"image": torch.ones(1, 2, 2, 2)}, "holds dict, not one tensor"),
        ([1, 2], "holds list, not one tensor"),
        (torch.ones(2, 2), r"is 2x2; \(channel, x, y, z\) was wanted"),
        (torch.tensor(1.0), "is one number"),
        (torch.ones(1, 0, 2, 2), "is 1x0x2x2"),
        (torch.ones(1, 2, 2, dtype=torch.complex64), "complex64"),
        (torch.ones(1, 2, 2).to_sparse(), "sparse"),
        (torch.ones(1, 2, 2, device="meta"), "plain real numbers were wanted"),
        (torch.ones(1).expand(1, 10_000, 10_000), "is larger than its file"),
    ],
)
def test_what_is_no_part_is_refused(tmp_path, what, sentence):
    torch.save(what, tmp_path / "a.pt")
    with pytest.raises(ImageError, match=sentence):
        read_tensor(tmp_path / "a.pt")


def test_damaged_and_absent_files_are_refused(tmp_path):
    path = tmp_path / "a.pt"
    with pytest.raises(ImageError, match=r"there is no tensor .*a\.pt"):
        read_tensor(path)
    write_tensor(path, image()[None])
    whole = path.read_bytes()
    for content in (b"", b"junk", whole[: len(whole) // 2], whole[:-10]):
        path.write_bytes(content)
        with pytest.raises(ImageError, match="cannot be read as a tensor"):
            read_tensor(path)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(1, 3, 3, dtype=torch.float64),
        torch.ones(1, 3, 3, dtype=torch.int16),
        torch.ones(1, 3, 3).requires_grad_(),
        torch.ones(1, 3, 3).expand(3, 3, 3),
    ],
)
def test_numbers_of_any_type_are_read_as_float32(tmp_path, tensor):
    torch.save(tensor, tmp_path / "a.pt")
    found = read_tensor(tmp_path / "a.pt")
    assert found.dtype == np.float32
    assert np.array_equal(found, np.ones(tensor.shape))


def test_a_tensor_of_before_torch_kept_archives_is_read(tmp_path):
    torch.save(torch.ones(1, 3, 3), tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    assert np.array_equal(read_tensor(tmp_path / "a.pt"), np.ones((1, 3, 3)))


def parts_of(cut, mode, **options):
    array = image()
    return [
        (tensor_name("sub-1_ses-M000_T1w.nii.gz", mode, place, options), take(array, place))
        for place in cut.locations(SHAPE)
    ]


def test_overlapping_patches_are_put_back_and_what_they_leave_over_is_zero():
    parts = parts_of(Patches(4, 2), "patch", size=4, stride=2)
    back = image_of_parts(parts[::-1], SHAPE)
    assert np.array_equal(back[:8, :8, :6], image()[:8, :8, :6])
    assert not back[8:].any()
    assert not back[:, :, 6:].any()


def test_patches_that_hang_over_are_put_back_whole():
    parts = parts_of(Patches((4, 3, 2), padding=True), "patch", size=(4, 3, 2))
    assert np.array_equal(image_of_parts(parts, SHAPE, padding=True), image())
    with pytest.raises(ImageError, match="is no part of an image of 9x8x7 cut so"):
        image_of_parts(parts, SHAPE)


@pytest.mark.parametrize("direction", [0, 1, 2])
@pytest.mark.parametrize("channels", [1, 3])
def test_slices_are_put_back_where_their_numbers_say(direction, channels):
    parts = parts_of(Slices(direction, (1, 0), channels), "slice")
    wanted = image()
    wanted[(slice(None),) * direction + (0,)] = 0
    assert np.array_equal(image_of_parts(parts), wanted)
    assert np.array_equal(image_of_parts(parts[1:], SHAPE).shape, SHAPE)


@pytest.mark.parametrize(
    ("parts", "shape", "sentence"),
    [
        ([], SHAPE, "of one cut were wanted, .* these are none"),
        (parts_of(Patches(4), "patch", size=4), None, "its shape is needed"),
        (parts_of(Patches(4), "patch", size=4) * 2, SHAPE, "patch 0, 1, 2, 3 is there twice"),
        (parts_of(Slices(0), "slice") + parts_of(Slices(1), "slice"), SHAPE, "of one cut were wanted"),
        (
            [("sub-1_ses-M000_space-A_desc-CropRoi_roi-box_T1w.pt", np.ones((1, 2, 2, 2)))],
            SHAPE,
            "of one cut were wanted",
        ),
        ([("sub-1_ses-M000_T1w.pt", np.ones((1, *SHAPE)))], SHAPE, "of one cut were wanted"),
        ([("notes.txt", np.ones((1, 2, 2)))], SHAPE, "of one cut were wanted"),
        (parts_of(Slices(0), "slice"), (4, 8, 7), "slice 4, 8x7, is no part of an image of 4x8x7"),
        (parts_of(Slices(0), "slice"), (9, 8, 8), "slice 0, 8x7, is no part of an image of 9x8x8"),
        ([("a_patchsize-4_stride-4_patch-0_T1w.pt", np.ones((1, 3, 4, 4)))], SHAPE, "patch 0, 3x4x4, is no part"),
        ([("a_patchsize-40_stride-4_patch-0_T1w.pt", np.ones((1, 3, 4, 4)))], SHAPE, "larger than the image"),
    ],
)
def test_parts_that_are_not_of_one_image_are_refused(parts, shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        image_of_parts(parts, shape)

from __future__ import annotations

import numpy as np
import pytest

from fimbria.data.extraction.patches import Patches
from fimbria.data.extraction.regions import Regions
from fimbria.data.extraction.slices import Slices
from fimbria.data.extraction.tensor_names import TensorName, read_tensor_name, tensor_folder, tensor_name
from fimbria.data.extraction.whole import Whole
from fimbria.errors import InputError

SHAPE = (9, 8, 7)
STEM = "sub-01_ses-M000_space-MNI152NLin2009cSym_desc-Crop_res-1x1x1"
SOURCE = f"{STEM}_T1w.nii.gz"
MASK = "tpl-MNI152NLin2009cSym_desc-Crop_res-1x1x1_roi-box_mask.nii.gz"


def box(mask):
    (location,) = Regions((("box", np.ones(SHAPE, dtype=bool)),), files=(mask,) if mask else ()).locations(SHAPE)
    return location


@pytest.mark.parametrize(
    ("pipeline", "folder"),
    [("t1-linear", "t1_linear"), ("flair-linear", "flair_linear"), ("dwi-dti", "dwi_dti"), ("custom", "custom")],
)
def test_folders_are_clinicadls(pipeline, folder):
    assert tensor_folder(pipeline, "roi") == f"deeplearning_prepare_data/roi_based/{folder}"


def test_names_are_clinicadls_and_say_what_they_hold():
    patch = Patches(4, 2).locations(SHAPE)[3]
    coronal = Slices(1, (2, 0)).locations(SHAPE)[1]
    colours = Slices(0, channels=3).locations(SHAPE)[5]
    three = (4, 4, 4), (2, 2, 2)
    cases = [
        ("image", Whole().locations(SHAPE)[0], {"reduce": 1}, f"{STEM}_T1w.pt", TensorName("image")),
        (
            "patch",
            patch,
            {"size": 4, "stride": 2},
            f"{STEM}_patchsize-4_stride-2_patch-3_T1w.pt",
            TensorName("patch", 3, size=three[0], stride=three[1]),
        ),
        (
            "slice",
            coronal,
            {},
            f"{STEM}_axis-cor_channel-single_slice-3_T1w.pt",
            TensorName("slice", 3, direction=1),
        ),
        (
            "slice",
            colours,
            {},
            f"{STEM}_axis-sag_channel-rgb_slice-5_T1w.pt",
            TensorName("slice", 5, direction=0, channels=3),
        ),
    ]
    for mode, location, options, name, said in cases:
        assert tensor_name(SOURCE, mode, location, options) == name
        assert read_tensor_name(name) == said


@pytest.mark.parametrize(
    ("source", "mask", "full_frame", "name"),
    [
        (SOURCE, MASK, False, "sub-01_ses-M000_space-MNI152NLin2009cSym_desc-CropRoi_res-1x1x1_roi-box_T1w.pt"),
        (SOURCE, MASK, True, "sub-01_ses-M000_space-MNI152NLin2009cSym_desc-CropImage_res-1x1x1_roi-box_T1w.pt"),
        (SOURCE, "tpl-A_res-2_roi-box_mask.nii", False, "sub-01_ses-M000_space-A_desc-CropRoi_res-2_roi-box_T1w.pt"),
        (SOURCE, "tpl-A_res-2_roi-box_mask.nii", True, "sub-01_ses-M000_space-A_res-2_roi-box_T1w.pt"),
        (SOURCE, "tpl-A_roi-box_mask.nii", True, "sub-01_ses-M000_space-A_roi-box_T1w.pt"),
        (
            "sub-1_ses-M00_T1w_space-A_desc-Crop_T1w.nii.gz",
            "tpl-A_desc-Crop_roi-box_mask.nii.gz",
            False,
            "sub-1_ses-M00_T1w_space-A_desc-CropRoi_roi-box_T1w.pt",
        ),
        (
            "sub-1_ses-M000_trc-18FFDG_space-A_suvr-pons_pet.nii.gz",
            "tpl-A_desc-Crop_roi-box_mask.nii.gz",
            False,
            "sub-1_ses-M000_space-A_desc-CropRoi_roi-box_pet.pt",
        ),
    ],
)
def test_regions_are_named_after_their_masks(source, mask, full_frame, name):
    assert tensor_name(source, "roi", box(mask), {"full_frame": full_frame}) == name
    assert read_tensor_name(name) == TensorName("roi", region="box", full_frame=full_frame)


@pytest.mark.parametrize("mask", ["", "box.nii.gz", "tpl-A_res-1_mask.nii.gz"])
def test_a_region_without_a_mask_to_be_named_after_is_refused(mask):
    with pytest.raises(InputError, match="the tensor of region 'box' is named after its mask"):
        tensor_name(SOURCE, "roi", box(mask), {})


def test_what_clinicadl_does_not_have_takes_no_name_of_its():
    patch = Patches((4, 3, 2), 1).locations(SHAPE)[0]
    name = tensor_name(SOURCE, "patch", patch, {"size": (4, 3, 2), "stride": (1, 1, 1)})
    assert name == f"{STEM}_patchsize-4x3x2_stride-1_patch-0_T1w.pt"
    assert read_tensor_name(name).size == (4, 3, 2)
    whole = Whole(2)
    name = tensor_name(SOURCE, "image", whole.locations(SHAPE)[0], {"reduce": 2})
    assert name == f"{STEM}_reduce-2_T1w.pt"
    assert read_tensor_name(name) == TensorName("image", reduce=2)
    name = tensor_name(SOURCE, "rings.py:rings", patch, {})
    assert name == f"{STEM}_part-0_T1w.pt"
    assert read_tensor_name(name) == TensorName("part", 0)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("brain.nii", "axis-sag_channel-single_slice-0_brain.pt"),
        ("a_b.nii.gz", "a_axis-sag_channel-single_slice-0_b.pt"),
    ],
)
def test_images_of_any_name_have_tensors(source, name):
    assert tensor_name(source, "slice", Slices().locations(SHAPE)[0], {}) == name
    assert read_tensor_name(name) == TensorName("slice", 0, direction=0)


@pytest.mark.parametrize("name", [SOURCE, "maps.json", "x_patchsize-4_stride-2_patch-3_T1w.nii.gz"])
def test_what_is_no_tensor_says_nothing(name):
    assert read_tensor_name(name) is None

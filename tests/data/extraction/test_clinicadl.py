from __future__ import annotations

import json

import pytest

from fimbria.data.extraction import extraction
from fimbria.data.extraction.clinicadl import Described, description, read_content, read_description
from fimbria.errors import InputError, ProblemsError

GLOB = "*space-MNI152NLin2009cSym_desc-Crop_res-1x1x1_T1w.nii.gz"
IMAGE = {  # of 1.6
    "preprocessing": "t1-linear",
    "mode": "image",
    "use_uncropped_image": False,
    "prepare_dl": False,
    "extract_json": "i.json",
    "file_type": {"pattern": GLOB, "description": "T1w images", "needed_pipeline": "t1-linear"},
}
T1 = {"name": "t1-linear", "cropped": True}


@pytest.fixture
def read(tmp_path):
    """Write a description and read it."""

    def read(content):
        path = tmp_path / "d.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_description(path)

    return read


def without(content, *keys):
    return {key: value for key, value in content.items() if key not in keys}


def test_an_image_of_either_generation_is_read(read):
    wanted = Described("image", {"name": "image"}, T1, tensors=False)
    assert read(IMAGE) == wanted
    assert read(without(IMAGE, "extract_json", "file_type")) == wanted
    assert read(IMAGE | {"use_uncropped_image": True}).pipeline == {"name": "t1-linear", "cropped": False}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"mode": "patch", "patch_size": 50, "stride_size": 25}, {"name": "patch", "size": 50, "stride": 25}),
        (
            {"mode": "slice", "slice_direction": 1, "slice_mode": "rgb", "discarded_slices": [3, 4], "num_slices": 9},
            {"name": "slice", "direction": 1, "channels": 3, "discard": [3, 4]},
        ),
        (
            {"mode": "slice", "slice_direction": 2, "slice_mode": "single", "discarded_slices": 20},
            {"name": "slice", "direction": 2, "channels": 1, "discard": [20, 20]},
        ),
        (
            {"mode": "slice", "slice_direction": 0, "slice_mode": "single", "discarded_slices": [7]},
            {"name": "slice", "direction": 0, "channels": 1, "discard": [7, 7]},
        ),
        (
            {"mode": "roi", "roi_list": ["b", "a"], "uncropped_roi": True, "roi_background_value": -1},
            {"name": "roi", "roi": ["b", "a"], "full_frame": True, "background": -1, "template": "", "pattern": ""},
        ),
        (
            {
                "mode": "roi",
                "roi_list": ["b"],
                "uncropped_roi": False,
                "roi_custom_template": "",
                "roi_custom_mask_pattern": "",
            },
            {"name": "roi", "roi": ["b"], "full_frame": False, "background": 0, "template": "", "pattern": ""},
        ),
    ],
)
def test_every_way_of_cutting_is_read_in_our_words(read, theirs, ours):
    found = read(IMAGE | theirs | {"prepare_dl": True})
    assert (found.mode, found.extraction, found.tensors) == (theirs["mode"], ours, True)
    given = ("caps", "space", "grid")
    extraction.find(ours["name"]).options(dict.fromkeys(given), without(ours, "name"))  # our component takes them


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"preprocessing": "flair-linear"}, {"name": "flair-linear", "cropped": True}),
        (
            {"preprocessing": "pet-linear", "tracer": "18FFDG", "suvr_reference_region": "pons2"},
            {"name": "pet-linear", "tracer": "18FFDG", "region": "pons2", "cropped": True},
        ),
        (
            {"preprocessing": "pet-linear", "acq_label": "av45", "suvr_reference_region": "cerebellumPons"},
            {"name": "pet-linear", "tracer": "18FAV45", "region": "cerebellumPons", "cropped": True},
        ),
        (
            {"preprocessing": "dwi-dti", "dti_measure": "FA", "dti_space": "normalized"},
            {"name": "dwi-dti", "measure": "FA", "space": "normalized"},
        ),
        (
            {"preprocessing": "dwi-dti", "measure": "MD", "space": "native"},
            {"name": "dwi-dti", "measure": "MD", "space": "native"},
        ),
        (
            {"preprocessing": "custom", "use_uncropped_image": None, "custom_suffix": "_T2w.nii.gz"},
            {"name": "custom", "suffix": "_T2w.nii.gz"},
        ),
        (
            {"preprocessing": "custom", "file_type": {"pattern": "*_space-SheppLogan_phantom.nii.gz"}},
            {"name": "custom", "suffix": "_space-SheppLogan_phantom.nii.gz"},
        ),
    ],
)
def test_every_pipeline_is_read_in_our_words(read, theirs, ours):
    assert read(IMAGE | theirs).pipeline == ours


def test_masks_of_custom_images_lie_on_a_template_that_is_named(read):
    custom = IMAGE | {"preprocessing": "custom", "custom_suffix": "x.nii.gz", "use_uncropped_image": None}
    roi = custom | {"mode": "roi", "roi_list": ["a"], "uncropped_roi": False}
    with pytest.raises(ProblemsError, match="roi_custom_template is empty"):
        read(roi)
    found = read(roi | {"roi_custom_template": "T", "roi_custom_mask_pattern": "res-2"}).extraction
    assert (found["template"], found["pattern"]) == ("T", "res-2")


@pytest.mark.parametrize("name", ["t1-extensive", "mni", "linear"])
def test_pipelines_that_were_given_up_are_refused_by_name(read, name):
    with pytest.raises(
        ProblemsError, match=f"preprocessing is '{name}', a pipeline that ClinicaDL itself no longer reads"
    ):
        read(IMAGE | {"preprocessing": name})


def test_everything_wrong_is_said_at_once(read):
    wrong = {
        "preprocessing": "t1-liner",
        "mode": "patch",
        "prepare_dl": "yes",
        "patch_size": 0,
        "fimbria": {"spacing": -1},
    }
    with pytest.raises(ProblemsError) as caught:
        read(wrong)
    assert [problem.what for problem in caught.value.problems] == [
        'prepare_dl is "yes"',
        "patch_size is 0",
        "stride_size is missing",
        "preprocessing is 't1-liner', no pipeline that is known",
        "fimbria.spacing is -1",
    ]
    assert "d.json" in str(caught.value)
    assert "did you mean 't1-linear'?" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mode": "voxel"}, 'mode is "voxel"  -> image, patch, slice or roi is wanted'),
        ({"mode": 3}, "mode is 3"),
        ({"mode": "slice", "slice_direction": True, "slice_mode": "rgb"}, "slice_direction is true  -> 0, 1 or 2"),
        ({"mode": "slice", "slice_direction": 3, "slice_mode": "grey"}, 'slice_mode is "grey"'),
        (
            {"mode": "slice", "slice_direction": 0, "slice_mode": "rgb", "discarded_slices": [1, 2, 3]},
            r"discarded_slices",
        ),
        ({"mode": "slice", "slice_direction": 0, "slice_mode": "rgb", "discarded_slices": []}, r"discarded_slices"),
        ({"mode": "roi", "roi_list": [], "uncropped_roi": False}, r"roi_list is \[\]"),
        ({"mode": "roi", "roi_list": "a", "uncropped_roi": False}, "roi_list is"),
        ({"mode": "patch", "patch_size": 2.5, "stride_size": 1}, "patch_size is 2.5"),
        ({"use_uncropped_image": 1}, "use_uncropped_image is 1  -> true or false"),
        ({"preprocessing": "pet-linear", "suvr_reference_region": "pons"}, "tracer is missing"),
        ({"preprocessing": "pet-linear", "tracer": "18FFDG"}, "suvr_reference_region is missing"),
        ({"preprocessing": "dwi-dti", "dti_space": "native"}, "measure is missing"),
        ({"preprocessing": "custom", "file_type": {"pattern": "*"}}, "custom_suffix is missing"),
        ({"preprocessing": None}, "preprocessing is null"),
        ({"fimbria": []}, r"fimbria is \[\]"),
        ({"fimbria": {"extraction": {"size": 3}}}, "fimbria.extraction is"),
        ({"fimbria": {"extraction": {"name": "patch"}}}, "mode is \"image\"  -> 'patch', as under fimbria"),
        ({"fimbria": {"spacing": "1mm"}}, "fimbria.spacing"),
    ],
)
def test_each_unfit_entry_has_its_sentence(read, change, sentence):
    with pytest.raises(ProblemsError, match=sentence):
        read(IMAGE | change)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "cannot be read as JSON"),
        ('{"mode":', "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("[1]", "holds no JSON object"),
        ("null", "holds no JSON object"),
    ],
)
def test_what_is_no_description_is_refused(read, content, sentence):
    with pytest.raises(InputError, match=sentence):
        read(content)


def test_a_description_that_is_not_there_is_looked_for_among_the_others(read, tmp_path):
    read(IMAGE)
    with pytest.raises(InputError, match=r"there is no description .*e\.json: there is: d"):
        read_description(tmp_path / "e.json")


PATCH = {"size": (50, 50, 50), "stride": None, "padding": True, "foreground": 0.2}
ROI = {"roi": ("a", "b"), "full_frame": True, "background": -1.0, "template": "T", "pattern": "res-1"}


@pytest.mark.parametrize(
    ("mode", "options", "theirs"),
    [
        ("image", {"reduce": 2}, {}),
        ("patch", PATCH, {"patch_size": 50, "stride_size": 50}),
        ("patch", PATCH | {"size": (4, 5, 6), "stride": 3}, {"patch_size": [4, 5, 6], "stride_size": 3}),
        (
            "slice",
            {"direction": 2, "discard": (1, 2), "channels": 3, "every": 4},
            {"slice_direction": 2, "slice_mode": "rgb", "discarded_slices": [1, 2]},
        ),
        (
            "roi",
            ROI,
            {
                "roi_list": ["a", "b"],
                "uncropped_roi": True,
                "roi_background_value": -1.0,
                "roi_custom_template": "",
                "roi_custom_mask_pattern": "",
            },
        ),
    ],
)
def test_what_is_written_holds_clinicadls_words_and_reads_back_as_ours(read, mode, options, theirs):
    written = description(
        mode, options, "t1-linear", {"cropped": False}, "n.json", glob=GLOB, tensors=True, spacing=2.0
    )
    head = {"preprocessing": "t1-linear", "mode": mode, "use_uncropped_image": True, "prepare_dl": True}
    assert without(written, "fimbria", "file_type") == head | {"extract_json": "n.json"} | theirs
    assert written["file_type"]["pattern"] == GLOB
    ours = json.loads(json.dumps({"name": mode, **options}))
    assert read(written) == Described(mode, ours, {"name": "t1-linear", "cropped": False}, tensors=True, spacing=2.0)


@pytest.mark.parametrize(
    ("name", "options", "theirs"),
    [
        (
            "pet-linear",
            {"tracer": "18FFDG", "region": "pons", "cropped": True},
            {"tracer": "18FFDG", "suvr_reference_region": "pons", "use_uncropped_image": False},
        ),
        ("custom", {"suffix": "x.nii.gz"}, {"custom_suffix": "x.nii.gz", "use_uncropped_image": None}),
        (
            "dwi-dti",
            {"measure": "FA", "space": "native"},
            {"dti_measure": "FA", "dti_space": "native", "use_uncropped_image": False},
        ),
    ],
)
def test_each_pipeline_is_written_so_that_clinicadl_finds_its_images(read, name, options, theirs):
    written = description("roi", ROI, name, options, "n.json", glob="*", tensors=False, spacing=None)
    assert theirs.items() <= written.items()
    template = ROI["template"] if name == "custom" else ""
    assert written["roi_custom_template"] == template
    assert read(written).pipeline == {"name": name, **options}
    found = read(without(written, "fimbria"))
    assert found.pipeline == {"name": name, **options}
    assert found.extraction["roi"] == ["a", "b"]
    assert found.extraction["template"] == template


def test_a_description_of_before_the_pipeline_was_kept_under_fimbria_is_read(read):
    ours = {"extraction": {"name": "patch", "size": 7, "stride": None}, "spacing": None}
    found = read(IMAGE | {"mode": "patch", "patch_size": 7, "stride_size": 7, "fimbria": ours})
    assert found == Described("patch", ours["extraction"], T1, tensors=False)


def test_a_copy_in_a_maps_is_read_as_the_file_is_and_said_as_an_experiment_says_it(read):
    patch = IMAGE | {
        "mode": "patch",
        "prepare_dl": True,
        "patch_size": 50,
        "stride_size": 25,
        "roi_background_value": 0,
    }
    assert read_content(patch, "maps.json") == read(patch)
    extracted = {"name": "patch", "size": 50, "stride": 25}
    assert read_content(patch, "maps.json").options == {"pipeline": T1, "extraction": extracted}
    ours = {"extraction": extracted, "pipeline": T1, "spacing": 2.0}
    assert read_content(patch | {"fimbria": ours}, "maps.json").options == ours
    with pytest.raises(ProblemsError, match=r"(?s)old/maps\.json.*patch_size is missing"):
        read_content(without(patch, "patch_size"), "old/maps.json")

"""Every shipped pipeline against names as the tools write them."""

from __future__ import annotations

import pickle

import pytest

from fimbria.data.images.pipelines import Pipeline, pipeline
from fimbria.data.images.pipelines.pattern import ONLY_SESSION
from fimbria.errors import ComponentError

SPACE = "space-MNI152NLin2009cSym"
WHO = "sub-01_ses-M000"
CAPS = "subjects/sub-01/ses-M000"


def whose(made, path):
    """Whose image a pipeline takes a path for; None where it is none of its images."""
    found = next((match for route in made.routes if (match := route.paths.fullmatch(path))), None)
    if found is None:
        return None
    told = found.groupdict()
    return told["participant"], told.get("session") or ONLY_SESSION


@pytest.mark.parametrize(
    ("name", "cropped", "whole"),
    [
        (f"{WHO}_{SPACE}_desc-Crop_res-1x1x1_T1w.nii.gz", True, False),
        (f"{WHO}_{SPACE}_res-1x1x1_T1w.nii.gz", False, True),
        (f"{WHO}_acq-mprage_run-01_{SPACE}_desc-Crop_res-1x1x1_T1w.nii.gz", True, False),
        (f"{WHO}_T1w_{SPACE}_desc-Crop_res-1x1x1_T1w.nii", True, False),
        (f"{WHO}1_{SPACE}_desc-Crop_res-1x1x1_T1w.nii.gz", False, False),
        (f"sub-01_{SPACE}_desc-Crop_res-1x1x1_T1w.nii.gz", False, False),
        (f"sub-011_ses-M000_{SPACE}_desc-Crop_res-1x1x1_T1w.nii.gz", False, False),
        (f"sub-02_ses-M000_{SPACE}_desc-Crop_res-1x1x1_T1w.nii.gz", False, False),
        (f"{WHO}_{SPACE}_desc-Crop_res-1x1x1_T1w.nii.gz.part", False, False),
        (f"{WHO}_{SPACE}_desc-Crop_res-1x1x1_FLAIR.nii.gz", False, False),
        (f"x_{WHO}_{SPACE}_desc-Crop_res-1x1x1_T1w.nii.gz", False, False),
        (f"{WHO}_{SPACE}_res-1x1x1_affine.mat", False, False),
    ],
)
def test_t1_linear_knows_its_files(name, cropped, whole):
    path = f"{CAPS}/t1_linear/{name}"
    assert (whose(pipeline.build("t1-linear"), path) is not None) is cropped
    assert (whose(pipeline.build("t1-linear", {"cropped": False}), path) is not None) is whole


SPM = "_T1w_segm-graymatter"
IXI = f"{SPM}_space-Ixi549Space_modulated"
FDG = {"tracer": "18FFDG", "region": "cerebellumPons2"}
PET = f"{SPACE}_desc-Crop_res-1x1x1_suvr-cerebellumPons2_pet.nii.gz"
GROUP = {"space": "group", "group": "AD1"}


@pytest.mark.parametrize(
    ("name", "options", "path"),
    [
        ("flair-linear", {}, f"flair_linear/{WHO}_{SPACE}_desc-Crop_res-1x1x1_FLAIR.nii.gz"),
        ("flair-linear", {"cropped": False}, f"flair_linear/{WHO}_{SPACE}_res-1x1x1_flair.nii.gz"),
        ("pet-linear", FDG, f"pet_linear/{WHO}_trc-18FFDG_{PET}"),
        ("pet-linear", FDG, f"pet_linear/{WHO}_trc-18FFDG_rec-acdyn_{PET}"),
        ("pet-linear", FDG, f"pet_linear/{WHO}_task-rest_acq-fdg_pet_{PET}"),
        ("pet-linear", {**FDG, "tracer": "fdg"}, f"pet_linear/{WHO}_trc-18FFDG_{PET}"),
        ("pet-linear", {**FDG, "tracer": "18FAV45"}, f"pet_linear/{WHO}_task-rest_acq-av45_pet_{PET}"),
        ("pet-linear", {**FDG, "tracer": "18FNEW"}, f"pet_linear/{WHO}_trc-18FNEW_run-1_{PET}"),
        ("pet-linear", {**FDG, "reconstruction": "acdyn"}, f"pet_linear/{WHO}_trc-18FFDG_rec-acdyn_{PET}"),
        ("pet-linear", {**FDG, "cropped": False}, f"pet_linear/{WHO}_trc-18FFDG_{PET.replace('_desc-Crop', '')}"),
        ("t1-volume", {"space": "native"}, f"t1/spm/segmentation/native_space/{WHO}{SPM}_probability.nii.gz"),
        ("t1-volume", {}, f"t1/spm/segmentation/normalized_space/{WHO}{IXI}-on_probability.nii.gz"),
        ("t1-volume", {"modulation": False}, f"t1/spm/segmentation/normalized_space/{WHO}{IXI}-off_probability.nii"),
        ("t1-volume", {"space": "dartel-input"}, f"t1/spm/segmentation/dartel_input/{WHO}{SPM}_dartelinput.nii.gz"),
        ("t1-volume", GROUP, f"t1/spm/dartel/group-AD1/{WHO}{IXI}-on_probability.nii.gz"),
        ("t1-volume", GROUP | {"smoothing": 8}, f"t1/spm/dartel/group-AD1/{WHO}{IXI}-on_fwhm-8mm_probability.nii.gz"),
        ("dwi-dti", {}, f"dwi/dti_based_processing/native_space/{WHO}_dwi_space-b0_desc-preproc_FA.nii.gz"),
        ("dwi-dti", {"measure": "MD"}, f"dwi/dti_based_processing/native_space/{WHO}_space-T1w_desc-preproc_MD.nii.gz"),
        (
            "dwi-dti",
            {"space": "normalized", "measure": "RD"},
            f"dwi/dti_based_processing/normalized_space/{WHO}_space-MNI152Lin_res-1x1x1_RD.nii.gz",
        ),
        ("custom", {"suffix": "SheppLogan_phantom.nii.gz"}, f"shepplogan/{WHO}_space-SheppLogan_phantom.nii.gz"),
        ("custom", {"suffix": "phantom"}, f"a/b/c/{WHO}_space-SheppLogan_phantom.nii"),
        ("custom", {"suffix": ".pt"}, f"deeplearning_prepare_data/image_based/t1_linear/{WHO}_T1w.pt"),
    ],
)
def test_finds_images_in_a_caps_as_clinica_names_them(name, options, path):
    made = pipeline.build(name, options)
    assert whose(made, f"{CAPS}/{path}") == ("sub-01", "ses-M000")
    assert whose(made, f"{CAPS}/{path.replace('sub-01', 'sub-02')}") is None
    assert made.layout == "caps"


@pytest.mark.parametrize(
    ("name", "options", "path"),
    [
        ("pet-linear", {**FDG, "reconstruction": "acdyn"}, f"pet_linear/{WHO}_trc-18FFDG_{PET}"),
        ("pet-linear", {**FDG, "tracer": "18FAV45"}, f"pet_linear/{WHO}_trc-18FFDG_{PET}"),
        ("pet-linear", {**FDG, "tracer": "18FAV4"}, f"pet_linear/{WHO}_trc-18FAV45_{PET}"),
        ("pet-linear", {**FDG, "region": "pons"}, f"pet_linear/{WHO}_trc-18FFDG_{PET}"),
        ("t1-volume", GROUP, f"t1/spm/dartel/group-AD1/{WHO}{IXI}-on_fwhm-8mm_probability.nii.gz"),
        ("t1-volume", GROUP, f"t1/spm/dartel/group-AD2/{WHO}{IXI}-on_probability.nii.gz"),
        ("t1-volume", {}, f"t1/spm/segmentation/normalized_space/{WHO}{IXI}-off_probability.nii.gz"),
        ("dwi-dti", {}, f"dwi/dti_based_processing/normalized_space/{WHO}_space-MNI152Lin_res-1x1x1_FA.nii.gz"),
        ("custom", {"suffix": "phantom"}, f"shepplogan/{WHO}_phantom.pt"),
    ],
)
def test_passes_over_the_images_of_other_options(name, options, path):
    assert whose(pipeline.build(name, options), f"{CAPS}/{path}") is None


@pytest.mark.parametrize(
    ("name", "options", "path", "session"),
    [
        ("raw", {}, "sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz", "ses-1"),
        ("raw", {}, "sub-01/ses-1/anat/sub-01_ses-1_acq-x_run-2_T1w.nii", "ses-1"),
        ("raw", {}, "sub-01/ses-1/anat/sub-01_T1w.nii", "ses-1"),
        ("raw", {}, "sub-01/anat/sub-01_T1w.nii.gz", "ses-M000"),
        ("raw", {}, "sub-01/anat/sub-01_ses-M000_T1w.nii.gz", "ses-M000"),
        ("raw", {}, "sub-01/anat/sub-01_ses-M012_T1w.nii.gz", None),
        ("raw", {}, "sub-01/ses-1/anat/sub-01_ses-2_T1w.nii.gz", None),
        ("raw", {}, "sub-01/ses-1/anat/sub-01_ses-12_T1w.nii.gz", None),
        ("raw", {}, "sub-01/ses-1/anat/sub-012_ses-1_T1w.nii.gz", None),
        ("raw", {}, "sub-01/ses-1/anat/sub-01_ses-1_T2w.nii.gz", None),
        ("raw", {}, "sub-01/ses-1/anat/sub-01_ses-1_T1w.json", None),
        ("raw", {"suffix": "pet", "folder": "pet"}, "sub-01/ses-1/pet/sub-01_ses-1_trc-x_pet.nii.gz", "ses-1"),
        ("raw", {"entities": "acq-a_run-1"}, "sub-01/ses-1/anat/sub-01_ses-1_acq-a_ce-b_run-1_T1w.nii.gz", "ses-1"),
        ("raw", {"entities": "acq-a"}, "sub-01/ses-1/anat/sub-01_ses-1_acq-ab_T1w.nii.gz", None),
        ("fmriprep", {}, "sub-01/anat/sub-01_desc-preproc_T1w.nii.gz", "ses-M000"),
        ("fmriprep", {}, "sub-01/ses-1/anat/sub-01_ses-1_acq-x_run-1_desc-preproc_T1w.nii.gz", "ses-1"),
        ("fmriprep", {}, "sub-01/ses-1/anat/sub-01_ses-1_space-MNI152NLin2009cAsym_desc-preproc_T1w.nii.gz", None),
        (
            "fmriprep",
            {"space": "MNI152NLin2009cAsym"},
            "sub-01/ses-1/anat/sub-01_ses-1_space-MNI152NLin2009cAsym_res-2_desc-preproc_T1w.nii.gz",
            "ses-1",
        ),
        (
            "fmriprep",
            {"space": "MNI152NLin2009cAsym", "resolution": 1},
            "sub-01/ses-1/anat/sub-01_ses-1_space-MNI152NLin2009cAsym_res-2_desc-preproc_T1w.nii.gz",
            None,
        ),
        ("fmriprep", {"suffix": "T2w"}, "sub-01/ses-1/anat/sub-01_ses-1_desc-preproc_T2w.nii.gz", "ses-1"),
        ("cat12", {}, "sub-01/ses-1/anat/mri/mwp1sub-01_ses-1_T1w.nii", "ses-1"),
        ("cat12", {}, "sub-01/ses-1/anat/mwp1sub-01_ses-1_acq-s03_T1w.nii", "ses-1"),
        ("cat12", {}, "sub-01/mri/mwp1sub-01_T1w.nii", "ses-M000"),
        ("cat12", {}, "sub-01/ses-1/anat/mri/mwp2sub-01_ses-1_T1w.nii", None),
        ("cat12", {"image": "s6mwp1"}, "sub-01/ses-1/anat/mri/s6mwp1sub-01_ses-1_T1w.nii", "ses-1"),
        ("deepmriprep", {}, "sub-1/ses-1/anat/mri/mwp1sub-1_ses-1_T1w.nii.gz", "ses-1"),
        ("deepmriprep", {"image": "p0_large"}, "sub-1/anat/mri/p0_largesub-1_T1w.nii.gz", "ses-M000"),
        ("custom", {"pattern": "{participant}/x_{session}*"}, "sub-01/x_ses-2_y.nii.gz", "ses-2"),
    ],
)
def test_finds_images_in_bids_and_its_derivatives(name, options, path, session):
    made = pipeline.build(name, options)
    assert whose(made, path) == (None if session is None else (path.split("/")[0], session))
    assert made.layout == "bids"


@pytest.mark.parametrize(
    ("name", "options", "space"),
    [
        ("t1-linear", {}, "MNI152NLin2009cSym"),
        ("raw", {}, ""),
        ("t1-volume", {"space": "native"}, ""),
        ("t1-volume", {}, "Ixi549Space"),
        ("dwi-dti", {"space": "normalized"}, "MNI152Lin"),
        ("fmriprep", {"space": "MNI152NLin6Asym"}, "MNI152NLin6Asym"),
        ("cat12", {"image": "p0"}, ""),
        ("cat12", {}, "MNI152NLin2009cAsym"),
    ],
)
def test_says_in_which_space_the_images_lie(name, options, space):
    assert pipeline.build(name, options).space == space


def test_a_name_with_signs_of_a_pattern_stands_for_itself():
    raw = pipeline.build("raw", {"suffix": "T1.w", "folder": "x"})
    assert whose(raw, "sub-01/x/sub-01_T1xw.nii.gz") is None
    assert whose(raw, "sub-a+b/x/sub-a+b_T1.w.nii") == ("sub-a+b", "ses-M000")


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("t1-linear", {"suffix": "T1w"}, "pipeline 't1-linear': no option 'suffix'"),
        ("raw", {"suffix": "T1w/.."}, "suffix = 'T1w/..': letters, digits"),
        ("raw", {"suffix": ""}, "suffix = '': it is needed"),
        ("raw", {"entities": "mprage"}, "entities were wanted, such as 'acq-mprage_run-1'"),
        ("t1-volume", {"space": "group"}, "pipeline 't1-volume': group = '': it is needed"),
        ("t1-volume", {"tissue": "grey"}, "tissue = 'grey'"),
        ("pet-linear", {}, "option 'tracer' is needed; option 'region' is needed"),
        ("custom", {}, "exactly one of pattern and suffix is wanted"),
        ("custom", {"suffix": "x", "pattern": "{participant}/x"}, "exactly one of pattern and suffix"),
        ("custom", {"pattern": "../{participant}"}, "'..' leads out of the data set"),
        ("custom", {"pattern": "/data/{participant}"}, "it must be relative to the data set"),
        ("custom", {"pattern": "x/T1w"}, "it has no {participant}"),
        ("custom", {"pattern": "{participant}/{subject}"}, "nothing is known of {subject}"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(name, options, sentence):
    with pytest.raises(ComponentError) as caught:
        pipeline.build(name, options)
    assert sentence in str(caught.value)


def test_a_pipeline_is_the_same_after_a_journey_between_processes():
    made = pipeline.build("t1-volume", {"space": "native"})
    again = pickle.loads(pickle.dumps(made))  # noqa: S301  (our own bytes)
    assert again == made
    assert hash(again) == hash(made)
    assert again.options["space"] == "native"
    assert again.routes is made.routes


@pytest.mark.parametrize(
    ("name", "glob"),
    [
        ("t1-linear", "*_space-MNI152NLin2009cSym_desc-Crop_res-*_T1w.nii*"),
        ("raw", "*_T1w.nii*"),
        ("cat12", "mwp1*_T1w.nii*"),
    ],
)
def test_the_file_name_is_told_as_a_glob(name, glob):
    assert pipeline.build(name).glob == glob


def test_a_pattern_of_code_is_checked_as_any_other():
    with pytest.raises(ComponentError, match="'\\[' is never closed"):
        Pipeline("mine", "{participant}/[x")

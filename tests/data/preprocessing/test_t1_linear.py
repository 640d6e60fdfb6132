import os
import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest

from fimbria.data.images import nifti, template
from fimbria.data.images.nifti import Image
from fimbria.data.preprocessing import registration
from fimbria.data.preprocessing.t1_linear import Alignment, T1LinearFiles, similarity, t1_linear
from fimbria.errors import ImageError
from fimbria.geometry import Grid

sitk = pytest.importorskip("SimpleITK")
GOOD = Alignment(similarity=0.55, determinant=0.7, disagreement=0.001)


@pytest.fixture(scope="module")
def done(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("t1")
    raw = folder / "sub-01_T1w.nii.gz"
    nifti.write(raw, made.scan.array, made.scan.grid)
    files = T1LinearFiles.of(folder / "subjects/sub-01/ses-M000/t1_linear", "sub-01_ses-M000")
    return SimpleNamespace(files=files, alignment=t1_linear(raw, files))


@pytest.fixture
def files(tmp_path):
    return T1LinearFiles.of(tmp_path / "out", "sub-01_ses-M000")


def test_names_are_those_of_clinica():
    files = T1LinearFiles.of(Path("t1_linear"), "sub-01_ses-M000")
    assert files.cropped.name == "sub-01_ses-M000_space-MNI152NLin2009cSym_desc-Crop_res-1x1x1_T1w.nii.gz"
    assert files.uncropped.name == "sub-01_ses-M000_space-MNI152NLin2009cSym_res-1x1x1_T1w.nii.gz"
    assert files.transform.name == "sub-01_ses-M000_space-MNI152NLin2009cSym_res-1x1x1_affine.mat"


def test_writes_three_files_and_nothing_else(done):
    written = {done.files.cropped, done.files.uncropped, done.files.transform}
    assert set(done.files.cropped.parent.iterdir()) == written


def test_the_images_lie_on_the_grid_of_the_template(done):
    whole, cropped = nifti.read(done.files.uncropped), nifti.read(done.files.cropped)
    assert whole.grid.matches(template.head().grid, tolerance_mm=1e-6)
    assert cropped.grid.shape == (169, 208, 179)
    assert np.array_equal(cropped.array, whole.array[template.CROP])
    assert np.array_equal(cropped.grid.affine, template.crop(whole).grid.affine)
    assert nibabel.load(done.files.cropped).get_data_dtype() == np.float32


def test_a_clear_head_raises_no_alarm(done, made):
    assert done.alignment.alarms == ()
    assert done.alignment.similarity > 0.7
    assert done.alignment.determinant == pytest.approx(np.linalg.det(made.truth[:3, :3]), rel=0.05)


def test_the_transform_kept_is_the_one_that_made_the_image(done):
    kept = sitk.ReadTransform(str(done.files.transform))
    matrix = np.reshape(sitk.AffineTransform(kept.Downcast()).GetMatrix(), (3, 3))
    assert np.linalg.det(matrix) == pytest.approx(done.alignment.determinant)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"similarity": 0.2}, "the brain correlates with the template's by 0.20 only"),
        ({"determinant": 0.28}, "the head has 0.28 times the volume"),
        ({"determinant": 1.5}, "the head has 1.50 times the volume"),
        ({"disagreement": 0.1}, "different places from different starts"),
    ],
)
def test_each_odd_number_is_an_alarm(change, sentence):
    (alarm,) = replace(GOOD, **change).alarms
    assert sentence in alarm


def test_a_good_alignment_raises_none():
    assert GOOD.alarms == ()


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((20, 20, 20)), "is 0 everywhere"),
        (np.full((20, 20, 20), np.nan), "not numbers"),
        (np.pad([[[np.inf]]], 9), "not numbers"),
        (np.ones((20, 20, 20, 2)), "20x20x20x2; a three-dimensional image was wanted"),
    ],
)
def test_refuses_an_image_that_cannot_be_a_head(tmp_path, files, array, sentence):
    raw = tmp_path / "sub-01_T1w.nii.gz"
    nibabel.save(nibabel.Nifti1Image(array.astype(np.float32), np.eye(4)), raw)
    with pytest.raises(ImageError, match=sentence) as caught:
        t1_linear(raw, files)
    assert str(raw) in str(caught.value)
    assert not files.cropped.parent.exists()


def test_refuses_a_missing_an_empty_and_a_truncated_file(tmp_path, files):
    raw = tmp_path / "sub-01_T1w.nii.gz"
    with pytest.raises(ImageError, match="there is no image"):
        t1_linear(raw, files)
    raw.touch()
    with pytest.raises(ImageError, match="is an empty file"):
        t1_linear(raw, files)
    noise = np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32)
    nifti.write(raw, noise, template.head().grid)
    os.truncate(raw, raw.stat().st_size // 2)
    with pytest.raises(ImageError, match="cut short"):
        t1_linear(raw, files)


def test_noise_is_refused_or_raises_an_alarm(small):
    noise = np.random.default_rng(0).uniform(size=(40, 40, 40)).astype(np.float32)
    scan = registration.to_itk(Image(noise, Grid(noise.shape, np.diag([5.0, 5.0, 5.0, 1.0]))))
    try:
        found = registration.register(scan, small.head, small.brain)
    except ImageError:
        return
    laid = Image(registration.resampled(scan, found.transform, small.head.grid), small.head.grid)
    assert similarity(laid, small.head, small.brain) < 0.4


def test_a_constant_image_is_not_similar(small):
    assert similarity(Image(np.zeros_like(small.head.array), small.head.grid), small.head, small.brain) == 0
    assert similarity(small.head, small.head, small.brain) == pytest.approx(1)


def test_it_can_be_sent_to_another_process(files):
    function, sent = pickle.loads(pickle.dumps((t1_linear, files)))  # noqa: S301  (made one line above)
    assert function is t1_linear
    assert sent == files

import sys

import numpy as np
import pytest

from fimbria.data.images.nifti import Image
from fimbria.data.preprocessing import registration
from fimbria.errors import ImageError, MissingExtraError
from fimbria.geometry import Grid

sitk = pytest.importorskip("SimpleITK")
LPS = np.array([-1.0, -1.0, 1.0])


def of_size(scan, factor):
    return Image(scan.array, Grid(scan.grid.shape, np.diag([factor, factor, factor, 1.0]) @ scan.grid.affine))


@pytest.fixture(scope="module")
def found(small, made):
    with registration.one_thread():
        return registration.register(registration.to_itk(made.scan), small.head, small.brain)


def test_finds_how_a_head_was_turned_shrunk_and_shifted(found, small, made):
    points = small.brain.grid.world()[:, small.brain.array].T[::50]
    wanted = points @ made.truth[:3, :3].T + made.truth[:3, 3]
    got = np.array([found.transform.TransformPoint(point) for point in (points * LPS).tolist()]) * LPS
    assert np.linalg.norm(got - wanted, axis=1).mean() < 1.5


def test_the_determinant_is_the_volume_of_the_head_as_a_share_of_the_template(found, made):
    assert found.determinant == pytest.approx(np.linalg.det(made.truth[:3, :3]), rel=0.05)


def test_the_starts_agree_on_a_clear_head(found):
    assert 0 <= found.disagreement < 0.02


def test_the_same_scan_gives_the_same_transform_to_the_last_bit(found, small, made):
    with registration.one_thread():
        again = registration.register(registration.to_itk(made.scan), small.head, small.brain)
    assert again.transform.GetParameters() == found.transform.GetParameters()
    assert again.transform.GetFixedParameters() == found.transform.GetFixedParameters()


def test_the_result_looks_like_the_template(found, small, made):
    laid = registration.resampled(registration.to_itk(made.scan), found.transform, small.head.grid)
    inside = small.brain.array
    assert laid.shape == small.head.array.shape
    assert np.corrcoef(laid[inside], small.head.array[inside])[0, 1] > 0.8


def test_refuses_a_head_of_impossible_size(small, made):
    with pytest.raises(ImageError, match=r"it would have to be scaled by 0\.6.*heads lie within 0\.7 to 1\.3"):
        registration.register(registration.to_itk(of_size(made.scan, 0.6)), small.head, small.brain)


def test_refuses_a_head_that_no_voxel_of_the_template_meets(small, made):
    with pytest.raises(ImageError, match=r"All samples map outside .*Is it a T1-weighted head\?") as caught:
        registration.register(registration.to_itk(of_size(made.scan, 0.001)), small.head, small.brain)
    assert "0x" not in str(caught.value)


def test_refuses_a_single_slice(made):
    slice_ = Image(made.scan.array[:, :, 20:21], Grid((54, 62, 1), made.scan.grid.affine))
    with pytest.raises(ImageError, match="could not be"):
        registration.without_bias(registration.to_itk(slice_))


def test_simpleitk_sees_every_voxel_where_nifti_puts_it(made):
    itk = registration.to_itk(made.scan)
    voxel = (7, 11, 23)
    world = made.scan.grid.affine @ (*voxel, 1)
    assert np.array(itk.TransformIndexToPhysicalPoint(voxel)) * LPS == pytest.approx(world[:3], abs=1e-6)
    assert itk.GetPixel(*voxel) == made.scan.array[voxel]


def test_an_image_read_on_its_own_grid_is_unchanged(made):
    same = registration.resampled(registration.to_itk(made.scan), sitk.Transform(), made.scan.grid)
    assert np.allclose(same, made.scan.array, atol=1e-3)


def test_what_lies_outside_the_scan_is_zero(made):
    away = sitk.TranslationTransform(3, (1000.0, 0.0, 0.0))
    assert not registration.resampled(registration.to_itk(made.scan), away, made.scan.grid).any()


def test_divides_out_the_drift_of_intensity():
    x, y, z = np.indices((48, 48, 48)) - 24.0
    ball = ((x**2 + y**2 + z**2) < 18**2) * 100.0
    drift = np.exp(0.02 * x)
    scan = Image((ball * drift).astype(np.float32), Grid(ball.shape, np.diag([2.0, 2.0, 2.0, 1.0])))
    with registration.one_thread():
        even = sitk.GetArrayViewFromImage(registration.without_bias(registration.to_itk(scan))).T[ball > 0]
    before = scan.array[ball > 0]
    assert even.std() / even.mean() < 0.3 * before.std() / before.mean()


def test_the_number_of_threads_is_given_back_also_after_an_error():
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    inside = []

    def fail():
        with registration.one_thread():
            inside.append(sitk.ProcessObject.GetGlobalDefaultNumberOfThreads())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert inside == [1]
    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == before


def test_says_how_to_install_simpleitk_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(MissingExtraError, match=r"t1-linear needs .*fimbria\[preprocess\]"):
        registration.simpleitk()

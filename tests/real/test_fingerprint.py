"""Real people of two data sets (ds000011 and ds002748 of OpenNeuro), and one of them scanned again, nearly."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from fimbria.data.audit.fingerprint import THRESHOLD, fingerprint, matches, similarity
from fimbria.data.images import nifti
from fimbria.data.preprocessing.t1_linear import T1LinearFiles, t1_linear
from fimbria.geometry import Grid

pytest.importorskip("SimpleITK")
DATA = Path(__file__).parents[3] / "shared" / "data"
PEOPLE = [
    DATA / "bids-ds000011/sub-08/anat/sub-08_T1w.nii.gz",
    DATA / "bids-ds000011/sub-09/anat/sub-09_T1w.nii.gz",
    DATA / "bids-ds002748-subset/sub-07/anat/sub-07_T1w.nii.gz",
]

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no real scans in ../shared/data")


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    """The people's images after t1-linear, and the last one's again: another day, 3 mm slices."""
    folder = tmp_path_factory.mktemp("scans")
    again = folder / "again.nii.gz"
    rescanned(PEOPLE[-1], again)
    images = []
    for number, raw in enumerate([*PEOPLE, again]):
        files = T1LinearFiles.of(folder / str(number), "sub-01_ses-M000")
        assert t1_linear(raw, files).alarms == ()
        images.append(nifti.read(files.cropped))
    return images


def rescanned(raw, path):
    """The head lies 6 degrees and some mm elsewhere; thick slices, another contrast, other shades, noise."""
    image = nifti.read(raw)
    side = np.array(image.grid.spacing_mm)
    wanted = np.array([1.1, 1.1, 3.0])
    affine = image.grid.affine.copy()
    affine[:3, :3] *= wanted / side
    shape = tuple(int(count) for count in np.array(image.grid.shape) * side / wanted)
    turned = np.eye(4)
    cosine, sine = np.cos(np.radians(6)), np.sin(np.radians(6))
    turned[1:3, 1:3] = [[cosine, -sine], [sine, cosine]]
    turned[:3, 3] = (3, -4, 2)
    centre = image.grid.affine @ np.array([*(np.array(image.grid.shape) - 1) / 2, 1])
    turned[:3, 3] += centre[:3] - turned[:3, :3] @ centre[:3]
    to_old = np.linalg.inv(image.grid.affine) @ turned @ affine
    thick = ndimage.gaussian_filter(image.array, np.sqrt(np.maximum((wanted / side) ** 2 - 1, 0)) / 2.355)
    array = ndimage.affine_transform(thick, to_old[:3, :3], to_old[:3, 3], output_shape=shape, order=1)
    bright = np.percentile(array[array > 0], 99)
    array = bright * np.clip(array / bright, 0, None) ** 0.8 * np.linspace(0.8, 1.2, shape[0])[:, None, None]
    noise = np.random.default_rng(0).normal(0, 0.03 * bright, (2, *shape))
    nifti.write(path, np.hypot(array + noise[0], noise[1]).astype(np.float32), Grid(shape, affine))


def test_a_person_scanned_again_is_found_and_nobody_else(aligned):
    prints = np.stack([fingerprint(image.array, image.grid) for image in aligned])
    indices, scores = matches(prints)
    assert indices.tolist() == [[2, 3]]
    assert scores.min() > THRESHOLD + 0.2
    strangers = similarity(prints[:3], prints[:3])[np.triu_indices(3, 1)]
    assert strangers.max() < THRESHOLD - 0.2


def test_a_flipped_and_cut_copy_is_found(aligned):
    prints = [fingerprint(image.array, image.grid) for image in aligned[:3]]
    box = (slice(8, 160), slice(6, 200), slice(40, 175))
    for ours, image in zip(prints, aligned, strict=False):
        copy = fingerprint(image.array[::-1][box], image.grid.cropped(box))
        assert similarity(ours[None], copy[None])[0, 0] > THRESHOLD + 0.2
    for one, other in pairwise(prints):
        assert similarity(one[None], other[None, ::-1])[0, 0] < THRESHOLD - 0.2

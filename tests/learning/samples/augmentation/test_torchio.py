from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from fimbria.errors import ComponentError, MissingExtraError
from fimbria.learning.samples.augmentation import OnDevice, augmentation, draws


def built(transform, **options):
    return augmentation.build("torchio", {"transform": transform, "options": options})


def changed(one, image, sample=0):
    return one.apply(image, draws([one], (0, 0, sample), image.shape)[0])


def picture(shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize("transform", ["RandomAnisotropy", "RandomGhosting", "RandomNoise", "RandomAffine"])
@pytest.mark.parametrize("shape", [(1, 16, 17, 18), (2, 16, 17)], ids=str)
def test_a_transform_by_its_name_there_changes_an_image_and_keeps_its_shape(transform, shape):
    one, image = built(transform), picture(shape)
    several = [changed(one, image, sample) for sample in range(4)]
    assert all(result.shape == shape for result in several)
    assert any(not np.allclose(result, image, atol=1e-5) for result in several)
    assert changed(one, image).tobytes() == several[0].tobytes()


def test_the_generator_that_everybody_shares_is_left_as_it_was():
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    changed(built("RandomNoise"), picture((1, 4, 4, 4)))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_options_are_torchios():
    one, image = built("RandomNoise", mean=[5, 5], std=[0, 0]), picture((1, 4, 4, 4))
    assert np.allclose(changed(one, image), image + 5)


@pytest.mark.parametrize(
    ("transform", "options", "words"),
    [
        ("RandomNoize", {}, "did you mean 'RandomNoise'"),
        ("Compose", {}, "no transform 'Compose'"),
        ("RandomNoise", {"loudness": 3}, "does not take"),
        ("RandomNoise", {"std": -1}, "does not take"),
    ],
)
def test_what_torchio_does_not_know_is_refused_as_it_is_built(transform, options, words):
    with pytest.raises(ComponentError, match=words):
        built(transform, **options)


def test_an_image_that_a_transform_cannot_take_is_refused_in_a_sentence():
    with pytest.raises(ComponentError, match="RandomSwap cannot work on images of 4x4x4 voxels"):
        changed(built("RandomSwap"), picture((1, 4, 4, 4)))


def test_without_torchio_the_extra_is_named_before_any_image_is_read(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchio", None)
    with pytest.raises(MissingExtraError, match=r"fimbria\[augment\]"):
        built("RandomNoise")


def test_it_is_not_for_devices():
    assert not isinstance(built("RandomNoise"), OnDevice)

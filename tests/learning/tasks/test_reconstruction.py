from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from fimbria.errors import ComponentError, FimbriaError
from fimbria.learning.outputs import Variational
from fimbria.learning.tasks import task as tasks
from fimbria.learning.tasks.reconstruction import Reconstruction


@pytest.fixture
def images():
    return torch.rand((3, 1, 6, 7, 8), generator=torch.Generator().manual_seed(0))


def test_an_image_is_its_own_target_and_no_column_is_needed(images):
    task = Reconstruction()
    assert (task.outputs, task.columns, task.targets(None)) == (None, (), None)
    columns = task.read(images, images)
    assert columns["mse"].tolist() == columns["loss"].tolist() == [0, 0, 0]
    np.testing.assert_allclose(columns["ssim"], 1)


def test_measures_those_that_are_asked_for(images):
    assert set(Reconstruction(measures=("mae", "lncc")).read(images + 0.1, images)) == {"mae", "lncc", "loss"}


def test_the_loss_is_one_value_a_sample_of_its_own_voxels(images):
    outputs = images.clone()
    outputs[1] += 0.5
    losses = Reconstruction().loss(outputs, images)
    assert losses.shape == (3,)
    assert losses[0] == losses[2] == 0
    assert losses[1] > 0


def variational(images, mu=0.0):
    return Variational(images, torch.full((3, 4), mu), torch.zeros(3, 4))


@pytest.mark.parametrize("loss", ["mse", "vae-gaussian"])
def test_a_latent_far_from_standard_costs(images, loss):
    task = Reconstruction(loss=loss)
    assert bool((task.loss(variational(images, 2.0), images) > task.loss(variational(images), images)).all())
    assert task.loss(variational(images), images).shape == (3,)


def test_the_weight_of_the_divergence_is_a_choice(images):
    free, bound = (Reconstruction(kl_weight=weight).loss(variational(images, 2.0), images) for weight in (0.0, 3.0))
    assert free.tolist() == [0, 0, 0]
    assert bool((bound > 0).all())


def test_a_loss_of_latents_without_latents_is_refused(images):
    with pytest.raises(ComponentError, match="variational"):
        Reconstruction(loss="vae-gaussian").loss(images, images)


def test_without_images_nothing_is_measured(images):
    with pytest.raises(ValueError, match="against its image"):
        Reconstruction().read(images, None)


@pytest.mark.parametrize("options", [{"kl_weight": -1.0}, {"measures": ["rmse"]}, {"loss": "cross-entropy"}])
def test_refuses_options_that_make_no_sense(options):
    with pytest.raises((FimbriaError, ValidationError)):
        tasks.find("reconstruction").build({}, tasks.find("reconstruction").options({}, options))

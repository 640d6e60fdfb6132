from __future__ import annotations

import pytest
import torch
from torch import nn

from fimbria.errors import ComponentError
from fimbria.learning.networks import network
from fimbria.learning.networks.covariates import with_covariates
from fimbria.testing import check_network

SIZE = (1, 9, 8)


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def image_to_image(input_size):
    return nn.Conv2d(input_size[0], input_size[0], 1)


class Coder(nn.Module):
    def __init__(self, input_size, output_size):
        super().__init__()
        self.encoder = nn.Conv2d(input_size[0], output_size, 1)
        self.decoder = nn.Conv2d(output_size, input_size[0], 1)


@pytest.fixture
def registered(monkeypatch):
    """More networks than the house has, for the time of a test."""
    monkeypatch.setattr(network, "_ours", dict(network._ours))
    network("image-to-image")(image_to_image)
    network("coder")(Coder)


def test_passes_the_checks_with_any_encoder():
    check_network(with_covariates, [(1, 33, 27), (2, 20, 23, 19)], covariates=2, encoder="conv4-fc3")
    check_network(with_covariates, [(1, 33, 35)], 3, encoder="sfcn", encoder_options={"dropout": 0.2}, dropout=0.5)


def test_joins_what_it_is_told_to_the_rectified_features_of_the_image():
    made = with_covariates(SIZE, 2, covariates=3, encoder="conv4-fc3", features=5, hidden=7).eval()
    images, told = drawn(4, *SIZE), drawn(4, 3, seed=1)
    joined = torch.cat((made.images(images).clamp(min=0), told), dim=1)
    assert torch.equal(made(images, told), made.fc(joined))
    assert [tuple(layer.weight.shape) for layer in made.fc if isinstance(layer, nn.Linear)] == [(7, 8), (2, 7)]


def test_says_something_else_of_the_same_image_with_other_covariates_also_in_training_with_much_dropout():
    made, images = with_covariates(SIZE, 2, covariates=1, dropout=0.99).train(), drawn(1, *SIZE)
    told = torch.tensor([[3.0]], requires_grad=True)
    for _ in range(20):
        (gradient,) = torch.autograd.grad(made(images, told).sum(), told)
        assert bool(gradient.any())


def test_the_options_of_the_encoder_reach_it():
    made = with_covariates(SIZE, 2, covariates=1, encoder_options={"dropout": 0.25}, dropout=0.5)
    assert {module.p for module in made.images.modules() if isinstance(module, nn.Dropout)} == {0.25}
    with pytest.raises(ComponentError, match="no option 'dropuot': did you mean 'dropout'"):
        with_covariates(SIZE, 2, covariates=1, encoder_options={"dropuot": 0.25})


def test_the_convolutions_are_found_where_those_of_the_encoder_are():
    made = with_covariates(SIZE, 2, covariates=1)
    assert made.convolutions is made.images.convolutions


def test_is_made_by_name_and_the_house_says_how_many_covariates_there_are():
    made = network.build("with-covariates", {"hidden": 4}, input_size=SIZE, output_size=2, covariates=6)
    assert made.fc[0].in_features == 64 + 6


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("encoder", "sentence"),
    [
        ("image-to-image", "gives an image back, as an autoencoder does"),
        ("coder", "gives an image back, as an autoencoder does"),
        ("with-covariates", "takes covariates itself"),
        ("conv5-fc3-ssda", "has a head for each domain"),
        ("./mine.py:net", "is a file; a name was wanted"),
        ("conv5fc3", "did you mean 'conv5-fc3'"),
    ],
)
def test_refuses_what_is_no_convolutional_network_in_a_sentence(encoder, sentence):
    with pytest.raises(ComponentError, match=sentence):
        with_covariates(SIZE, 2, covariates=1, encoder=encoder)


def test_refuses_to_be_without_covariates():
    with pytest.raises(ComponentError, match="needs a column of covariates, and none was named"):
        with_covariates(SIZE, 2, covariates=0)

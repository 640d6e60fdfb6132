"""Images together with what a table says of a session: age, sex, a score."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from fimbria.errors import ComponentError
from fimbria.geometry import Shape
from fimbria.learning.networks.conv import Dropout
from fimbria.learning.networks.domains import DomainConvNet
from fimbria.learning.networks.network import network
from fimbria.registry import is_own_file


class WithCovariates(nn.Module):
    """A convolutional network whose outputs are joined to covariates, and dense layers that read both.

    Parameters
    ----------
    images
        From images ``(sample, channel, ...)`` to ``(sample, features)``.
    fc
        From features and covariates, ``(sample, features + covariates)``, to ``(sample, output)``.
    dropout
        Share of the features of the images that training hides from the dense layers; covariates are never hidden.
    """

    def __init__(self, images: nn.Module, fc: nn.Module, dropout: float = 0.0) -> None:
        super().__init__()
        self.images, self.fc = images, fc
        self.dropout = nn.Dropout(dropout)

    @property
    def convolutions(self) -> nn.Module:
        """Those of the network of the images."""
        return self.images.get_submodule("convolutions")

    def forward(self, images: Tensor, covariates: Tensor) -> Tensor:
        """Give the outputs ``(sample, output)`` of images ``(sample, channel, ...)`` and covariates ``(sample, column)``."""
        features = self.dropout(functional.relu(self.images(images)))
        outputs: Tensor = self.fc(torch.cat((features, covariates.to(features.dtype)), dim=1))
        return outputs


@network("with-covariates")
def with_covariates(  # noqa: PLR0913, PLR0917  (its signature is its schema)
    input_size: Shape,
    output_size: int,
    covariates: int,
    encoder: str = "conv5-fc3",
    encoder_options: dict[str, Any] = {},  # noqa: B006  (never changed; None would have no word in TOML)
    features: PositiveInt = 64,
    hidden: PositiveInt = 32,
    dropout: Dropout = 0.0,
) -> nn.Module:
    """Any convolutional network, whose features are joined to covariates and read by two dense layers.

    encoder names the network of the images, encoder_options are its options; it gives as many features as said. dropout
    is the share of these that training hides; covariates are never hidden.
    """
    if covariates < 1:
        msg = "network 'with-covariates' needs a column of covariates, and none was named. Name some, or take its encoder alone."
        raise ComponentError(msg)
    images = _encoder(encoder, encoder_options, input_size, features)
    fc = nn.Sequential(nn.Linear(features + covariates, hidden), nn.ReLU(), nn.Linear(hidden, output_size))
    return WithCovariates(images, fc, dropout)


def _encoder(name: str, options: dict[str, Any], input_size: Shape, features: int) -> nn.Module:
    if is_own_file(name):
        # The hash of a study's own file is asked for under network.name; it would not be asked for here.
        msg = f"network 'with-covariates': encoder = {name!r} is a file; a name was wanted. Make it a package with an entry point in the group fimbria.network."
        raise ComponentError(msg)
    found = network.find(name)
    asked = inspect.signature(found.factory).parameters
    refusal = (
        f"network 'with-covariates': encoder = {name!r} gives no features of an image: it {{}}. "
        "Choose a convolutional network, like conv5-fc3."
    )
    if "covariates" in asked:
        raise ComponentError(refusal.format("takes covariates itself"))
    if "output_size" not in asked:
        raise ComponentError(refusal.format("gives an image back, as an autoencoder does"))
    images = found.build({"input_size": input_size, "output_size": features}, options)
    if hasattr(images, "decoder"):
        raise ComponentError(refusal.format("gives an image back, as an autoencoder does"))
    if isinstance(images, DomainConvNet):
        raise ComponentError(refusal.format("has a head for each domain"))
    return images

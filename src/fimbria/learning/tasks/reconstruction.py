"""The image itself, through the narrow place of an autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import NonNegativeFloat  # noqa: TC002  (the signature is the schema, read when it is used)

from fimbria.errors import ComponentError
from fimbria.learning.outputs import Outputs, Variational
from fimbria.learning.tasks import losses, measures
from fimbria.learning.tasks.task import task
from fimbria.results.evaluation.reconstruction import ReconstructionMetrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fimbria.data.cohort.cohort import Cohort

Measure = Literal["mse", "mae", "psnr", "ssim", "lncc"]


@task("reconstruction")
class Reconstruction:
    """Give back the image; a variational autoencoder also learns to be near a standard normal distribution.

    Parameters
    ----------
    loss
        What is minimised, with its options: mse, mae, huber, smooth-l1, kl-div, bce, the vae-gaussian, vae-bernoulli and
        vae-continuous-bernoulli of variational autoencoders, or one of your own.
    kl_weight
        Weight of the divergence from a standard normal distribution, where a variational autoencoder learns with a loss
        that does not know of it (those that do have a kl_weight of their own).
    measures
        What is measured of each part: mse, mae, psnr, ssim, lncc.
    """

    columns: tuple[str, ...] = ()
    outputs = None

    def __init__(
        self,
        loss: str | dict[str, Any] = "mse",
        kl_weight: NonNegativeFloat = 1.0,
        measures: tuple[Measure, ...] = ("mse", "mae", "psnr", "ssim"),
    ) -> None:
        self.measures = measures
        self.metrics = ReconstructionMetrics(measures)
        self._chosen = loss
        self._loss = losses.build(loss, "images")
        self._with_latent = losses.with_latent(self._loss, kl_weight)
        self._variational = losses.is_variational(loss)

    def targets(self, cohort: Cohort) -> None:
        """Give nothing: an image is its own target."""

    def loss(self, outputs: Outputs, targets: torch.Tensor) -> torch.Tensor:
        """Give the loss of each sample, from ``(sample, channel, ...)`` or from a variational autoencoder's outputs.

        Raises
        ------
        ComponentError
            When the loss is a variational one, and the network is not.
        """
        variational = isinstance(outputs, Variational)
        if self._variational and not variational:
            msg = "this loss is for variational autoencoders (such as --network.name vae-dense); the network is none. Choose --task.loss mse."
            raise ComponentError(msg)
        return (
            self._with_latent(outputs, targets)
            if variational and not self._variational
            else self._loss(outputs, targets)
        )

    def read(self, outputs: Outputs, targets: torch.Tensor | None) -> Mapping[str, NDArray[Any]]:
        """Give measures of the reconstruction, and the loss.

        Raises
        ------
        ValueError
            Without the images.
        """
        if targets is None:
            msg = "a reconstruction is measured against its image"
            raise ValueError(msg)
        made = outputs.image if isinstance(outputs, Variational) else torch.as_tensor(outputs)
        image = losses.said_by(self._chosen, made)
        loss = self.loss(outputs, targets).double().cpu().numpy()
        measured = measures.measured(image, targets, self.measures)
        return {**{name: values.numpy() for name, values in measured.items()}, "loss": loss}

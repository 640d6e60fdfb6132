"""Any augmentation of TorchIO, by its name there.

What has a name of its own here is a multiple faster than there, and runs on GPUs; this is for all others.

References
----------
Pérez-García, F. et al. (2021). TorchIO: a Python library for efficient loading, preprocessing, augmentation and
patch-based sampling of medical images in deep learning. Computer Methods and Programs in Biomedicine 208.
doi:10.1016/j.cmpb.2021.106236
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fimbria.errors import ComponentError, did_you_mean
from fimbria.learning.samples.augmentation.augmentation import Probability, Sometimes, augmentation, seed
from fimbria.registry import extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from fimbria.geometry import Shape
    from fimbria.learning.samples.augmentation.augmentation import Drawn

_VOLUME = 4  # axes of what TorchIO takes: (channel, x, y, z)


@augmentation("torchio")
@dataclass(frozen=True)
class TorchIO(Sometimes):
    """Apply a random transform of TorchIO; a 2-D image goes through it as a volume one voxel thick.

    Attributes
    ----------
    transform
        Its name in TorchIO, for example ``RandomAnisotropy``.
    options
        Its options, as TorchIO calls them.
    probability
        Of changing an image.

    Raises
    ------
    MissingExtraError
        When TorchIO is not installed.
    ComponentError
        When it has no such transform, or does not take these options.
    """

    transform: str
    options: dict[str, Any] = field(default_factory=dict)
    probability: Probability = 1.0

    def __post_init__(self) -> None:
        """Build the transform once, so that a wrong option is said before any image is read."""
        self._built()

    def parameters(self, rng: np.random.Generator, shape: Shape) -> Drawn:  # noqa: ARG002  (the protocol's)
        """Draw the seed from which TorchIO draws all it needs."""
        return {"seed": seed(rng)}

    def apply(self, image: NDArray[np.float32], drawn: Drawn) -> NDArray[np.float32]:
        """Change an image as drawn.

        Raises
        ------
        ComponentError
            When the transform gives another shape, or cannot work on the image.
        """
        if not drawn["applied"]:
            return image
        volume = image if image.ndim == _VOLUME else image[..., None]
        tensor = torch.from_numpy(np.require(volume, requirements=["C", "W"]))
        with _by_itself(drawn["seed"]):
            try:
                changed = self._built()(tensor)
            except (ValueError, RuntimeError, FloatingPointError, IndexError) as error:
                msg = f"augmentation 'torchio': {self.transform} cannot work on images of {'x'.join(map(str, image.shape[1:]))} voxels: {error}"
                raise ComponentError(msg) from error
        if changed.shape != volume.shape:
            msg = f"augmentation 'torchio': {self.transform} makes {tuple(changed.shape)} of {volume.shape}; an augmentation keeps the shape."
            raise ComponentError(msg)
        return np.ascontiguousarray(changed.numpy(), np.float32).reshape(image.shape)

    def _built(self) -> Callable[[torch.Tensor], torch.Tensor]:
        known = extra("torchio", "augmentation 'torchio'", "augment")
        names = [name for name in dir(known) if name.startswith("Random")]
        if self.transform not in names:
            msg = f"augmentation 'torchio': no transform {self.transform!r}: {did_you_mean(self.transform, names)}."
            raise ComponentError(msg)
        try:
            built: Callable[[torch.Tensor], torch.Tensor] = getattr(known, self.transform)(**self.options)
        except (TypeError, ValueError) as error:
            msg = f"augmentation 'torchio': {self.transform} does not take {self.options}: {error}"
            raise ComponentError(msg) from error
        return built


@contextmanager
def _by_itself(seed: int) -> Iterator[None]:
    """Lend TorchIO the generator and the threads that everybody shares; its powers depend on how many threads there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said once a sample, of what was asked for by name
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)

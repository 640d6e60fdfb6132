"""Conformance kits: what the house relies on in a network and in an extraction, checked on one of your own.

Each check raises an AssertionError with a sentence that says what was wanted and what was found.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from fimbria.data.extraction import Choosy, Location, put_back, take
from fimbria.learning.training.devices import seeded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from fimbria.data.extraction import Extraction
    from fimbria.geometry import Shape

_SIZES = {
    2: ((1, 32, 32), (1, 33, 27), (3, 40, 35)),
    3: ((1, 32, 32, 32), (1, 33, 27, 30), (2, 20, 23, 19)),
}
_CLOSE = 1e-4  # of outputs: batches of other sizes are summed in another order


def check_network(factory: Callable[..., nn.Module], *, dimensions: Sequence[int] = (2, 3)) -> None:
    """Check that a network can be trained, kept and opened again.

    Parameters
    ----------
    factory
        Called as ``factory(input_size=(channel, ...), output_size=outputs)``; bind other options beforehand.
    dimensions
        Axes of space that it takes.

    Raises
    ------
    AssertionError
        When for an image of even or odd sides it cannot be built or does not give ``(sample, output)``; a parameter has
        no finite gradient; a batch of one cannot be trained; the same seed gives other weights; a batch has gone
        through batch norm while it was built; it is not deterministic in evaluation, or says of a sample something that
        depends on its batch; or its weights, kept as safetensors and opened in a new one, do not say the same.
    """
    for axes in dimensions:
        for input_size in _SIZES[axes]:
            for output_size in (2, 5):
                network = _built(factory, input_size, output_size)
                _check_as_built(network, factory, input_size, output_size)
                _check_training(network, input_size, output_size)
                _check_evaluation(network, input_size)
            _check_kept(network, _built(factory, input_size, output_size, seed=1), input_size)


def check_extraction(extraction: Extraction, shape: Shape) -> None:
    """Check that an extraction cuts images of a shape as it says.

    Parameters
    ----------
    extraction
        What is checked.
    shape
        Of the image, ``(x, y, z)``.

    Raises
    ------
    AssertionError
        When there is no part; a part lies outside the image, shares its number with another, or does not have the shape
        it promises or that of the others; what is outside its mask or padded is not 0; a second call says otherwise; parts
        put back are not the image; or, of one that is `Choosy`, it chooses no part, or one that is not there.
    """
    locations = list(extraction.locations(shape))
    _require(bool(locations), f"at least one part of an image {_text(shape)} was wanted, none was given")
    for location in locations:
        _check_inside(location, shape)
    numbers = [location.index for location in locations]
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    _require(not twice, f"every part needs a number of its own; {twice} stand there more than once")
    again = [(location.index, location.box, location.padding) for location in extraction.locations(shape)]
    first = [(location.index, location.box, location.padding) for location in locations]
    _require(again == first, "the same parts were wanted from a second call, others were given")
    image = np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)
    _check_parts(locations, image)
    if isinstance(extraction, Choosy):
        _check_chosen(extraction, locations, image)


def _check_parts(locations: Sequence[Location], image: NDArray[np.float32]) -> None:
    parts = [take(image, location) for location in locations]
    for part, location in zip(parts, locations, strict=True):
        promised = location.shape
        _require(part.shape == promised, f"part {location.index} promises {promised} and is {part.shape}")
        inside = np.broadcast_to(True if location.inside is None else location.inside, part.shape)
        _require(
            bool((part[~inside] == 0).all()),
            f"part {location.index} should be 0 outside its mask and where it is padded",
        )
    shapes = sorted({part.shape for part in parts})
    _require(len(shapes) == 1, f"parts of one shape were wanted, so that they can share a batch; these have {shapes}")
    covered = put_back([np.ones_like(part) for part in parts], locations, image.shape) > 0
    expected = np.where(covered, image, 0)
    _require(
        np.array_equal(put_back(parts, locations, image.shape), expected),
        "parts that are put back should be the image where they cover it, and they are not",
    )


def _check_chosen(extraction: Choosy, locations: Sequence[Location], image: NDArray[np.float32]) -> None:
    for filled in (image, np.zeros_like(image)):
        chosen = list(extraction.chosen(filled, float(filled.mean()), locations))
        known = chosen == sorted(set(chosen)) and set(chosen) <= set(range(len(locations)))
        _require(known, f"places of {len(locations)} parts, in order and each once, were to be chosen, not {chosen}")
        _require(bool(chosen), "at least one part was to be chosen of every image, also of an empty one; none was")
        everything = extraction.choosy or len(chosen) == len(locations)
        _require(everything, "an extraction that is not choosy should choose every part, and leaves some out")


def _built(factory: Callable[..., nn.Module], input_size: Shape, output_size: int, seed: int = 0) -> nn.Module:
    with seeded(seed):
        try:
            return factory(input_size=input_size, output_size=output_size)
        except Exception as error:
            msg = f"a network for images {_text(input_size)} and {output_size} outputs was wanted, building it gave {error!r}"
            raise AssertionError(msg) from error


def _check_as_built(network: nn.Module, factory: Callable[..., nn.Module], input_size: Shape, output_size: int) -> None:
    first, again = network.state_dict(), _built(factory, input_size, output_size).state_dict()
    same = first.keys() == again.keys() and all(torch.equal(first[name], again[name]) for name in first)
    _require(same, "the same seed should give the same weights, and gave others")
    used = [name for name, value in first.items() if name.endswith("num_batches_tracked") and int(value)]
    _require(not used, f"no batch should go through a network while it is built; one went through {', '.join(used)}")


def _check_training(network: nn.Module, input_size: Shape, output_size: int) -> None:
    for samples in (2, 1):
        network.train()
        network.zero_grad()
        with seeded(samples):
            outputs = _said(network, _images(samples, input_size))
        found = tuple(outputs.shape)
        where = f"for {samples} images {_text(input_size)} in training"
        _require(found == (samples, output_size), f"outputs {(samples, output_size)} were wanted {where}, not {found}")
        outputs.square().sum().backward()  # type: ignore[no-untyped-call]  # torch's own
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                _require(
                    parameter.grad is not None, f"every parameter should be learnt; {name} has no gradient {where}"
                )
                finite = parameter.grad is not None and bool(torch.isfinite(parameter.grad).all())
                _require(finite, f"finite gradients were wanted {where}; {name} has others")


@torch.inference_mode()
def _check_evaluation(network: nn.Module, input_size: Shape) -> None:
    network.eval()
    images = _images(3, input_size)
    together = _said(network, images)
    where = f"for images {_text(input_size)}"
    _require(
        torch.equal(_said(network, images), together), f"in evaluation the same was wanted twice {where}, and differs"
    )
    alone = torch.cat([_said(network, image[None]) for image in images])
    independent = torch.allclose(alone, together, rtol=_CLOSE, atol=_CLOSE)
    _require(independent, f"what is said of an image should not depend on the batch it is in; {where} it does")


@torch.inference_mode()
def _check_kept(network: nn.Module, other: nn.Module, input_size: Shape) -> None:
    images = _images(2, input_size)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        try:
            save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)
            other.load_state_dict(load_file(path))
        except (RuntimeError, ValueError, TypeError) as error:
            msg = f"weights that can be kept as safetensors and opened again were wanted; that gave {error}"
            raise AssertionError(msg) from error
    same = torch.equal(_said(network.eval(), images), _said(other.eval(), images))
    _require(same, "weights opened in a new network should say what they said, and say something else")


def _check_inside(location: Location, shape: Shape) -> None:
    name = f"part {location.index}"
    _require(len(location.box) == len(shape), f"{name} needs a slice for each of {len(shape)} axes, not {location.box}")
    for axis, (side, length) in enumerate(zip(location.box, shape, strict=True)):
        inside = side.step in {None, *range(1, length + 1)} and 0 <= side.start < side.stop <= length
        _require(inside, f"{name} should lie inside the image: axis {axis} has {length} voxels, its box is {side}")
    box = location.sides
    mask = box if location.mask is None else location.mask.shape
    _require(mask == box, f"the mask of {name} should have the shape of its box {box}, not {mask}")
    padding = [(0, 0)] * len(shape) if location.padding is None else list(location.padding)
    padded = len(padding) == len(shape) and all(len(ends) == 2 and min(ends) >= 0 for ends in padding)  # noqa: PLR2004  (both ends)
    _require(
        padded, f"{name} should say how many voxels, 0 or more, are added before and after each axis, not {padding}"
    )
    flat = location.flat is None or (box[location.flat] == 1 and not any(padding[location.flat]))
    _require(flat, f"{name} drops axis {location.flat}, so its box should have one voxel there, not {box}")
    finite = bool(np.isfinite(location.background))
    _require(finite, f"the background of {name} should be a number, not {location.background}")


def _said(network: nn.Module, images: Tensor) -> Tensor:
    try:
        outputs: Tensor = network(images)
    except Exception as error:
        mode = "training" if network.training else "evaluation"
        msg = f"outputs for a batch of {len(images)} images {_text(tuple(images.shape[1:]))} in {mode} were wanted, it gave {error!r}"
        raise AssertionError(msg) from error
    return outputs


def _images(samples: int, input_size: Shape) -> Tensor:
    return torch.rand((samples, *input_size), generator=torch.Generator().manual_seed(samples))


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))


def _require(holds: bool, sentence: str) -> None:  # noqa: FBT001  (the condition itself)
    if not holds:
        raise AssertionError(sentence)

"""Conformance kits: what the house relies on in a network and in an extraction, checked on one of your own.

Each check raises an AssertionError with a sentence that says what was wanted and what was found.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from fimbria.data.extraction import Choosy, Location, put_back, take
from fimbria.learning.networks.network import to_be_filled
from fimbria.learning.outputs import Domains, Variational, parted
from fimbria.learning.training.devices import seeded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from fimbria.data.extraction import Extraction
    from fimbria.geometry import Shape

    Outputs: TypeAlias = Tensor | Variational | Domains

_SIZES = {
    2: ((1, 32, 32), (1, 33, 27), (3, 40, 35)),
    3: ((1, 32, 32, 32), (1, 33, 27, 30), (2, 20, 23, 19)),
}
_OUTPUTS = (2, 5)
_COLUMNS = 3  # of covariates, where nobody says how many
_CLOSE = 1e-4  # of outputs: batches of other sizes are summed in another order


def check_network(
    factory: Callable[..., nn.Module],
    input_sizes: Sequence[Shape] | None = None,
    output_size: int | None = None,
    *,
    dimensions: Sequence[int] = (2, 3),
    **options: object,
) -> None:
    """Check that a network can be trained, kept and opened again.

    Parameters
    ----------
    factory
        Called as ``factory(input_size=(channel, ...), output_size=outputs, **options)``. One that does not ask for
        `output_size` gives an image back. One that asks for `covariates` is called with images and ``(sample, column)``.
    input_sizes
        Sizes ``(channel, ...)`` to try; left out, some small ones with even and with odd sides.
    output_size
        How many outputs to try; left out, 2 and 5.
    dimensions
        Axes of space that it takes, where `input_sizes` are left out.
    **options
        Its options.

    Raises
    ------
    AssertionError
        When for an image of these sizes it cannot be built, also without memory on torch's meta device; it does not give
        ``(sample, output)``, an image as it was given, `Variational`, or in training `Domains`; what it gives is not
        finite; a parameter has no finite gradient, and the network has no attribute ``not_learnt`` that gives, under the
        parameter's name, the reason; a batch of one cannot be trained; the same seed gives other weights or outputs; a
        batch has gone through batch norm while it was built; it is not deterministic in evaluation, or says of a sample
        something that depends on its batch; or its weights, kept as safetensors and opened in a new one, do not say the
        same.
    """
    for input_size in input_sizes or [size for axes in dimensions for size in _SIZES[axes]]:
        trials = [_Trial(factory, tuple(input_size), outputs, options) for outputs in _OUTPUTS]
        if output_size is not None or trials[0].reconstructs:
            trials = [_Trial(factory, tuple(input_size), output_size or _OUTPUTS[0], options)]
        for trial in trials:
            network = trial.build()
            _check_as_built(network, trial)
            _check_training(network, trial)
            _check_evaluation(network, trial)
        _check_kept(network, to_be_filled(partial(trial.build, seed=1)), trial)


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
    require(bool(locations), f"at least one part of an image {_text(shape)} was wanted, none was given")
    for location in locations:
        _check_inside(location, shape)
    numbers = [location.index for location in locations]
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    require(not twice, f"every part needs a number of its own; {twice} stand there more than once")
    again = [(location.index, location.box, location.padding) for location in extraction.locations(shape)]
    first = [(location.index, location.box, location.padding) for location in locations]
    require(again == first, "the same parts were wanted from a second call, others were given")
    image = np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)
    _check_parts(locations, image)
    if isinstance(extraction, Choosy):
        _check_chosen(extraction, locations, image)


def _check_parts(locations: Sequence[Location], image: NDArray[np.float32]) -> None:
    parts = [take(image, location) for location in locations]
    for part, location in zip(parts, locations, strict=True):
        promised = location.shape
        require(part.shape == promised, f"part {location.index} promises {promised} and is {part.shape}")
        inside = np.broadcast_to(True if location.inside is None else location.inside, part.shape)
        require(
            bool((part[~inside] == 0).all()),
            f"part {location.index} should be 0 outside its mask and where it is padded",
        )
    shapes = sorted({part.shape for part in parts})
    require(len(shapes) == 1, f"parts of one shape were wanted, so that they can share a batch; these have {shapes}")
    covered = put_back([np.ones_like(part) for part in parts], locations, image.shape) > 0
    expected = np.where(covered, image, 0)
    require(
        np.array_equal(put_back(parts, locations, image.shape), expected),
        "parts that are put back should be the image where they cover it, and they are not",
    )


def _check_chosen(extraction: Choosy, locations: Sequence[Location], image: NDArray[np.float32]) -> None:
    for filled in (image, np.zeros_like(image)):
        chosen = list(extraction.chosen(filled, float(filled.mean()), locations))
        known = chosen == sorted(set(chosen)) and set(chosen) <= set(range(len(locations)))
        require(known, f"places of {len(locations)} parts, in order and each once, were to be chosen, not {chosen}")
        require(bool(chosen), "at least one part was to be chosen of every image, also of an empty one; none was")
        everything = extraction.choosy or len(chosen) == len(locations)
        require(everything, "an extraction that is not choosy should choose every part, and leaves some out")


@dataclass(frozen=True)
class _Trial:
    """A network as it is built once, and what it is given."""

    factory: Callable[..., nn.Module]
    input_size: Shape
    output_size: int
    options: Mapping[str, object]

    @property
    def reconstructs(self) -> bool:
        return not self._asks("output_size")

    def build(self, seed: int = 0) -> nn.Module:
        given = {"input_size": self.input_size, "output_size": self.output_size}
        if columns := self._columns():
            given["covariates"] = columns
        passed = {name: value for name, value in given.items() if self._asks(name)}
        with seeded(seed):
            try:
                return self.factory(**{**passed, **self.options})
            except Exception as error:
                msg = f"a network for images {_text(self.input_size)} and {self.output_size} outputs was wanted, building it gave {error!r}"
                raise AssertionError(msg) from error

    def inputs(self, samples: int) -> tuple[Tensor, ...]:
        """Give images, and covariates where it asks for them."""
        generator = torch.Generator().manual_seed(samples)
        images = torch.rand((samples, *self.input_size), generator=generator)
        columns = self._columns()
        return (images, torch.randn((samples, columns), generator=generator)) if columns else (images,)

    def _columns(self) -> int:
        if not self._asks("covariates", also_any=False):
            return 0
        bound = inspect.signature(self.factory).parameters["covariates"].default
        said = self.options.get("covariates", bound)
        return said if isinstance(said, int) else _COLUMNS

    def _asks(self, name: str, *, also_any: bool = True) -> bool:
        asked = inspect.signature(self.factory).parameters
        any_name = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in asked.values())
        return name in asked or (also_any and any_name)


def _check_as_built(network: nn.Module, trial: _Trial) -> None:
    other = trial.build()
    first, again = network.state_dict(), other.state_dict()
    same = first.keys() == again.keys() and all(torch.equal(first[name], again[name]) for name in first)
    require(same, "the same seed should give the same weights, and gave others")
    used = [name for name, value in first.items() if name.endswith("num_batches_tracked") and int(value)]
    require(not used, f"no batch should go through a network while it is built; one went through {', '.join(used)}")
    with torch.device("meta"):
        try:
            empty = trial.build()
        except AssertionError as error:
            msg = f"on torch's meta device, where networks are counted without memory, {error}"
            raise AssertionError(msg) from error
    held = [name for name, parameter in empty.named_parameters() if not parameter.is_meta]
    require(not held, f"no memory should be taken on torch's meta device; {', '.join(held)} took some")
    shapes, wanted = ({name: value.shape for name, value in one.state_dict().items()} for one in (empty, network))
    require(shapes == wanted, "the same tensors were wanted on torch's meta device as elsewhere, others were given")


def _check_training(network: nn.Module, trial: _Trial) -> None:
    for samples in (2, 1):
        where = f"for {samples} images {_text(trial.input_size)} in training"
        outputs = _learning(network, trial, samples)
        _check_outputs(outputs, trial, samples, where)
        torch.stack([tensor.square().sum() for tensor in parted(outputs)]).sum().backward()  # type: ignore[no-untyped-call]  # torch's own
        excused: Mapping[str, str] = getattr(network, "not_learnt", {})
        learnt = {name: one.grad for name, one in network.named_parameters() if one.requires_grad}
        missing = [name for name, gradient in learnt.items() if gradient is None and not excused.get(name)]
        has = "has" if len(missing) == 1 else "have"
        require(not missing, f"every parameter should be learnt; {', '.join(missing)} {has} no gradient {where}")
        wild = [
            name for name, gradient in learnt.items() if gradient is not None and not torch.isfinite(gradient).all()
        ]
        has = "has" if len(wild) == 1 else "have"
        require(not wild, f"finite gradients were wanted {where}; {', '.join(wild)} {has} others")
    with torch.no_grad():
        pairs = zip(*(parted(_learning(trial.build(), trial, 2)) for _ in range(2)), strict=True)
        same = all(torch.equal(one, other) for one, other in pairs)
    require(same, f"the same seed should give the same outputs {where}, and gave others")


def _learning(network: nn.Module, trial: _Trial, samples: int) -> Outputs:
    """Give what a network says in the training of an epoch, with no gradient left from before."""
    network.train()
    network.zero_grad()
    if callable(at_epoch := getattr(network, "at_epoch", None)):
        at_epoch(1)
    with seeded(samples):
        return _said(network, trial.inputs(samples))


def _check_outputs(outputs: Outputs, trial: _Trial, samples: int, where: str) -> None:
    image = (samples, *trial.input_size)
    wanted = image if trial.reconstructs else (samples, trial.output_size)
    match outputs:
        case Variational():
            latent = tuple(outputs.mu.shape)
            require(latent[:1] == (samples,), f"a mu of {samples} samples was wanted {where}, not {latent}")
            expected = {"image": image, "mu": latent, "log_variance": latent}
        case Domains():
            require(where.endswith("training"), f"outputs {wanted} alone were wanted {where}, not those of two domains")
            expected = {"source": wanted, "target": wanted, "domain": (samples, 2)}
        case _:
            expected = {"outputs": wanted}
    for (name, shape), tensor in zip(expected.items(), parted(outputs), strict=True):
        found = tuple(tensor.shape)
        require(found == shape, f"{name} {shape} were wanted {where}, not {found}")
        require(bool(torch.isfinite(tensor).all()), f"finite {name} were wanted {where}, others were given")


@torch.inference_mode()
def _check_evaluation(network: nn.Module, trial: _Trial) -> None:
    network.eval()
    inputs = trial.inputs(3)
    together = _said(network, inputs)
    where = f"for images {_text(trial.input_size)}"
    _check_outputs(together, trial, 3, f"for 3 images {_text(trial.input_size)} in evaluation")
    again = parted(_said(network, inputs))
    same = all(torch.equal(one, other) for one, other in zip(parted(together), again, strict=True))
    require(same, f"in evaluation the same was wanted twice {where}, and differs")
    apart = [parted(_said(network, tuple(one[sample, None] for one in inputs))) for sample in range(3)]
    alone = [torch.cat(parts) for parts in zip(*apart, strict=True)]
    independent = all(
        torch.allclose(one, other, rtol=_CLOSE, atol=_CLOSE) for one, other in zip(alone, parted(together), strict=True)
    )
    require(independent, f"what is said of an image should not depend on the batch it is in; {where} it does")


@torch.inference_mode()
def _check_kept(network: nn.Module, other: nn.Module, trial: _Trial) -> None:
    inputs = trial.inputs(2)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        try:
            save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)
            other.load_state_dict(load_file(path))
        except (RuntimeError, ValueError, TypeError) as error:
            msg = f"weights that can be kept as safetensors and opened again were wanted; that gave {error}"
            raise AssertionError(msg) from error
    said = (parted(_said(one.eval(), inputs)) for one in (network, other))
    same = all(torch.equal(one, again) for one, again in zip(*said, strict=True))
    require(same, "weights opened in a new network should say what they said, and say something else")


def _check_inside(location: Location, shape: Shape) -> None:
    name = f"part {location.index}"
    require(len(location.box) == len(shape), f"{name} needs a slice for each of {len(shape)} axes, not {location.box}")
    for axis, (side, length) in enumerate(zip(location.box, shape, strict=True)):
        inside = side.step in {None, *range(1, length + 1)} and 0 <= side.start < side.stop <= length
        require(inside, f"{name} should lie inside the image: axis {axis} has {length} voxels, its box is {side}")
    box = location.sides
    mask = box if location.mask is None else location.mask.shape
    require(mask == box, f"the mask of {name} should have the shape of its box {box}, not {mask}")
    padding = [(0, 0)] * len(shape) if location.padding is None else list(location.padding)
    padded = len(padding) == len(shape) and all(len(ends) == 2 and min(ends) >= 0 for ends in padding)  # noqa: PLR2004  (both ends)
    require(
        padded, f"{name} should say how many voxels, 0 or more, are added before and after each axis, not {padding}"
    )
    flat = location.flat is None or (box[location.flat] == 1 and not any(padding[location.flat]))
    require(flat, f"{name} drops axis {location.flat}, so its box should have one voxel there, not {box}")
    finite = bool(np.isfinite(location.background))
    require(finite, f"the background of {name} should be a number, not {location.background}")


def _said(network: nn.Module, inputs: tuple[Tensor, ...]) -> Outputs:
    mode = "training" if network.training else "evaluation"
    batch = f"a batch of {len(inputs[0])} images {_text(tuple(inputs[0].shape[1:]))} in {mode}"
    try:
        outputs: Outputs = network(*inputs)
    except Exception as error:
        msg = f"outputs for {batch} were wanted, it gave {error!r}"
        raise AssertionError(msg) from error
    known = isinstance(outputs, (torch.Tensor, Variational, Domains))
    require(known, f"a Tensor, Variational or Domains was wanted for {batch}, not {type(outputs).__name__}")
    return outputs


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))


def require(holds: bool, sentence: str) -> None:  # noqa: FBT001  (the condition itself)
    """Stop the check if this does not hold, with a sentence that says what was wanted and what was found."""
    if not holds:
        raise AssertionError(sentence)

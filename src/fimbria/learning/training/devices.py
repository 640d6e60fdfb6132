"""Devices, precision and processes, by Lightning Fabric; randomness that follows from numbers, not from history."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from torch import Tensor
from torch.overrides import TorchFunctionMode

from fimbria.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fimbria.experiment.experiment import Compute

_NAMES = ("input", "weight")  # what torch calls the first arguments of a convolution
_CONVOLUTIONS = frozenset({torch.conv2d, torch.conv3d, torch.conv_transpose2d, torch.conv_transpose3d})
_PRECISIONS: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "32": "32-true",
    "bf16": "bf16-mixed",
    "16": "16-mixed",
}


def fabric_for(compute: Compute) -> Fabric:
    """Give the device, precision and processes that an experiment asks for.

    Raises
    ------
    InputError
        When the machine does not have them.
    """
    if compute.devices > 1:
        msg = f"compute.devices = {compute.devices}: training on several devices is not possible yet. Use 1."
        raise InputError(msg)
    if compute.accelerator == "cuda" and not torch.cuda.is_available():
        msg = "compute.accelerator = cuda, and PyTorch finds no CUDA device. Use cpu, or look at `fimbria doctor`."
        raise InputError(msg)
    if compute.accelerator == "mps" and not torch.backends.mps.is_available():
        msg = "compute.accelerator = mps, and PyTorch finds no Apple GPU. Use cpu, or look at `fimbria doctor`."
        raise InputError(msg)
    if compute.precision == "16" and (compute.accelerator == "cpu" or not _has_gpu()):
        msg = "compute.precision = 16 needs a GPU; on this machine use bf16 or 32."
        raise InputError(msg)
    if compute.precision == "bf16" and (compute.accelerator == "cpu" or not _has_gpu()):
        return Fabric(accelerator="cpu", devices=1, plugins=[_HalvedOnProcessor("bf16-mixed", device="cpu")])
    return Fabric(accelerator=compute.accelerator, devices=1, precision=_PRECISIONS[compute.precision])


class _SmallMapsIn32Bits(TorchFunctionMode):
    """Lets convolutions whose images are hardly larger than their kernels compute in 32 bits where autocast halves them.

    On a processor PyTorch's own in bf16 (2.13, oneDNN) read and write memory that is not theirs where a side is shorter than
    the kernel, as behind the last pooling of a small image: gradients are then no numbers, or wrong ones, or the process
    ends. Such images are cheap, so up to twice the kernel nothing is risked.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,  # noqa: ANN401  (torch says of these three no more)
        args: Any = (),  # noqa: ANN401
        kwargs: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        options = kwargs or {}
        if func not in _CONVOLUTIONS or not torch.is_autocast_enabled("cpu") or not _are_small(args, options):
            return func(*args, **options)
        with torch.autocast("cpu", enabled=False):
            return func(
                *(_in_32_bits(one) for one in args), **{name: _in_32_bits(one) for name, one in options.items()}
            )


class _HalvedOnProcessor(MixedPrecision):
    """bf16 where a processor can be trusted with it."""

    @contextmanager
    def forward_context(self) -> Iterator[None]:
        """Halve the bits of what a network computes, but of small images."""
        with super().forward_context(), _SmallMapsIn32Bits():
            yield


def _are_small(args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    """Tell whether a side of the images is shorter than two kernels; they may stand by their names, or be one image."""
    images, weight = (args[place] if len(args) > place else options[name] for place, name in enumerate(_NAMES))
    kernels = weight.shape[2:]
    return any(side < 2 * kernel for side, kernel in zip(images.shape[-len(kernels) :], kernels, strict=True))


def _in_32_bits(value: object) -> object:
    return value.float() if isinstance(value, Tensor) else value


@contextmanager
def arithmetic(compute: Compute) -> Iterator[None]:
    """Set threads and determinism for the time of a run, and put them back."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    try:
        if compute.threads:
            torch.set_num_threads(compute.threads)
        # Operations without a deterministic twin (3-D max-pooling on CUDA) warn and run.
        torch.use_deterministic_algorithms(compute.deterministic, warn_only=True)
        torch.backends.cudnn.benchmark = not compute.deterministic
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark


def _has_gpu() -> bool:
    return torch.cuda.is_available() or torch.backends.mps.is_available()


@contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Make what is drawn inside a function of `numbers` alone, and leave the outer random state as it was."""
    digest = hashlib.sha256(",".join(map(str, numbers)).encode()).digest()
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int.from_bytes(digest[:8], "little", signed=True))
        yield


def facts() -> dict[str, Any]:
    """Describe what decides the last bits of a result: torch, threads, device."""
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda,
        "gpu": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }

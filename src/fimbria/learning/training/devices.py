"""Devices, precision and processes, by Lightning Fabric; randomness that follows from numbers, not from history."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import torch
from lightning_fabric import Fabric

from fimbria.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fimbria.experiment.experiment import Compute

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
    has_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    if compute.precision == "16" and (compute.accelerator == "cpu" or not has_gpu):
        msg = "compute.precision = 16 needs a GPU; on this machine use bf16 or 32."
        raise InputError(msg)
    return Fabric(accelerator=compute.accelerator, devices=1, precision=_PRECISIONS[compute.precision])


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

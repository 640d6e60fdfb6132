"""How this machine and this installation are, and whether a MAPS is whole."""

from __future__ import annotations

import importlib.util
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimbria.learning.training.devices import facts
from fimbria.provenance import environment, free_bytes
from fimbria.results.maps.integrity import damage
from fimbria.results.maps.maps import Maps

if TYPE_CHECKING:
    from fimbria.errors import Problem

EXTRAS = {"preprocess": ("SimpleITK", "t1-linear from raw scans")}
_SHOWN = ("torch", "lightning-fabric", "numpy", "scipy", "pandas", "nibabel", "pydantic", "safetensors")


def doctor() -> dict[str, Any]:
    """Describe versions, devices, memory, disk and optional parts.

    Returns
    -------
    dict
        ``environment``, ``packages``, ``devices``, ``disk_free_gb``, ``extras`` (installed or how to install).
    """
    extras = {
        name: {
            "for": purpose,
            "installed": importlib.util.find_spec(module) is not None,
            "install": f'pip install "fimbria[{name}]"',
        }
        for name, (module, purpose) in EXTRAS.items()
    }
    return {
        "environment": environment(),
        "packages": {name: metadata.version(name) for name in _SHOWN},
        "devices": facts(),
        "disk_free_gb": round(free_bytes(Path.cwd()) / 1e9, 1),
        "extras": extras,
    }


def examine(folder: str | Path) -> list[Problem]:
    """Compare every file of a MAPS with its checksum; give what is damaged or missing."""
    return damage(Maps(Path(folder)).paths)

"""The brain that ships with Fimbria: the average head MNI152NLin2009cSym, 1 mm, and its brain mask.

The T1-weighted average is kept in 256 grey levels, with the notice its licence asks for (``resources/COPYING``).

References
----------
Fonov, V. S. et al. (2009). Unbiased nonlinear average age-appropriate brain templates from birth to adulthood.
NeuroImage 47, S102. doi:10.1016/S1053-8119(09)70884-5
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from fimbria.data.images import nifti
from fimbria.data.images.nifti import Image

if TYPE_CHECKING:
    from fimbria.geometry import Box

SPACE = "MNI152NLin2009cSym"
CROP: Box = (slice(12, 181), slice(13, 221), slice(0, 179))  # what Clinica keeps of 193 x 229 x 193: 169 x 208 x 179


@cache
def head() -> Image:
    """Give the average T1-weighted head, ``(193, 229, 193)``, float32 in 0-255, 1 mm, RAS+."""
    return _shipped(f"tpl-{SPACE}_res-1_T1w.nii.gz")


@cache
def brain_mask() -> Image:
    """Give its brain mask, ``(193, 229, 193)``, bool."""
    mask = _shipped(f"tpl-{SPACE}_res-1_desc-brain_mask.nii.gz")
    return Image(mask.array > 0, mask.grid)


def crop(image: Image) -> Image:
    """Cut an image on the template's grid to the 169 x 208 x 179 voxels that networks usually see."""
    return Image(image.array[CROP], image.grid.cropped(CROP))


def _shipped(name: str) -> Image:
    with resources.as_file(resources.files("fimbria.data.images") / "resources" / name) as path:
        image = nifti.read(path)
    image.array.setflags(write=False)
    return image

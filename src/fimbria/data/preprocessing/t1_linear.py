"""t1-linear: a raw T1-weighted scan, its bias divided out, laid on MNI152NLin2009cSym by an affine transform.

File names are Clinica's, so that what is written here is read wherever its output is.

References
----------
Routier, A. et al. (2021). Clinica: an open-source software platform for reproducible clinical neuroscience studies.
Frontiers in Neuroinformatics 15, 689675. doi:10.3389/fninf.2021.689675
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimbria.atomic import write_bytes
from fimbria.data.images import nifti, template
from fimbria.data.images.nifti import Image
from fimbria.data.preprocessing import registration
from fimbria.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fimbria.data.preprocessing.registration import ItkTransform

LEAST_SIMILARITY = 0.40
DETERMINANTS = (0.4, 1.3)
MOST_DISAGREEMENT = 0.02  # of 30 real scans none exceeds 0.003


@dataclass(frozen=True)
class Alignment:
    """How well a scan lies on the template.

    Attributes
    ----------
    similarity
        Pearson correlation of the result with the template, within the brain.
    determinant
        Of the affine matrix from template to scan: the head's volume as a share of the template's.
    disagreement
        Best minus worst mutual information (nats) among the starts of the search.
    """

    similarity: float
    determinant: float
    disagreement: float

    @property
    def alarms(self) -> tuple[str, ...]:
        """What speaks against the result, one sentence each; none of them is a proof."""
        low, high = DETERMINANTS
        found = []
        if self.similarity < LEAST_SIMILARITY:
            found.append(
                f"the brain correlates with the template's by {self.similarity:.2f} only "
                f"({LEAST_SIMILARITY:.2f} or more was expected)."
            )
        if not low <= self.determinant <= high:
            found.append(
                f"the head has {self.determinant:.2f} times the volume of the template's "
                f"({low:g} to {high:g} was expected)."
            )
        if self.disagreement > MOST_DISAGREEMENT:
            found.append(
                f"the search ended at different places from different starts (mutual information differs by "
                f"{self.disagreement:.3f}; {MOST_DISAGREEMENT:g} or less was expected)."
            )
        return tuple(found)


@dataclass(frozen=True)
class T1LinearFiles:
    """Where the results of one scan are kept.

    Attributes
    ----------
    cropped
        The image, 169 x 208 x 179 voxels of 1 mm.
    uncropped
        The image on the whole grid of the template, 193 x 229 x 193 voxels of 1 mm.
    transform
        The affine transform, in ITK's MATLAB format: points of the template to points of the scan, mm, LPS+.
    """

    cropped: Path
    uncropped: Path
    transform: Path

    @classmethod
    def of(cls, folder: Path, stem: str) -> T1LinearFiles:
        """Give Clinica's names in `folder`.

        Parameters
        ----------
        folder
            Usually ``CAPS/subjects/sub-<>/ses-<>/t1_linear``.
        stem
            The scan's BIDS entities, for example ``sub-01_ses-M000``.
        """
        start = f"{stem}_space-{template.SPACE}"
        return cls(
            cropped=folder / f"{start}_desc-Crop_res-1x1x1_T1w.nii.gz",
            uncropped=folder / f"{start}_res-1x1x1_T1w.nii.gz",
            transform=folder / f"{start}_res-1x1x1_affine.mat",
        )


def t1_linear(raw: Path, files: T1LinearFiles) -> Alignment:
    """Lay one raw scan on the template and keep the result; the same scan gives the same bytes.

    Parameters
    ----------
    raw
        A T1-weighted head or brain as NIfTI, of any orientation and voxel size.
    files
        Where to write; each file is written whole or not at all.

    Returns
    -------
    Alignment
        How well it went. Its alarms are for the caller to show: the files are written all the same.

    Raises
    ------
    ImageError
        When the scan is missing, broken, not three-dimensional, without contrast, or cannot be laid on the template.
    MissingExtraError
        When SimpleITK is not installed.
    StorageError
        When a file cannot be written.
    """
    scan = _checked(raw)
    head, brain = template.head(), template.brain_mask()
    with registration.one_thread():
        try:
            even = registration.without_bias(registration.to_itk(scan))
            found = registration.register(even, head, brain)
        except ImageError as error:
            msg = f"{raw}: {error}"
            raise ImageError(msg) from error
        laid = Image(registration.resampled(even, found.transform, head.grid), head.grid)
    cropped = template.crop(laid)
    nifti.write(files.uncropped, laid.array, laid.grid)
    nifti.write(files.cropped, cropped.array, cropped.grid)
    _write_transform(files.transform, found.transform)
    return Alignment(similarity(laid, head, brain), found.determinant, found.disagreement)


def similarity(laid: Image, head: Image, brain: Image) -> float:
    """Give Pearson's correlation of two images on one grid within a mask; 0 where either is constant."""
    ours, theirs = (_standardised(image.array[brain.array]) for image in (laid, head))
    return float(np.mean(ours * theirs))


def _checked(raw: Path) -> Image:
    scan = nifti.read(raw)
    wrong = ""
    if not np.isfinite(scan.array).all():
        wrong = "holds voxels that are not numbers (NaN or infinite)"
    elif scan.array.min() == scan.array.max():
        wrong = f"is {scan.array.flat[0]:g} everywhere"
    elif abs(np.linalg.det(scan.grid.affine[:3, :3])) < 1e-6:  # noqa: PLR2004  (mm3: no volume at all)
        wrong = "has a header that gives its voxels no volume (singular affine)"
    if wrong:
        msg = f"{raw} {wrong}; a T1-weighted scan was wanted. Convert it again from the scanner's files."
        raise ImageError(msg)
    return scan


def _write_transform(path: Path, transform: ItkTransform) -> None:
    with tempfile.TemporaryDirectory() as folder:  # ITK takes the format from the suffix, so not beside the target
        written = Path(folder) / "affine.mat"
        registration.simpleitk().WriteTransform(transform, str(written))
        write_bytes(path, written.read_bytes())


def _standardised(values: NDArray[np.float32]) -> NDArray[np.float64]:
    spread = values.std(dtype=np.float64)
    return (values - values.mean(dtype=np.float64)) / spread if spread > 0 else np.zeros(values.shape)

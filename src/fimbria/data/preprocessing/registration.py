"""A head laid on a template by an affine transform, with SimpleITK alone.

Three steps: the slow drift of intensity is divided out (N4), a similarity transform is sought from four starts on a
coarse grid, and the best of them is refined to an affine on finer grids. The metric (mutual information) looks at the
template's brain and a margin around it only, so that a neck, or a skull that was removed, does not pull.

Frames: images and grids come in and go out RAS+ (NIfTI's); inside SimpleITK, and in the transforms, points are LPS+.
A transform maps points of the template to points of the scan, as ITK and ANTs write it.

References
----------
Tustison, N. J. et al. (2010). N4ITK: improved N3 bias correction. IEEE TMI 29(6). doi:10.1109/TMI.2010.2046908
Mattes, D. et al. (2003). PET-CT image registration in the chest using free-form deformations. IEEE TMI 22(1).
doi:10.1109/TMI.2003.809072
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fimbria.data.images.nifti import Image
from fimbria.errors import ImageError
from fimbria.registry import extra

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from numpy.typing import NDArray

    from fimbria.geometry import Grid

ItkImage: TypeAlias = Any  # SimpleITK publishes no types, and may not be there
ItkTransform: TypeAlias = Any
ItkSearch: TypeAlias = Any

MARGIN_MM = 8.0  # around the brain, seen by the metric: some skull and cerebrospinal fluid steady the scale
PITCHES_RAD = (0.0, -0.3)  # heads lie in the scanner straight, or with the chin up
SCALE = 0.85  # where the search begins: this template is larger than people; from 1.0 a long neck is taken for a head
SCALES = (0.7, 1.3)  # a start that ends outside them shrank or blew up the head to fit something else
COARSE_MM, COARSE_SIGMA_MM, COARSE_STEPS = 8.0, 5.0, 100  # with 40 some starts are cut short, and seem to disagree
FINE_MM, FINE_SIGMA_MM, FINE_STEPS, FINE_SHARE = (4.0, 2.0), (2.0, 1.0), 120, 0.25
N4_SHRINK, N4_STEPS = 4, (50, 50, 30)
_BINS = 32
_SEED = 42  # ITK shakes the places where it samples; the same for all, so that the same scan gives the same bytes
_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Registration:
    """How a scan was laid on a template.

    Attributes
    ----------
    transform
        Affine, from points of the template to points of the scan, mm, LPS+.
    disagreement
        Best minus worst mutual information (nats) among the starts that ended with a scale that a head can have.
    """

    transform: ItkTransform
    disagreement: float

    @property
    def determinant(self) -> float:
        """Volume of the head in the scan, as a share of its volume on the template."""
        return float(np.linalg.det(np.reshape(self.transform.GetMatrix(), (3, 3))))


def simpleitk() -> ModuleType:
    """Give SimpleITK.

    Raises
    ------
    MissingExtraError
        When it is not installed.
    """
    return extra("SimpleITK", "t1-linear", "preprocess")


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep SimpleITK to one thread for a while: jobs share the machine, and sums do not depend on their order."""
    process = simpleitk().ProcessObject
    before = process.GetGlobalDefaultNumberOfThreads()
    process.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        process.SetGlobalDefaultNumberOfThreads(before)


def to_itk(image: Image) -> ItkImage:
    """Give an image to SimpleITK: same voxels, positions from RAS+ to LPS+.

    The positions are those of our own reader, so that whatever a header says is understood once.
    """
    array = image.array.astype(np.uint8) if image.array.dtype == np.bool_ else image.array
    itk = simpleitk().GetImageFromArray(np.ascontiguousarray(array.T))
    affine = _LPS @ image.grid.affine
    spacing = np.asarray(image.grid.spacing_mm)
    itk.SetSpacing(spacing.tolist())
    itk.SetOrigin(affine[:3, 3].tolist())
    itk.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    return itk


def without_bias(scan: ItkImage) -> ItkImage:
    """Divide out the slow drift of intensity across a scan (N4), estimated on every fourth voxel, float32.

    Raises
    ------
    ImageError
        When there is nothing to estimate it from.
    """
    itk = simpleitk()
    shrink = [min(N4_SHRINK, max(1, side // 16)) for side in scan.GetSize()]  # thin stacks keep enough slices for a fit
    n4 = itk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(N4_STEPS)
    with _said("corrected for its bias field"):
        small = itk.Shrink(scan, shrink)
        n4.Execute(small, itk.OtsuThreshold(small, 0, 1, 200))
        return itk.Cast(scan / itk.Exp(n4.GetLogBiasFieldAsImage(scan)), itk.sitkFloat32)


def register(scan: ItkImage, head: Image, brain: Image) -> Registration:
    """Find the affine transform that lays a scan on a template.

    Parameters
    ----------
    scan
        A T1-weighted head or brain, float32, of any orientation, spacing and position.
    head
        The template, ``(x, y, z)``.
    brain
        Its brain mask, on the same grid.

    Raises
    ------
    ImageError
        When no start ends with a scale that a head can have, or the scan does not meet the template.
    """
    itk = simpleitk()
    template = to_itk(head)
    distance = itk.SignedMaurerDistanceMap(to_itk(brain), False, False, True)  # mm, > 0 outside
    seen = distance <= MARGIN_MM
    spacing = min(template.GetSpacing())
    with _said("laid on the template"):
        similarity, disagreement = _similarity(template, seen, scan, spacing)
        affine = itk.AffineTransform(3)
        affine.SetCenter(similarity.GetCenter())
        affine.SetMatrix(similarity.GetMatrix())
        affine.SetTranslation(similarity.GetTranslation())
        search = _search(seen, FINE_STEPS)
        search.SetMetricSamplingStrategy(search.REGULAR)
        search.SetMetricSamplingPercentage(FINE_SHARE, _SEED)
        search.SetShrinkFactorsPerLevel([_shrink(side, spacing) for side in FINE_MM])
        search.SetSmoothingSigmasPerLevel(FINE_SIGMA_MM)
        search.SetInitialTransform(affine, inPlace=True)
        search.Execute(template, scan)
    return Registration(affine, disagreement)


def resampled(scan: ItkImage, transform: ItkTransform, grid: Grid) -> NDArray[np.float32]:
    """Read a scan at the voxels of a template's grid, ``(x, y, z)``, linearly; 0 outside of it."""
    itk = simpleitk()
    target = to_itk(Image(np.zeros(grid.shape, dtype=np.uint8), grid))
    laid = itk.Resample(scan, target, transform, itk.sitkLinear, 0.0, itk.sitkFloat32)
    return np.asarray(itk.GetArrayViewFromImage(laid)).T.copy()


@contextmanager
def _said(what: str) -> Iterator[None]:
    """Turn SimpleITK's one kind of error, a page of which the last line counts, into a sentence."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].rpartition("): ")[2].strip().rstrip(".")  # after class and address
        msg = f"the image could not be {what} ({reason}). Is it a T1-weighted head?"
        raise ImageError(msg) from error


def _similarity(template: ItkImage, seen: ItkImage, scan: ItkImage, spacing: float) -> tuple[ItkTransform, float]:
    itk = simpleitk()
    search = _search(seen, COARSE_STEPS)
    search.SetShrinkFactorsPerLevel([_shrink(COARSE_MM, spacing)])
    search.SetSmoothingSigmasPerLevel([0.0])
    blurred = [itk.SmoothingRecursiveGaussian(image, COARSE_SIGMA_MM) for image in (template, scan)]  # once for all
    ends = []
    for start in _starts(template, scan):
        search.SetInitialTransform(start, inPlace=True)
        search.Execute(*blurred)
        ends.append((search.GetMetricValue(), itk.Similarity3DTransform(start)))
    kept = [(value, end) for value, end in ends if SCALES[0] <= end.GetScale() <= SCALES[1]]
    if not kept:
        scales = ", ".join(f"{end.GetScale():.2f}" for _, end in ends)
        msg = (
            f"the image could not be laid on the template: it would have to be scaled by {scales}, "
            f"and heads lie within {SCALES[0]} to {SCALES[1]}. Is it a T1-weighted head, with its voxel size in mm?"
        )
        raise ImageError(msg)
    values = [value for value, _ in kept]
    _, best = min(kept, key=lambda end: end[0])  # ITK minimises: the metric is minus the mutual information
    return best, max(values) - min(values)


def _starts(template: ItkImage, scan: ItkImage) -> Iterator[ItkTransform]:
    itk = simpleitk()
    centre = itk.CenteredTransformInitializerFilter
    for mode in (centre.MOMENTS, centre.GEOMETRY):
        for pitch in PITCHES_RAD:
            centred = itk.CenteredTransformInitializer(template, scan, itk.Similarity3DTransform(), mode)
            start = itk.Similarity3DTransform(centred)
            start.SetRotation((1.0, 0.0, 0.0), pitch)
            start.SetScale(SCALE)
            yield start


def _search(seen: ItkImage, steps: int) -> ItkSearch:
    itk = simpleitk()
    search = itk.ImageRegistrationMethod()
    search.SetNumberOfThreads(1)
    search.SetInterpolator(itk.sitkLinear)
    search.SetMetricAsMattesMutualInformation(_BINS)
    search.SetMetricFixedMask(seen)
    search.SetOptimizerAsRegularStepGradientDescent(2.0, 1e-3, steps, 0.6)  # first step, last step, steps, relaxation
    search.SetOptimizerScalesFromPhysicalShift()
    search.MetricUseMovingImageGradientFilterOff()  # differences where they are asked for: as good, and far fewer
    search.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return search


def _shrink(wanted_mm: float, spacing_mm: float) -> int:
    return max(1, round(wanted_mm / spacing_mm))

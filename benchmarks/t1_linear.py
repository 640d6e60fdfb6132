"""Lay every T1-weighted scan of some BIDS folders on the template; print a table, draw a mosaic.

    python benchmarks/t1_linear.py BIDS [BIDS ...] --out CAPS --jobs 2 --mosaic docs/images/t1-linear-mosaic.png

Results go to ``CAPS/<name of the BIDS folder>/subjects/...``; a scan without a session becomes ``ses-M000``.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
from matplotlib.figure import Figure
from scipy.ndimage import binary_erosion

from fimbria.data.images import nifti, template
from fimbria.data.preprocessing.t1_linear import Alignment, T1LinearFiles, t1_linear
from fimbria.execution import executor, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

COLUMNS = 6
LABEL_PX = 11
LEVELS = 32  # grey levels kept: enough for the eye, and a small file
OUTLINE = (1.0, 0.55, 0.1)


@dataclass(frozen=True)
class Scan:
    """One raw scan and where its results go."""

    dataset: str
    name: str
    raw: Path
    files: T1LinearFiles


@dataclass(frozen=True)
class Timed:
    """How one scan went."""

    seconds: float
    alignment: Alignment


def scans(bids: Path, out: Path) -> list[Scan]:
    found = []
    for raw in sorted([*bids.glob("sub-*/anat/*_T1w.nii.gz"), *bids.glob("sub-*/ses-*/anat/*_T1w.nii.gz")]):
        entities = raw.name.removesuffix("_T1w.nii.gz").split("_")
        if not any(entity.startswith("ses-") for entity in entities):
            entities.insert(1, "ses-M000")
        folder = out / bids.name / "subjects" / entities[0] / entities[1] / "t1_linear"
        stem = "_".join(entities)
        found.append(Scan(bids.name, stem, raw, T1LinearFiles.of(folder, stem)))
    return found


def timed(scan: Scan) -> Timed:
    start = time.perf_counter()
    alignment = t1_linear(scan.raw, scan.files)
    return Timed(time.perf_counter() - start, alignment)


def print_table(rows: Sequence[tuple[Scan, Timed]]) -> None:
    for scan, row in rows:
        found = row.alignment
        print(
            f"{scan.dataset:24} {scan.name:18} {row.seconds:8.1f} {found.similarity:10.3f} "
            f"{found.determinant:11.3f} {found.disagreement:12.4f}  {' '.join(found.alarms)}"
        )
    for dataset in sorted({scan.dataset for scan, _ in rows}):
        of = [row for scan, row in rows if scan.dataset == dataset]
        for what, values in (
            ("seconds", [row.seconds for row in of]),
            ("similarity", [row.alignment.similarity for row in of]),
            ("determinant", [row.alignment.determinant for row in of]),
            ("disagreement", [row.alignment.disagreement for row in of]),
        ):
            print(
                f"{dataset}: {what} {min(values):.4g} to {max(values):.4g}, median {np.median(values):.4g} ({len(of)})"
            )


def views(image: NDArray[Any]) -> list[NDArray[Any]]:
    """Give the middle sagittal, coronal and axial slices, every second voxel, head up."""
    x, y, z = (side // 2 for side in image.shape)
    slices = (image[x - 2], image[:, y], image[:, :, z - 8])  # beside the falx; through the thalamus
    return [cut[::2, ::2].T[::-1] for cut in slices]


def tile(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the three views side by side, ``(row, column, rgb)``, with the template's brain outlined."""
    brain = template.crop(template.brain_mask()).array
    bright = np.percentile(image[brain], 99.5)
    grey = np.round(np.clip(image / bright, 0, 1) * (LEVELS - 1)) / (LEVELS - 1)
    height = max(view.shape[0] for view in views(grey))
    columns = []
    for view, mask in zip(views(grey), views(brain), strict=True):
        coloured = np.repeat(view[..., None], 3, axis=2)
        coloured[mask & ~binary_erosion(mask)] = OUTLINE
        columns.append(np.pad(coloured, ((height - view.shape[0], 0), (0, 0), (0, 0))))
    return np.concatenate(columns, axis=1)


def draw_mosaic(rows: Sequence[tuple[Scan, Timed]], path: Path, note: str) -> None:
    tiles = [("template", tile(template.crop(template.head()).array))]
    for scan, row in rows:
        study = scan.dataset.removeprefix("bids-").removesuffix("-subset")
        label = f"{study} {scan.name.split('_')[0]}  {row.alignment.similarity:.2f}"
        tiles.append((label, tile(nifti.read(scan.files.cropped).array)))
    height, width, _ = tiles[0][1].shape
    lines = -(-len(tiles) // COLUMNS)
    step = height + LABEL_PX
    page = np.zeros((lines * step + LABEL_PX, COLUMNS * width, 3))
    figure = Figure(figsize=(page.shape[1] / 100, page.shape[0] / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for index, (label, drawn) in enumerate(tiles):
        top, left = index // COLUMNS * step + LABEL_PX, index % COLUMNS * width
        page[top : top + height, left : left + width] = drawn
        axes.text(left + 3, top - 2, label, color="white", fontsize=6)
    axes.text(3, page.shape[0] - 3, note, color="white", fontsize=6)
    axes.imshow(page, interpolation="nearest")
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing = BytesIO()
    figure.savefig(drawing)
    palette = PIL.Image.open(drawing).convert("RGB").quantize(2 * LEVELS, dither=PIL.Image.Dither.NONE)
    palette.save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bids", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--mosaic", type=Path)
    parser.add_argument("--note", default="", help="a line under the mosaic: where the images come from")
    options = parser.parse_args()
    everything = [scan for bids in options.bids for scan in scans(bids, options.out)]
    start = time.perf_counter()
    with executor(options.jobs) as pool:
        outcomes = {outcome.item: outcome for outcome in run(timed, everything, pool)}
    print(f"{'data set':24} {'scan':18} {'seconds':>8} {'similarity':>10} {'determinant':>11} {'disagreement':>12}")
    rows = []
    for scan in everything:
        outcome = outcomes[scan]
        if outcome.result is None:
            print(f"{scan.dataset:24} {scan.name:18} {outcome.error}")
        else:
            rows.append((scan, outcome.result))
    print_table(rows)
    print(f"{len(rows)} of {len(everything)} scans in {time.perf_counter() - start:.0f} s with {options.jobs} jobs")
    if options.mosaic:
        draw_mosaic(rows, options.mosaic, options.note)


if __name__ == "__main__":
    main()

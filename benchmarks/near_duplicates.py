"""Is a person recognised under another name, and nobody taken for somebody else? Real images, each remade in many ways.

    python benchmarks/near_duplicates.py CAPS CAPS [--write src/fimbria/data/audit/resources/fingerprint.json]

Takes at least two CAPS of t1-linear, each of one data set. What people have in common is taken from the other data sets
each time, because a user's scanner is new too. Prints similarities of remade images to what they were made from and to
everybody else's, the threshold that follows, and times; `--write` keeps the distributions, and what all of the people
have in common, as the package ships them. No line tells of one person.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from fimbria import atomic
from fimbria.data.audit.fingerprint import (
    BINS,
    DIMENSIONS,
    Disguise,
    Distribution,
    Measured,
    fingerprint,
    matches,
    personal,
    similarity,
    sketch,
)
from fimbria.data.images import nifti, template
from fimbria.data.images.nifti import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CENTRE_MM = np.array([0.0, -15.5, 11.0])
LICENCES = {
    "bids-ds000011": "OpenNeuro ds000011 (PDDL 1.0)",
    "bids-ds002748-subset": "OpenNeuro ds002748, 16 of 72 people (CC0)",
}
HARDEST = "rescan, twice as far"
RULE = "equally many standard deviations from the mean of others and from the mean of the hardest simulated rescan"


def disguises(image: Image, rng: np.random.Generator) -> Iterator[tuple[str, Image]]:
    """Remake an image on the cropped template's grid in eight ways, as a rescan, and in three ways more."""
    array, grid = image.array, image.grid
    yield "affine of 1 %, 0.8 mm", moved(image, rng, 0.01, 0.8)
    yield "gamma 0.7-1.4", Image(with_gamma(array, rng, 1.4), grid)
    yield "noise 5 %", Image(with_noise(array, rng, 0.05), grid)
    yield "bias 15 %", Image(array * bias(array.shape, rng, 0.15), grid)
    yield "2 mm and back", Image(through_2_mm(array), grid)
    yield "left-right flip", Image(array[::-1], grid)
    box = tuple(slice(int(rng.integers(4, 12)), side - int(rng.integers(4, 12))) for side in array.shape)
    yield "crop", Image(array[box], grid.cropped(box))
    yield "int16", Image(np.round(array / array.max() * 1000).astype(np.int16).astype(np.float32), grid)
    yield "rescan", rescanned(image, rng, 1)
    hard = rescanned(image, rng, 2)
    yield HARDEST, hard
    brain = template.crop(template.brain_mask()).array
    yield "skull-stripped", Image(np.where(brain, array, np.float32(0)), grid)
    lower = (slice(None), slice(None), slice(45, None))
    yield "lowest 45 mm cut off", Image(array[lower], grid.cropped(lower))
    inside = array[brain]
    yield "z-scored", Image((array - inside.mean()) / inside.std(), grid)


def rescanned(image: Image, rng: np.random.Generator, times: float) -> Image:
    """Move, bend the contrast, shade and add noise; all of it so many times as strong as alone."""
    there = moved(image, rng, 0.01 * times, 0.8 * times)
    array = with_gamma(there.array, rng, 1 + 0.4 * times) * bias(there.array.shape, rng, 0.15 * times)
    return Image(with_noise(array, rng, 0.05 * times), image.grid)


def moved(image: Image, rng: np.random.Generator, part: float, far_mm: float) -> Image:
    pull = np.eye(4)
    pull[:3, :3] += rng.uniform(-part, part, (3, 3))
    pull[:3, 3] = CENTRE_MM - pull[:3, :3] @ CENTRE_MM + rng.uniform(-far_mm, far_mm, 3)
    voxels = np.linalg.inv(image.grid.affine) @ pull @ image.grid.affine
    return Image(ndimage.affine_transform(image.array, voxels[:3, :3], voxels[:3, 3], order=1), image.grid)


def with_gamma(array: NDArray[np.float32], rng: np.random.Generator, most: float) -> NDArray[np.float32]:
    bright = np.percentile(array[array > 0], 99.5)
    exponent = np.exp(rng.uniform(-np.log(most), np.log(most)))
    return (bright * (array / bright) ** exponent).astype(np.float32)


def with_noise(array: NDArray[np.float32], rng: np.random.Generator, part: float) -> NDArray[np.float32]:
    sigma = np.float32(part * np.percentile(array[array > 0], 95))
    real, imaginary = (sigma * rng.standard_normal(array.shape, dtype=np.float32) for _ in range(2))
    return np.where(array == 0, np.float32(0), np.hypot(array + real, imaginary))


def bias(shape: tuple[int, ...], rng: np.random.Generator, most: float) -> NDArray[np.float32]:
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, side, dtype=np.float32) for side in shape), indexing="ij", sparse=True)
    terms = (x, y, z, x * x, y * y, z * z, x * y, y * z, z * x)
    field = sum(np.float32(weight) * term for weight, term in zip(rng.uniform(-1, 1, len(terms)), terms, strict=True))
    return np.exp(field / np.abs(field).max() * np.float32(most))


def through_2_mm(array: NDArray[np.float32]) -> NDArray[np.float32]:
    half = ndimage.zoom(ndimage.gaussian_filter(array, 0.7), 0.5, order=1)
    return ndimage.zoom(half, np.array(array.shape) / half.shape, order=1)


def sketched(caps: Path, seed: int) -> dict[str, NDArray[np.float64]]:
    """Sketch every image of a data set, as found and remade: ``(people, 512)`` by disguise."""
    kept: dict[str, list[NDArray[np.float64]]] = {}
    for number, path in enumerate(sorted(caps.glob("subjects/*/*/t1_linear/*_desc-Crop_*_T1w.nii.gz"))):
        image = nifti.read(path)
        kept.setdefault("as found", []).append(sketch(image.array, image.grid))
        for name, remade in disguises(image, np.random.default_rng([seed, number])):
            kept.setdefault(name, []).append(sketch(remade.array, remade.grid))
    return {name: np.stack(found) for name, found in kept.items()}


def shared(data_sets: list[dict[str, NDArray[np.float64]]]) -> NDArray[np.float64]:
    """Give what people have in common, ``(2, 256)``: the template's direction, and the mean of some people's."""
    head = template.crop(template.head())
    half = DIMENSIONS // 2
    people = np.concatenate([one["as found"] for one in data_sets])
    return np.stack([sketch(head.array, head.grid)[:half], people.mean(axis=0)[:half]])


def orthonormal(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.qr(directions.T)[0].T


def compared(data_sets: list[dict[str, NDArray[np.float64]]]) -> dict[str, tuple[NDArray, NDArray]]:
    """Give by disguise the similarities of people to themselves, remade, and to the others of their data set."""
    kept: dict[str, tuple[list, list]] = {name: ([], []) for name in data_sets[0]}
    for number, one in enumerate(data_sets):
        common = orthonormal(shared([*data_sets[:number], *data_sets[number + 1 :]]))
        found = personal(one["as found"], common)
        for name, remade in one.items():
            scores = similarity(personal(remade, common), found)
            same = np.eye(len(scores), dtype=bool)
            others = np.triu(~same) if name == "as found" else ~same
            kept[name][0].append(scores[same])
            kept[name][1].append(scores[others])
    return {name: (np.concatenate(same), np.concatenate(others)) for name, (same, others) in kept.items()}


def distribution(scores: NDArray[np.float32]) -> Distribution:
    counts = np.histogram(np.clip(scores, -1, 1), BINS)[0]
    numbers = (scores.min(), scores.max(), scores.mean(), scores.std())
    return Distribution(len(scores), *(round(float(one), 4) for one in numbers), tuple(int(count) for count in counts))


def measure(scores: dict[str, tuple[NDArray, NDArray]], sources: list[str]) -> Measured:
    same = np.concatenate([found for name, (found, _) in scores.items() if name != "as found"])
    others = np.concatenate([found for _, found in scores.values()])
    hard = scores[HARDEST][0]
    threshold = (others.mean() * hard.std() + hard.mean() * others.std()) / (hard.std() + others.std())
    away = (threshold - others.mean()) / others.std()
    rows = [
        Disguise(name, round(float(ours.min()), 3), round(float(theirs.max()), 3))
        for name, (ours, theirs) in scores.items()
        if name != "as found"
    ]
    return Measured(
        threshold=round(float(threshold) * 20) / 20,
        rule=f"{RULE} ({away:.1f}), rounded to 0.05",
        people=len(hard),
        sources=tuple(sources),
        disguises=tuple(rows),
        same=distribution(same),
        others=distribution(others),
    )


def print_table(measured: Measured) -> None:
    print(f"{'':24} {'same person, lowest':>20} {'other people, highest':>22}")
    for one in measured.disguises:
        print(f"{one.name:24} {one.lowest_same:20.2f} {one.highest_other:22.2f}")
    for name, pairs in (("same person", measured.same), ("other people", measured.others)):
        print(
            f"{name}: {pairs.pairs} pairs, {pairs.lowest:.2f} to {pairs.highest:.2f}, mean {pairs.mean:.3f}, sd {pairs.deviation:.3f}"
        )
    print(f"{'similarity':>14} {'same':>6} {'others':>7}")
    for low, high, same, others in zip(BINS, BINS[1:], measured.same.counts, measured.others.counts, strict=False):
        if same or others:
            print(f"{low:6.2f}..{high:5.2f}  {same:6} {others:7}")
    print(f"threshold {measured.threshold}: {measured.rule}")


def print_times(caps: Path, threshold: float) -> None:
    image = nifti.read(next(caps.glob("subjects/*/*/t1_linear/*_desc-Crop_*_T1w.nii.gz")))
    times = []
    for _ in range(9):
        started = time.perf_counter()
        fingerprint(image.array, image.grid)
        times.append(time.perf_counter() - started)
    print(f"one image of {image.grid}: first {times[0]:.3f} s, then {min(times[1:]):.3f} s")
    many = personal(np.random.default_rng(0).standard_normal((20_000, DIMENSIONS)), np.zeros((0, DIMENSIONS // 2)))
    started = time.perf_counter()
    found = len(matches(many, threshold)[0])
    print(f"20,000 random fingerprints compared in {time.perf_counter() - started:.1f} s: {found} pairs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("caps", nargs="+", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if len(options.caps) == 1:
        parser.error("at least two data sets are needed: what people have in common is taken from another one")
    data_sets = [sketched(caps, options.seed + number) for number, caps in enumerate(options.caps)]
    measured = measure(compared(data_sets), [LICENCES.get(caps.name, caps.name) for caps in options.caps])
    print_table(measured)
    if options.write:
        # the shipped directions come first from the file being made: they are written before they are timed
        kept = np.round(shared(data_sets), 5)
        content = {"measured": asdict(measured), "common": kept.tolist()}
        atomic.write_text(options.write, json.dumps(content, ensure_ascii=False) + "\n")
    print_times(options.caps[0], measured.threshold)


if __name__ == "__main__":
    main()

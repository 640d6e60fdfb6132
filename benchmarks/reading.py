"""What reading a part costs: from the store, against decoding its .nii.gz. Ratios in one run.

    python benchmarks/reading.py CAPS

Takes a CAPS of t1-linear images (or makes a synthetic one of four people at 1 mm when none is given).
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import fimbria
from fimbria.data.extraction import extraction, take
from fimbria.data.extraction.store import Store
from fimbria.data.images import caps, nifti
from fimbria.data.images.listing import listed
from fimbria.data.images.pipelines import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
        data_set = given or fimbria.generate_atrophy(Path(folder) / "caps", people=4, jobs=2).parent
        made = pipeline.build("t1-linear")
        sessions = caps.cohort(data_set, made).sessions[:4]
        source_files = listed(data_set, made)
        sources = [source_files.find(session) for session in sessions]
        store = Store(Path(folder) / "store", "t1-linear")
        decode = best(lambda: [nifti.read(source) for source in sources]) / len(sources)
        started = time.perf_counter()
        entries = [store.prepare(session, source) for session, source in zip(sessions, sources, strict=True)]
        prepare = (time.perf_counter() - started) / len(entries)
        shape = entries[0].shape
        print(f"{len(entries)} images of {entries[0].grid}")
        print(f"decode one .nii.gz                {1e3 * decode:8.2f} ms")
        print(f"decode it into the store          {1e3 * prepare:8.2f} ms")
        whole = extraction.build("image").locations(shape)
        image = best(lambda: [take(entry, whole[0]) for entry in entries]) / len(entries)
        print(
            f"whole image from the store        {1e3 * image:8.2f} ms   {decode / image:6.1f} times faster than decoding"
        )
        locations = extraction.build("patch", {"size": 50}).locations(shape)
        patches = best(lambda: [take(entry, one) for entry in entries for one in locations]) / len(entries)
        one = patches / len(locations)
        print(f"one patch of 50 x 50 x 50         {1e3 * one:8.2f} ms   {decode / one:6.1f} times faster than decoding")
        print(
            f"all {len(locations)} patches of an image      {1e3 * patches:8.2f} ms   {patches / image:6.2f} times one image"
        )
        for direction, name in enumerate(("sagittal", "coronal", "axial")):
            planes = extraction.build("slice", {"direction": direction, "discard": [60, 60]}).locations(shape)
            plane = (
                best(lambda planes=planes: [take(entry, one) for entry in entries for one in planes])
                / len(planes)
                / len(entries)
            )
            print(
                f"one {name:8} slice                {1e3 * plane:8.2f} ms   {decode / plane:6.1f} times faster than decoding"
            )


def best(work: Callable[[], object]) -> float:
    """Give the best of a few rounds, seconds."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


if __name__ == "__main__":
    main()

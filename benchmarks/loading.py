"""Images to batches: decoding, room, random reads, epochs and memory, beside ClinicaDL 1.6.1, MONAI and TorchIO.

python benchmarks/loading.py CAPS [--peer FOLDER] [--monai FOLDER] [--rounds N] [--only PART ...] [--work FOLDER]

CAPS holds t1-linear images, and masks for ``--regions``; it is not written to, but linked into a working folder. FOLDER of
--peer is the environment that ``bin/clinicadl`` is installed in. MONAI and TorchIO run in this environment where they are
installed; FOLDER of --monai is one that MONAI was put in with ``pip install --target``. Who is not there is left out.
Programs take turns, medians are compared; each limit is printed with what was measured, and whether it was reached.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import multiprocessing
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fimbria.data.extraction import Location, extraction, take
from fimbria.data.extraction.store import Entry, Store, Transform
from fimbria.data.images import caps
from fimbria.data.images.listing import listed
from fimbria.data.images.pipelines import pipeline
from fimbria.learning.samples.dataset import PartDataset
from fimbria.learning.samples.loader import Loader
from fimbria.learning.samples.normalization import MinMax

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from fimbria.data.cohort.cohort import Session

SIZE, BATCH, WORKERS = 50, 16, 2
MANY = 400  # images, when memory is looked at
TIMES_FASTER = {"image": 3, "patch": 5, "slice": 6, "roi": 8}  # from nothing until one can train
MILLISECONDS = {"patch": 1.0, "sagittal": 0.6, "coronal": 0.6, "axial": 0.6, "image": 6.0}
EPOCH_FASTER = 10  # than ClinicaDL, which cuts patches out of whole tensors as it goes
GROWTH = 1.05  # of memory, ten times the images
READS = {"image": 80}  # else 400

PEER_EPOCH = """
import json, sys, time
import pandas as pd, torch
from pathlib import Path
from clinicadl.utils.caps_dataset.data import CapsDatasetPatch, get_transforms
folder, prepared, number, batch, workers = Path(sys.argv[1]), sys.argv[2] == "prepared", *map(int, sys.argv[3:])
told = {**json.loads((folder / "tensor_extraction" / "patch.json").read_text()), "prepare_dl": prepared}
found = sorted(path.parts[-2:] for path in (folder / "subjects").glob("*/*"))
people = pd.DataFrame(found, columns=["participant_id", "session_id"]).assign(cohort="single")
parts = CapsDatasetPatch(folder, people, told, label_presence=False, all_transformations=get_transforms(True)[1])
order = torch.utils.data.RandomSampler(parts, num_samples=number)
loader = torch.utils.data.DataLoader(parts, batch, sampler=order, num_workers=workers, persistent_workers=True)
for epoch in range(2):
    started = time.perf_counter()
    seen = sum(len(given["image"]) for given in loader)
print("samples", seen / (time.perf_counter() - started))
"""

MONAI_EPOCH = """
import sys, time
from pathlib import Path
from monai.data import DataLoader, PersistentDataset
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged, RandSpatialCropSamplesd, ScaleIntensityd
folder, cache, each, parts, size, batch, workers = *sys.argv[1:3], *map(int, sys.argv[3:])
images = [{"image": str(path)} for path in sorted(Path(folder).glob("subjects/*/*/t1_linear/*.nii.gz"))]
steps = [
    LoadImaged("image"), EnsureChannelFirstd("image"),
    RandSpatialCropSamplesd("image", (size,) * 3, num_samples=each, random_size=False), ScaleIntensityd("image"),
]
cached = PersistentDataset(images * (parts // each), Compose(steps), cache_dir=cache)
list(PersistentDataset(images, Compose(steps), cache_dir=cache))
loader = DataLoader(cached, batch_size=max(batch // each, 1), shuffle=True, num_workers=workers, persistent_workers=True)
for epoch in range(2):
    started = time.perf_counter()
    seen = sum(len(given["image"]) for given in loader)
print("samples", seen / (time.perf_counter() - started))
"""

TORCHIO_EPOCH = """
import sys, time
from pathlib import Path
import torchio
folder, pattern, parts, size, batch, workers = *sys.argv[1:3], *map(int, sys.argv[3:])
subjects = [torchio.Subject(image=torchio.ScalarImage(path)) for path in sorted(Path(folder).glob(pattern))]
scaled = torchio.SubjectsDataset(subjects, transform=torchio.RescaleIntensity((0, 1)))
queue = torchio.Queue(scaled, 8 * parts, parts, torchio.data.UniformSampler(size), num_workers=workers)
loader = torchio.SubjectsLoader(queue, batch_size=batch, num_workers=0)
for epoch in range(2):
    started = time.perf_counter()
    seen = sum(len(given["image"][torchio.DATA]) for given in loader)
print("samples", seen / (time.perf_counter() - started))
"""


@dataclass(frozen=True)
class Bench:
    """What is measured, where."""

    ours: Path
    theirs: Path
    work: Path
    peer: Path | None
    monai: Path | None
    rounds: int
    regions: list[str]

    @property
    def modes(self) -> dict[str, tuple[list[str], list[str]]]:
        """What each mode is called with: ours, theirs."""
        named = [word for region in self.regions for word in ("--roi", region)]
        theirs = [word for region in self.regions for word in ("--roi_list", region)]
        return {
            "image": ([], []),
            "patch": (["--size", str(SIZE)], ["--save_features"]),
            "slice": ([], ["--save_features"]),
            "roi": (named, ["--save_features", *theirs]),
        }

    @property
    def store(self) -> Path:
        """Where ours decodes to."""
        return self.ours / "fimbria-store"


def main() -> None:
    parts: dict[str, Callable[[Bench], None]] = {
        "extraction": extractions,
        "room": room,
        "reads": reads,
        "epochs": epochs,
        "memory": memory,
    }
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("caps", type=Path)
    asked.add_argument("--peer", type=Path)
    asked.add_argument("--monai", type=Path)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--only", nargs="*", choices=parts, default=list(parts))
    asked.add_argument("--regions", nargs="*", default=["leftHippocampusBox", "rightHippocampusBox"])
    asked.add_argument("--work", type=Path, help="keep working files here; a later run with --only takes them up")
    given = asked.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        work = given.work or Path(folder)
        bench = Bench(work / "ours", work / "theirs", work, given.peer, given.monai, given.rounds, given.regions)
        for copy in (bench.ours, bench.theirs):
            if not copy.exists():
                linked(given.caps, copy)
        prepared(bench)
        print(f"load {os.getloadavg()[0]:.2f}, {given.rounds} rounds, median (lowest-highest)")
        for name in given.only:
            parts[name](bench)


def prepared(bench: Bench) -> None:
    """Decode what a part needs that is measured without the first; quick where it is there."""
    run(our_command(bench, "image"))
    run([*our_command(bench, "image"), "--compact"])
    if bench.peer and not (bench.theirs / "tensor_extraction" / "patch.json").is_file():
        for mode in ("image", "patch", "slice"):
            run(their_command(bench, mode))


def extractions(bench: Bench) -> None:
    """Time whole processes from nothing; theirs needs the tensors of whole images for every other mode."""
    ours: dict[str, list[NDArray[np.float64]]] = {mode: [] for mode in bench.modes}
    theirs: dict[str, list[NDArray[np.float64]]] = {mode: [] for mode in bench.modes}
    for _ in range(bench.rounds):
        if bench.peer:
            emptied(*bench.theirs.glob("subjects/*/*/deeplearning_prepare_data"), bench.theirs / "tensor_extraction")
        for mode in bench.modes:
            emptied(bench.store, bench.ours / "tensor_extraction")
            ours[mode].append(run(our_command(bench, mode)))
            if bench.peer:
                first = theirs["image"][-1] if mode != "image" else 0
                theirs[mode].append(first + run(their_command(bench, mode)))
    for mode, limit in TIMES_FASTER.items():
        wall, processors = np.transpose(ours[mode])
        what = f"ready for {mode:6} {spread(wall)} s, of processors {spread(processors)} s"
        if bench.peer:
            their_wall, their_processors = np.transpose(theirs[mode])
            print(f"{what}; ClinicaDL {spread(their_wall)} s, of processors {spread(their_processors)} s")
            less = np.median(their_processors) / np.median(processors)
            what = f"ready for {mode:6} with {less:.1f} times less work of processors"
            say(what, float(np.median(their_wall) / np.median(wall)), "times faster", limit)
        else:
            print(what)
    run([*our_command(bench, "image"), "--compact"])


def emptied(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def room(bench: Bench) -> None:
    """Weigh what was written, one mode at a time; the store serves all."""
    size = {key: weight(bench.store / "images" / key) for key in ("own-spacing", "own-spacing_int16")}
    source = 4 * sum(
        entry.grid.shape[0] * entry.grid.shape[1] * entry.grid.shape[2] for entry in entries(bench.ours)[1]
    )
    say("store, GB", size["own-spacing"] / 1e9, "GB", 1.01 * source / 1e9, most=True)
    say("store --compact, GB", size["own-spacing_int16"] / 1e9, "GB", 0.51 * source / 1e9, most=True)
    if bench.peer:
        tensors = list(bench.theirs.rglob("deeplearning_prepare_data"))
        image = sum(weight(folder / "image_based") for folder in tensors)
        told = {mode: sum(weight(folder / f"{mode}_based") for folder in tensors) for mode in bench.modes}
        both = ", ".join(f"{mode} {(image + (told[mode] if mode != 'image' else 0)) / 1e9:.1f}" for mode in told)
        print(f"ClinicaDL, whole images with: {both} GB")


def reads(bench: Bench) -> None:
    """Read parts in random order, warm, one thread, from both kinds of store; and their tensors beside."""
    kinds = {"": entries(bench.ours)[1], " compact": entries(bench.ours, compact=True)[1]}
    cuts: dict[str, tuple[str, dict[str, Any]]] = {
        "image": ("image", {}),
        "patch": ("patch", {"size": SIZE}),
        "sagittal": ("slice", {"direction": 0}),
        "coronal": ("slice", {"direction": 1}),
        "axial": ("slice", {"direction": 2}),
    }
    for name, (mode, options) in cuts.items():
        locations = extraction.build(mode, options).locations(kinds[""][0].shape)
        draw = random.Random(0)
        number = READS.get(mode, 400)
        for kind, found in kinds.items():
            jobs = [(draw.choice(found), draw.choice(locations)) for _ in range(number)]
            took = best(bench, partial(taken, jobs)) / number
            say(f"read one {name}{kind}", 1e3 * took, "ms", MILLISECONDS[name], most=True)
    for mode in ("image", "patch", "slice") if bench.peer else ():
        files = sorted(bench.theirs.glob(f"subjects/*/*/deeplearning_prepare_data/{mode}_based/*/*.pt"))
        chosen = random.Random(0).choices(files, k=READS.get(mode, 400))
        took = best(bench, partial(loaded, chosen)) / len(chosen)
        print(f"ClinicaDL's tensor of one {mode}, torch.load: {1e3 * took:.2f} ms")


def epochs(bench: Bench) -> None:
    """Give samples a second of a second epoch of patches, two workers, batches of 16, scaled to 0-1, no network."""
    who = {"Fimbria": partial(apart, epoch, bench.ours), "Fimbria compact": partial(apart, epoch, bench.ours, True)}
    who |= others(bench)
    rates: dict[str, list[float]] = {name: [] for name in who}
    for _ in range(bench.rounds):
        for name, work in who.items():
            rates[name].append(work())
    ours = statistics.median(rates["Fimbria"])
    for name, found in rates.items():
        what = f"epoch of patches, {name}: {spread(found)} samples/s"
        if name.startswith("Fimbria"):
            print(what)
        else:
            limit = EPOCH_FASTER if name == "ClinicaDL on the fly" else 1
            say(what, ours / statistics.median(found), "times as many by Fimbria", limit)


def others(bench: Bench) -> dict[str, partial[float]]:
    """Give the epochs of those that are here, and say who is not."""
    each = len(extraction.build("patch", {"size": SIZE}).locations(entries(bench.ours)[1][0].shape))
    numbers = [each, SIZE, BATCH, WORKERS]
    found: dict[str, partial[float]] = {}
    if bench.peer:
        said = [bench.peer / "bin" / "python", "-c", PEER_EPOCH, bench.theirs]
        found["ClinicaDL on the fly"] = partial(scripted, [*said, "whole", 208, BATCH, WORKERS], bench.work)
        found["ClinicaDL extracted"] = partial(scripted, [*said, "prepared", 1440, BATCH, WORKERS], bench.work)
    if bench.monai or importlib.util.find_spec("monai"):
        said = [sys.executable, "-c", MONAI_EPOCH, bench.ours, bench.work / "monai"]
        for many in (1, each):
            name = f"MONAI, {many} of an image at once"
            found[name] = partial(scripted, [*said, many, *numbers], bench.work, bench.monai)
    if importlib.util.find_spec("torchio"):
        unpack(bench)
        said = [sys.executable, "-c", TORCHIO_EPOCH, bench.work]
        found["TorchIO, .nii.gz"] = partial(
            scripted, [*said, "ours/subjects/*/*/t1_linear/*.nii.gz", *numbers], bench.work
        )
        found["TorchIO, .nii"] = partial(scripted, [*said, "unpacked/*.nii", *numbers], bench.work)
    for name in ("ClinicaDL", "MONAI", "TorchIO"):
        if not any(key.startswith(name) for key in found):
            print(f"{name} is not here and was left out")
    return found


def taken(jobs: list[tuple[Entry, Location]]) -> None:
    for entry, location in jobs:
        take(entry, location)


def loaded(files: list[Path]) -> None:
    for path in files:
        torch.load(path)


def memory(bench: Bench) -> None:
    """Compare the peak of all processes of a loader over few images and over ten times as many."""
    many = bench.work / "many"
    if not many.exists():
        linked(bench.ours, many, sessions=-(-MANY // len(entries(bench.ours)[1])))
    run([*our_command(bench, "image", many), "--store", str(bench.store)])
    peaks = {}
    for folder in (bench.ours, many):
        number, peak = apart(peaks_of, folder, bench.store)
        peaks[folder] = peak
        told = ", ".join(f"{name} {kb / 1024:.0f}" for name, kb in peak.items())
        print(f"loader of {number} images, peak of all its processes, MB: {told}")
    own = [peak["own"] for peak in peaks.values()]
    say(f"memory of its own, {MANY} images against few", own[1] / own[0], "times", GROWTH, most=True)


def peaks_of(folder: Path, store: Path) -> tuple[int, dict[str, int]]:
    """Read one epoch and give the number of images and the peaks, kB."""
    sessions, found = entries(folder, store=store)
    peak: dict[str, int] = {}
    for number, _ in enumerate(loader(sessions, found).batches()):
        if number % 10 == 0:
            now = used()
            peak = {name: max(peak.get(name, 0), kb) for name, kb in now.items()}
    return len(found), peak


def used() -> dict[str, int]:
    """Give kB of this process and all its descendants: in proportion to sharers, and without files of the page cache."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):  # it has ended
            continue
    family = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    total = {"Pss": 0, "Pss_Anon": 0, "Pss_Shmem": 0, "Pss_File": 0}
    for process in family:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]:
            name, kb = line.split()[:2]
            if name[:-1] in total:
                total[name[:-1]] += int(kb)
    return {"own": total["Pss_Anon"] + total["Pss_Shmem"], **total}


def epoch(folder: Path, compact: bool = False) -> float:  # noqa: FBT001, FBT002  (passed on to a process)
    """Give samples a second of the second epoch."""
    batches = loader(*entries(folder, compact=compact))
    started, seen = 0.0, 0
    for number in range(2):
        started = time.perf_counter()
        seen = sum(len(batch.images) for batch in batches.batches(number))
    return seen / (time.perf_counter() - started)


def loader(sessions: list[Session], found: list[Entry]) -> Loader:
    """Give shuffled patches, each scaled by itself as ClinicaDL scales them."""
    locations = tuple(extraction.build("patch", {"size": SIZE}).locations(found[0].shape))
    parts = PartDataset(tuple(sessions), tuple((entry,) for entry in found), locations, (MinMax("part"),))
    return Loader(parts, BATCH, shuffle_seed=0, workers=WORKERS)


def entries(folder: Path, *, compact: bool = False, store: Path | None = None) -> tuple[list[Session], list[Entry]]:
    """Give everybody with an image, and the images."""
    made = pipeline.build("t1-linear")
    sessions = list(caps.cohort(folder, made).sessions)
    sources = listed(folder, made)
    kept = Store(store or folder / "fimbria-store", Transform(compact=compact))
    return sessions, [kept.prepare(sources.find(session)) for session in sessions]


def apart(work: Callable[..., Any], *given: Any) -> Any:  # noqa: ANN401  (whatever the work takes and gives)
    """Do some work in a process of its own, which holds nothing else."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def our_command(bench: Bench, mode: str, folder: Path | None = None) -> list[str]:
    words = [sys.executable, "-m", "fimbria", "extract", mode, str(folder or bench.ours), "t1-linear"]
    return [*words, *bench.modes[mode][0], "--jobs", "2", "--quiet"]


def their_command(bench: Bench, mode: str) -> list[str]:
    words = [f"{bench.peer}/bin/clinicadl", "prepare-data", mode, str(bench.theirs), "t1-linear"]
    return [*words, *bench.modes[mode][1], "--extract_json", mode, "--n_proc", "2"]


def run(command: list[str]) -> NDArray[np.float64]:
    """Run a program; give its seconds on the clock, and those of processors, which a busy machine changes less."""
    clock, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    output(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processors = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return np.array([time.perf_counter() - clock, processors])


def scripted(command: list[Any], folder: Path, site: Path | None = None) -> float:
    """Run a script that prints its rate; give it."""
    return float(output(command, folder, site).rpartition("samples ")[2])


def output(command: list[Any], folder: Path | None = None, site: Path | None = None) -> str:
    words = [str(word) for word in command]
    surroundings = {**os.environ, "TQDM_DISABLE": "1", **({"PYTHONPATH": str(site)} if site else {})}
    ended = subprocess.run(words, capture_output=True, text=True, check=False, env=surroundings, cwd=folder)
    if ended.returncode:
        sys.exit(f"{' '.join(words)}\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout


def linked(source: Path, target: Path, sessions: int = 0) -> None:
    """Link a CAPS's files into a new folder, where others may be written; each image as several sessions if asked."""
    for path in sorted(source.rglob("*")):
        place = path.relative_to(source)
        if not path.is_file() or "fimbria-store" in place.parts or "tensor_extraction" in place.parts:
            continue
        session = next((part for part in place.parts if part.startswith("ses-")), "")
        names = [str(place).replace(session, f"ses-M{6 * n:03d}") for n in range(sessions)] if session else []
        for name in names or [str(place)]:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, target / name)
            except OSError:  # another disk
                shutil.copy2(path, target / name)


def unpack(bench: Bench) -> None:
    """Lay the images down as .nii too, which TorchIO reads faster."""
    folder = bench.work / "unpacked"
    folder.mkdir(exist_ok=True)
    for path in bench.ours.glob("subjects/*/*/t1_linear/*.nii.gz"):
        if not (new := folder / path.name.removesuffix(".gz")).exists():
            new.write_bytes(gzip.decompress(path.read_bytes()))


def best(bench: Bench, work: Callable[[], object]) -> float:
    """Give the best seconds of a few rounds, the first of which warms."""
    times = []
    for _ in range(bench.rounds + 1):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times[1:])


def weight(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def spread(values: Sequence[float] | NDArray[np.float64]) -> str:
    return f"{np.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def say(what: str, value: float, unit: str, limit: float, *, most: bool = False) -> None:
    reached = value <= limit if most else value >= limit
    word = "at most" if most else "at least"
    print(f"{what}: {value:.2f} {unit} ({word} {limit:.2f}) {'reached' if reached else 'MISSED'}", flush=True)


if __name__ == "__main__":
    main()

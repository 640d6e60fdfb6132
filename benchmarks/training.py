"""Seconds an image of Fimbria's loop against a bare PyTorch loop on the same tensors, alternating in one run.

    python benchmarks/training.py [--images 8] [--rounds 3]

Image mode, 1 x 169 x 208 x 179, conv5-fc3, batch 2, two threads, float32, channels last. Fimbria reads its images from the
store; the bare loop has them in memory.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

import fimbria
from fimbria.experiment.experiment import Experiment
from fimbria.learning.networks import network
from fimbria.learning.training.devices import arithmetic, fabric_for
from fimbria.workflows.plan import plan

if TYPE_CHECKING:
    from fimbria.learning.samples.sample import Batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        table = fimbria.generate_atrophy(root / "caps", people=options.images + 4, jobs=2)
        fimbria.split_cohort(table, root / "split", test=4, name="validation", stratify=["diagnosis"])
        experiment = Experiment.of(
            {
                "data": {"caps": root / "caps", "splits": root / "split"},
                "task": {"positive": "AD"},
                "optimization": {"batch_size": 2},
                "compute": {"workers": 1, "threads": 2},
            }
        )
        planned = plan(experiment)
        train = planned.parts.loader(planned.splits[0].train, learning=True)
        with arithmetic(experiment.compute):
            learner = planned.parts.new_learner(fabric_for(experiment.compute))
            bare = BareLoop(list(train.batches()))
            for batch in train.batches():  # warm both
                learner.learn(batch)
            bare.epoch()
            ours, theirs = [], []
            for number in range(options.rounds):
                started = time.perf_counter()
                for batch in train.batches(number):
                    learner.learn(batch)
                ours.append((time.perf_counter() - started) / options.images)
                theirs.append(bare.epoch() / options.images)
                print(f"round {number}: Fimbria {ours[-1]:.3f}, bare {theirs[-1]:.3f} s an image")
    print(f"best: Fimbria {min(ours):.3f}, bare {min(theirs):.3f} s an image, ratio {min(ours) / min(theirs):.3f}")


class BareLoop:
    """What one writes by hand."""

    def __init__(self, batches: list[Batch]) -> None:
        layout = torch.channels_last_3d
        self.batches = [(batch.images.to(memory_format=layout), batch.targets) for batch in batches]
        self.network = network.build("conv5-fc3", input_size=tuple(batches[0].images.shape[1:]), output_size=2)
        self.network.to(memory_format=layout)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-4, weight_decay=1e-4)

    def epoch(self) -> float:
        """Train one epoch; give its seconds."""
        started = time.perf_counter()
        for images, targets in self.batches:
            loss = torch.nn.functional.cross_entropy(self.network(images), targets)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss.item()
        return time.perf_counter() - started


if __name__ == "__main__":
    main()

"""A training that is broken off anywhere, and what two trainings must have in common to be the same."""

from __future__ import annotations

from fimbria.workflows.show import Quiet

KEPT = (".safetensors", "model.json", "contract.json", "training.tsv", "prediction.tsv", "metrics.tsv", "finished.json")


def kept_bytes(maps):
    """Give everything in a MAPS that follows from its experiment alone."""
    return {
        path.relative_to(maps).as_posix(): path.read_bytes() for path in maps.rglob("*") if path.name.endswith(KEPT)
    }


class PowerCutError(Exception):
    """The power fails."""


class Breaking(Quiet):
    """Lets the power fail after so many events of the training."""

    def __init__(self, after):
        self.after = after

    def track(self, items, what, total):  # noqa: ARG002  (the contract)
        """Pass on events until it fails."""
        for item in items:
            yield item
            if what.startswith("split"):
                self.after -= 1
                if self.after == 0:
                    raise PowerCutError


class Telling(Quiet):
    """Keeps every sentence that is said."""

    def __init__(self):
        self.said = []

    def say(self, text):
        """Keep it."""
        self.said.append(text)

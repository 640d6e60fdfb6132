"""Splits that cannot hold a participant on two sides, the ways to make them, and their files."""

from __future__ import annotations

from fimbria.data.cohort.splits.files import read_flow, read_splits, write_manifest, write_split
from fimbria.data.cohort.splits.split import Split, Splits, Splitter
from fimbria.data.cohort.splits.splitters import HoldOut, KFold, LeaveGroupOut, Nested, RepeatedKFold

__all__ = [
    "HoldOut",
    "KFold",
    "LeaveGroupOut",
    "Nested",
    "RepeatedKFold",
    "Split",
    "Splits",
    "Splitter",
    "read_flow",
    "read_splits",
    "write_manifest",
    "write_split",
]

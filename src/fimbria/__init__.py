"""Reproducible deep learning for neuroimaging.

Every command of ``fimbria`` has its function here; each is loaded when it is first asked for, so that
``import fimbria`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fimbria.data.cohort.cohort import Cohort
    from fimbria.data.cohort.splits import Split
    from fimbria.errors import FimbriaError
    from fimbria.experiment.experiment import Experiment
    from fimbria.experiment.files import read as read_experiment
    from fimbria.results.maps.maps import Maps
    from fimbria.workflows.catalogue import component, components
    from fimbria.workflows.cohorts import cohort_from_bids, cohort_from_caps, kfold_cohort, split_cohort
    from fimbria.workflows.demo import demo
    from fimbria.workflows.doctor import doctor, examine
    from fimbria.workflows.extract import extract
    from fimbria.workflows.generate import generate_atrophy
    from fimbria.workflows.predict import predict
    from fimbria.workflows.preprocess import preprocess_t1_linear
    from fimbria.workflows.report import report
    from fimbria.workflows.train import resume, train

_HOMES = {
    "Cohort": "data.cohort.cohort",
    "Experiment": "experiment.experiment",
    "FimbriaError": "errors",
    "Maps": "results.maps.maps",
    "Split": "data.cohort.splits",
    "cohort_from_bids": "workflows.cohorts",
    "cohort_from_caps": "workflows.cohorts",
    "component": "workflows.catalogue",
    "components": "workflows.catalogue",
    "demo": "workflows.demo",
    "doctor": "workflows.doctor",
    "examine": "workflows.doctor",
    "extract": "workflows.extract",
    "generate_atrophy": "workflows.generate",
    "kfold_cohort": "workflows.cohorts",
    "predict": "workflows.predict",
    "preprocess_t1_linear": "workflows.preprocess",
    "read_experiment": "experiment.files:read",
    "report": "workflows.report",
    "resume": "workflows.train",
    "split_cohort": "workflows.cohorts",
    "train": "workflows.train",
}

__all__ = [
    "Cohort",
    "Experiment",
    "FimbriaError",
    "Maps",
    "Split",
    "cohort_from_bids",
    "cohort_from_caps",
    "component",
    "components",
    "demo",
    "doctor",
    "examine",
    "extract",
    "generate_atrophy",
    "kfold_cohort",
    "predict",
    "preprocess_t1_linear",
    "read_experiment",
    "report",
    "resume",
    "split_cohort",
    "train",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  (any public name)
    """Load a public name when it is first asked for."""
    if name not in _HOMES:
        msg = f"module 'fimbria' has no attribute {name!r}"
        raise AttributeError(msg)
    module, _, there = _HOMES[name].partition(":")
    return getattr(importlib.import_module(f"fimbria.{module}"), there or name)


def __dir__() -> list[str]:
    """Name what is public."""
    return __all__

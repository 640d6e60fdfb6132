"""Reproducible deep learning for neuroimaging.

Every command of ``fimbria`` has its function here; each is loaded when it is first asked for, so that
``import fimbria`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fimbria.data.audit.certificate import Certificate
    from fimbria.data.cohort.cohort import Cohort
    from fimbria.data.cohort.splits import Split, Splits
    from fimbria.errors import FimbriaError
    from fimbria.experiment.experiment import Experiment
    from fimbria.experiment.files import read as read_experiment
    from fimbria.results.maps.maps import Maps
    from fimbria.workflows.audit import audit
    from fimbria.workflows.catalogue import component, components
    from fimbria.workflows.cohorts import cohort_from_bids, cohort_from_caps
    from fimbria.workflows.demo import demo
    from fimbria.workflows.doctor import doctor, examine
    from fimbria.workflows.extract import extract
    from fimbria.workflows.generate import generate_atrophy
    from fimbria.workflows.labels import cohort_progression, label_cohort
    from fimbria.workflows.predict import predict
    from fimbria.workflows.preprocess import preprocess_t1_linear
    from fimbria.workflows.report import report
    from fimbria.workflows.restrict import adapt_clinicadl, join_metadata, restrict_cohort
    from fimbria.workflows.splits import kfold_cohort, split_cohort
    from fimbria.workflows.store import list_store, prune_store, verify_store
    from fimbria.workflows.summary import summarize_cohort
    from fimbria.workflows.train import resume, train

_HOMES = {
    "Certificate": "data.audit.certificate",
    "Cohort": "data.cohort.cohort",
    "Experiment": "experiment.experiment",
    "FimbriaError": "errors",
    "Maps": "results.maps.maps",
    "Split": "data.cohort.splits",
    "Splits": "data.cohort.splits",
    "adapt_clinicadl": "workflows.restrict",
    "audit": "workflows.audit",
    "cohort_from_bids": "workflows.cohorts",
    "cohort_from_caps": "workflows.cohorts",
    "cohort_progression": "workflows.labels",
    "component": "workflows.catalogue",
    "components": "workflows.catalogue",
    "demo": "workflows.demo",
    "doctor": "workflows.doctor",
    "examine": "workflows.doctor",
    "extract": "workflows.extract",
    "generate_atrophy": "workflows.generate",
    "join_metadata": "workflows.restrict",
    "kfold_cohort": "workflows.splits",
    "label_cohort": "workflows.labels",
    "list_store": "workflows.store",
    "predict": "workflows.predict",
    "preprocess_t1_linear": "workflows.preprocess",
    "prune_store": "workflows.store",
    "read_experiment": "experiment.files:read",
    "report": "workflows.report",
    "restrict_cohort": "workflows.restrict",
    "resume": "workflows.train",
    "split_cohort": "workflows.splits",
    "summarize_cohort": "workflows.summary",
    "train": "workflows.train",
    "verify_store": "workflows.store",
}

__all__ = [
    "Certificate",
    "Cohort",
    "Experiment",
    "FimbriaError",
    "Maps",
    "Split",
    "Splits",
    "adapt_clinicadl",
    "audit",
    "cohort_from_bids",
    "cohort_from_caps",
    "cohort_progression",
    "component",
    "components",
    "demo",
    "doctor",
    "examine",
    "extract",
    "generate_atrophy",
    "join_metadata",
    "kfold_cohort",
    "label_cohort",
    "list_store",
    "predict",
    "preprocess_t1_linear",
    "prune_store",
    "read_experiment",
    "report",
    "restrict_cohort",
    "resume",
    "split_cohort",
    "summarize_cohort",
    "train",
    "verify_store",
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

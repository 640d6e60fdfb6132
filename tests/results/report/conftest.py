from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fimbria import tables
from fimbria.atomic import write_json
from fimbria.data.cohort.cohort import Cohort
from fimbria.experiment.experiment import Experiment
from fimbria.results.evaluation.classification import evaluate
from fimbria.results.maps.integrity import seal
from fimbria.results.maps.maps import Maps
from fimbria.results.predictions.ensemble import average, part_weights, vote
from fimbria.results.predictions.table import PredictionTable


def people(first, count, classes):
    """Give a cohort of `count` people whose names nobody may see in a report."""
    frame = pd.DataFrame(
        {
            "participant_id": [f"sub-SECRET{first + i:03d}" for i in range(count)],
            "session_id": "ses-M007",
            "diagnosis": [classes[i // 2 % len(classes)] for i in range(count)],
            "age": [60.0 + i % 20 for i in range(count)],
        }
    )
    return Cohort(frame)


def patches(cohort, classes, rng, *, parts=3, labelled=True):
    """Give predictions of the parts of everybody in a cohort."""
    rows = []
    for (_, person, session), label in zip(cohort.sessions, cohort.column("diagnosis"), strict=True):
        for part in range(parts):
            drawn = rng.dirichlet(np.ones(len(classes)))
            drawn = 0.4 * drawn + 0.6 * np.array([name == label for name in classes]) * rng.random()
            drawn /= drawn.sum()
            rows.append(
                {"dataset": "", "participant_id": person, "session_id": session, "patch_id": part}
                | ({"true_label": label} if labelled else {})
                | {"predicted_label": classes[int(drawn.argmax())]}
                | {f"p_{name}": p for name, p in zip(classes, drawn, strict=True)}
            )
    return PredictionTable(pd.DataFrame(rows), "patch")


def keep(maps, place, levels, positive):
    """Keep predictions, and metrics where labels are known; the place is split, selection metric and group."""
    for table in levels:
        maps.scores.keep_predictions(*place, table)
        if table.labelled:
            maps.scores.keep_metrics(*place, table.part, evaluate(table, positive, resamples=50))


def record_of(classes, positive, splits):
    network = {"name": "conv4-fc3", "provider": "fimbria", "version": "0.1.0", "options": {"dropout": 0.25}}
    environment = {
        "command": ["fimbria", "train", "experiment.toml"],
        "python": "3.11.7",
        "git": {"commit": "0123abcd", "clean": False},
        "gpu": [],
    }
    return {
        "fimbria": "0.1.0",
        "created": "2026-01-02T03:04:05+00:00",
        "splits": list(range(splits)),
        "components": {"network": network},
        "fitted": {"classes": list(classes), "positive": positive},
        "input_size": [1, 20, 20, 20],
        "environment": environment,
    }


def log(maps, split, epochs):
    for epoch in range(epochs):
        row = {"epoch": epoch, "iteration": 10 * (epoch + 1)}
        for side, worse in (("train", 0.0), ("valid", 0.08)):
            row[f"balanced-accuracy_{side}"] = 0.9 - 0.4 / (epoch + 1) - worse
            row[f"loss_{side}"] = 0.3 + 0.5 / (epoch + 1) + worse * epoch / 3
        maps.training(split).log(row)
        maps.training(split).log_time(epoch, 30.0, "2026-01-02T04:00:00+00:00")


def keep_flow(maps, everybody):
    tables.write(everybody.frame[["participant_id", "session_id"]], maps.paths.seen)
    left = [{"dataset": "", "participant_id": "sub-SECRET900", "session_id": "ses-M007", "reason": "age is unknown"}]
    without = {"sub-SECRET001 ses-M007": "there is no file caps/sub-SECRET001/ses-M007/sub-SECRET001_T1w.nii.gz"}
    size = len(everybody)
    start = {"rule": "in cohort.tsv", "participants": size + 21, "sessions": size + 21, "left": []}
    aged = {"rule": "has an age", "participants": size + 20, "sessions": size + 20, "left": left}
    write_json(maps.paths.flow, {"cohort": [start, aged], "without_image": without})


@pytest.fixture(scope="session")
def make_maps():  # noqa: C901  (loops over splits, metrics and groups)
    """Make a MAPS as a training and a prediction leave it, without either."""

    def make(
        root,
        *,
        classes=("AD", "CN"),
        splits=2,
        test=True,
        labelled=True,
        metrics=("loss",),
        cut=True,
        finished=None,
        sealed=True,
        epochs=4,
        size=24,
    ):
        rng = np.random.default_rng(0)
        positive = classes[0] if len(classes) == 2 else None
        chosen = {
            "data": {"caps": "/data/caps", "splits": "/data/splits"}
            | {"extraction": {"name": "patch", "size": 20} if cut else {"name": "image"}},
            "network": "conv4-fc3",
            "task": {"selection_metrics": metrics} | ({"positive": positive} if positive else {}),
        }
        maps = Maps.create(root, Experiment.of(chosen), record_of(classes, positive, splits))
        everybody = people(0, size, classes)
        keep_flow(maps, everybody)
        asked = {"test": people(500, 20, classes)} if test else {}
        for name, cohort in asked.items():
            maps.keep_group(name, cohort)
        order = everybody.participants
        voted = {}
        for split in range(splits):
            held = set(order[split :: max(splits, 2)])
            sides = {
                "validation": everybody.of_participants(held),
                "train": everybody.of_participants(set(order) - held),
            }
            for name, side in sides.items():
                maps.keep_group(name, side, split)
            log(maps, split, epochs)
            for number, metric in enumerate(metrics):
                write_json(maps.paths.best(split, metric) / "model.json", {"epoch": epochs - 1 - number})
                weights = None
                for group, cohort in {**sides, **asked}.items():
                    known = labelled or group in sides
                    table = patches(cohort, classes, rng, parts=3 if cut else 1, labelled=known)
                    weights = part_weights(table) if weights is None else weights
                    image = vote(table, weights)
                    keep(maps, (split, metric, group), [table, image] if cut else [image], positive)
                    voted.setdefault((metric, group), []).append(image)
            if finished is None or split in finished:
                maps.training(split).finish({"epochs": epochs})
        for (metric, group), tables_of in voted.items():
            if group in asked and splits > 1:
                keep(maps, (None, metric, group), [average(tables_of)], positive)
        if sealed:
            seal(maps.paths)
        return maps

    return make

"""What Hypothesis draws from: any experiment, any cohort, any grid."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from fimbria.data.cohort.cohort import Cohort
from fimbria.experiment.experiment import Component, Compute, Data, Experiment, Optimization, Task
from fimbria.geometry import Grid

words = st.from_regex(r"[a-z][a-z0-9_-]{0,12}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8"), max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | finite | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def components(draw, *names):
    """A component of one of these names or any other, with options of every plain type."""
    name = draw(st.sampled_from(names) | words)
    options = draw(st.dictionaries(st.from_regex(r"[a-z]\w{0,8}", fullmatch=True), values, max_size=3))
    return Component(**{**options, "name": name})


@st.composite
def experiments(draw):
    """Any experiment that can be described."""
    folders = st.lists(words, min_size=1, max_size=3).map("/".join)
    return Experiment(
        data=Data(
            caps=draw(folders | st.dictionaries(words, folders, min_size=1, max_size=3)),
            splits=draw(folders),
            pipeline=draw(components("t1-linear")),
            spacing=draw(st.none() | st.floats(0.1, 10)),
            extraction=draw(components("image", "patch", "slice", "roi")),
            normalization=draw(components("min-max")),
            training_sessions=draw(st.sampled_from(["all", "baseline"])),
            allow_missing=draw(st.booleans()),
            channels=draw(st.lists(components("flair-linear"), max_size=2)),
            missing_channel=draw(st.sampled_from(["leave-out", "zeros"])),
            described=draw(st.none() | words.filter(lambda word: word != "none")),
            tensors=draw(st.booleans()),
            store=draw(st.none() | folders.filter(lambda folder: folder != "none")),
            compact=draw(st.booleans()),
            nonfinite=draw(st.none() | st.floats(-1e6, 1e6)),
            augmentation=draw(st.lists(components("noise", "flip"), max_size=3)),
        ),
        task=Task(
            label=draw(texts),
            positive=draw(st.none() | texts),
            selection_metrics=draw(st.lists(words, min_size=1, max_size=3)),
            voting_threshold=draw(st.floats(0, 1)),
        ),
        network=draw(components("conv5-fc3")),
        optimization=Optimization(
            optimizer=draw(components("adam")), epochs=draw(st.integers(1, 999)), tolerance=draw(st.floats(0, 1))
        ),
        compute=Compute(seed=draw(st.integers(0, 2**32)), precision=draw(st.sampled_from(["32", "bf16", "16"]))),
    )


@st.composite
def cohorts(draw, least=2, most=24):
    """Any cohort: one to four sessions a participant, two data sets that share names, diagnosis and sex."""
    rows = []
    count = draw(st.integers(least, most))
    for number in range(count):
        dataset = draw(st.sampled_from(["one", "two"]))
        months = draw(st.lists(st.integers(0, 60), min_size=1, max_size=4, unique=True))
        person = {"diagnosis": draw(st.sampled_from(["AD", "CN"])), "sex": draw(st.sampled_from(["F", "M"]))}
        # every other participant bears the name of one of the other data set
        name = f"sub-{number // 2:02d}"
        dataset = dataset if not any(r["participant_id"] == name and r["dataset"] == dataset for r in rows) else "three"
        rows += [
            {"dataset": dataset, "participant_id": name, "session_id": f"ses-M{month}", **person, "month": month}
            for month in months
        ]
    order = draw(st.permutations(range(len(rows))))
    return Cohort(pd.DataFrame([rows[i] for i in order]), "people")


@st.composite
def grids(draw, most=9):
    """Any grid: small, turned about two axes, with voxels of three different sides, flipped or not."""
    shape = tuple(draw(st.tuples(*[st.integers(1, most)] * 3)))
    one, other = draw(st.floats(-0.7, 0.7)), draw(st.floats(-0.7, 0.7))
    about_z = np.array([[np.cos(one), -np.sin(one), 0], [np.sin(one), np.cos(one), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(other), -np.sin(other)], [0, np.sin(other), np.cos(other)]])
    sides = np.array(draw(st.tuples(*[st.floats(0.5, 4)] * 3))) * draw(st.sampled_from([(1, 1, 1), (-1, 1, 1)]))
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x * sides
    affine[:3, 3] = draw(st.tuples(*[st.floats(-99, 99)] * 3))
    return Grid(shape, affine)

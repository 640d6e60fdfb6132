"""Networks learn what is there to learn, and nothing where nothing is: people whose answer is known, through the real parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fimbria import Cohort, Experiment, split_cohort
from fimbria.learning.inference import predict
from fimbria.learning.networks.transfer import apply, match_layers
from fimbria.learning.training.devices import arithmetic, fabric_for
from fimbria.learning.training.fit import fit
from fimbria.learning.training.learner import Epoch
from fimbria.testing import known_caps
from fimbria.workflows.parts import images
from fimbria.workflows.plan import plan

ONE_THREAD = Experiment.of(
    {"data": {"caps": "c", "splits": "s"}, "compute": {"threads": 1, "accelerator": "cpu"}}
).compute
SLICE = {"name": "slice", "direction": 0, "discard": [13, 18]}  # one that the spot lies in


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Sixty-four people: 32 to learn from, 8 to look at in each epoch, 24 held out."""
    root = tmp_path_factory.mktemp("known")
    table = known_caps(root / "caps", people=64)
    frame = Cohort.read(table).plain()
    lots = np.random.default_rng(0).permuted(np.tile(["heads", "tails"], (3, 32)), axis=1)
    Cohort(frame.assign(lot_0=lots[0], lot_1=lots[1], lot_2=lots[2]), "all").write(root / "all.tsv")
    split_cohort(root / "all.tsv", root / "first", test=24, stratify=["diagnosis"])
    split_cohort(root / "first" / "train.tsv", root / "second", test=8, name="validation", stratify=["diagnosis"])
    return root


def beginning(people, rate=1e-3, **changes):
    """Give the parts of a training, its learner, its loaders and the people held out."""
    described = {
        "data": {"caps": people / "caps", "splits": people / "second"},
        "task": {"label": "diagnosis", "positive": "AD"},
        "optimization": {"batch_size": 4, "optimizer": {"name": "adam", "learning_rate": rate}},
        "compute": {"workers": 0, "threads": 1, "accelerator": "cpu"},
    }
    experiment = Experiment.of({**described, **changes})
    planned = plan(experiment)
    split, held_out = planned.splits[0], Cohort.read(people / "first" / "test.tsv")
    everybody = [*split.train.sessions, *split.other.sessions, *held_out.sessions]
    parts = replace(planned.of(0), images=images(experiment, planned.parts.choices, everybody)).fitted_on(split.train)
    learner = parts.new_learner(fabric_for(experiment.compute))
    return parts, learner, (parts.loader(split.train, learning=True), parts.loader(split.other)), held_out


def epochs_of(parts, learner, loaders, most):
    return (one for one in fit(learner, *loaders, most, parts.part) if isinstance(one, Epoch))


def learnt(people, epochs, rate=1e-3, **changes):
    """Train, and give the parts, the loaders, the people held out and what is said of them."""
    with arithmetic(ONE_THREAD):
        parts, learner, loaders, held_out = beginning(people, rate, **changes)
        assert len(list(epochs_of(parts, learner, loaders, epochs))) == epochs
        said = predict(learner.runner, learner.task, parts.loader(held_out).batches(), parts.part, learner.device)
    return parts, loaders, held_out, said


@pytest.mark.parametrize(
    ("network", "epochs", "rate", "data"),
    [
        ("conv5-fc3", 12, 1e-3, {}),
        ("sfcn", 12, 3e-4, {}),
        ("stride-conv5-fc3", 12, 1e-3, {}),
        ("resnet10", 9, 1e-3, {"extraction": SLICE}),
        ("densenet121", 9, 1e-3, {"extraction": SLICE}),
    ],
    ids=["conv5-fc3", "sfcn", "stride-conv5-fc3", "resnet10 of slices", "densenet121 of slices"],
)
def test_everybody_held_out_is_told_right_where_classes_can_be_seen(people, network, epochs, rate, data):
    data = {"caps": people / "caps", "splits": people / "second", **data}
    parts, _, _, said = learnt(people, epochs, rate, data=data, network=network)
    assert parts.task.metrics.scores(said, ["balanced-accuracy"]) == {"balanced-accuracy": 1}


def test_the_age_of_a_shrinking_head_is_read_off_it(people):
    parts, _, _, said = learnt(people, 12, task={"name": "regression", "label": "age"}, network="conv5-fc3")
    assert parts.task.metrics.scores(said, ["r2"])["r2"] > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_chance_lies_in_the_interval_where_labels_are_drawn_by_lot(people, seed):
    task = {"label": f"lot_{seed}", "positive": "heads"}
    parts, _, _, said = learnt(people, 4, task=task, network="conv4-fc3")
    table = parts.task.metrics.evaluate(said, seed=seed).set_index("metric")
    accuracy = table.loc[["balanced-accuracy"]].iloc[0]
    assert accuracy["ci_low"] <= 0.5 <= accuracy["ci_high"]


@pytest.mark.parametrize(
    ("network", "epochs"), [("autoencoder-monai", 16), ("vae-monai", 24)], ids=["autoencoder", "variational"]
)
def test_the_image_of_somebody_new_is_given_back_better_than_by_the_mean_image(people, network, epochs):
    parts, (seen_by, _), held_out, said = learnt(people, epochs, 3e-3, task={"name": "reconstruction"}, network=network)
    seen, new = (torch.cat([one.images for one in of.batches()]) for of in (seen_by, parts.loader(held_out)))
    error = parts.task.metrics.scores(said, ["mse"])["mse"]
    assert error < float((new - seen.mean(dim=0)).square().mean())


def test_a_network_that_begins_with_an_autoencoder_of_the_same_people_learns_in_fewer_epochs(people):
    with arithmetic(ONE_THREAD):
        parts, teacher, loaders, _ = beginning(people, task={"name": "reconstruction"}, network="ae-conv5-fc3")
        assert len(list(epochs_of(parts, teacher, loaders, 20))) == 20
        needed = {}
        for begun in ("new", "tuned"):
            parts, learner, loaders, _ = beginning(people, network="conv5-fc3")
            if begun == "tuned":
                apply(match_layers(learner.network, teacher.weights()), learner.network, teacher.weights())
            losses = (
                parts.task.metrics.scores(one.validation, ["loss"])["loss"]
                for one in epochs_of(parts, learner, loaders, 25)
            )
            needed[begun] = next((epoch for epoch, loss in enumerate(losses, 1) if loss < 0.1), 26)
    assert needed["tuned"] < needed["new"] <= 25

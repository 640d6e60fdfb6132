from __future__ import annotations

import builtins
import io
from pathlib import Path

import pandas as pd
import pytest
import torch

from fimbria.learning.samples.loader import Loader
from fimbria.learning.training.fit import fit
from fimbria.learning.training.learner import Epoch, Step
from fimbria.results.evaluation.classification import ClassificationMetrics

EPOCHS = 3


def saved(learner):
    stream = io.BytesIO()
    torch.save(learner.state(), stream)
    return stream.getvalue()


def loaded(content):
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def closed(events):
    return [event for event in events if isinstance(event, Epoch)]


def assert_same_tables(one, other):
    for table in ("training", "validation"):
        pd.testing.assert_frame_equal(getattr(one, table).frame, getattr(other, table).frame, check_exact=True)


def assert_same_state(one, other):
    one, other = one.state(), other.state()
    assert all(torch.equal(one["network"][name], other["network"][name]) for name in one["network"])
    for number, moments in one["optimizer"]["state"].items():
        assert all(torch.equal(moments[name], other["optimizer"]["state"][number][name]) for name in moments)
    assert (one["epoch"], one["step"], one["whose"]) == (other["epoch"], other["step"], other["whose"])


def test_yields_the_steps_of_an_epoch_and_then_the_epoch(new_learner, loaders):
    events = list(fit(new_learner(), *loaders, 2, "image"))
    assert [type(event) for event in events] == [Step, Step, Step, Epoch] * 2
    assert [(event.epoch, event.step) for event in events if isinstance(event, Step)] == [
        (epoch, step) for epoch in (0, 1) for step in (0, 1, 2)
    ]
    assert [(event.epoch, event.steps) for event in closed(events)] == [(0, 3), (1, 3)]


def test_each_epoch_has_an_order_of_its_own_and_goes_on_where_it_was(new_learner, dataset, loaders):
    asked = []

    class Noted(Loader):
        def batches(self, epoch=0, start=0):
            asked.append((epoch, start))
            return super().batches(epoch, start)

    learner, train = new_learner(), Noted(dataset(), 3, shuffle_seed=5)
    next(fit(learner, train, loaders[1], 3, "image"))
    list(fit(learner, train, loaders[1], 3, "image"))
    assert asked == [(0, 0), (0, 1), (1, 0), (2, 0)]


def test_broken_at_any_step_and_restored_it_is_the_training_that_was_not(new_learner, loaders):
    whole = new_learner()
    kept, events = [saved(whole)], []
    for event in fit(whole, *loaders, EPOCHS, "image"):
        events.append(event)
        kept.append(saved(whole))
    epochs = closed(events)
    assert len(kept) == EPOCHS * 4 + 1
    for place, content in enumerate(kept):
        torch.manual_seed(place)  # what was drawn before says nothing
        again = new_learner(seed=11)
        again.restore(loaded(content))
        rest = list(fit(again, *loaders, EPOCHS, "image"))
        assert [type(event) for event in rest] == [type(event) for event in events[place:]]
        assert [e for e in rest if isinstance(e, Step)] == [e for e in events[place:] if isinstance(e, Step)]
        assert_same_state(again, whole)
        for one, other in zip(closed(rest), epochs[EPOCHS - len(closed(rest)) :], strict=True):
            assert_same_tables(one, other)


def test_the_same_seed_twice_is_the_same_training_and_another_is_not(new_learner, loaders):
    one, other, third = (list(fit(new_learner(seed=seed), *loaders, 1, "image")) for seed in (1, 1, 2))
    assert one[:3] == other[:3]
    assert_same_tables(one[3], other[3])
    assert one[:3] != third[:3]


def test_scoring_changes_nothing_of_the_training(new_learner, loaders):
    train, validation = loaders
    one, other = new_learner(), new_learner()
    list(fit(one, train, validation, 2, "image"))
    list(fit(other, train, train, 2, "image"))
    assert_same_state(one, other)


def test_a_training_that_is_done_yields_nothing(new_learner, loaders):
    learner = new_learner()
    list(fit(learner, *loaders, 1, "image"))
    assert list(fit(learner, *loaders, 1, "image")) == []
    assert len(list(fit(learner, *loaders, 2, "image"))) == 4


def test_writes_nothing(new_learner, loaders, tmp_path, monkeypatch):
    opened = Path.open

    def refuse(path, *_, **__):
        raise AssertionError(path)

    def read_only(path, mode="r", **options):
        assert set(mode) <= {"r", "b"}, path
        return opened(path, mode, **options)

    learner = new_learner()  # Fabric reads what is installed
    monkeypatch.chdir(tmp_path)
    for name in ("mkdir", "touch", "write_bytes", "write_text"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(Path, "open", read_only)
    monkeypatch.setattr(builtins, "open", refuse)
    list(fit(learner, *loaders, 1, "image"))
    assert list(tmp_path.iterdir()) == []


def test_what_was_said_in_training_is_of_every_sample_once(new_learner, loaders, sessions):
    epoch = list(fit(new_learner(), *loaders, 1, "image"))[-1]
    assert epoch.training.frame["participant_id"].tolist() == [s.participant_id for s in sessions]
    assert epoch.validation.frame["participant_id"].tolist() == [s.participant_id for s in sessions[:4]]


@pytest.mark.parametrize("seed", [0, 1])
def test_learns_to_tell_bright_from_dark_within_forty_epochs(new_learner, dataset, seed):
    train, validation = Loader(dataset(), 4, shuffle_seed=1), Loader(dataset(), 8)
    epochs = closed(fit(new_learner(seed, learning_rate=1e-3, dropout=0.0), train, validation, 40, "image"))
    metrics = ClassificationMetrics("AD")
    assert metrics.scores(epochs[-1].validation, ["accuracy"]) == {"accuracy": 1.0}
    first, last = (metrics.scores(t, ["loss"])["loss"] for t in (epochs[0].training, epochs[-1].validation))
    assert last < 0.1 * first

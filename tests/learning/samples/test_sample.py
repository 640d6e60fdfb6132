from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fimbria.learning.samples.sample import Sample, Whose, collate


def sample(number, target=None, shape=(1, 3, 4, 5)):
    target = None if target is None else torch.tensor(target)
    return Sample(torch.full(shape, float(number)), target, Whose("", f"sub-{number:02d}", "ses-M000", number))


def test_a_batch_keeps_images_targets_and_whose_they_are_together():
    batch = collate([sample(4, 1), sample(2, 0)])
    assert batch.images.shape == (2, 1, 3, 4, 5)
    assert batch.images[:, 0, 0, 0, 0].tolist() == [4, 2]
    assert batch.targets.tolist() == [1, 0]
    assert batch.whose == (Whose("", "sub-04", "ses-M000", 4), Whose("", "sub-02", "ses-M000", 2))


@pytest.mark.parametrize("targets", [(None, None), (1, None)])
def test_a_batch_has_targets_only_if_every_sample_has_one(targets):
    assert collate([sample(number, target) for number, target in enumerate(targets)]).targets is None


@pytest.mark.parametrize(
    ("shape", "layout"), [((2, 3, 4, 5), torch.channels_last_3d), ((3, 4, 5), torch.channels_last)]
)
def test_moving_changes_where_numbers_lie_and_not_what_they_are(shape, layout):
    image = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    batch = collate([Sample(image, torch.tensor(1), Whose("", "sub-01", "ses-M000", 0))] * 2)
    moved = batch.to(torch.device("cpu"))
    assert moved.images.is_contiguous(memory_format=layout)
    assert torch.equal(moved.images, batch.images)
    assert torch.equal(moved.targets, batch.targets)
    assert moved.whose == batch.whose


def test_moving_needs_no_targets():
    assert collate([sample(0)]).to(torch.device("cpu")).targets is None


def test_what_was_drawn_stays_with_its_sample():
    drawn = [({"applied": True, "deviation": 0.5},), ({"applied": False},)]
    batch = collate([replace(sample(number), drawn=how) for number, how in enumerate(drawn)])
    assert batch.drawn == tuple(drawn)
    moved = batch.to(torch.device("cpu"))
    assert (moved.drawn, moved.whose) == (batch.drawn, batch.whose)

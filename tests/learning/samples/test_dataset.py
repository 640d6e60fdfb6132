from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fimbria.data.extraction.extraction import Location
from fimbria.data.extraction.patches import Patches
from fimbria.data.extraction.regions import Regions
from fimbria.data.extraction.slices import Slices
from fimbria.data.extraction.store import Entry
from fimbria.learning.samples.sample import Whose


@pytest.fixture
def boxes(monkeypatch):
    """Every box that is read from the store."""
    read, seen = Entry.__getitem__, []

    def noted(entry, box):
        seen.append((entry, box))
        return read(entry, box)

    monkeypatch.setattr(Entry, "__getitem__", noted)
    return seen


def test_a_sample_is_the_part_of_its_number_of_the_image_of_its_number(dataset, sessions, entries):
    parts = dataset(Patches(4))
    count = len(parts.locations)
    assert (count, len(parts)) == (4, 32)
    for number in range(len(parts)):
        image, place = number // count, number % count
        sample = parts[number]
        assert sample.whose == Whose(*sessions[image], place)
        assert sample.target == parts.targets[image]
        whole, box = entries[image].statistics, parts.locations[place].box
        expected = (entries[image][box] - whole.minimum) / (whole.maximum - whole.minimum)
        np.testing.assert_allclose(sample.image.numpy()[0], expected, atol=1e-6)


def test_reads_the_box_of_the_part_and_no_more(dataset, boxes):
    parts = dataset(Slices(direction=1, discard=(2, 1)))
    sample = parts[7]
    assert boxes == [(parts.entries[1], (slice(0, 9), slice(4, 5), slice(0, 7)))]
    assert sample.image.shape == (1, 9, 7)


def test_a_slice_keeps_its_place_in_the_whole_image(dataset):
    parts = dataset(Slices(direction=0, discard=(3, 2)), count=2)
    assert [parts[number].whose.part for number in range(len(parts))] == [3, 4, 5, 6] * 2


@pytest.mark.parametrize(
    "extraction", [None, Patches((4, 3, 2)), Slices(2), Slices(0, channels=3)], ids=["image", "patch", "slice", "rgb"]
)
def test_every_sample_has_the_shape_that_was_promised(dataset, extraction):
    parts = dataset(extraction, count=2)
    assert {tuple(parts[number].image.shape) for number in range(len(parts))} == {parts.sample_shape}
    assert parts[0].image.dtype == torch.float32


@pytest.mark.parametrize("scope", ["image", "part"])
def test_a_region_is_zero_outside_its_mask_after_scaling_too(dataset, scope):
    ball = np.linalg.norm(np.indices((9, 8, 7)) - np.array([4, 4, 3])[:, None, None, None], axis=0) < 3
    parts = dataset(Regions((("ball", ball),)), scope=scope)
    image, mask = parts[0].image, torch.from_numpy(parts.locations[0].mask)
    assert torch.all(image[:, ~mask] == 0)
    assert torch.count_nonzero(image[:, mask]) >= mask.sum() - 1


def test_a_mask_outside_which_zero_is_not_the_lowest_intensity_stays_zero(dataset):
    parts = dataset(count=1)
    mask = np.zeros((9, 8, 7), dtype=bool)
    mask[2, 3, 4] = True
    darker = replace(parts.entries[0].statistics, minimum=-500.0)
    entry = replace(parts.entries[0], statistics=darker)
    masked = replace(parts, entries=(entry,), locations=(Location(0, parts.locations[0].box, mask=mask),))
    assert masked[0].image.nonzero().tolist() == [[0, 2, 3, 4]]


def test_without_labels_a_sample_has_no_target_and_still_a_name(dataset, sessions):
    sample = dataset(count=3, labelled=False)[2]
    assert sample.target is None
    assert sample.whose == Whose(*sessions[2], 0)


def test_reading_twice_gives_the_same(dataset):
    parts = dataset(Patches(3))
    assert torch.equal(parts[5].image, parts[5].image)

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
from fimbria.learning.samples.augmentation.intensity import Noise
from fimbria.learning.samples.augmentation.spatial import Flip
from fimbria.learning.samples.dataset import Augmenting, Turn
from fimbria.learning.samples.normalization import MinMax
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
    assert boxes == [(parts.images[1][0], (slice(0, 9), slice(4, 5), slice(0, 7)))]
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
    darker = replace(parts.images[0][0].statistics, minimum=-500.0)
    entry = replace(parts.images[0][0], statistics=darker)
    masked = replace(parts, images=((entry,),), locations=(Location(0, parts.locations[0].box, mask=mask),))
    assert masked[0].image.nonzero().tolist() == [[0, 2, 3, 4]]


def test_without_labels_a_sample_has_no_target_and_still_a_name(dataset, sessions):
    sample = dataset(count=3, labelled=False)[2]
    assert sample.target is None
    assert sample.whose == Whose(*sessions[2], 0)


def test_reading_twice_gives_the_same(dataset):
    parts = dataset(Patches(3))
    assert torch.equal(parts[5].image, parts[5].image)


def two_channels(parts, **more):
    """Give the same samples with the image of the next person as a further channel; the last person has none."""
    entries = [one for (one,) in parts.images]
    images = tuple(zip(entries, [*entries[1:], None], strict=True))
    return replace(parts, images=images, normalizations=(MinMax(), MinMax()), **more)


@pytest.mark.parametrize("extraction", [None, Patches((4, 3, 2)), Slices(0, channels=3)])
def test_channels_stand_one_after_the_other(dataset, extraction):
    single = dataset(extraction, count=3)
    parts = two_channels(single)
    count = len(parts.locations)
    assert parts.sample_shape[0] == 2 * single.sample_shape[0]
    for number in range(2 * count):
        expected = torch.cat([single[number].image, single[number + count].image])
        assert torch.equal(parts[number].image, expected)
        assert tuple(parts[number].image.shape) == parts.sample_shape


@pytest.mark.parametrize("extraction", [None, Slices(0, channels=3)])
def test_a_channel_that_is_lacking_is_zero_and_is_marked(dataset, extraction):
    single = dataset(extraction, count=3)
    parts = two_channels(single, lacking=True)
    each, count = single.sample_shape[0], len(parts.locations)
    assert parts.sample_shape[0] == 2 * each + 1
    there, lacking = parts[0].image, parts[2 * count].image
    assert tuple(there.shape) == tuple(lacking.shape) == parts.sample_shape
    assert torch.all(there[-1] == 1)
    assert torch.all(lacking[-1] == 0)
    assert torch.equal(there[each : 2 * each], single[count].image)
    assert torch.equal(lacking[:each], single[2 * count].image)
    assert not lacking[each:].any()


def test_a_channel_that_is_lacking_stays_zero_whatever_is_done_to_samples(dataset):
    noisy = Augmenting((Noise(deviation=(1, 1)),), seed=3)
    parts = two_channels(dataset(count=3), lacking=True, augmenting=noisy)
    plain = two_channels(dataset(count=3), lacking=True)
    assert not parts[2].image[1:].any()
    assert torch.all(parts[0].image[2] == 1)
    assert (parts[0].image[:2] - plain[0].image[:2]).std() > 0.5
    assert (parts[2].image[0] - plain[2].image[0]).std() > 0.5


def test_a_minimum_that_is_above_zero_gives_a_lacking_channel_no_colour(dataset):
    parts = two_channels(dataset(count=3), lacking=True)
    assert parts.images[0][0].statistics.minimum > 10
    assert parts[2].image[1].unique().tolist() == [0]


@pytest.mark.parametrize("background", [0.0, -1.5, 7.0])
@pytest.mark.parametrize("flat", [None, 2])
def test_outside_the_part_stands_the_background_after_scaling(dataset, background, flat):
    parts = dataset(count=1)
    box = (slice(0, 9), slice(0, 8), slice(0, 7) if flat is None else slice(3, 4))
    mask = np.zeros(tuple(side.stop - side.start for side in box), dtype=bool)
    mask[2:5, 1:4] = True
    place = Location(0, box, flat=flat, mask=mask, padding=((1, 0), (0, 2), (0, 0)), background=background)
    image = replace(parts, locations=(place,))[0].image.numpy()
    inside = place.inside
    assert image.shape == place.shape
    assert 0 < inside.sum() < inside.size
    assert np.all(image[:, ~inside] == background)
    assert not np.any(image[:, inside] == background) or background == 0
    plain = parts[0].image.numpy()[:, 2:5, 1:4]
    np.testing.assert_array_equal(image[:, inside].ravel(), (plain if flat is None else plain[..., 3]).ravel())


def test_each_image_gives_the_parts_that_were_chosen_of_it(dataset, sessions):
    whole = dataset(Patches(4), count=4)
    places = ((1, 3), (0,), (0, 1, 2, 3), (2,))
    parts = replace(whole, places=places)
    expected = [(image, place) for image, chosen in enumerate(places) for place in chosen]
    assert len(parts) == len(expected) == 8
    for number, (image, place) in enumerate(expected):
        sample = parts[number]
        assert sample.whose == Whose(*sessions[image], place)
        assert torch.equal(sample.image, whole[4 * image + place].image)
        assert sample.target == whole[4 * image + place].target


def augmenting(*augmentations, seed=3, here=True):
    return Augmenting(augmentations or (Noise(deviation=(0.1, 0.2)), Flip(probability=0.5)), seed, here)


def test_what_is_drawn_is_a_function_of_seed_epoch_and_sample(dataset):
    parts = dataset(Patches(4), augmenting=augmenting())
    first = parts[Turn(2, 5)]
    parts[Turn(0, 1)]
    np.random.default_rng(0).random()
    torch.rand(3)
    again = dataset(Patches(4), augmenting=augmenting())[Turn(2, 5)]
    assert again.drawn == first.drawn
    assert torch.equal(again.image, first.image)
    for other in (parts[Turn(3, 5)], parts[Turn(2, 6)], dataset(Patches(4), augmenting=augmenting(seed=4))[Turn(2, 5)]):
        assert other.drawn != first.drawn
    assert parts[5].drawn == parts[Turn(0, 5)].drawn


def test_what_is_left_for_the_device_is_drawn_and_not_applied(dataset):
    here, there = dataset(augmenting=augmenting()), dataset(augmenting=augmenting(here=False))
    assert there[Turn(1, 3)].drawn == here[Turn(1, 3)].drawn
    assert torch.equal(there[Turn(1, 3)].image, dataset()[3].image)
    assert not torch.equal(here[Turn(1, 3)].image, dataset()[3].image)


def test_nothing_is_drawn_for_samples_that_are_only_looked_at(dataset):
    assert dataset()[Turn(4, 2)].drawn == ()


def test_augmenting_leaves_the_store_as_it_was(dataset, entries):
    before = entries[0].path.read_bytes()
    parts = dataset(scope="part", augmenting=augmenting())
    assert torch.equal(parts[Turn(0, 0)].image, parts[Turn(0, 0)].image)
    assert entries[0].path.read_bytes() == before


def test_no_samples_are_none(dataset):
    parts = dataset(count=0, labelled=False)
    assert len(parts) == 0

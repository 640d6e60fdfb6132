from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fimbria.errors import ComponentError
from fimbria.learning.samples.augmentation import OnDevice, augmentation, augmented, augmented_batch, draws

NEEDED = {"torchio": {"transform": "RandomGamma"}}  # options without a default
SHAPES = [
    (1, 12, 14, 13),
    (2, 9, 8, 11),
    (1, 17, 12),
    (3, 10, 9),
    (1, 1, 1, 1),
    (2, 1, 1),
    (1, 2, 3, 1),
    (1, 40, 40, 36),
]
NAMES = augmentation.names()
CLINICADL = {
    "none",
    "noise",
    "erasing",
    "crop-pad",
    "smoothing",
    "motion",
    "ghosting",
    "spike",
    "bias-field",
    "blur",
    "swap",
}


def built(name, **options):
    return augmentation.build(name, {"probability": 1.0} | NEEDED.get(name, {}) | options)


def picture(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def drawn_for(one, shape, sample=0):
    return draws([one], (0, 0, sample), shape)[0]


def test_everything_that_clinicadl_can_do_is_there():
    assert set(NAMES) >= CLINICADL


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_image_keeps_its_shape_and_the_one_given_stays_as_it_was(name, shape):
    one, image = built(name), picture(shape)
    image.setflags(write=False)
    before = image.copy()
    changed = one.apply(image, drawn_for(one, shape))
    assert changed.shape == shape
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    assert np.array_equal(image, before)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 12, 14, 13), (2, 17, 12)], ids=str)
def test_what_was_drawn_gives_the_same_bytes_again_from_a_file_too(name, shape):
    one, image = built(name), picture(shape) - np.float32(0.5)
    drawn = drawn_for(one, shape)
    first = one.apply(image, drawn).tobytes()
    assert first == one.apply(image, json.loads(json.dumps(drawn))).tobytes()
    assert first == built(name).apply(np.asfortranarray(image), drawn_for(one, shape)).tobytes()


@pytest.mark.parametrize("name", sorted({*NAMES} - {"none", "flip"}))
@pytest.mark.parametrize("shape", [(1, 20, 21, 22), (1, 21, 20)], ids=str)
def test_another_sample_is_changed_another_way_and_each_really_is(name, shape):
    one, image = built(name), picture(shape)
    drawn = [drawn_for(one, shape, sample) for sample in range(2)]
    changed = [one.apply(image, how) for how in drawn]
    assert drawn[0] != drawn[1]
    assert not np.allclose(changed[0], changed[1], atol=1e-6)
    assert not np.allclose(changed[0], image, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_with_probability_0_nothing_happens_and_with_one_half_about_half_the_time(name):
    shape = (1, 4, 4, 4)
    image = picture(shape)
    never, often = built(name, probability=0), built(name, probability=0.5)
    assert np.array_equal(never.apply(image, drawn_for(never, shape)), image)
    assert 60 < sum(drawn_for(often, shape, sample)["applied"] for sample in range(200)) < 140


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_threads_changes_no_byte(name):
    shape = (1, 60, 61, 50)
    one, image = built(name), picture(shape)
    drawn, before = drawn_for(one, shape), torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.append(one.apply(image, drawn).tobytes())
    finally:
        torch.set_num_threads(before)
    assert results[0] == results[1]


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(built(name), OnDevice)])
@pytest.mark.parametrize("shape", [(2, 11, 12, 9), (1, 12, 17)], ids=str)
@pytest.mark.parametrize("lowest", [0.0, -0.5])
def test_a_batch_gets_what_its_samples_get(name, shape, lowest):
    one = built(name, probability=0.7)
    images = np.stack([picture(shape, seed) + np.float32(lowest) for seed in range(4)])
    drawn = [drawn_for(one, shape, sample) for sample in range(4)]
    layout = torch.channels_last_3d if images.ndim == 5 else torch.channels_last
    batch = torch.from_numpy(images.copy()).to(memory_format=layout)
    changed = one.apply_batch(batch, drawn)
    singly = np.stack([one.apply(image, how) for image, how in zip(images, drawn, strict=True)])
    assert np.allclose(changed.numpy(), singly, rtol=1e-4, atol=1e-5)
    assert changed.is_contiguous(memory_format=layout)
    assert np.array_equal(batch.numpy(), images)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", [{"probability": 1.5}, {"probability": -0.1}, {"no_such_thing": 1}])
def test_options_with_bad_values_are_refused(name, options):
    with pytest.raises(ComponentError, match=name):
        augmentation.build(name, NEEDED.get(name, {}) | options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("noise", {"deviation": (0.2, 0.1)}),
        ("noise", {"deviation": (-0.1, 0.1)}),
        ("gamma", {"log_gamma": (0.3, -0.3)}),
        ("affine", {"scale": (0, 1)}),
        ("elastic", {"points": 4}),
        ("flip", {"axes": (3,)}),
        ("crop-pad", {"shift": 0}),
        ("ghosting", {"ghosts": (10, 4)}),
        ("spike", {"spikes": (-1, 1)}),
        ("bias-field", {"order": -1}),
        ("swap", {"pairs": -1}),
    ],
)
def test_ranges_that_hold_nothing_are_refused(name, options):
    with pytest.raises(ComponentError, match=rf"augmentation '{name}': {next(iter(options))} = "):
        built(name, **options)


keys = st.tuples(st.integers(0, 2**32), st.integers(0, 1000), st.integers(0, 2**20))


@given(keys, st.lists(st.sampled_from(sorted({*NAMES} - {"torchio"})), min_size=1, max_size=5), st.data())
@settings(max_examples=50)
def test_one_more_kind_changes_no_other_draw_wherever_it_is_put(key, names, data):
    shape = (1, 8, 9, 10)
    kinds = [built(name) for name in names]
    other = built(data.draw(st.sampled_from(sorted({*NAMES} - {"torchio", *names}))))
    place = data.draw(st.integers(0, len(kinds)))
    more = list(draws([*kinds[:place], other, *kinds[place:]], key, shape))
    del more[place]
    assert tuple(more) == draws(kinds, key, shape)


@given(keys, keys)
def test_draws_differ_with_seed_epoch_and_sample(one, other):
    noise = built("noise")
    assert (draws([noise], one, (1, 4, 4)) == draws([noise], other, (1, 4, 4))) == (one == other)


def test_two_of_one_kind_are_drawn_apart():
    first, second = draws([built("noise"), built("noise")], (0, 0, 0), (1, 4, 4))
    assert first != second


def test_augmentations_follow_one_another():
    shape = (1, 6, 7, 8)
    image, kinds = picture(shape), [built("noise"), built("gamma"), built("flip")]
    drawn = draws(kinds, (1, 2, 3), shape)
    by_hand = image
    for one, how in zip(kinds, drawn, strict=True):
        by_hand = one.apply(by_hand, how)
    assert augmented(image, kinds, drawn).tobytes() == by_hand.tobytes()
    assert augmented(image, [], ()) is image


def test_a_batch_goes_through_all_of_them_sample_by_sample():
    shape, kinds = (1, 9, 8, 7), [built("gamma"), built("affine"), built("bias-field", probability=0.5)]
    images = np.stack([picture(shape, seed) for seed in range(3)])
    drawn = [draws(kinds, (0, 0, sample), shape) for sample in range(3)]
    singly = np.stack([augmented(image, kinds, how) for image, how in zip(images, drawn, strict=True)])
    assert np.allclose(augmented_batch(torch.from_numpy(images), kinds, drawn).numpy(), singly, rtol=1e-4, atol=1e-5)

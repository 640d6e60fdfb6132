from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fimbria.data.extraction.store import Statistics
from fimbria.errors import ComponentError
from fimbria.learning.samples.normalization import Fittable, normalization

NEEDED = {"range": {"low": 0.0, "high": 1000.0}}  # options without a default
NAMES = normalization.names()
SCOPED = ("min-max", "z-score", "percentile")

intensities = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=3, max_dims=3, max_side=4), elements=st.floats(-(2**100), 2**100, width=32)
)


def statistics(values):
    wide = np.asarray(values, np.float64)
    quantiles = np.percentile(wide, np.linspace(0, 100, 201))
    return Statistics(float(wide.min()), float(wide.max()), float(wide.mean()), float(wide.std()), tuple(quantiles))


def described(image):
    """Statistics over all voxels, and over those that are not zero."""
    return statistics(image), statistics(image[image != 0] if np.any(image) else image)


def fitted(one, image):
    return one.fit([described(image)]) if isinstance(one, Fittable) else one


def built(name, **options):
    return normalization.build(name, NEEDED.get(name, {}) | options)


def scaled(name, part, image=None, inside=None, **options):
    image = part if image is None else image
    return fitted(built(name, **options), image)(part, *described(image), inside)


def brain(seed=0, gain=1.0):
    """Noise in a ball, zero around it, as an image whose skull was removed."""
    ball = sum((axis - 7.5) ** 2 for axis in np.ogrid[:16, :16, :16]) < 40
    voxels = np.random.default_rng(seed).gamma(4, 50 * gain, (1, 16, 16, 16))
    return (voxels * ball).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("inside", [None, brain()[0] > 0], ids=["all", "mask"])
def test_a_part_keeps_its_shape_and_the_one_given_stays_as_it_was(name, inside):
    part = brain()
    part.setflags(write=False)
    result = scaled(name, part, inside=inside)
    assert result.shape == part.shape
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    assert result.flags.writeable
    assert not np.shares_memory(result, part)


@pytest.mark.parametrize("name", sorted({*NAMES} - {"none"}))
@pytest.mark.parametrize("value", [0.0, -3.5, 1e-40, 3e38])
def test_one_value_only_becomes_one_value_and_not_nan(name, value):
    flat, image = np.full((1, 2, 2, 2), value, np.float32), np.full((1, 4, 4, 4), value, np.float32)
    one = built(name)
    one = one.fit([described(brain())]) if isinstance(one, Fittable) else one
    result = one(flat, *described(image))
    assert np.all(result == result[0, 0, 0, 0])
    assert np.isfinite(result).all()
    assert name == "range" or np.all(result == 0)


@pytest.mark.parametrize("name", SCOPED)
def test_a_part_by_itself_does_not_look_outside_its_mask(name):
    part, inside = brain(), brain()[0] > 0
    stained = part.copy()
    stained[:, ~inside] = 1e6
    clean = scaled(name, part, inside=inside, scope="part")
    assert np.allclose(scaled(name, stained, inside=inside, scope="part")[:, inside], clean[:, inside])
    assert np.all(scaled(name, part, inside=np.zeros_like(inside), scope="part") == 0)


@pytest.mark.parametrize("name", SCOPED)
def test_the_mask_is_the_voxels_that_are_not_zero(name):
    image = brain()
    inside = image[0] != 0
    over_mask = scaled(name, image, scope="mask")
    assert np.allclose(over_mask, scaled(name, image, inside=inside, scope="part"), atol=1e-4)
    assert not np.allclose(over_mask, scaled(name, image, scope="image"), atol=1e-2)


@pytest.mark.parametrize("name", SCOPED)
def test_over_the_image_parts_stay_comparable(name):
    image = brain()
    at_once, part = scaled(name, image), (slice(None), slice(4, 9), slice(2, 11), slice(5, 9))
    assert np.array_equal(scaled(name, image[part], image), at_once[part])


@given(intensities, st.sampled_from(["image", "part"]))
def test_min_max_gives_the_lowest_0_and_the_highest_1_and_a_single_value_0(array, scope):
    part = array[None]
    low, high = part.min(), part.max()
    result = scaled("min-max", part, scope=scope)
    assert np.all(result[part == low] == 0)
    assert np.all(result[part == high] == (1 if high > low else 0))
    assert np.all((result >= 0) & (result <= 1))


def test_min_max_over_the_image_unless_another_scope_is_chosen():
    assert built("min-max") == built("min-max", scope="image")


@pytest.mark.parametrize("scope", ["image", "part", "mask"])
def test_z_score_has_no_mean_and_a_deviation_of_1(scope):
    image = brain()
    values = scaled("z-score", image, scope=scope)[image != 0 if scope == "mask" else ...]
    assert np.isclose(values.mean(), 0, atol=1e-4)
    assert np.isclose(values.std(), 1, atol=1e-4)


@pytest.mark.parametrize("scope", ["image", "part", "mask"])
def test_percentiles_become_0_and_1_and_extremes_are_cut(scope):
    image = brain()
    image[0, 0, 0, 0] = 1e6
    result = scaled("percentile", image, scope=scope, low=2.5, high=97.5)
    seen = image[image != 0] if scope == "mask" else image
    assert (result.min(), result.max()) == (0, 1)
    low, high = np.percentile(seen, [2.5, 97.5])
    assert np.allclose(result, np.clip((image - low) / (high - low), 0, 1), atol=1e-4)
    assert scaled("percentile", image, scope=scope, clip=False).max() > 100


def test_percentiles_between_the_kept_steps_are_for_parts_alone():
    assert built("percentile", low=0.1, high=99.9, scope="part")
    with pytest.raises(ComponentError, match=r"low = 0\.1 is not a multiple of 0\.5.*high = 99\.9"):
        built("percentile", low=0.1, high=99.9)


def test_a_range_is_the_same_for_everybody():
    part = np.float32([-1000, -100, 0, 400, 900]).reshape(1, 1, 1, 5)
    assert np.allclose(scaled("range", part, low=-100, high=400), [[[[0, 0, 0.2, 1, 1]]]])
    assert np.allclose(scaled("range", part, low=-100, high=400, clip=False)[0, 0, 0, [0, 4]], [-1.8, 2.0])


def test_none_leaves_everything():
    assert np.array_equal(scaled("none", brain()), brain())


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("min-max", {"scope": "cohort"}, "scope = 'cohort'"),
        ("z-score", {"scope": "cohort"}, "scope = 'cohort'"),
        ("percentile", {"low": -1}, "low = -1"),
        ("percentile", {"high": 101}, "high = 101"),
        ("percentile", {"low": 60, "high": 40}, "not below"),
        ("range", {"low": 4, "high": 4}, "not below"),
        ("histogram", {"low": 99, "high": 1}, "not below"),
        ("histogram", {"scope": "part"}, "scope = 'part'"),
    ],
)
def test_options_that_mean_nothing_are_refused(name, options, words):
    with pytest.raises(ComponentError, match=words):
        built(name, **options)


def test_only_the_histogram_is_fitted_and_only_before():
    assert [name for name in NAMES if isinstance(built(name), Fittable)] == ["histogram"]
    assert not isinstance(fitted(built("histogram"), brain()), Fittable)


def test_what_is_not_fitted_says_so():
    with pytest.raises(TypeError, match="before it was fitted"):
        built("histogram")(brain(), *described(brain()))


def test_histograms_of_two_scanners_become_alike():
    people = [brain(seed, gain) for seed, gain in enumerate([1, 2.5, 0.4, 1.7])]
    people[1] = (people[1] / 100) ** 1.5
    one = built("histogram").fit([described(image) for image in people])
    results = [one(image, *described(image)) for image in people]
    deciles = [
        np.percentile(after[before != 0], range(10, 100, 10)) for before, after in zip(people, results, strict=True)
    ]
    assert np.allclose(deciles, deciles[0], atol=0.02)
    assert all(0 <= result.min() <= result.max() <= 1 for result in results)


def test_a_histogram_keeps_the_order_of_intensities():
    image = brain()
    result = scaled("histogram", image, clip=False)
    assert np.all(np.diff(result.ravel()[np.argsort(image, axis=None)]) >= -1e-6)
    assert result.max() > 1
    assert result.min() < 0


def test_a_histogram_of_an_image_that_is_mostly_background_goes_through_too():
    image = brain()
    image[:, 4:] = 0
    result = scaled("histogram", image, scope="image")
    assert np.all(result[image == 0] == result[0, -1, 0, 0])
    assert np.isfinite(result).all()


def test_what_was_fitted_is_taken_up_again_from_a_file():
    one = built("histogram").fit([described(brain(seed)) for seed in range(3)])
    again = built("histogram").taken_up(json.loads(json.dumps(one.fitted)))
    assert again == one
    assert again(brain(), *described(brain())).tobytes() == one(brain(), *described(brain())).tobytes()


def test_what_was_fitted_with_other_landmarks_is_refused():
    kept = fitted(built("histogram"), brain()).fitted
    with pytest.raises(ComponentError, match="was fitted with the percentiles"):
        built("histogram", low=5).taken_up(kept)


def test_fitting_is_of_the_training_images_alone_and_needs_one_with_a_histogram():
    flat = statistics(np.ones((2, 2, 2)))
    first = described(brain())
    assert built("histogram").fit([first]) == built("histogram").fit([first, (flat, flat)])
    with pytest.raises(ComponentError, match="none of 1 training images"):
        built("histogram").fit([(flat, flat)])


def test_statistics_decide_and_not_the_part():
    whole, nonzero = described(brain())
    moved = replace(whole, mean=whole.mean + 100)
    assert not np.allclose(built("z-score")(brain(), whole, nonzero), built("z-score")(brain(), moved, nonzero))

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.errors import MapsError
from fimbria.results.maps.contract import Contract, relative_mean

PIPELINE = {"name": "t1-linear", "provider": "fimbria", "version": "0.1", "options": {"crop": True}}


def head(seed=0, shape=(6, 7, 8)):
    """Mostly dark, as a head in air is: its mean lies at about a tenth of its range."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < 0.15, rng.uniform(50, 100, shape), rng.uniform(0, 2, shape))


@pytest.fixture(scope="module")
def contract(entry):
    training = [entry(head(seed)) for seed in range(4)]
    return Contract.of(
        [training], pipelines=[PIPELINE], space="MNI", input_size=(1, 6, 7, 8), golden=(7, np.array([0.25, -1.5]))
    )


@pytest.fixture(scope="module")
def with_channels(entry):
    """Heads, their negatives, and a pipeline that no training person has an image of."""
    heads = [head(seed) for seed in range(4)]
    return Contract.of(
        [[entry(one) for one in heads], [entry(-one) for one in heads[:2]], []],
        pipelines=[PIPELINE, PIPELINE | {"name": "flair-linear"}, PIPELINE | {"name": "pet-linear"}],
        space="MNI",
        input_size=(5, 6, 7, 8),
        golden=(7, np.array([0.25, -1.5])),
    )


def breaches(contract, entry):
    return [str(problem) for problem in contract.breaches([("sub-01 ses-M000", entry)])]


def test_the_images_it_was_made_of_keep_it(contract, entry):
    assert all(breaches(contract, entry(head(seed))) == [] for seed in range(9))


@pytest.mark.parametrize(
    "change",
    [
        {"array": head(shape=(6, 7, 9))},
        {"spacing": (1.5, 1.5, 1.4)},
        {"spacing": (-1.5, 1.5, 1.5)},
        {"spacing": (-1.5, -1.5, 1.5), "origin": (7.5, 9.0, 0.0)},
        {"origin": (0.0, 0.0, 1.0)},
    ],
    ids=["shape", "spacing", "flipped", "turned about its middle", "shifted"],
)
def test_another_grid_is_a_breach_that_says_both(contract, entry, change):
    (said,) = breaches(contract, entry(**({"array": head()} | change)))
    assert "sub-01 ses-M000 is on another grid" in said
    assert "the weights expect 6x7x8 voxels of 1.5x1.5x1.5 mm, RAS" in said
    assert "preprocess it with t1-linear" in said


def test_a_hair_of_a_shift_is_none(contract, entry):
    assert breaches(contract, entry(head(), origin=(0.001, 0, 0))) == []


def test_a_negative_is_a_breach(contract, entry):
    (said,) = breaches(contract, entry(-head()))
    assert "their mean lies at 88% of their range" in said
    assert "in training at 10% to 14%" in said


def test_an_image_with_next_to_nothing_in_it_is_a_breach(contract, entry):
    array = np.zeros((6, 7, 8))
    array[0, 0, 0] = 1
    assert "other intensities" in breaches(contract, entry(array))[0]


@given(st.floats(1e-3, 1e6), st.floats(-1e4, 1e4))
def test_the_scale_of_intensities_does_not_matter(contract, entry, scale, offset):
    scaled = entry(head() * scale + offset)
    assert relative_mean(scaled) == pytest.approx(relative_mean(entry(head())), abs=1e-6)
    assert breaches(contract, scaled) == []


def test_an_image_of_one_value_has_no_range_and_is_a_breach(contract, entry):
    assert "other intensities" in breaches(contract, entry(np.full((6, 7, 8), 3.0)))[0]


def test_every_image_that_breaks_it_is_named(contract, entry):
    good, bad = entry(head()), entry(head(), spacing=(2, 2, 2))
    problems = contract.breaches([("one", bad), ("two", good), ("three", bad)])
    assert [problem.what.split()[0] for problem in problems] == ["one", "three"]


def test_survives_json(contract):
    assert Contract.read(json.loads(json.dumps(contract.as_dict()))) == contract


def test_keeps_the_grid_the_range_and_what_the_network_said(contract):
    assert contract.shape == (6, 7, 8)
    assert (contract.orientation, contract.spacing_mm) == ("RAS", (1.5, 1.5, 1.5))
    assert 0 < contract.relative_mean[0] < contract.relative_mean[1] < 0.2
    assert (contract.golden_seed, contract.golden_output) == (7, (0.25, -1.5))


def test_each_channel_has_a_range_of_its_own(with_channels, entry):
    good, negative = entry(head(5)), entry(-head(5))
    said = {
        (channel, name): [str(problem) for problem in with_channels.breaches([("x", image)], channel)]
        for channel in range(3)
        for name, image in (("good", good), ("negative", negative))
    }
    assert said[0, "good"] == said[1, "negative"] == []
    assert "preprocess it with t1-linear" in said[0, "negative"][0]
    assert "preprocess it with flair-linear" in said[1, "good"][0]


def test_a_channel_that_nobody_had_promises_nothing_of_intensities(with_channels, entry):
    assert with_channels.breaches([("x", entry(head())), ("y", entry(-head()))], 2) == []
    (said,) = with_channels.breaches([("x", entry(head(), origin=(0, 0, 1)))], 2)
    assert "another grid" in said.what
    assert said.remedy == "preprocess it with pet-linear"


def test_channels_survive_json(with_channels):
    plain = json.loads(json.dumps(with_channels.as_dict()))
    assert Contract.read(plain) == with_channels
    assert [channel["pipeline"]["name"] for channel in plain["channels"]] == ["flair-linear", "pet-linear"]


def test_a_contract_of_before_there_were_channels_is_read(contract):
    plain = json.loads(json.dumps(contract.as_dict()))
    del plain["channels"]
    assert Contract.read(plain) == contract


def test_a_channel_that_a_newer_version_knows_more_of_is_refused(with_channels):
    plain = json.loads(json.dumps(with_channels.as_dict()))
    plain["channels"][0]["colour"] = "red"
    with pytest.raises(MapsError, match=r"cannot be read \(channels\)"):
        Contract.read(plain)

from __future__ import annotations

import re

import numpy as np
import pytest

from fimbria.data.audit.evidence import Evidence, ImageFacts
from fimbria.data.audit.knowledge import acquisition
from fimbria.geometry import Grid

GRIDS = [Grid((side, 256, 192), np.diag([1.0, 1.0, 1.2, 1.0])) for side in (160, 192)]


def scanned(frame, fact, seed=0):
    """Evidence of each person's image, from a function of the label and a generator."""
    rng = np.random.default_rng([seed, 1])  # not the draws of the labels
    return Evidence(
        "BIDS", {key: fact(label, rng) for key, label in zip(frame["image"], frame["diagnosis"], strict=True)}
    )


def by_chance(_, rng):
    """An image that says nothing of the label."""
    header = {"EchoTime": float(rng.normal(3, 0.1)), "Coil": str(rng.choice(["head", "body"]))}
    return ImageFacts(int(rng.integers(9e6, 11e6)), "", GRIDS[rng.integers(2)], None, header)


@pytest.fixture
def images(table):
    """People with the keys of their images."""

    def make(**wanted):
        frame = table(**{"people": 80, **wanted})
        return frame.assign(image=frame["participant_id"])

    return make


@pytest.mark.parametrize(
    ("fact", "who"),
    [
        (lambda label, rng: ImageFacts(int(rng.integers(99)), "", GRIDS[label == "AD"]), "shape"),
        (
            lambda label, rng: ImageFacts(
                1, "", None, None, {"Vendor": "A" if (label == "AD") != (rng.random() < 0.1) else "B"}
            ),
            "Vendor",
        ),
        (
            lambda label, rng: ImageFacts(1, "", None, None, {"EchoTime": float(rng.normal(3 * (label == "AD")))}),
            "EchoTime",
        ),
        (lambda label, rng: ImageFacts(int(rng.integers(1000) + 2000 * (label == "AD")), ""), "file size"),
    ],
)
def test_a_label_that_the_acquisition_tells_is_a_risk(material, images, fact, who):
    frame = images()
    (found,) = acquisition.look(material(frame, evidence=scanned(frame, fact))).findings
    assert (found.level, found.certainty) == ("risk", "probable")
    assert who in found.who
    assert "without a look at the brain: balanced accuracy" in found.what


def test_a_site_in_the_table_is_enough(material, table):
    frame = table(people=80, site=lambda label, rng: np.where(rng.random(len(label)) < 0.15, "other", label))
    checked = acquisition.look(material(frame))
    assert checked.findings[0].who == ("site",)
    assert "--images" in checked.unchecked


def test_images_that_say_nothing_of_the_label_are_clean_and_the_power_is_said(material, images):
    frame = images()
    checked = acquisition.look(material(frame, evidence=scanned(frame, by_chance)))
    assert checked.verdict == "clean"
    assert "80 people, one image each" in checked.looked_at
    assert re.search(r"0\.7\d would be found; the size of the file \(file size\)", checked.looked_at)


def test_one_grid_for_all_leaves_nothing_to_tell(material, images):
    frame = images()
    same = scanned(frame, lambda *_: ImageFacts(5, "", GRIDS[0]))
    checked = acquisition.look(material(frame, evidence=same))
    assert checked.verdict == "clean"
    assert "the same in all images" in checked.looked_at


def test_a_quantity_that_the_scanner_tells_is_a_risk(material, table):
    frame = table(people=80, site=lambda label, rng: rng.choice(["a", "b"], len(label)))
    rng = np.random.default_rng(0)
    frame["age"] = rng.normal(60, 5, 80).round(1) + 15 * (frame["site"] == "a")
    (found,) = acquisition.look(material(frame, label="age")).findings
    assert "rank correlation" in found.what
    frame["age"] = rng.normal(60, 5, 80).round(1)
    assert acquisition.look(material(frame, label="age")).findings == ()


def test_many_sessions_of_few_people_are_few(material, table):
    frame = table(people=12, sessions=20, site=lambda label, _: label)
    checked = acquisition.look(material(frame))
    assert checked.verdict == "not checked"
    assert "too few to tell a confound from luck" in checked.unchecked


def test_a_rare_class_is_left_out_and_said(material, table):
    frame = table(people=80, site=lambda label, rng: rng.choice(["a", "b"], len(label)))
    frame.loc[:3, "diagnosis"] = "FTD"
    checked = acquisition.look(material(frame))
    assert "fewer than 10 people are FTD" in checked.unchecked
    assert "76 people" in checked.looked_at


def test_what_cannot_be_looked_at_is_said(material):
    assert "--label" in acquisition.look(material(label=None)).unchecked
    nothing = acquisition.look(material(people=60))
    assert nothing.verdict == "not checked"
    assert "--images" in nothing.unchecked


def test_the_same_material_gives_the_same_answer(material, images):
    frame = images()
    given = material(frame, evidence=scanned(frame, by_chance))
    assert acquisition.look(given) == acquisition.look(given)


def test_random_images_seldom_alarm(material, images):
    alarms = 0
    for seed in range(20):
        frame = images(people=60, seed=seed, site=lambda label, rng: rng.choice(list("abcd"), len(label)))
        alarms += bool(acquisition.look(material(frame, evidence=scanned(frame, by_chance, seed))).findings)
    assert alarms <= 1


def test_a_confound_passes_where_its_lower_bound_is_above_chance_by_the_margin():
    assert acquisition.Score(0.7, 0.56, 0.8, 0.5).passes(0.10)
    assert not acquisition.Score(0.7, 0.54, 0.8, 0.5).passes(0.10)
    assert not acquisition.Score(0.9, 0.70, 0.95, 0.5).passes(0.50)


@pytest.mark.parametrize("number", [False, True])
def test_luck_is_large_for_what_is_had_for_nothing_and_small_for_what_is_not(number):
    rng = np.random.default_rng(0)
    design, answer = rng.normal(size=(60, 3)), np.arange(60) % 2
    told = acquisition.scored(design, answer, number=number)
    assert acquisition.luck(design, answer, told.chance, number=number) > 0.2
    assert acquisition.luck(design, answer, 0.95, number=number) == 1 / (acquisition.DEALINGS + 1)

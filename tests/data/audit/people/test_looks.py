"""The looks for one person on two sides: each on what it is for, and on its clean twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from fimbria.data.audit.evidence import Evidence, ImageFacts
from fimbria.data.audit.fingerprint import DIMENSIONS
from fimbria.data.audit.material import Material, of_sides, session_keys
from fimbria.data.audit.people import datasets, images, kin, likeness, participants, parts, sources
from fimbria.data.cohort.cohort import Cohort
from strategies import cohorts

EVERY = (participants, parts, images, likeness, kin, datasets, sources)


def material(*rows, columns=(), evidence=None):
    """Items as (side, participant, session, *more) of one split."""
    frame = pd.DataFrame(rows, columns=["side", "participant_id", "session_id", *columns]).assign(split=0)
    frame["dataset"] = frame.get("dataset", "")
    return Material("here", "splits", frame.assign(image=session_keys(frame)), evidence=evidence)


def levels(checked):
    return [finding.level for finding in checked.findings]


def test_a_participant_on_two_sides():
    checked = participants.look(material(("train", "sub-01", "ses-1"), ("test", "sub-01", "ses-2")))
    (found,) = checked.findings
    assert (found.level, found.certainty, found.who) == ("leak", "certain", ("sub-01",))
    assert found.where == "train and test of split-0"


def test_namesakes_of_two_data_sets_are_two_people():
    apart = material(("train", "sub-01", "ses-1", "A"), ("test", "sub-01", "ses-1", "B"), columns=["dataset"])
    assert participants.look(apart).verdict == "clean"
    assert parts.look(apart).verdict == "clean"
    checked = datasets.look(apart)
    assert checked.findings == ()
    assert "1 name that two of them use, told apart" in checked.looked_at


def test_items_of_nobody_are_not_called_clean():
    assert participants.look(material(("train", "", ""), ("test", "", ""))).verdict == "not checked"


def test_slices_of_a_session_on_two_sides_are_counted():
    rows = [("train" if number < 3 else "test", "sub-01", "ses-1", str(number)) for number in range(5)]
    (found,) = parts.look(material(*rows, columns=["item"])).findings
    assert found.who == ("sub-01 ses-1",)
    assert "5 parts of them" in found.what


def test_two_sessions_of_one_person_are_no_session_on_two_sides():
    assert parts.look(material(("train", "sub-01", "ses-1"), ("test", "sub-01", "ses-2"))).verdict == "clean"


def test_a_case_of_nobody_is_known_by_its_own_name():
    checked = parts.look(material(("train", "", "", "case_1"), ("validation", "", "", "case_1"), columns=["item"]))
    assert checked.findings[0].who == ("case_1",)


def test_one_image_under_two_names():
    seen = Evidence("caps", {"sub-01 ses-1": ImageFacts(9, "a"), "sub-90 ses-1": ImageFacts(8, "a")})
    checked = images.look(material(("train", "sub-01", "ses-1"), ("test", "sub-90", "ses-1"), evidence=seen))
    assert checked.findings[0].who == ("sub-01 ses-1", "sub-90 ses-1")
    assert "sub-01 ses-1 = sub-90 ses-1" in checked.findings[0].what
    other = Evidence("caps", {"sub-01 ses-1": ImageFacts(9, "a"), "sub-90 ses-1": ImageFacts(9, "b")})
    assert (
        images.look(material(("train", "sub-01", "ses-1"), ("test", "sub-90", "ses-1"), evidence=other)).verdict
        == "clean"
    )


def test_images_that_were_not_looked_at_are_not_called_clean():
    checked = images.look(material(("train", "sub-01", "ses-1"), ("test", "sub-02", "ses-1")))
    assert checked.verdict == "not checked"
    assert "--images" in checked.unchecked


def test_images_that_could_not_be_read_are_said():
    seen = Evidence("caps", {"sub-01 ses-1": ImageFacts(9, "a")}, {"sub-02 ses-1": "truncated"})
    checked = images.look(material(("train", "sub-01", "ses-1"), ("test", "sub-02", "ses-1"), evidence=seen))
    assert "sub-02 ses-1: truncated" in checked.unchecked


def printed(*people, seed=0):
    """Fingerprints (2, 512) of brains: the same letter is the same person, with a little noise."""
    rng = np.random.default_rng(seed)
    letters = sorted({letter for _, letter in people})
    brains = {letter: rng.normal(size=(2, DIMENSIONS)) for letter in letters}
    found = {}
    for number, (key, letter) in enumerate(people):
        brain = brains[letter] + 0.3 * rng.normal(size=(2, DIMENSIONS))
        print_ = (brain / np.linalg.norm(brain, axis=1, keepdims=True)).astype(np.float32)
        found[key] = ImageFacts(number, f"v{number}", fingerprint=print_)
    return Evidence("caps", found)


def test_one_brain_under_two_people_s_names():
    seen = printed(("sub-01 ses-1", "a"), ("sub-90 ses-1", "a"), ("sub-02 ses-1", "b"))
    rows = ("train", "sub-01", "ses-1"), ("test", "sub-90", "ses-1"), ("test", "sub-02", "ses-1")
    (found,) = likeness.look(material(*rows, evidence=seen)).findings
    assert (found.level, found.certainty, found.who) == ("leak", "probable", ("sub-01 ses-1", "sub-90 ses-1"))


def test_two_visits_of_one_person_are_expected_to_match():
    seen = printed(("sub-01 ses-1", "a"), ("sub-01 ses-2", "a"), ("sub-02 ses-1", "b"))
    rows = ("train", "sub-01", "ses-1"), ("train", "sub-01", "ses-2"), ("test", "sub-02", "ses-1")
    checked = likeness.look(material(*rows, evidence=seen))
    assert checked.verdict == "clean"
    assert "1 people have several" in checked.looked_at


def test_visits_of_one_person_that_show_two_brains_are_a_risk():
    seen = printed(("sub-01 ses-1", "a"), ("sub-01 ses-2", "c"), ("sub-02 ses-1", "b"))
    rows = ("train", "sub-01", "ses-1"), ("train", "sub-01", "ses-2"), ("test", "sub-02", "ses-1")
    checked = likeness.look(material(*rows, evidence=seen))
    assert levels(checked) == ["risk"]
    assert "swapped" in checked.findings[0].remedy


def test_images_that_are_equal_voxel_for_voxel_are_another_look_s():
    seen = printed(("sub-01 ses-1", "a"), ("sub-90 ses-1", "a"))
    same = Evidence("caps", {key: replace(of, voxels="one") for key, of in seen.images.items()})
    rows = ("train", "sub-01", "ses-1"), ("test", "sub-90", "ses-1")
    assert likeness.look(material(*rows, evidence=same)).verdict == "clean"


def test_images_without_a_fingerprint_say_why():
    seen = Evidence("raw", {"sub-01 ses-1": ImageFacts(9, "a")}, {}, "not aligned")
    assert likeness.look(material(("train", "sub-01", "ses-1"), evidence=seen)).unchecked == "not aligned"


def test_a_family_across_two_sides():
    rows = ("train", "sub-01", "ses-1", "F1"), ("test", "sub-02", "ses-1", "F1"), ("test", "sub-03", "ses-1", "F2")
    (found,) = kin.look(material(*rows, columns=["family_id"])).findings
    assert found.who == ("sub-01", "sub-02")
    assert "--group family_id" in found.remedy


def test_a_family_on_one_side_is_no_leak_nor_is_an_empty_name():
    rows = ("train", "sub-01", "ses-1", "F1"), ("train", "sub-02", "ses-1", "F1"), ("test", "sub-03", "ses-1", None)
    assert kin.look(material(*rows, columns=["family_id"])).verdict == "clean"


def test_families_of_two_data_sets_are_two():
    rows = ("train", "sub-01", "ses-1", "F1", "A"), ("test", "sub-02", "ses-1", "F1", "B")
    assert kin.look(material(*rows, columns=["family_id", "dataset"])).verdict == "clean"


def test_one_person_under_two_names_of_two_data_sets():
    rows = ("train", "sub-01", "ses-1", "A", "P7"), ("test", "sub-44", "ses-1", "B", "P7")
    (found,) = datasets.look(material(*rows, columns=["dataset", "person_id"])).findings
    assert found.who == ("A: sub-01", "B: sub-44")


def test_copies_made_from_one_source_on_two_sides():
    rows = ("train", "sub-01a", "ses-1", "sub-01"), ("test", "sub-01b", "ses-1", "sub-01")
    (found,) = sources.look(material(*rows, columns=["source_participant_id"])).findings
    assert (found.who, found.certainty) == (("sub-01",), "certain")


def test_a_copy_and_its_original_on_two_sides():
    rows = ("train", "sub-91", "ses-1", "sub-01"), ("test", "sub-01", "ses-1", None)
    assert levels(sources.look(material(*rows, columns=["source_participant_id"]))) == ["leak"]


@pytest.mark.parametrize("name", ["case_7_aug3", "case_7_flipped.nii.gz", "case_7-noise", "case_7_desc-rot90"])
def test_a_copy_is_known_by_its_name(name):
    rows = ("train", "", "", "case_7.nii.gz"), ("test", "", "", name)
    checked = sources.look(material(*rows, columns=["item"]))
    assert [(f.level, f.certainty, f.who) for f in checked.findings] == [("leak", "probable", ("case_7",))]


def test_names_that_differ_by_more_than_an_alteration_are_other_images():
    rows = ("train", "", "", "case_7.nii.gz"), ("test", "", "", "case_71.nii.gz"), ("test", "", "", "auger_7")
    assert sources.look(material(*rows, columns=["item"])).findings == ()


@given(people=cohorts())
def test_no_look_finds_anything_in_people_on_sides_of_their_own(people):
    halves = people.participants[::2], people.participants[1::2]
    sides = [
        (0, side, people.of_participants(set(half)))
        for side, half in zip(("train", "test"), halves, strict=True)
        if half
    ]
    whole = Material("here", "splits", of_sides(sides))
    assert [look.look(whole).findings for look in EVERY] == [()] * len(EVERY)


@given(people=cohorts())
def test_whoever_is_on_both_sides_is_found(people):
    made = Material("here", "splits", of_sides([(0, "train", people), (0, "test", people)]))
    (found,) = participants.look(made).findings
    assert len(found.who) == people.participant_count


def test_a_cohort_is_what_the_material_is_made_of():
    people = Cohort(pd.DataFrame({"participant_id": ["sub-01"], "session_id": ["ses-1"], "age": [3]}))
    assert Material("here", "splits", of_sides([(4, "train", people)])).items["split"].tolist() == [4]


def test_a_name_without_a_data_set_may_be_anybody_of_that_name():
    rows = ("train", "sub-01", "ses-1", "A"), ("test", "sub-01", "ses-9", ""), ("test", "sub-02", "ses-1", "B")
    (found,) = participants.look(material(*rows, columns=["dataset"])).findings
    assert (found.certainty, found.who) == ("probable", ("sub-01",))
    assert "without a data set" in found.what


def test_a_third_side_without_data_sets_does_not_merge_two_people():
    rows = ("train", "sub-01", "ses-1", "A"), ("validation", "sub-01", "ses-1", "B"), ("test", "sub-01", "ses-9", "")
    where = {found.where for found in participants.look(material(*rows, columns=["dataset"])).findings}
    assert where == {"train and test of split-0", "validation and test of split-0"}


def test_two_groups_that_are_only_scored_may_share_people():
    rows = ("train", "sub-01", "ses-1"), ("test", "sub-02", "ses-1"), ("test-women", "sub-02", "ses-1")
    assert participants.look(material(*rows)).verdict == "clean"
    chosen = material(("validation", "sub-02", "ses-1"), ("test", "sub-02", "ses-1"))
    assert participants.look(chosen).verdict == "leak"


def test_one_file_under_two_people_s_names():
    rows = ("train", "sub-01", "ses-1", "a.nii"), ("test", "sub-03", "ses-1", "a.nii")
    (found,) = parts.look(material(*rows, columns=["item"])).findings
    assert found.who == ("a.nii",)


def test_numbers_of_families_are_one_however_a_file_was_read():
    rows = ("train", "sub-01", "ses-1", 1.0), ("train", "sub-04", "ses-1", None), ("test", "sub-02", "ses-1", "1")
    assert kin.look(material(*rows, columns=["family_id"])).verdict == "leak"


def test_two_columns_of_kin_are_two_findings():
    rows = ("train", "sub-01", "ses-1", "F1", "M1"), ("test", "sub-02", "ses-1", "F1", "M1")
    found = kin.look(material(*rows, columns=["family_id", "mother_id"])).findings
    assert len({finding.id for finding in found}) == 2


def test_two_alike_people_on_one_side_are_no_leak():
    seen = printed(("sub-01 ses-1", "a"), ("sub-90 ses-1", "a"), ("sub-02 ses-1", "b"))
    rows = ("train", "sub-01", "ses-1"), ("train", "sub-90", "ses-1"), ("test", "sub-02", "ses-1")
    assert likeness.look(material(*rows, evidence=seen)).verdict == "clean"


def test_one_brain_of_nobody_on_two_sides_is_found():
    seen = printed(("a.nii", "a"), ("b.nii", "a"))
    frame = pd.DataFrame({"side": ["train", "test"], "item": ["a.nii", "b.nii"], "image": ["a.nii", "b.nii"]})
    assert likeness.look(Material("here", "list", frame, evidence=seen)).verdict == "leak"


def test_fingerprints_of_one_side_alone_say_nothing_of_the_other():
    seen = printed(("sub-02 ses-1", "b"))
    checked = likeness.look(material(("train", "sub-01", "ses-1"), ("test", "sub-02", "ses-1"), evidence=seen))
    assert checked.verdict == "not checked"


@pytest.mark.parametrize(("one", "other"), [("sub-000", "SUB-000"), ("sub-09", "sub-9"), ("S1", "s1"), ("007", "7")])
def test_names_that_differ_in_their_spelling_alone_may_be_one_person(one, other):
    (found,) = participants.look(material(("train", one, "ses-1"), ("test", other, "ses-1"))).findings
    assert found.certainty == "possible"
    assert found.who == (" ~ ".join(sorted((one, other))),)


@pytest.mark.parametrize(("one", "other"), [("sub-010", "sub-100"), ("sub-1", "sub-11"), ("A-1", "B-1")])
def test_other_names_are_other_people(one, other):
    assert participants.look(material(("train", one, "ses-1"), ("test", other, "ses-1"))).verdict == "clean"


def test_a_copy_is_known_by_the_name_of_its_participant():
    rows = ("train", "sub-003", "ses-1"), ("test", "sub-003_aug1", "ses-1")
    assert sources.look(material(*rows)).verdict == "leak"


def test_families_under_another_name_are_named():
    rows = ("train", "sub-01", "ses-1", "F1"), ("test", "sub-02", "ses-1", "F1")
    whole = material(*rows, columns=["household"])
    assert kin.look(whole).verdict == "not checked"
    assert kin.look(whole.with_facts(groups=("household",))).verdict == "leak"
    assert kin.look(material(*rows, columns=["FamilyID"])).verdict == "leak"


def test_swapped_scans_say_whose_they_look_like():
    seen = printed(("sub-01 ses-1", "a"), ("sub-01 ses-2", "b"), ("sub-02 ses-1", "b"), ("sub-02 ses-2", "a"))
    rows = [
        (("train", "test")[who == "sub-02"], who, when) for who in ("sub-01", "sub-02") for when in ("ses-1", "ses-2")
    ]
    risk = next(f for f in likeness.look(material(*rows, evidence=seen)).findings if f.level == "risk")
    assert any(told.startswith("sub-01 ses-2 (") and "like sub-02 ses-1" in told for told in risk.listed)

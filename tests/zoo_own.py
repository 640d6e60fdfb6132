"""The leak zoo, our own cages: each kind of leak in the plain format of splits, and its clean twin.

`zoo` holds what other tools' splitters do.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import ndimage

from fimbria import tables
from fimbria.data.cohort.cohort import Cohort
from fimbria.data.images import nifti
from fimbria.experiment.experiment import Experiment
from fimbria.geometry import Grid
from fimbria.results.maps.maps import Maps
from zoo import Exhibit

PEOPLE = 40
NAME = "{0}_{1}_space-MNI152NLin2009cSym_desc-Crop_res-1x1x1_T1w.nii.gz"
COARSE = Grid((49, 58, 49), np.array([[4.0, 0, 0, -96], [0, 4, 0, -132], [0, 0, 4, -78], [0, 0, 0, 1]]))


def cohort(visits=1, people=PEOPLE, **columns):
    """Some people, half of them ill, with columns that say nothing of it."""
    rng = np.random.default_rng(7)
    who = np.repeat(np.arange(people), visits)
    when = np.tile(np.arange(visits), people)
    frame = pd.DataFrame(
        {
            "participant_id": [f"sub-{number:03d}" for number in who],
            "session_id": [f"ses-M{12 * visit:03d}" for visit in when],
            "diagnosis": np.where(who % 2, "AD", "CN"),
            "age": 70 + rng.integers(-9, 10, people)[who] + when,
            "sex": np.where(rng.random(people) < 0.5, "F", "M")[who],
        }
    )
    return frame.assign(**columns)


def sides(frame):
    """Every fourth pair of participants to test, the pair before it to validation: as many of each diagnosis."""
    pair = pd.factorize(frame["participant_id"])[0] // 2
    return np.select([pair % 4 == 3, pair % 4 == 2], ["test", "validation"], "train")


def folder(place, frame, where=None, **more):
    """Write lists of a split; give what an audit is told."""
    where = sides(frame) if where is None else where
    for side in ("train", "validation", "test"):
        tables.write(frame[where == side], place / "labels" / f"{side}.tsv")
    return {"what": place / "labels", **more}


def table(place, frame, where, **more):
    """Write one list with a column of sides."""
    place.mkdir(parents=True, exist_ok=True)
    frame.assign(side=where).to_csv(place / "list.csv", index=False)
    return {"what": place / "list.csv", **more}


def participant(*, leak):
    def build(place):
        frame = cohort(visits=2)
        where = sides(frame)
        if leak:
            where[np.flatnonzero(where == "train")[1]] = "validation"
        return folder(place, frame, where)

    return build


def slices(*, leak):
    def build(place):
        frame = cohort().merge(pd.DataFrame({"slice_id": range(6)}), how="cross")
        where = sides(frame)
        rows = np.random.default_rng(1).permutation(len(frame)) % 5
        return table(place, frame, np.where(rows == 0, "test", "train") if leak else where)

    return build


def brain(seed):
    """Folds drawn at random inside the template's box: to a fingerprint as good as a brain."""
    folds = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(COARSE.shape), 1.6)
    return (100 + 15 * folds / folds.std()).astype(np.float32)


def caps(place, frame, voxels):
    """Write an image for each session."""
    for number, (who, when) in enumerate(zip(frame["participant_id"], frame["session_id"], strict=True)):
        path = place / "caps" / "subjects" / who / when / "t1_linear" / NAME.format(who, when)
        nifti.write(path, voxels(number), COARSE)
    return {"": place / "caps"}


def pictures(copied):
    """Eight people; the image of one on the test side is `copied` from one on the training side, or is not."""

    def build(place):
        frame = cohort(people=8)
        held = int(np.flatnonzero(sides(frame) == "test")[0])
        images = caps(place, frame, lambda number: copied(number, held))
        return folder(place, frame, images=images)

    return build


def the_same(number, held):
    return brain(0 if number == held else number)


def nearly_the_same(number, held):
    if number != held:
        return brain(number)
    noise = np.random.default_rng(99).normal(0, 3, COARSE.shape)
    return (1.3 * brain(0) + noise).astype(np.float32)


def its_own(number, held):  # noqa: ARG001  (as the others are called)
    return brain(number)


def family(*, leak):
    def build(place):
        frame = cohort()
        kin = [f"F{number // 2}" for number in range(PEOPLE)]
        if leak:
            kin[1] = kin[6]  # one of the first pair is a cousin of one in test
        return folder(place, frame.assign(family_id=kin))

    return build


def data_sets(*, leak):
    """Two data sets whose people have the same names; in one of them somebody took part in both studies."""

    def build(place):
        one = cohort()
        frame = pd.concat([one.assign(dataset="ADNI"), one.assign(dataset="OASIS")], ignore_index=True)
        person = [f"P{number}" for number in range(len(frame))]
        where = np.where(frame["dataset"] == "ADNI", sides(frame), np.roll(sides(frame), 2))
        if leak:
            person[PEOPLE + int(np.flatnonzero(where[PEOPLE:] == "test")[0])] = person[0]
        return folder(place, frame.assign(person_id=person), where)

    return build


def derived(*, leak):
    """Every participant is there again, augmented, under another name."""

    def build(place):
        frame = cohort(people=20)
        again = frame.assign(participant_id=frame["participant_id"].str.replace("sub-", "sub-9"))
        both = pd.concat([frame, again], ignore_index=True).assign(
            source_participant_id=[*frame["participant_id"], *frame["participant_id"]]
        )
        first = sides(frame)
        return folder(place, both, np.concatenate([first, np.roll(first, 2) if leak else first]))

    return build


def too_late(*, leak):
    """Labels that a visit at two years decided; with the leak, that visit is among the inputs."""

    def build(place):
        frame = cohort(visits=4)
        return folder(place, frame.assign(label_month=24 if leak else 36))

    return build


def future(*, leak):
    """The last visit is learnt from and the first is scored, of the same people; the twin scores other people."""

    def build(place):
        frame = cohort(visits=2)
        where = np.where(frame["session_id"] == "ses-M012", "train", "test") if leak else sides(frame)
        return folder(place, frame, where)

    return build


def telling(*, leak, inputs=()):
    def build(place):
        frame = cohort()
        rng = np.random.default_rng(3)
        score = np.where(frame["diagnosis"] == "AD", 20, 29) if leak else np.full(PEOPLE, 26)
        return folder(place, frame.assign(MMSE=score + rng.integers(-2, 2, PEOPLE)), inputs=inputs)

    return build


def scanner(*, leak):
    def build(place):
        frame = cohort()
        number = np.arange(PEOPLE)
        told = np.where(frame["diagnosis"] == "AD", "Lyon", "Paris")
        site = np.where(number % 10 == 0, "Paris", told) if leak else np.where(number % 4 < 2, "Lyon", "Paris")
        return folder(place, frame.assign(site=site))

    return build


def template(*, leak):
    """A group template (DARTEL) in a CAPS of t1-volume, made from everybody or from the training side."""

    def build(place):
        frame = cohort(people=8)
        where = sides(frame)
        images = {"": place / "caps"}
        for who in frame["participant_id"]:
            (place / "caps" / "subjects" / who / "ses-M000" / "t1" / "spm" / "dartel" / "group-all").mkdir(parents=True)
        made_from = frame if leak else frame[where == "train"]
        path = place / "caps" / "groups" / "group-all" / "group-all_subjects_visits_list.tsv"
        tables.write(made_from[["participant_id", "session_id"]], path)
        return folder(place, frame, where, images=images)

    return build


def pretrained(*, leak):
    def build(place):
        frame = cohort()
        seen = frame if leak else frame[sides(frame) == "train"]
        tables.write(seen[["participant_id"]].tail(20), place / "seen.tsv")
        return folder(place, frame, pretrained=place / "seen.tsv")

    return build


def looks(*, leak):
    """A MAPS whose test people were scored by two sets of weights, or twice by the same."""

    def build(place):
        frame = cohort()
        where = sides(frame)
        experiment = Experiment.of({"data": {"caps": "caps", "splits": "labels"}}, "zoo")
        maps = Maps.create(place / "maps", experiment, {"splits": [0], "components": {}, "fitted": {}})
        for side, group in (("train", 0), ("validation", 0), ("test", None)):
            maps.keep_group(side, Cohort(frame[where == side]), group)
        for candidate in ("one", "another" if leak else "one"):
            maps.audits.count_look(
                "test", candidate, "2026-01-01T00:00:00+00:00", frame["participant_id"][where == "test"]
            )
        return {"what": maps.root}

    return build


def chosen_on_test(*, leak):
    """The validation list is the test list."""

    def build(place):
        frame = cohort()
        made = folder(place, frame)
        if leak:
            tables.write(frame[sides(frame) == "test"], place / "labels" / "validation.tsv")
        return made

    return build


def quality(*, leak):
    """Whoever failed the quality check was left out: nearly all of them ill, or as many of each."""

    def build(place):
        everybody = cohort(people=120)
        number = np.arange(120)
        failed = (everybody["diagnosis"] == "AD") & (number % 4 == 1) if leak else number % 8 < 2
        tables.write(everybody, place / "cohort.tsv")
        return folder(place, everybody[~failed], table=place / "cohort.tsv")

    return build


def prevalence(*, leak):
    def build(place):
        frame = cohort(people=160)
        where = sides(frame)
        if leak:  # nearly everybody in test is healthy
            where = np.where(
                (where == "test") & (frame["diagnosis"] == "AD") & (np.arange(160) % 80 != 7), "train", where
            )
        return folder(place, frame, where)

    return build


def contradiction(*, leak):
    """A session that stands there twice: with another diagnosis, or with the same."""

    def build(place):
        frame = cohort()
        again = frame.head(1).assign(diagnosis="AD" if leak else frame["diagnosis"][0])
        return table(place, pd.concat([frame, again]), [*sides(frame), "train"])

    return build


def pair(name, family_, cage, implied=(), **options):
    """Give an exhibit whose twin differs by the leak alone."""
    return Exhibit(name, family_, cage(leak=True, **options), cage(leak=False)), frozenset(implied)


OWN = (
    pair("a-session-moved-by-hand", "participant", participant),
    pair("slices-dealt-at-random", "part", slices, {"participant"}),
    (Exhibit("one-image-under-two-names", "same-image", pictures(the_same), pictures(its_own)), {"contradiction"}),
    (Exhibit("a-re-released-image", "near-image", pictures(nearly_the_same), pictures(its_own)), frozenset()),
    pair("cousins-apart", "family", family),
    pair("one-person-in-two-studies", "person", data_sets),
    pair("augmented-before-the-split", "source", derived),
    pair("a-visit-after-the-decision", "time", too_late),
    pair("trained-on-the-future", "time", future, {"participant"}),
    pair("a-score-that-is-the-diagnosis", "telling-column", telling),
    pair("that-score-as-an-input", "telling-column", telling, inputs=("MMSE",)),
    pair("the-site-tells", "acquisition", scanner, {"telling-column"}),
    pair("a-template-of-everybody", "fitted-on-test", template),
    pair("weights-that-knew-them", "pretrained-on-test", pretrained),
    pair("tested-twice", "looks", looks),
    pair("chosen-on-the-test-set", "held-out", chosen_on_test, {"participant", "part"}),
    pair("the-ill-failed-quality", "exclusion", quality),
    pair("the-healthy-in-test", "exclusion", prevalence),
    pair("two-diagnoses-of-one-scan", "contradiction", contradiction),
)
RISKS = {"a-score-that-is-the-diagnosis", "the-site-tells", "the-ill-failed-quality", "the-healthy-in-test"}

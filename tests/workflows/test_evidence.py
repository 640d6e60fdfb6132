"""What the images tell an audit that comes by itself: fingerprints that an earlier audit has taken are used."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from fimbria import tables
from fimbria.data.audit.certificate import Acceptance
from fimbria.data.audit.evidence import ImageFacts, keep
from fimbria.data.extraction.store.store import stem
from fimbria.data.extraction.store.upkeep import holdings
from fimbria.errors import LeakError
from fimbria.provenance import Fingerprint
from fimbria.results.maps.maps import Maps
from fimbria.workflows.audit import Around, audit
from fimbria.workflows.predict import predict


def brains(seed):
    print_ = np.random.default_rng(seed).normal(size=(2, 512))
    return (print_ / np.linalg.norm(print_, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def printed(trained, tmp_path):
    """A trained study beside whose images fingerprints lie: one for each participant, by `seed_of`."""
    study = trained.copy(tmp_path)

    def keep_prints(seed_of):
        store = study.caps / "fimbria-store"
        for held in holdings(store):
            image = held.sources[0].source.resolve()
            who, when = image.parts[-4:-2]
            facts = ImageFacts(image.stat().st_size, held.entry.voxels, held.entry.grid, brains(seed_of(who)))
            place = store / "fingerprints" / "t1-linear" / who / when / f"{stem(image)}.safetensors"
            keep(place, facts, Fingerprint.of(image))
        return study

    return keep_prints


def number(who):
    return int("".join(letter for letter in who if letter.isdigit()))


def test_a_brain_that_the_weights_have_seen_stops_a_prediction(trained, printed):
    tested = tables.read(trained.test)["participant_id"][0]
    seen = Maps(trained.maps).group("train", 0).participants[0][1]
    study = printed(lambda who: number(seen) if who == tested else number(who))
    with pytest.raises(LeakError, match=r"one brain: .*~"):
        predict(study.maps, study.test, group="again", caps=study.caps)


def test_what_was_accepted_for_the_training_is_not_asked_again(trained, printed):
    learnt = Maps(trained.maps).group("train", 0).participants
    held = Maps(trained.maps).group("validation", 0).participants[0][1]
    study = printed(lambda who: number(learnt[0][1]) if who == held else number(who))
    with pytest.raises(LeakError) as refused:
        predict(study.maps, study.test, group="again", caps=study.caps)
    name = re.search(r"near-image-[0-9a-f]{8}", str(refused.value))[0]
    maps = Maps(study.maps)
    kept = maps.audits.read()
    finding = next(f for f in audit(study.maps, around=Around({"": study.caps})).findings if f.id == name)
    looks = tuple(replace(c, findings=(finding,)) if c.check == "near-image" else c for c in kept.checks)
    maps.audits.keep(replace(kept, checks=looks).accepting([Acceptance(name, "twins, known")]))
    predict(study.maps, study.test, group="again", caps=study.caps)
    assert Acceptance(name, "twins, known") in maps.audits.read("again").accepted


def test_brains_of_their_own_do_not(printed):
    study = printed(number)
    predict(study.maps, study.test, group="again", caps=study.caps)
    looked = {check.check: check for check in Maps(study.maps).audits.read("again").checks}
    assert looked["near-image"].verdict == "clean"


def test_a_fingerprint_of_other_voxels_is_no_fingerprint_of_these(printed):
    study = printed(number)
    for path in (study.caps / "fimbria-store" / "fingerprints").rglob("*.safetensors"):
        keep(path, ImageFacts(1, "other voxels", None, brains(0)), Fingerprint(1, 1, ""))
    predict(study.maps, study.test, group="again", caps=study.caps)
    looked = {check.check: check for check in Maps(study.maps).audits.read("again").checks}
    assert looked["near-image"].verdict == "not checked"

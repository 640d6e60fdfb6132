"""What the images tell an audit that comes by itself: fingerprints that an earlier audit has taken are used."""

from __future__ import annotations

import numpy as np
import pytest

from fimbria import tables
from fimbria.data.audit.evidence import ImageFacts, keep
from fimbria.data.extraction.store import read_entry
from fimbria.errors import LeakError
from fimbria.provenance import Fingerprint
from fimbria.results.maps.maps import Maps
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
        for entry in store.glob("t1-linear_*/sub-*/ses-*/*.safetensors"):
            read = read_entry(entry)
            who, when = entry.parent.parent.name, entry.parent.name
            facts = ImageFacts(read.source.size, read.voxels, read.grid, brains(seed_of(who)))
            keep(
                store / "fingerprints" / "t1-linear" / who / when / entry.name, facts, Fingerprint.of(study.image(who))
            )
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

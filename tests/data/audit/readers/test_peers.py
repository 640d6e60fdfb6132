from __future__ import annotations

import pytest

import zoo
from fimbria.data.audit.material import crossings
from fimbria.data.audit.people import participants
from fimbria.data.audit.readers import detect

exhibits = pytest.mark.parametrize("exhibit", zoo.PEERS, ids=lambda exhibit: exhibit.name)


@exhibits
def test_what_a_peer_splits_shows_its_leak(exhibit, tmp_path):
    checked = participants.look(detect.read(**exhibit.build(tmp_path)))
    assert checked.check == exhibit.family
    assert checked.verdict == "leak"
    assert not checked.unchecked


@exhibits
def test_its_clean_twin_raises_no_alarm(exhibit, tmp_path):
    checked = participants.look(detect.read(**exhibit.clean(tmp_path)))
    assert checked.verdict == "clean"
    assert not checked.unchecked


@exhibits
def test_the_same_data_set_is_made_each_time(exhibit, tmp_path):
    def written(folder):
        exhibit.build(folder)
        return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

    assert written(tmp_path / "one") == written(tmp_path / "two")


def test_gandlf_carves_its_validation_set_out_of_its_test_set(tmp_path):
    (found,) = [exhibit for exhibit in zoo.PEERS if exhibit.name == "gandlf-default-validation-of-test"]
    items = detect.read(**found.build(tmp_path)).items
    of = {side: set(rows["participant_id"]) for side, rows in items.groupby("side")}
    assert len(of["validation"]) == 16
    assert of["validation"] < of["test"]
    assert len(of["train"] & of["test"]) == 4
    assert len(set.union(*of.values())) == 80


def test_gandlf_has_test_subjects_in_20_of_25_folds(tmp_path):
    (found,) = [exhibit for exhibit in zoo.PEERS if exhibit.name == "gandlf-nested-index-of-all"]
    items = detect.read(**found.build(tmp_path)).items
    with_test = [crossing for crossing in crossings(items, "person") if "test" in crossing.sides]
    assert items["split"].nunique() == 25
    assert len({split for crossing in with_test for split in crossing.splits}) == 20

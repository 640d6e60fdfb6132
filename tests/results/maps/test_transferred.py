from __future__ import annotations

import pytest

from fimbria.errors import MapsError

ONE, OTHER = ("", "sub-01"), ("OASIS", "sub-02")


def test_without_weights_to_begin_with_nobody_was_seen(maps):
    kept = maps.transferred(0)
    assert kept.people() == (frozenset(), frozenset())
    assert kept.weights(None) is None


@pytest.mark.parametrize(("trained", "seen"), [({ONE}, {ONE, OTHER}), (None, None), (set(), {OTHER})])
def test_whom_the_weights_had_seen_comes_back(maps, trained, seen):
    kept = maps.transferred(1)
    kept.keep({"networks": []}, *(None if who is None else frozenset(who) for who in (trained, seen)))
    assert maps.transferred(1).people() == (trained, seen)
    assert maps.transferred(0).people() == (set(), set())


def test_weights_of_each_network_have_a_place_of_their_own(maps):
    kept = maps.transferred(0)
    for number in (None, 3):
        kept.keep_weights(number, lambda path, number=number: path.write_text(str(number)))
    assert [kept.weights(number).read_text() for number in (None, 3)] == ["None", "3"]
    assert kept.weights(4) is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"trained": [1], "seen": []}', '{"trained": 3, "seen": null}']
)
def test_a_broken_record_is_not_read_as_nobody(maps, content):
    kept = maps.transferred(0)
    kept.record.parent.mkdir(parents=True)
    kept.record.write_text(content)
    with pytest.raises(MapsError, match="is broken"):
        kept.people()

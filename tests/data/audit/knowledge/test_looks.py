from __future__ import annotations

from fimbria.data.audit.knowledge import looks
from fimbria.data.audit.material import Look

ONE = frozenset({("", "sub-0002"), ("", "sub-0005")})
OTHER = frozenset({("", "sub-0005"), ("", "sub-0008")})


def test_people_scored_by_two_candidates_may_have_chosen(material):
    taken = (Look("test", "a", ONE, "2026-01-02"), Look("again", "b", OTHER, "2026-02-03"))
    (found,) = looks.look(material(looks=taken)).findings
    assert (found.level, found.certainty, found.who) == ("leak", "possible", ("sub-0005",))
    assert "2 candidates in 2 looks between 2026-01-02 and 2026-02-03" in found.what
    assert found.where == "group again, group test"


def test_one_candidate_may_score_the_same_people_twice(material):
    checked = looks.look(material(looks=(Look("test", "a", ONE), Look("test", "a", ONE))))
    assert checked.verdict == "clean"
    assert "2 looks at 2 held-out people, by 1 candidates" in checked.looked_at


def test_candidates_may_score_different_people(material):
    taken = (Look("one", "a", ONE), Look("two", "b", OTHER - ONE))
    assert looks.look(material(looks=taken)).verdict == "clean"


def test_validation_is_there_to_choose(material):
    taken = (Look("validation", "a", ONE), Look("validation", "b", ONE))
    assert looks.look(material(looks=taken)).verdict == "clean"


def test_where_nobody_counts_it_is_said(material):
    checked = looks.look(material())
    assert checked.verdict == "not checked"
    assert "only a MAPS of Fimbria does" in checked.unchecked

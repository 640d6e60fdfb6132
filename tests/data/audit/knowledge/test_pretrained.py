from __future__ import annotations

from fimbria.data.audit.knowledge import pretrained


def test_weights_that_had_seen_test_people_are_a_leak(material, table):
    given = material(frame=table().assign(dataset="ADNI"))
    seen = frozenset({("ADNI", "sub-0002"), ("ADNI", "sub-0005"), ("PPMI", "sub-0008"), ("ADNI", "sub-0000")})
    (found,) = pretrained.look(given.with_facts(pretrained=seen)).findings
    assert (found.level, found.certainty) == ("leak", "certain")
    assert found.who == ("ADNI: sub-0002", "ADNI: sub-0005")
    assert found.where == "test of split-0"


def test_a_name_alone_is_probable_and_says_so(material):
    (found,) = pretrained.look(material(pretrained=frozenset({("", "sub-0001")}))).findings
    assert (found.certainty, found.where) == ("probable", "validation of split-0")
    assert "name alone was compared" in found.what


def test_weights_that_had_seen_others_are_clean(material):
    checked = pretrained.look(material(pretrained=frozenset({("", "sub-0000"), ("", "sub-9999")})))
    assert checked.verdict == "clean"
    assert "2 people that the weights had seen" in checked.looked_at


def test_weights_that_had_seen_nobody_are_clean(material):
    assert pretrained.look(material(pretrained=frozenset())).verdict == "clean"


def test_what_is_not_known_is_not_called_clean(material):
    checked = pretrained.look(material())
    assert (checked.verdict, checked.findings) == ("not checked", ())
    assert "--pretrained" in checked.unchecked


def test_each_split_is_compared_with_those_that_its_own_weights_had_seen(material):
    of_splits = {0: frozenset({("", "sub-0001"), ("", "sub-0000")}), 1: frozenset({("", "sub-0001")})}
    given = material(pretrained=frozenset())
    (found,) = pretrained.look(given.with_facts(pretrained_of=of_splits)).findings
    assert found.where == "validation of split-0"
    elsewhere = {7: of_splits[0]}
    assert pretrained.look(given.with_facts(pretrained_of=elsewhere)).findings == ()

from __future__ import annotations

import pandas as pd
import pytest

from fimbria.data.audit.knowledge import fitted
from fimbria.data.audit.material import Fitted


def people(material, *sides):
    items = material.items
    return frozenset(
        zip(*(items.loc[items["side"].isin(sides), c] for c in ("dataset", "participant_id")), strict=True)
    )


@pytest.mark.parametrize("side", ["test", "validation", "another"])
def test_a_template_of_held_out_people_is_a_leak(material, side):
    given = material(sides=("train", side))
    checked = fitted.look(given.with_facts(fitted=(Fitted("group-all template", people(given, "train", side)),)))
    (found,) = checked.findings
    assert (found.level, found.certainty) == ("leak", "certain")
    assert found.where == f"{side} of split-0"
    assert set(found.who) == set(given.held_out["person"])
    assert "group-all template was computed from 20 of the people" in found.what


def test_a_template_of_the_people_in_train_is_clean(material):
    given = material()
    checked = fitted.look(given.with_facts(fitted=(Fitted("template", people(given, "train")),)))
    assert checked.verdict == "clean"
    assert "template (14 people)" in checked.looked_at


def test_what_serves_one_split_is_compared_with_that_split(material, table):
    one = table(sides=("train", "test"))
    other = one.assign(split=1, side=one["side"].map({"train": "test", "test": "train"}))
    given = material(frame=other)
    both = material(frame=pd.concat([one.assign(split=0), other]))
    seen = people(given, "train")
    assert fitted.look(both.with_facts(fitted=(Fitted("scale", seen, split=1),))).verdict == "clean"
    (found,) = fitted.look(both.with_facts(fitted=(Fitted("scale", seen, split=0),))).findings
    assert found.where == "test of split-0"


def test_a_template_whose_people_are_not_known_is_said(material):
    checked = fitted.look(material(fitted=(Fitted("group-old", frozenset()),)))
    assert checked.unchecked == "it is not known whom group-old was computed from"


def test_nothing_known_is_not_called_clean(material):
    checked = fitted.look(material())
    assert checked.verdict == "not checked"
    assert "--images" in checked.unchecked


def test_a_name_of_another_data_set_is_another_person(material, table):
    given = material(frame=table().assign(dataset="ADNI"))
    elsewhere = frozenset(("OASIS", who) for _, who in people(given, "test"))
    assert fitted.look(given.with_facts(fitted=(Fitted("template", elsewhere),))).verdict == "clean"
    unnamed = frozenset(("", who) for _, who in people(given, "test"))
    assert fitted.look(given.with_facts(fitted=(Fitted("template", unnamed),))).verdict == "leak"

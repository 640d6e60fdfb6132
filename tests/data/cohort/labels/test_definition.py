"""A definition is refused for everything that it cannot mean, before any table is read."""

import copy

import pytest

from fimbria.data.cohort.labels.definition import Definition, word
from fimbria.data.cohort.labels.files import presets, read
from fimbria.errors import InputError, ProblemsError

PLAIN = {
    "column": ["group"],
    "output": "group",
    "keep": ["ill", "turned"],
    "states": {"well": ["0"], "ill": ["1", "2"]},
    "ahead": {"horizon": 12, "ranks": {"well": 0, "ill": 1}},
    "labels": {
        "ill": {"state": "ill"},
        "turned": {"state": "well", "stability": "horizon", "outcomes": ["progressed"]},
        "steady": {"state": "ill", "stability": "constant"},
    },
}


def changed(place, value):
    """Give the plain definition with one thing changed; None takes it away."""
    plain = copy.deepcopy(PLAIN)
    *steps, last = place.split(".")
    inner = plain
    for step in steps:
        inner = inner.setdefault(step, {})
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return plain


def test_the_plain_definition_holds_together():
    definition = Definition.of(PLAIN)
    assert definition.horizon == 12
    assert definition.labels["turned"].looks_ahead


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        ("colum", "x", r"there is no key colum  -> did you mean 'column'"),
        ("labels.ill.stabilty", "none", r"no key labels\.ill\.stabilty  -> did you mean 'stability'"),
        ("ahead.horizen", 3, r"no key ahead\.horizen  -> did you mean 'horizon'"),
        ("fill", [{"column": "c", "stats": {}}], r"no key fill\.0\.stats  -> did you mean 'states'"),
        ("column", None, "column is needed"),
        ("ahead.horizon", 0, r"ahead\.horizon = 0: should be greater than 0"),
        ("ahead.horizon", -3, "should be greater than 0"),
        ("ahead.horizon", 10**9, "should be less than or equal to"),
        ("labels.ill.stability", "some", r"labels\.ill\.stability = 'some'"),
        ("keep", ["il"], r"keep: there is no label 'il'  -> did you mean 'ill'"),
        ("keep", ["ill", "ill"], "keep: 'ill' stands there twice"),
        ("keep", ["ill", "steady"], "a session could be 'ill' and 'steady'"),
        ("keep", [], "keep"),
        ("states.other", ["1"], "the value '1' means ill, other"),
        ("states.other", [1.0], "the value '1' means ill, other"),
        ("missing", ["2"], "'2' is a state's value, and missing"),
        (
            "fill",
            [{"column": "c", "states": {"wel": [1]}}],
            r"fill 'c': there is no state 'wel'  -> did you mean 'well'",
        ),
        ("fill", [{"column": "c", "states": {"well": [1], "ill": [1]}}], "fill 'c': the value '1' means well, ill"),
        ("labels.ill.state", "sick", r"labels\.ill: there is no state 'sick'"),
        ("ahead.ranks", {"well": 0, "il": 1}, "there is no state 'il'"),
        ("ahead.ranks", {"ill": 0, "sick": 1}, "well has no rank"),
        ("ahead", None, r"stability = 'horizon' without \[ahead\]"),
        ("labels.turned.outcomes", None, "without outcomes"),
        ("labels.ill.outcomes", ["stable"], "outcomes with stability = 'none'"),
        ("labels.steady.changes", 1, "changes with stability = 'constant'"),
        ("labels.ill.not_last", ["stable"], "not_last with stability = 'none'"),
        ("inclusion", ["age >>= 3"], "inclusion: "),
        ("admit", ["x"], "there is no exclusion 'x'"),
        ("output", "session_id", "is a column of Fimbria's own"),
        ("output", "label_month", "is a column of Fimbria's own"),
    ],
)
def test_what_cannot_be_meant_is_refused(place, value, sentence):
    with pytest.raises(ProblemsError, match=sentence) as caught:
        Definition.of(changed(place, value), "mine.toml")
    assert "mine.toml" in str(caught.value)


def test_all_contradictions_are_said_at_once():
    plain = changed("keep", ["il"]) | {"missing": ["1"], "admit": ["x"]}
    with pytest.raises(ProblemsError) as caught:
        Definition.of(plain)
    assert len(caught.value.problems) == 3


def test_a_definition_of_a_newer_version_is_refused():
    with pytest.raises(InputError, match="newer Fimbria"):
        Definition.of(PLAIN | {"schema_version": 2})


def test_labels_that_part_by_what_follows_can_be_kept_together():
    kept = read("alzheimer-participants").changed(keep=("sMCI", "pMCI", "CN", "AD")).keep
    assert kept == ("sMCI", "pMCI", "CN", "AD")
    with pytest.raises(ProblemsError, match="'MCI' and 'sMCI'"):
        read("alzheimer-participants").changed(keep=("MCI", "sMCI"))


def test_labels_that_look_differently_far_ahead_are_not_kept_together():
    plain = changed("labels.healthy", {"state": "well", "stability": "last", "outcomes": ["stable"]})
    with pytest.raises(ProblemsError, match="a session could be 'turned' and 'healthy'"):
        Definition.of(plain | {"keep": ["turned", "healthy"]})


def test_labels_that_share_an_outcome_are_not_kept_together():
    again = {"state": "well", "stability": "horizon", "outcomes": ["stable", "progressed"]}
    with pytest.raises(ProblemsError, match="a session could be 'turned' and 'again'"):
        Definition.of(changed("labels.again", again) | {"keep": ["turned", "again"]})


def test_a_change_makes_a_new_definition_and_keeps_the_old():
    old = Definition.of(PLAIN)
    assert old.changed(horizon=24).horizon == 24
    assert old.horizon == 12
    with pytest.raises(ProblemsError, match="greater than 0"):
        old.changed(horizon=0)


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_shipped_definition_survives_its_own_plain_form(name):
    definition = read(name)
    assert definition.name == name
    assert Definition.of(definition.plain()) == definition


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1"), (1.0, "1"), (-1.0, "-1"), (1.5, "1.5"), (" AD ", "AD"), (True, "True")]
)
def test_a_value_is_the_same_word_however_a_table_stores_it(value, text):
    assert word(value) == text

"""Labelled cohorts as files: refused before reading, written once, with flow and definition, from the door too."""

import json

import pytest
from cyclopts import App

from fimbria import tables
from fimbria.cli import labels as door
from fimbria.data.cohort import flow
from fimbria.data.cohort.labels.files import read, shown
from fimbria.errors import InputError, ProblemsError
from fimbria.workflows.labels import cohort_progression, label_cohort
from histories import table, told

STORIES = {"a": {0: "CN", 12: "CN"}, "b": {0: "AD"}, "c": {0: "MCI", 36: "MCI"}, "d": {0: "MCI", 12: "AD"}}


@pytest.fixture
def merged(tmp_path):
    path = tmp_path / "merged.tsv"
    table(**STORIES).write(path)
    return path


def labels_in(path):
    frame = tables.read(path)
    return dict(zip(frame["participant_id"] + " " + frame["session_id"], frame["diagnosis"], strict=True))


def test_labels_their_flow_and_their_definition_lie_side_by_side(merged, tmp_path):
    out = tmp_path / "labels.tsv"
    made = label_cohort(merged, out)
    assert labels_in(out) == {
        "sub-a ses-M000": "CN",
        "sub-a ses-M012": "CN",
        "sub-b ses-M000": "AD",
        "sub-d ses-M012": "AD",
    }
    assert flow.read(tmp_path / "labels.flow.json") == made.flow
    assert read(tmp_path / "labels.definition.toml") == read("alzheimer-sessions")


def test_the_definition_beside_a_cohort_makes_it_again(merged, tmp_path):
    asked = {"keep": ["pMCI", "sMCI"], "horizon": 24, "where": "session_id != ses-M048", "admit": "smc"}
    label_cohort(merged, tmp_path / "one.tsv", definition="alzheimer-participants", **asked)
    label_cohort(merged, tmp_path / "two.tsv", definition=tmp_path / "one.definition.toml")
    assert (tmp_path / "one.tsv").read_bytes() == (tmp_path / "two.tsv").read_bytes()
    assert labels_in(tmp_path / "two.tsv") == {"sub-c ses-M000": "sMCI", "sub-d ses-M000": "pMCI"}
    steps = json.loads((tmp_path / "two.flow.json").read_text())
    assert steps[-1]["rule"] == "session_id != ses-M048"


def test_the_flow_begins_where_the_table_s_own_ends(merged, tmp_path):
    flow.write(table(**STORIES).keep([True] * 7, "was scanned").flow, flow.beside(merged))
    rules = [step.rule for step in label_cohort(merged, tmp_path / "labels.tsv").flow]
    assert rules[:2] == ["in people", "was scanned"]
    assert len(rules) > 2


def test_nothing_is_written_over_and_the_same_again_is_no_change(merged, tmp_path):
    out = tmp_path / "labels.tsv"
    label_cohort(merged, out)
    before = out.read_bytes()
    label_cohort(merged, out)
    for change in ({"keep": ["CN"]}, {"admit": ["smc"]}):
        with pytest.raises(InputError, match="nothing is ever written over"):
            label_cohort(merged, out, **change)
    with pytest.raises(InputError, match="nothing is ever written over"):
        cohort_progression(merged, merged)
    with pytest.raises(InputError, match="nothing is ever written over"):
        label_cohort(merged, tmp_path)
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"keep": ["sMCI"]}, "there is no label 'sMCI'"),
        ({"horizon": 36}, "--horizon 36 decides nothing"),
        ({"horizon": 0}, "greater than 0"),
        ({"definition": "alzheimer-participants", "horizon": 12}, "--horizon 12 decides nothing"),
        ({"definition": "alzheimer-participants", "keep": ["MCI", "pMCI"]}, "'MCI' and 'pMCI'"),
        ({"where": ["age >"]}, "inclusion"),
        ({"admit": ["smd"]}, "did you mean 'smc'"),
        ({"modality": "pet"}, "--missing-mods"),
        ({"definition": "parkinson"}, "there is no definition 'parkinson'"),
    ],
)
def test_what_contradicts_itself_is_refused_before_any_table_is_read(asked, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        label_cohort(tmp_path / "there-is-none.tsv", tmp_path / "out.tsv", **asked)
    assert not list(tmp_path.iterdir())


def test_a_definition_that_names_no_image_cannot_use_tables_of_images(merged, tmp_path):
    text = shown("alzheimer-sessions").replace('modality = "t1w"', "")
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(InputError, match="--modality"):
        label_cohort(merged, tmp_path / "out.tsv", definition=tmp_path / "mine.toml", missing_mods=tmp_path)


def test_options_of_the_call_are_asked_of_the_sessions(merged, tmp_path):
    (tmp_path / "mods").mkdir()
    for month in ("000", "012"):
        text = "participant_id\tpet\nsub-a\t1\nsub-b\t1\nsub-d\t0\n"
        (tmp_path / "mods" / f"missing_mods_ses-M{month}.tsv").write_text(text)
    (tmp_path / "list.tsv").write_text("participant_id\tsession_id\nsub-a\tses-M012\nsub-d\tses-M012\n")
    made = label_cohort(
        merged,
        tmp_path / "labels.tsv",
        modality="pet",
        missing_mods=tmp_path / "mods",
        restriction=tmp_path / "list.tsv",
        remove_unique_session=True,
        columns="diagnosis",
    )
    assert told(made, "diagnosis") == {("a", "M012"): "CN"}
    assert list(tables.read(tmp_path / "labels.tsv")) == ["participant_id", "session_id", "diagnosis", "label_month"]


def test_who_has_one_session_only_can_be_left_out(merged, tmp_path):
    made = label_cohort(merged, tmp_path / "labels.tsv", remove_unique_session=True)
    assert set(told(made, "diagnosis")) == {("a", "M000"), ("a", "M012"), ("d", "M012")}


def test_progression_stands_beside_each_session(merged, tmp_path):
    made = cohort_progression(merged, tmp_path / "progression.tsv")
    assert list(told(made, "progression").values()) == ["uk", "uk", "uk", "s", "uk", "p", "uk"]
    as_before = cohort_progression(merged, tmp_path / "old.tsv", horizon=24, as_clinicadl=True)
    assert list(told(as_before, "progression").values()) == ["s", "uk", "uk", "s", "uk", "p", "uk"]
    assert read(tmp_path / "old.definition.toml").horizon == 24


def test_progression_needs_ranks(merged, tmp_path):
    (tmp_path / "mine.toml").write_text(shown("alzheimer-sessions").partition("[ahead]")[0])
    with pytest.raises(ProblemsError, match=r"\[ahead\] is needed"):
        cohort_progression(merged, tmp_path / "out.tsv", definition=tmp_path / "mine.toml")
    with pytest.raises(ProblemsError, match=r"ahead\.ranks is needed"):
        cohort_progression(merged, tmp_path / "out.tsv", definition=tmp_path / "mine.toml", horizon=12)


@pytest.fixture
def typed(capsys):
    """Type a command at a door of its own and give what was printed."""
    app = App(name="cohort", result_action="return_value")
    door.register(app)

    def type_words(*words):
        app([str(word) for word in words], exit_on_error=False, print_error=False)
        return capsys.readouterr().out

    return type_words


@pytest.mark.parametrize("command", ["labels", "progression"])
def test_help_of_each_command_has_an_example(typed, command):
    assert f"Example: fimbria cohort {command}" in " ".join(typed(command, "--help").split())


def test_presets_are_listed_and_one_is_printed_to_begin_with(typed, tmp_path):
    assert "alzheimer-participants" in typed("labels", "--list")
    (tmp_path / "mine.toml").write_text(typed("labels", "--show", "alzheimer-sessions"))
    assert read(tmp_path / "mine.toml") == read("alzheimer-sessions")


def test_a_label_without_a_table_is_answered_with_the_whole_command(typed):
    with pytest.raises(InputError, match=r"fimbria cohort labels merged\.tsv labels\.tsv"):
        typed("labels")


def test_a_call_tells_the_flow_the_first_who_left_and_how_many_have_which_label(typed, merged, tmp_path):
    said = typed("labels", merged, tmp_path / "labels.tsv", "--keep", "CN", "MCI", "--where", "session_id != ses-M036")
    assert "left: sub-b ses-M000 (diagnosis is AD)" in said
    lines = [line.split() for line in said.splitlines()]
    assert ["CN", "1", "2"] in lines
    assert ["MCI", "2", "2"] in lines
    said = typed("progression", merged, tmp_path / "progression.tsv", "--horizon", "12")
    assert ["p", "1", "1"] in [line.split() for line in said.splitlines()]

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from fimbria.errors import InputError, ProblemsError
from fimbria.experiment.experiment import Component, Data, Experiment, Optimization, merged, with_names
from strategies import experiments

LEAST = {"data": {"caps": "CAPS", "splits": "folds"}}
trees = st.recursive(
    st.integers() | st.booleans(),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)
branches = st.dictionaries(st.sampled_from("abcd"), trees, max_size=3)


def problems(description):
    with pytest.raises(ProblemsError) as caught:
        Experiment.of(description, "e.toml")
    return {problem.what: problem.remedy for problem in caught.value.problems}


def test_two_paths_are_enough():
    experiment = Experiment.of(LEAST)
    assert experiment.data.caps == Path("CAPS")
    assert experiment.network == Component(name="conv5-fc3")
    assert experiment.data.training_sessions == "all"
    assert experiment.data.validation_sessions == "baseline"


def test_an_experiment_is_frozen():
    experiment = Experiment.of(LEAST)
    with pytest.raises(ValidationError, match="frozen"):
        experiment.compute.seed = 3
    with pytest.raises(ValidationError, match="frozen"):
        experiment.network.name = "resnet"


def test_every_option_has_a_line_of_help_that_ends():
    def sections(model):
        for info in model.model_fields.values():
            assert info.description
            assert info.description.endswith(".")
            if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
                sections(info.annotation)

    sections(Experiment)


def test_everything_wrong_is_said_at_once():
    said = problems(
        {
            "data": {"splits": "folds", "spacing": -1, "extracton": "patch"},
            "optimization": {"epochs": 0, "batch": 4},
            "compute": {"precision": "8", "workers": -1},
            "netwrok": "resnet",
        }
    )
    assert set(said) == {
        "data.caps is needed and was not given",
        "there is no option data.extracton",
        "data.spacing = -1: should be greater than 0",
        "optimization.epochs = 0: should be greater than 0",
        "there is no option optimization.batch",
        "compute.precision = '8': should be '32', 'bf16' or '16'",
        "compute.workers = -1: should be greater than or equal to 0",
        "there is no option netwrok",
    }
    assert "did you mean 'extraction'?" in said["there is no option data.extracton"]
    assert "did you mean 'network'?" in said["there is no option netwrok"]
    assert "did you mean 'batch_size'?" in said["there is no option optimization.batch"]
    assert said["data.caps is needed and was not given"] == "set it in the file, or with --data.caps"


def test_nothing_at_all_asks_for_the_two_paths():
    assert set(problems({})) == {"data.caps is needed and was not given", "data.splits is needed and was not given"}


@pytest.mark.parametrize("value", [3, None, ["resnet"], {"name": 3.5, "x": 1}])
def test_what_is_no_component_is_refused_with_its_place(value):
    assert all("network" in what for what in problems({**LEAST, "network": value}))


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_number_that_is_none_is_refused(value):
    assert any("tolerance" in what for what in problems({**LEAST, "optimization": {"tolerance": value}}))


def test_the_source_is_named():
    with pytest.raises(InputError, match=r"problem with e\.toml"):
        Experiment.of({**LEAST, "x": 1}, "e.toml")


@pytest.mark.parametrize("given_", ["patch", {"name": "patch"}])
def test_a_component_may_be_given_by_its_name_alone(given_):
    experiment = Experiment.of({"data": {**LEAST["data"], "extraction": given_}})
    assert experiment.data.extraction == Component(name="patch")


def test_the_default_component_may_be_changed_without_its_name():
    experiment = Experiment.of({**LEAST, "optimization": {"optimizer": {"learning_rate": 0.01}}})
    assert experiment.optimization.optimizer.options == {"learning_rate": 0.01, "weight_decay": 1e-4}


@pytest.mark.parametrize("given_", [Component(name="adam"), "adam", {"name": "adam"}])
def test_the_default_component_named_again_keeps_its_default_options(given_):
    assert Optimization(optimizer=given_) == Optimization()


def test_another_component_has_none_of_the_defaults_options():
    assert Optimization(optimizer={"name": "sgd", "momentum": 0.9}).optimizer.options == {"momentum": 0.9}


def test_one_value_may_stand_where_several_may():
    assert Experiment.of({**LEAST, "task": {"selection_metrics": "loss"}}).task.selection_metrics == ("loss",)


def test_no_selection_metric_is_refused():
    (what,) = problems({**LEAST, "task": {"selection_metrics": []}})
    assert what.startswith("task.selection_metrics = []")


def test_a_class_that_looks_like_a_number_is_text():
    assert Experiment.of({**LEAST, "task": {"positive": 1}}).task.positive == "1"


@given(experiments())
def test_any_experiment_survives_being_plain(experiment):
    assert Experiment.of(experiment.plain()) == experiment


@given(experiments())
def test_an_experiment_changed_in_nothing_is_the_same(experiment):
    assert experiment.changed({}) == experiment


@given(experiments())
def test_a_change_changes_what_it_names_and_nothing_else(experiment):
    changed = experiment.changed({"compute": {"workers": 7}})
    assert changed.compute.workers == 7
    assert changed.changed({"compute": {"workers": experiment.compute.workers}}) == experiment


def test_a_change_is_checked():
    with pytest.raises(ProblemsError, match=r"no option compute\.sed"):
        Experiment.of(LEAST).changed({"compute": {"sed": 1}})


def test_anchored_paths_mean_the_same_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    anchored = Experiment.of(LEAST).anchored()
    assert (anchored.data.caps, anchored.data.splits) == (tmp_path / "CAPS", tmp_path / "folds")
    assert anchored.anchored() == anchored
    assert Data(caps="~/x", splits="y").caps == Path("~/x")


@given(branches, branches)
def test_what_is_laid_over_wins_and_the_rest_stays(base, changes):
    result = merged(base, changes)
    assert set(result) == {*base, *changes}
    assert all(result[key] == base[key] for key in base if key not in changes)
    assert merged(result, changes) == result


@given(branches)
def test_nothing_laid_over_changes_nothing(base):
    assert merged(base, {}) == base
    assert merged({}, base) == base


@pytest.mark.parametrize(
    ("base", "changes", "result"),
    [
        ({"name": "a", "x": 1}, {"name": "b"}, {"name": "b"}),
        ({"name": "a", "x": 1}, {"name": "a"}, {"name": "a", "x": 1}),
        ({"name": "a", "x": 1}, "b", {"name": "b"}),
        ({"name": "a", "x": 1}, "a", {"name": "a", "x": 1}),
        ("a", {"x": 1}, {"name": "a", "x": 1}),
        ("a", {"name": "b", "x": 1}, {"name": "b", "x": 1}),
        ("a", "b", "b"),
    ],
)
def test_naming_another_component_drops_the_options_of_the_first(base, changes, result):
    assert merged({"network": base}, {"network": changes}) == {"network": result}


def test_merging_touches_neither_side():
    base, changes = {"a": {"b": 1}}, {"a": {"c": 2}}
    merged(base, changes)
    assert (base, changes) == ({"a": {"b": 1}}, {"a": {"c": 2}})


def test_names_are_written_down_in_every_section():
    described = with_names(
        {"network": {"dropout": 0.2}, "data": {"extraction": {"x": 1}, "pipeline": "raw"}, "task": 3}
    )
    assert described == {
        "network": {"name": "conv5-fc3", "dropout": 0.2},
        "data": {"extraction": {"name": "image", "x": 1}, "pipeline": "raw"},
        "task": 3,
    }


SETS = {"data": {"caps": {"one": "a", "two": "/b"}, "splits": "folds"}}


def test_several_data_sets_are_a_table_by_name():
    experiment = Experiment.of(SETS)
    assert experiment.data.caps == {"one": Path("a"), "two": Path("/b")}
    assert experiment.plain()["data"]["caps"] == {"one": "a", "two": "/b"}
    assert Experiment.of(experiment.plain()) == experiment


def test_other_data_sets_take_the_place_of_all_that_stood_there():
    assert Experiment.of(SETS).elsewhere({"three": Path("/c")}).data.caps == {"three": Path("/c")}
    assert Experiment.of(SETS).elsewhere(Path("/d")).data.caps == Path("/d")
    assert Experiment.of(LEAST).elsewhere({"one": Path("/a")}).data.caps == {"one": Path("/a")}
    assert Experiment.of(SETS).changed({"data": {"caps": {"one": "/x"}}}).data.caps == {"one": Path("/x")}


def test_every_path_is_anchored(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    anchored = Experiment.of({"data": {**SETS["data"], "store": "here"}}).anchored()
    assert anchored.data.caps == {"one": tmp_path / "a", "two": Path("/b")}
    assert anchored.data.store == tmp_path / "here"
    assert anchored.anchored() == anchored
    assert Experiment.of(LEAST).elsewhere(Path("x")).data.caps == tmp_path / "x"


@pytest.mark.parametrize("field", ["channels", "augmentation"])
@pytest.mark.parametrize("given_", ["a", ["a"], {"name": "a"}, [{"name": "a"}]])
def test_one_component_may_stand_where_several_may(field, given_):
    made = Experiment.of({"data": {**LEAST["data"], field: given_}})
    assert getattr(made.data, field) == (Component(name="a"),)
    assert Experiment.of(made.plain()) == made


def test_components_keep_their_order_and_options():
    told = ["noise", {"name": "flip", "probability": 0.5}, "noise"]
    made = Experiment.of({"data": {**LEAST["data"], "augmentation": told}}).data.augmentation
    assert [one.name for one in made] == ["noise", "flip", "noise"]
    assert [one.options for one in made] == [{}, {"probability": 0.5}, {}]


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("data", "missing_channel", "zeroes"),
        ("compute", "augment_on", "gpu"),
        ("data", "nonfinite", math.inf),
        ("data", "compact", "perhaps"),
        ("data", "caps", {"one": 3}),
        ("data", "channels", [{"suffix": "x"}]),
    ],
)
def test_what_does_not_fit_is_named(section, field, value):
    said = problems({"data": LEAST["data"], section: {**LEAST.get(section, {}), field: value}})
    assert said
    assert all(f"{section}.{field}" in what for what in said)


@pytest.mark.parametrize("field", ["nonfinite", "store", "described", "spacing"])
def test_none_may_be_written_out(field):
    assert getattr(Experiment.of({"data": {**LEAST["data"], field: "none"}}).data, field) is None


def test_what_stands_for_nan_may_be_zero_and_survives():
    made = Experiment.of({"data": {**LEAST["data"], "nonfinite": 0}})
    assert made.data.nonfinite == 0
    assert made.anchored().data.nonfinite == 0

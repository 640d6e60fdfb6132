"""Flags are made from the experiment, and read back into it."""

import pytest
from hypothesis import given

from fimbria.cli.options import options, parse
from fimbria.errors import InputError
from fimbria.experiment.experiment import Component, Experiment
from strategies import experiments


def leaves(model):
    """Count the options of a model that are no sections and no components' own."""
    kinds = [info.annotation for info in model.model_fields.values()]
    sections = [kind for kind in kinds if hasattr(kind, "model_fields") and kind is not Component]
    return len(kinds) - len(sections) + sum(leaves(section) for section in sections)


def test_every_option_is_a_flag_with_a_line_of_help():
    flags = list(options())
    assert len({flag.flag for flag in flags}) == len(flags) >= leaves(Experiment)
    assert all(flag.help for flag in flags)


def test_reads_values_as_what_they_are():
    read = parse(
        [
            "--optimization.epochs",
            "3",
            "--optimization.optimizer.learning_rate",
            "1e-3",
            "--network.name",
            "conv4-fc3",
            "--network.dropout=0.3",
            "--data.extraction.stride",
            "10",
            "20",
            "30",
            "--compute.deterministic",
            "--data.spacing",
            "none",
        ]
    )
    assert read == {
        "optimization": {"epochs": 3, "optimizer": {"learning_rate": 1e-3}},
        "network": {"name": "conv4-fc3", "dropout": 0.3},
        "data": {"extraction": {"stride": [10, 20, 30]}, "spacing": "none"},
        "compute": {"deterministic": True},
    }


def test_a_flag_given_again_makes_a_list():
    assert parse(["--task.selection_metrics", "loss", "--task.selection_metrics", "accuracy"]) == {
        "task": {"selection_metrics": ["loss", "accuracy"]}
    }


def test_a_component_by_its_name_alone_keeps_its_options_before_and_after():
    assert parse(["--network.dropout", "0.3", "--network", "conv4-fc3"]) == {
        "network": {"dropout": 0.3, "name": "conv4-fc3"}
    }
    assert parse(["--network", "conv4-fc3", "--network.dropout", "0.3"]) == {
        "network": {"name": "conv4-fc3", "dropout": 0.3}
    }


@pytest.mark.parametrize("words", [["3"], ["--nosuch.option", "3"], ["-x"], ["--epochs", "3"]])
def test_refuses_what_is_no_option(words):
    with pytest.raises(InputError):
        parse(words)


@given(experiments())
def test_numbers_given_as_flags_are_the_experiment_s(experiment):
    flags = {
        "optimization": {"epochs": experiment.optimization.epochs, "tolerance": experiment.optimization.tolerance},
        "compute": {"seed": experiment.compute.seed, "precision": experiment.compute.precision},
    }
    words = [
        word
        for section, chosen in flags.items()
        for option, value in chosen.items()
        for word in (f"--{section}.{option}", str(value))
    ]
    base = {"data": {"caps": "caps", "splits": "splits"}}
    assert Experiment.of({**base, **parse(words)}) == Experiment.of({**base, **flags})


def test_every_unknown_option_is_said_at_once():
    with pytest.raises(
        InputError, match=r"(?s)no option --optimisation.epochs.*no option --netwrk.name: did you mean '--network.name'"
    ):
        parse(["--optimisation.epochs", "3", "--compute.seed", "1", "--netwrk.name", "sfcn"])

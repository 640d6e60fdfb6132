from __future__ import annotations

import errno
import pickle

import pytest

from fimbria import errors
from fimbria.errors import (
    ComponentError,
    DivergenceError,
    ExperimentError,
    FimbriaError,
    ImageError,
    InputError,
    LeakError,
    MapsError,
    MissingExtraError,
    Problem,
    ProblemsError,
    StorageError,
    TableError,
    did_you_mean,
    listing,
    refuse,
)

EVERY_KIND = [
    InputError("a sentence"),
    TableError("a sentence"),
    ImageError("a sentence"),
    ComponentError("a 'quoted' sentence"),
    ExperimentError("a sentence"),
    MapsError("a sentence"),
    LeakError("a sentence"),
    ProblemsError("the table", [Problem("a row is gone", "put it back")]),
    DivergenceError("a sentence"),
    MissingExtraError("preprocessing", "preprocess"),
    StorageError(errno.ENOSPC, "a sentence"),
]


def test_every_error_of_the_tree_is_here():
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, FimbriaError)}
    assert kinds == {FimbriaError, *map(type, EVERY_KIND)}


@pytest.mark.parametrize("error", EVERY_KIND, ids=lambda error: type(error).__name__)
def test_an_error_travels_whole_between_processes(error):
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)
    assert type(copy) is type(error)
    assert str(copy) == str(error)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (TableError("x"), ValueError),
        (ComponentError("x"), LookupError),
        (DivergenceError("x"), ArithmeticError),
        (MissingExtraError("x", "y"), ImportError),
        (StorageError(errno.EACCES, "x"), OSError),
    ],
)
def test_an_error_is_also_of_the_builtin_kind(error, builtin):
    assert isinstance(error, builtin)


def test_a_lookup_error_says_its_sentence_without_quotes():
    assert str(ComponentError("no network is called 'x'.")) == "no network is called 'x'."


def test_no_room_says_its_sentence_and_keeps_the_number():
    error = StorageError(errno.ENOSPC, "the disk is full")
    assert (str(error), error.errno) == ("the disk is full", errno.ENOSPC)


def test_a_missing_extra_says_how_to_install_it():
    assert 'pip install "fimbria[preprocess]"' in str(MissingExtraError("t1-linear", "preprocess"))


def test_problems_are_said_at_once_and_the_rest_counted():
    error = ProblemsError("data.tsv", [Problem(f"row {i}", "fix it") for i in range(23)])
    lines = str(error).splitlines()
    assert lines[0] == "23 problems with data.tsv, nothing was started:"
    assert lines[1] == "  row 0  -> fix it"
    assert lines[-1] == "  ... and 3 more"
    assert len(error.problems) == 23


def test_one_problem_is_not_called_problems():
    assert str(ProblemsError("data.tsv", [Problem("x")])).startswith("1 problem with data.tsv")


def test_refuse_lets_pass_what_has_no_problem():
    refuse("anything", iter([]))


def test_refuse_takes_any_iterable():
    with pytest.raises(ProblemsError, match="1 problem with the table"):
        refuse("the table", (Problem(word) for word in ["x"]))


def test_nothing_known_is_said_so():
    assert did_you_mean("x", []) == "there is none"


def test_no_near_name_means_the_list_alone():
    assert did_you_mean("qqq", ["resnet", "conv"]) == "there is: conv, resnet"


def test_a_short_list_is_named_whole():
    assert listing(["a", "b"], most=2) == "a, b"

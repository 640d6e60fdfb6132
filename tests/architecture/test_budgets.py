"""How large things may become. Raising a budget is a line here, with its reason beside it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import fimbria

ROOT = Path(fimbria.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
FOLDERS = sorted({path.parent for path in FILES})
UNCOUNTED = {"__init__.py", "__main__.py", "py.typed", "__pycache__"}  # they are not read to find one's way

FILE_LINES = 400
FUNCTION_LINES = 60
CLASS_METHODS = 15
FOLDER_ENTRIES = 12

# place, relative to the package -> (how many, why)
MORE_ENTRIES = {
    ".": (15, "six ground modules and atomic, and the eight rooms that stand on them"),
    "workflows": (28, "the flat list of the commands: one verb, one file; and what they share"),
}
MORE_LINES: dict[str, tuple[int, str]] = {}
LONGER_FUNCTIONS: dict[str, tuple[int, str]] = {}
MORE_METHODS: dict[str, tuple[int, str]] = {
    "results/maps/training.py:Training": (
        17,
        "log, state, weights, contract and end of one training, each kept and read",
    ),
    "results/predictions/table.py:PredictionTable": (20, "what a row may hold, each asked for in a line or two"),
}


def name(path):
    return path.relative_to(ROOT).as_posix()


def walk(kinds):
    """Every definition of these kinds, as ``file:name`` and node."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kinds):
                yield f"{name(path)}:{node.name}", node


def code_lines(function):
    """Count the lines of a function; its docstring is for another reader."""
    told = function.body[0] if ast.get_docstring(function) else None
    return function.end_lineno - function.lineno + 1 - (told.end_lineno - told.lineno + 1 if told else 0)


def over(sizes, budget, exceptions):
    """Name what is larger than it may be."""
    return {what: size for what, size in sizes if size > exceptions.get(what, (budget, ""))[0]}


def test_there_is_a_package_to_measure():
    assert len(FILES) > 30


def test_no_file_is_longer_than_a_reader_can_hold():
    sizes = ((name(path), len(path.read_text(encoding="utf-8").splitlines())) for path in FILES)
    assert not over(sizes, FILE_LINES, MORE_LINES)


def test_no_function_is_longer_than_a_screen():
    sizes = ((what, code_lines(node)) for what, node in walk((ast.FunctionDef, ast.AsyncFunctionDef)))
    assert not over(sizes, FUNCTION_LINES, LONGER_FUNCTIONS)


def test_no_class_does_too_much():
    sizes = (
        (what, sum(isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) for part in node.body))
        for what, node in walk(ast.ClassDef)
    )
    assert not over(sizes, CLASS_METHODS, MORE_METHODS)


def test_no_folder_holds_more_than_a_glance_takes_in():
    sizes = ((name(folder), sum(entry.name not in UNCOUNTED for entry in folder.iterdir())) for folder in FOLDERS)
    assert not over(sizes, FOLDER_ENTRIES, MORE_ENTRIES)


@pytest.mark.parametrize("exceptions", [MORE_ENTRIES, MORE_LINES, LONGER_FUNCTIONS, MORE_METHODS])
def test_every_exception_is_of_something_that_stands_and_says_why(exceptions):
    for what, (_, reason) in exceptions.items():
        assert (ROOT / what.partition(":")[0]).exists(), what
        assert len(reason) > 10, what

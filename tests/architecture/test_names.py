"""What things are called, and that they say what they are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import fimbria

ROOT = Path(fimbria.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
SAYS_NOTHING = re.compile(r"util|helper|manager|misc|common|base", re.IGNORECASE)
CLASS_SAYS_NOTHING = re.compile(r"Manager|Handler|Helper|Util|^Base[A-Z]|^Abstract[A-Z]")
EXCEPTIONS = {"baselines.py": "a baseline is what a result is compared with"}


def definitions(tree, within=""):
    """Every function and class of a module, and of its classes, by name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield f"{within}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from definitions(node, f"{within}{node.name}.")


def is_public(name):
    return not any(part.startswith("_") for part in name.split("."))


def is_overload_or_setter(node):
    marks = [ast.unparse(mark) for mark in getattr(node, "decorator_list", [])]
    return any(mark.rpartition(".")[2] in {"overload", "setter", "override"} for mark in marks)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_no_name_in_the_tree_says_nothing(kind):
    names = (
        {path.name for path in FILES}
        if kind == "file"
        else {path.parent.relative_to(ROOT).as_posix() for path in FILES}
    )
    assert not {name for name in names if SAYS_NOTHING.search(name)} - set(EXCEPTIONS)


def test_no_class_is_called_after_nothing():
    names = {
        name
        for path in FILES
        for name, node in definitions(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    assert "Cohort" in names
    assert not {name for name in names if CLASS_SAYS_NOTHING.search(name)}


def test_everything_public_says_what_one_gets():
    silent = []
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        where = path.relative_to(ROOT).as_posix()
        if not ast.get_docstring(tree):
            silent.append(where)
        silent += [
            f"{where}:{name}"
            for name, node in definitions(tree)
            if is_public(name) and not is_overload_or_setter(node) and not ast.get_docstring(node)
        ]
    assert not silent


def test_the_first_line_of_a_docstring_is_one_sentence():
    torn = []
    for path in FILES:
        for name, node in definitions(ast.parse(path.read_text(encoding="utf-8"))):
            lines = (ast.get_docstring(node) or "x.").splitlines()
            if not lines[0].endswith((".", "?")) or (len(lines) > 1 and lines[1]):
                torn.append(f"{path.relative_to(ROOT).as_posix()}:{name}")
    assert not torn

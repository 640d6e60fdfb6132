"""Which way imports point: the contracts of ``pyproject.toml``, and that nothing is imported in hiding."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import fimbria

ROOT = Path(fimbria.__file__).parent
PROJECT = Path(__file__).parents[2]
LAZY = ("cli/", "__init__.py")  # a command loads what it needs when it runs; the package's face when it is asked


def test_every_contract_is_kept():
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_every_room_of_the_house_is_under_the_contracts():
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    floors = {name for layer in contracts[0]["layers"] for name in layer.split(" | ")}
    rooms = {f"fimbria.{path.stem}" for path in ROOT.iterdir() if path.name[0] not in "_." and path.name != "py.typed"}
    assert rooms - floors == {"fimbria.testing"}
    lists = {contract["name"]: set(contract.get("source_modules", [])) for contract in contracts}
    above = {"fimbria.learning", "fimbria.workflows", "fimbria.cli"}
    assert lists["torch lives in learning alone"] == floors - above
    assert lists["Nobody in the house imports its testing kit"] == floors


def test_no_import_hides_in_a_function_without_its_reason():
    hidden = []
    for path in sorted(ROOT.rglob("*.py")):
        where = path.relative_to(ROOT).as_posix()
        if where.startswith(LAZY):
            continue
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                hidden += [
                    f"{where}:{node.lineno}"
                    for node in ast.walk(function)
                    if isinstance(node, (ast.Import, ast.ImportFrom)) and "PLC0415" not in lines[node.lineno - 1]
                ]
    assert not hidden


@pytest.mark.parametrize(
    "module",
    [
        "fimbria.experiment.files",
        "fimbria.data.cohort.splits",
        "fimbria.data.extraction.store",
        "fimbria.data.images.caps",
    ],
)
def test_what_is_given_is_read_without_torch(module):
    program = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

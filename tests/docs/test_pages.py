"""Every code block of the README and the documentation runs; generated pages are fresh; links lead somewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fimbria.cli.app import app, run

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SAVED = re.compile(r"Save this as `([^`]+)`")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NEEDS_SCANS = {"real-scans.md"}  # its walk is in tests/real


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_blocks_run(page, tmp_path, monkeypatch):
    text = page.read_text(encoding="utf-8")
    blocks = [(m[1], m[2].split(), m[3], m.start()) for m in BLOCK.finditer(text) if m[1] in ("bash", "python", "toml")]
    if page.name in NEEDS_SCANS:
        pytest.skip("needs scans")
    monkeypatch.chdir(tmp_path)
    for language, marks, content, start in blocks:
        if "notest" in marks:
            continue
        if file := next((mark.removeprefix("file=") for mark in marks if mark.startswith("file=")), None):
            Path(file).write_text(content)
        elif language == "toml":
            Path(SAVED.findall(text[:start])[-1]).write_text(content)
        elif language == "python":
            done = subprocess.run([sys.executable, "-c", content], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        else:
            for line in content.splitlines():
                assert run([*shlex.split(line)[1:], *(["--quiet"] if line.startswith("fimbria train") else [])]) == 0, (
                    line
                )


def commands_of(page):
    """Give every line of a page that is a command of fimbria."""
    lines = (line.strip().removeprefix("$ ") for line in page.read_text(encoding="utf-8").splitlines())
    return [line.partition("#")[0] for line in lines if re.match(r"fimbria [a-z]", line)]


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "commands.md"], ids=lambda page: page.name)
def test_every_command_that_is_shown_parses(page):
    for line in commands_of(page):
        words = shlex.split(line.replace("$BIDS", "bids").replace("0123...", "0123"))[1:]
        command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
        assert command is not None
        assert bound is not None


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name
)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_generated_reference_is_fresh():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "reference.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_page_is_in_the_site_and_every_decision_is_listed():
    listed = (ROOT / "zensical.toml").read_text() + (ROOT / "docs" / "index.md").read_text()
    for page in PAGES[1:]:
        assert listed.count(page.relative_to(ROOT / "docs").as_posix()) >= 1, page


def test_every_public_name_is_a_function_or_type_that_says_what_it_is():
    import fimbria  # noqa: PLC0415  (the face under test)

    for name in fimbria.__all__:
        assert getattr(fimbria, name).__doc__
    with pytest.raises(AttributeError, match="nothing"):
        fimbria.nothing  # noqa: B018  (the access is the test)

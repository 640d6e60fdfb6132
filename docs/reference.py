"""Writes the pages of the reference that follow from the code; with --check, says whether they are stale (exit code 1).

python docs/reference.py
python docs/reference.py --check
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

from rich.console import Console

from fimbria.cli.app import app
from fimbria.cli.options import options
from fimbria.experiment.files import schema
from fimbria.workflows.catalogue import KINDS, component, components

HERE = Path(__file__).parent / "reference"
COMMANDS = (
    ["demo"],
    ["doctor"],
    ["list"],
    ["cohort", "from-bids"],
    ["cohort", "from-caps"],
    ["cohort", "labels"],
    ["cohort", "progression"],
    ["cohort", "metadata"],
    ["cohort", "restrict"],
    ["cohort", "adapt"],
    ["cohort", "summary"],
    ["cohort", "split"],
    ["cohort", "kfold"],
    ["audit"],
    ["preprocess", "t1-linear"],
    ["generate", "atrophy"],
    ["extract", "image"],
    ["extract", "patch"],
    ["extract", "slice"],
    ["extract", "roi"],
    ["store", "list"],
    ["store", "verify"],
    ["store", "prune"],
    ["train"],
    ["resume"],
    ["predict"],
    ["report"],
)


def pages() -> dict[str, str]:
    """Give every generated page by its file's name."""
    return {
        "commands.md": commands(),
        "experiment.md": experiment(),
        "components.md": catalogue(),
        "experiment.schema.json": json.dumps(schema(), indent=2) + "\n",
    }


def commands() -> str:
    """Give the help of every command."""
    parts = [
        "# Commands\n\nExit codes: 0 done; 1 something was found; 2 wrong input; 130 interrupted, what is done is kept.\n"
    ]
    for words in COMMANDS:
        stream = io.StringIO()
        app.help_print(list(words), console=Console(file=stream, width=100, force_terminal=False))
        lines = [
            line.rstrip() for line in stream.getvalue().replace("Begin with: fimbria demo", "").strip().splitlines()
        ]
        parts.append(f"## fimbria {' '.join(words)}\n\n```text\n" + "\n".join(lines) + "\n```\n")
    return "\n".join(parts)


def experiment() -> str:
    """Give every option of an experiment."""
    rows = [
        f"| `{option.flag}` | {option.fits.replace('|', ' or ')} | {f'`{option.default}`' if option.default else 'needed'} | {option.help} |"
        for option in options()
    ]
    head = (
        "# The experiment\n\nEvery option is a flag of `fimbria train` and a key of the TOML or JSON file: "
        "`--optimization.epochs 3` is\n`epochs = 3` under `[optimization]`. The JSON schema is "
        "[experiment.schema.json](experiment.schema.json).\n\n| flag | fits | default | what it is |\n|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def catalogue() -> str:
    """Give every component with its options."""
    parts = ["# Components\n\nWhat `fimbria list` shows. Options that the house gives by itself are left out.\n"]
    for kind in KINDS:
        rows = [
            f"| `{one['name']}` | {one['summary']} | {_options(component(kind, one['name'])['options'])} |"
            for one in components(kind)
        ]
        parts.append(f"## {kind}\n\n| name | what it is | options |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _options(values: dict[str, object]) -> str:
    return (
        ", ".join(f"`{name}` ({'needed' if value == 'needed' else value})" for name, value in values.items()) or "none"
    )


def main() -> int:
    stale = []
    for name, content in pages().items():
        path = HERE / name
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(content, encoding="utf-8")
    if stale and "--check" in sys.argv:
        print(f"stale: {', '.join(stale)}. Write them anew: python docs/reference.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

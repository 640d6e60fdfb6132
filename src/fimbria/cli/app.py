"""The command ``fimbria``: finds the command, turns what goes wrong into a sentence and an exit code.

Exit codes: 0 done; 1 something was found (a leak, a damaged MAPS); 2 wrong input; 130 interrupted, what is done is kept.
"""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App, CycloptsError, Parameter

from fimbria.cli import audit, cohort, images, information, store, training
from fimbria.cli.screen import err
from fimbria.errors import FimbriaError

if TYPE_CHECKING:
    from collections.abc import Sequence

app = App(
    name="fimbria",
    help="Reproducible deep learning for neuroimaging: leak-free splits, exact resume, honest statistics.",
    help_epilogue="Begin with: fimbria demo",
    default_parameter=Parameter(negative=()),  # no --no-... and --empty-... twins
    version=lambda: metadata.version("fimbria"),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for group in (information, cohort, images, store, audit, training):
    group.register(app)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command that was typed."""
    # torch, loaded later, takes large buffers in large pages: a training spends a third less time in the kernel
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    typed = list(sys.argv[1:] if words is None else words)
    sys.exit(run(typed))


def run(words: Sequence[str]) -> int:
    """Run a command and give its exit code."""
    try:
        if words[:1] == ["train"] and {"--help", "-h"} & set(words):
            app.help_print(["train"])
            training.print_experiment_options()
            return 0
        result = app(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        err.print(str(error).strip(), style="red", markup=False)
        err.print(f"See: fimbria {' '.join(_commands(words))} --help".replace("  ", " "), markup=False)
        return 2
    except FimbriaError as error:
        err.print(str(error), style="red", markup=False)
        return 2
    except KeyboardInterrupt:
        err.print(
            f"\nStopped. What is done is kept. To go on: {training.going_on(words, _maps_of(words))}", markup=False
        )
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0


def _maps_of(words: Sequence[str]) -> Path | None:
    """Give the MAPS that a command was to train."""
    if words[:1] == ["demo"]:
        return Path(next((word for word in words[1:] if not word.startswith("-")), "fimbria-demo")) / "maps"
    try:
        _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    except CycloptsError:
        return None
    return bound.arguments.get("maps") if words[:1] == ["train"] else None


def _commands(words: Sequence[str]) -> list[str]:
    """Give the leading words that name a command."""
    named: list[str] = []
    here = app
    for word in words:
        if word.startswith("-") or word not in here:
            break
        named.append(word)
        here = here[word]
    return named

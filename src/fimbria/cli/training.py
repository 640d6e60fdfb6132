"""``fimbria train``, ``resume``, ``predict`` and ``report``: from an experiment to a page."""

from __future__ import annotations

import shlex
from json import loads
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from fimbria.cli.screen import Screen, out, print_json, print_rows, say
from fimbria.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


def register(parent: App) -> None:
    """Hang the commands into the program."""
    for command in (train, resume, predict, report):
        parent.command(command)


def answers_of(found: Sequence[str] | None, because: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    """Pair the findings that somebody answers for with their reasons.

    Raises
    ------
    InputError
        When their numbers differ.
    """
    found, because = found or (), because or ()
    if len(found) != len(because):
        msg = f'{len(found)} --accept-finding and {len(because)} --because: each finding needs its reason, as --because "...".'
        raise InputError(msg)
    return tuple(zip(found, because, strict=True))


def data_sets(words: Sequence[str] | None) -> dict[str, Any]:
    """Give the data sets that --cohort names, nested like the experiment."""
    from fimbria.data.images.datasets import DataSets

    return {"data": {"caps": {name: str(path) for name, path in DataSets.told(words).items()}}} if words else {}


def train(
    experiment: Path,
    maps: Path,
    *options: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    cohort: Annotated[list[str] | None, Parameter(name=("--cohort", "--data-set"))] = None,
    dry_run: bool = False,
    accept_finding: list[str] | None = None,
    because: list[str] | None = None,
    quiet: bool = False,
) -> None:
    """Train what an experiment describes; keep everything in a new results folder (MAPS).

    Every option of the experiment is also a flag: --section.option value. Flags win over the file.

    Example: fimbria train experiment.toml run/maps --optimization.epochs 3 --network.name conv4-fc3 --network.dropout 0.3

    Parameters
    ----------
    experiment
        The experiment, TOML or JSON; or ClinicaDL 1.x's: maps.json, or the TOML of its --config_file.
    maps
        Where to keep the results; a folder that does not exist yet, or is empty.
    cohort
        A data set, NAME=PATH; repeat it for several. The column `dataset` of the tables says whose is whose.
    dry_run
        Check everything and decode the images, and train nothing.
    accept_finding
        Name of a finding of the audit that you answer for; it stands in every report. Repeat it for several.
    because
        Your reason, one for each --accept-finding.
    quiet
        Show nothing but the result.
    """
    from fimbria.cli.options import parse
    from fimbria.data.extraction.clinicadl import read_content
    from fimbria.experiment import files
    from fimbria.experiment.experiment import merged

    answers = answers_of(accept_finding, because)
    screen = Screen(quiet=quiet)
    described = files.read(
        experiment,
        merged(parse(options), data_sets(cohort)),
        read_cut=lambda content, source: read_content(content, source).options,
        tell=screen.say,
    )
    from fimbria.results.maps.maps import refuse_occupied

    refuse_occupied(maps)
    from fimbria.workflows.plan import plan
    from fimbria.workflows.train import train as run_training

    if dry_run:
        planned = plan(described, maps, accept=answers, show=screen)
        images = planned.parts.images
        say(f"Ready: {len(images.entries)} images, {len(images.locations)} parts each, {len(planned.splits)} splits.")
        if planned.certificate:
            say(f"Audit: {planned.certificate.verdict}")
        told = [word for one in cohort or () for word in ("--cohort", one)]
        say(f"To train: fimbria train {shlex.join([str(experiment), str(maps), *options, *told])}")
        return
    trained = run_training(described, maps, accept=answers, show=screen)
    _show_validation(trained.root)


def resume(maps: Path, *, trust_code: list[str] | None = None, quiet: bool = False) -> None:
    """Go on with a training that was broken off; the result is that of an unbroken one, byte for byte on a CPU.

    Example: fimbria resume run/maps

    Parameters
    ----------
    maps
        The MAPS.
    trust_code
        SHA-256 of a study's own file that may be run.
    quiet
        Show nothing but the result.
    """
    from fimbria.workflows import train as workflow

    workflow.resume(maps, trust_code=trust_code or (), show=Screen(quiet=quiet))
    _show_validation(maps)


def predict(
    maps: Path,
    cohort: Path,
    *,
    group: str,
    caps: Path | None = None,
    data_set: list[str] | None = None,
    store: Path | None = None,
    split: list[int] | None = None,
    latent: bool = False,
    trust_code: list[str] | None = None,
    accept_finding: list[str] | None = None,
    because: list[str] | None = None,
    json: bool = False,
    quiet: bool = False,
) -> None:
    """Predict people that the weights have never seen, and keep the result in the MAPS as a group.

    With several splits their probabilities are averaged. With the label's column in the table, predictions are scored.

    Example: fimbria predict run/maps labels/test.tsv --group test

    Parameters
    ----------
    maps
        The MAPS.
    cohort
        Table of sessions.
    group
        What to call the group.
    caps
        Where the images are: a folder, or a TSV (cohort, path) of several; by default where those of the training are.
    data_set
        A data set, NAME=PATH, in place of --caps; repeat it for several.
    store
        Where decoded images are kept; by default where those of the training are.
    split
        Use the weights of this split only; repeat it for several.
    latent
        Keep the means in the latent space of a variational autoencoder, too (TSV).
    trust_code
        SHA-256 of a study's own file that may be run.
    accept_finding
        Name of a finding of the audit that you answer for; it stands in every report. Repeat it for several.
    because
        Your reason, one for each --accept-finding.
    json
        Print the metrics as JSON.
    quiet
        Show nothing but the result.
    """
    from fimbria.workflows.predict import predict as run_prediction

    screen = Screen(quiet=quiet)
    done = run_prediction(
        maps,
        cohort,
        group=group,
        caps=data_sets(data_set)["data"]["caps"] if data_set else caps,
        store=store,
        splits=split,
        latent=latent,
        trust_code=trust_code or (),
        accept=answers_of(accept_finding, because),
        show=screen,
    )
    if json:
        metrics = None if done.metrics is None else loads(done.metrics.to_json(orient="records"))
        print_json({"group": done.group, "folder": str(done.folder), "left": done.left, "metrics": metrics})
        return
    if done.metrics is None:
        say(f"{len(done.table.frame)} images predicted; without labels there is nothing to score.")
    else:
        _show_metrics(done.metrics, f"Group {group}, one vote an image")
    if latent:
        say(f"Places in the latent space are kept of each split: {maps}/split-*/best-*/{group}/")
    say(f"Kept in {done.folder}. Next: fimbria report {maps}")


def report(maps: Path, *, out: Path | None = None) -> None:
    """Write one self-contained HTML file that tells what a MAPS holds.

    Example: fimbria report run/maps

    Parameters
    ----------
    maps
        The MAPS.
    out
        Where to write it; by default report.html in the MAPS.
    """
    from fimbria.workflows.report import report as write_report

    say(f"Open {write_report(maps, out)} in a browser.")


def print_experiment_options() -> None:
    """Show every option of an experiment with its default and its line of help."""
    from rich.table import Table

    from fimbria.cli.options import options

    table = Table(box=None, pad_edge=False, title="Options of the experiment", title_justify="left", show_header=False)
    table.add_column(no_wrap=True, style="cyan")
    table.add_column(overflow="fold")
    for option in options():
        default = f" [dim]\\[{option.default}][/dim]" if option.default else " [dim](needed)[/dim]"
        table.add_row(f"{option.flag} {option.fits}", option.help + default)
    out.print(table)
    out.print("Options of a component follow its name: --data.extraction.name patch --data.extraction.size 32.")
    out.print("What there is, and its options: fimbria list networks; fimbria list networks conv5-fc3.")


def going_on(words: Sequence[str], maps: Path | None) -> str:
    """Say what to type to go on after an interrupt.

    Parameters
    ----------
    words
        What was typed.
    maps
        The MAPS that was being trained, if any.
    """
    if maps and (maps / "maps.json").is_file():
        return f"fimbria resume {shlex.quote(str(maps))}"
    return "fimbria " + shlex.join(words)


def _show_validation(maps: Path) -> None:
    from fimbria.results.maps.maps import Maps

    opened = Maps(maps)
    metric = opened.experiment.task.selection_metrics[0]
    for split in opened.splits:
        scored = opened.scores.metrics(split, metric, "validation", "image")
        if scored is not None:
            _show_metrics(scored, f"Split {split}, validation (which chose the epoch, and so flatters)")
    say(f"Kept in {maps}. Next: fimbria predict {maps} TEST.tsv --group test")


def _show_metrics(metrics: pd.DataFrame, title: str) -> None:
    """Show the metrics that people ask for first, with their intervals."""
    from fimbria.results.evaluation.metric import ASKED_FIRST

    chosen = metrics[metrics["metric"].isin(ASKED_FIRST)]
    chosen = chosen if len(chosen) else metrics  # of a task with metrics of its own
    people = int(chosen["n_participants"].iloc[0])
    rows = [
        {
            "metric": row["metric"],
            "of": row["class"],
            "value": float(row["value"]),
            "95 % interval": f"{row['ci_low']:.2f} to {row['ci_high']:.2f}" if isfinite(row["ci_low"]) else "n/a",
        }
        for row in chosen.to_dict("records")
    ]
    order = {name: place for place, name in enumerate(ASKED_FIRST)}
    print_rows(sorted(rows, key=lambda row: order.get(row["metric"], 0)), f"{title}: {people} participants")

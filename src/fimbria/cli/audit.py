"""``fimbria audit``: look for leaks, whoever made the split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from fimbria.cli import screen
from fimbria.cli.values import pairs
from fimbria.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fimbria.data.audit.certificate import Certificate

_COLOURS = {"leak": "bold red", "risk": "yellow", "clean": "green", "clean in part": "green", "not checked": "dim"}
Several = Annotated[list[str] | None, Parameter(consume_multiple=True)]


def register(parent: App) -> None:
    """Hang the command into the program."""
    parent.command(audit)


def audit(
    what: Path,
    *,
    images: Several = None,
    store: Path | None = None,
    pipeline: str | None = None,
    option: list[str] | None = None,
    table: Path | None = None,
    test: list[Path] | None = None,
    label: str | None = None,
    inputs: Several = None,
    group: Several = None,
    participant: str | None = None,
    session: str | None = None,
    partition: str | None = None,
    participant_pattern: str | None = None,
    pretrained: Path | None = None,
    accept_finding: list[str] | None = None,
    because: list[str] | None = None,
    out: Path | None = None,
    strict: bool = False,
    jobs: int = 1,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Look for leaks in a split, whoever made it, and give a certificate, also when it is clean.

    Exit code 0: no leak; 1: a leak was found (with --strict: or a risk, or nobody knows whose the items are); 2:
    something cannot be read.

    Example: fimbria audit labels --images my-caps --table cohort.tsv --out certificate

    Example: fimbria audit splits_final.json --participant-pattern "(P[0-9]+)_"

    Example: fimbria audit data.csv --participant PatientID --partition fold

    Parameters
    ----------
    what
        Folder of splits (Fimbria's or ClinicaDL's), MAPS, nnU-Net's splits_final.json, MONAI datalist, GaNDLF CSV, or any
        CSV or TSV with a column of partitions.
    images
        CAPS, BIDS data set, or folder that the names in a list start from; NAME=PATH for the data set NAME of several.
    store
        Where decoded images and fingerprints are kept, if not in the data sets.
    pipeline
        What preprocessed the images; by default t1-linear in a CAPS, raw T1w in BIDS.
    option
        Option of the pipeline, NAME=VALUE, such as tracer=18FFDG; repeat it for several.
    table
        The cohort that the split was made of: its columns, and who was left out.
    test
        Table that is held out of every split.
    label
        Column that is learnt; by default diagnosis, or what a MAPS says.
    inputs
        Columns that the model reads beside the image.
    group
        Columns whose values belong on one side, beside those with a usual name (family_id).
    participant
        Column of a foreign list that names the participant.
    session
        Column of a foreign list that names the session.
    partition
        Column of a foreign list that names the side, or the fold.
    participant_pattern
        Regular expression whose group finds the participant in the names of items.
    pretrained
        Table of whom the weights had seen before.
    accept_finding
        Name of a finding that you answer for; repeat it for several.
    because
        Your reason, one for each --accept-finding.
    out
        Folder for certificate.json and certificate.html.
    strict
        Exit with 1 for a risk too, and where it is not known whose the items are.
    jobs
        Processes that look at images.
    json
        Print the certificate as JSON.
    quiet
        Print nothing but the verdict.
    """
    from fimbria.cli.training import answers_of
    from fimbria.workflows.audit import Around, Columns
    from fimbria.workflows.audit import audit as run_audit

    found = run_audit(
        what,
        columns=Columns(participant, session, partition, participant_pattern),
        around=Around(
            images=_folders(images or ()),
            store=store,
            pipeline=pipeline,
            pipeline_options=pairs(option or (), "--option"),
            table=table,
            test=tuple(test or ()),
            pretrained=pretrained,
            label=label,
            inputs=tuple(inputs or ()),
            groups=tuple(group or ()),
        ),
        accept=answers_of(accept_finding, because),
        out=out,
        jobs=jobs,
        show=screen.Screen(quiet=quiet or json),
    )
    if json:
        screen.print_json(found.plain())
    elif quiet:
        screen.say(found.verdict)
    else:
        _show(found)
        if out:
            screen.say(f"Kept in {out / 'certificate.html'} and certificate.json.")
        else:
            screen.say("To keep it: --out FOLDER.")
    return int(bool(found.open("leak") or (strict and (found.open("risk") or found.is_blind))))


def _folders(given: Sequence[str]) -> dict[str, Path]:
    """Read PATH or NAME=PATH, each data set once."""
    folders: dict[str, Path] = {}
    for word in given:
        name, sign, path = word.partition("=")
        key, place = (name, Path(path)) if sign and not Path(word).exists() else ("", Path(word))
        if key in folders:
            msg = f"--images {word}: {'that data set is given twice' if key else 'of several folders, each names its data set: NAME=PATH'}."
            raise InputError(msg)
        folders[key] = place
    if "" in folders and len(folders) > 1:
        msg = f"--images {folders['']}: of several folders, each names its data set: NAME=PATH."
        raise InputError(msg)
    return folders


def _show(certificate: Certificate) -> None:
    learnt = f", label {certificate.label}" if certificate.label else ", label not known"
    screen.out.print(f"{certificate.subject} ({certificate.kind}): {certificate.size}{learnt}", markup=False)
    for check in certificate.checks:
        screen.out.print(f"{check.verdict:>13}", style=_COLOURS[check.verdict], end="  ")
        screen.out.print(check.asks, markup=False)
        for line in filter(None, (check.looked_at, check.unchecked and f"not checked: {check.unchecked}")):
            screen.out.print(f"{'':13}  {line}", style="dim", markup=False)
    for note in certificate.notes:
        screen.out.print(f"Note: {note}", markup=False)
    answered = {acceptance.id: acceptance.because for acceptance in certificate.accepted}
    for finding in certificate.findings:
        screen.out.print()
        screen.out.print(f"{finding.level.upper()} ({finding.certainty})", style=_COLOURS[finding.level], end=" ")
        screen.out.print(f"{finding.id}: {finding.what}", markup=False)
        screen.out.print(f"  where: {finding.where}", markup=False)
        screen.out.print(f"  what to do: {finding.remedy}", markup=False)
        if finding.id in answered:
            screen.out.print(f"  accepted, because: {answered[finding.id]}", markup=False)
    screen.out.print()
    screen.out.print(certificate.verdict, style="bold", markup=False)

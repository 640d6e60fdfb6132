"""``fimbria cohort split`` and ``kfold``: splits that cannot leak."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Group, Parameter

from fimbria.cli.screen import print_rows, say

if TYPE_CHECKING:
    from fimbria.data.cohort.splits import Splits

_SHARE = Group("Who goes where", sort_key=1)
_SAME = Group("The same for other tools", sort_key=2)
Columns = Annotated[list[str] | None, Parameter(consume_multiple=True, group=_SHARE)]
Words = Annotated[list[str] | None, Parameter(consume_multiple=True, group=_SAME)]
Shared = Parameter(group=_SHARE)
Other = Parameter(group=_SAME)


def register(parent: App) -> None:
    """Hang the commands into the group of the cohort."""
    parent.command(split)
    parent.command(kfold)


def split(
    table: Path,
    out: Path,
    *,
    test: Annotated[float, Shared],
    stratify: Columns = None,
    balance: Columns = None,
    group: Columns = None,
    seed: Annotated[int, Shared] = 0,
    name: Annotated[str, Shared] = "test",
    export: Words = None,
    label: Annotated[str | None, Other] = None,
    images: Annotated[Path | None, Other] = None,
    pipeline: Annotated[str, Other] = "t1-linear",
) -> int:
    """Hold some participants out of a cohort; nobody can be on both sides.

    Example: fimbria cohort split cohort.tsv labels --test 20 --stratify diagnosis --balance age sex --seed 1

    Parameters
    ----------
    table
        The cohort (TSV).
    out
        Folder for train.tsv, test.tsv, their baseline lists, balance.tsv and split.json; empty or new.
    test
        Number of participants to hold out; below 1, their share.
    stratify
        Columns to spread evenly over both sides, the most important first; numbers by quantiles.
    balance
        Columns to make alike on both sides: age, sex, site, ... The standardised differences are printed.
    group
        Columns whose values stay whole on one side: family_id, site. Participants always do.
    seed
        The same seed gives the same split.
    name
        What to call the side that is held out; "validation" for a single split to train on.
    export
        Write it for other tools as well: nnunet, monai, gandlf, csv; into OUT/export-TOOL/.
    label
        Column that is learnt: these tools predict it (by default the first to stratify on), and the certificate asks
        about it (by default diagnosis).
    images
        CAPS folder whose images the exports name; case identifiers stand there without it.
    pipeline
        Which images of the CAPS.
    """
    from fimbria.workflows.splits import split_cohort

    made = split_cohort(
        table,
        out,
        test=test,
        stratify=stratify or (),
        balance=balance or (),
        group=group or (),
        seed=seed,
        name=name,
        export=export or (),
        label=label,
        images=images,
        pipeline_name=pipeline,
    )
    print_rows(
        [
            {"side": side.name, "participants": side.participant_count, "sessions": len(side)}
            for side in (made[0].train, made[0].other)
        ]
    )
    return _tell(made, out)


def kfold(
    table: Path,
    out: Path,
    *,
    folds: Annotated[int | None, Shared] = None,
    repeats: Annotated[int | None, Shared] = None,
    inner: Annotated[int | None, Shared] = None,
    leave_out: Annotated[str | None, Shared] = None,
    stratify: Columns = None,
    balance: Columns = None,
    group: Columns = None,
    seed: Annotated[int, Shared] = 0,
    export: Words = None,
    label: Annotated[str | None, Other] = None,
    images: Annotated[Path | None, Other] = None,
    pipeline: Annotated[str, Other] = "t1-linear",
) -> int:
    """Deal the participants of a cohort into folds; each is held out once, and nobody is on two sides.

    Example: fimbria cohort kfold labels/train.tsv folds --folds 5 --stratify diagnosis --balance age sex --seed 1

    Parameters
    ----------
    table
        The cohort (TSV).
    out
        Folder for split-0/, split-1/, ..., balance.tsv and kfold.json; empty or new.
    folds
        How many; 5 if nothing is said.
    repeats
        Deal so many times, each time otherwise; splits are numbered through.
    inner
        Nested: deal each training side into so many folds of its own, in split-0/K_fold/ and so on.
    leave_out
        Instead of folds, hold out each value of this column once: site.
    stratify
        Columns to spread evenly over the folds, the most important first; numbers by quantiles.
    balance
        Columns to make alike in all folds: age, sex, site, ... The standardised differences are printed.
    group
        Columns whose values stay whole on one side: family_id, site. Participants always do.
    seed
        The same seed gives the same folds.
    export
        Write them for other tools as well: nnunet, monai, gandlf, csv; into OUT/export-TOOL/.
    label
        Column that is learnt: these tools predict it (by default the first to stratify on), and the certificate asks
        about it (by default diagnosis).
    images
        CAPS folder whose images the exports name; case identifiers stand there without it.
    pipeline
        Which images of the CAPS.
    """
    from fimbria.workflows.splits import kfold_cohort

    made = kfold_cohort(
        table,
        out,
        folds=folds,
        repeats=repeats,
        inner=inner,
        leave_out=leave_out,
        stratify=stratify or (),
        balance=balance or (),
        group=group or (),
        seed=seed,
        export=export or (),
        label=label,
        images=images,
        pipeline_name=pipeline,
    )
    print_rows(
        [
            {
                "split": one.index,
                **({"held out": one.held_out} if one.held_out else {}),
                "train": f"{one.train.participant_count} participants, {len(one.train)} sessions",
                one.name: f"{one.other.participant_count} participants, {len(one.other)} sessions",
            }
            for one in made
        ]
    )
    return _tell(made, out)


def _tell(made: Splits, out: Path) -> int:
    """Show how alike the sides are, what there is to say, and what the audit found; give the exit code."""
    from fimbria.data.audit.certificate import Certificate

    if not made.balance.empty:
        rows = made.largest().itertuples(index=False, name=None)
        shown = [{"variable": name, "as dealt": f"{was:.4f}", "achieved": f"{is_:.4f}"} for name, was, is_ in rows]
        print_rows(shown, "Largest standardised difference between a held-out side and the rest")
    for note in made.notes:
        say(note)
    certificate = Certificate.read(out / "certificate.json")
    for finding in certificate.findings:
        say(f"{finding.level.upper()}: {finding.what} ({finding.where}). What to do: {finding.remedy}.")
    say(f"Audit: {certificate.verdict}")
    say(f"Kept in {out}, with its certificate.")
    return int(bool(certificate.open("leak")))

"""Synthetic data sets with a known answer."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from fimbria import tables
from fimbria.atomic import write_json
from fimbria.data.images import nifti, template
from fimbria.data.synthesis import atrophy, regions
from fimbria.errors import InputError
from fimbria.execution import executor, run
from fimbria.provenance import environment
from fimbria.workflows.show import Show, quiet


def generate_atrophy(  # noqa: PLR0913  (the recipe)
    caps: str | Path,
    *,
    people: int = 40,
    region: str = "hippocampus",
    degree: float = 25.0,
    seed: int = 0,
    spacing: float = 1.0,
    jobs: int = 1,
    show: Show = quiet,
) -> Path:
    """Make a CAPS of synthetic people, half of whom lose signal in a region.

    Each person is the template brain, bent, tinted and made noisy by draws that follow from (seed, number) alone.

    Parameters
    ----------
    caps
        Where to write it; people who are there already are made again, the same.
    people
        How many.
    region
        Where the signal is lost.
    degree
        How much of it, percent.
    seed
        Other seed, other people.
    spacing
        Voxel side, mm.
    jobs
        Processes.
    show
        Who watches.

    Returns
    -------
    Path
        The table of the people, ``data.tsv``.

    Raises
    ------
    InputError
        For a recipe that cannot be followed.
    """
    caps = Path(caps)
    recipe = atrophy.Atrophy(region=region, degree=degree, seed=seed, spacing_mm=spacing)
    if people < 2:  # noqa: PLR2004  (one ill, one healthy)
        msg = f"--people {people}: at least 2 are needed, one with the loss and one without."
        raise InputError(msg)
    described = {"recipe": vars(recipe), "people": people}
    _refuse_other(caps, described)
    grid = atrophy.grid_of(spacing)
    mask = (
        caps
        / "masks"
        / f"tpl-{template.SPACE}"
        / f"tpl-{template.SPACE}_desc-Crop_res-{recipe.resolution}_roi-{region}_mask.nii.gz"
    )
    nifti.write(mask, regions.mask(region, grid), grid)
    with executor(jobs, people) as pool:
        made = run(partial(atrophy.write, recipe, caps=caps), range(people), pool)
        for outcome in show.track(made, "making people", people):
            if outcome.error:
                raise outcome.error
    tables.write(atrophy.table(recipe, people), caps / "data.tsv")
    return caps / "data.tsv"


def _refuse_other(caps: Path, described: dict[str, Any]) -> None:
    """Refuse a folder that holds anything but an earlier run of the same recipe; begin with saying what it is."""
    record = caps / "commandline.json"
    try:
        kept = dict(json.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        kept = {}  # none, or of somebody else
    if caps.is_dir() and any(caps.iterdir()) and any(kept.get(key) != value for key, value in described.items()):
        msg = f"{caps} holds something else already; nothing is ever written over. Choose another folder."
        raise InputError(msg)
    write_json(record, {**described, "environment": environment()})

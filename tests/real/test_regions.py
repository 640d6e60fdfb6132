"""The drawn regions against the labels that anatomists gave the same template (CerebrA, doi:10.1038/s41597-020-0557-9)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fimbria import tables
from fimbria.data.images import nifti
from fimbria.data.synthesis import regions

TEMPLATES = Path(__file__).parents[3] / "shared" / "data" / "templates"
pytestmark = pytest.mark.skipif(not TEMPLATES.is_dir(), reason="the labelled template is not beside the checkout")

DRAWN = [
    ("hippocampus", "Hippocampus", 0.65),
    ("amygdala", "Amygdala", 0.5),
    ("ventricle", "Lateral Ventricle", 0.6),
    ("thalamus", "Thalamus", 0.6),
    ("caudate", "Caudate", 0.6),
    ("putamen", "Putamen", 0.6),
    ("pallidum", "Pallidum", 0.5),
    ("insula", "Insula", 0.5),
]


@pytest.fixture(scope="module")
def labels():
    return nifti.read(TEMPLATES / "tpl-MNI152NLin2009cSym_res-1_atlas-CerebrA_dseg.nii.gz")


@pytest.fixture(scope="module")
def index():
    listed = tables.read(TEMPLATES / "tpl-MNI152NLin2009cSym_atlas-CerebrA_dseg.tsv")
    return {(row["name"], row["hemisphere"]): row["index"] for _, row in listed.iterrows()}


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("drawn", DRAWN, ids=lambda drawn: drawn[0])
def test_a_drawn_region_overlaps_the_anatomists(labels, index, drawn, side):
    region, label, least = drawn
    theirs = labels.array == index[label, side[0].upper()]
    ours = regions.mask(f"{side}-{region}", labels.grid)
    dice = 2 * np.sum(ours & theirs) / (ours.sum() + theirs.sum())
    assert dice >= least

"""The whole walk on real people's scans: six of them, at low resolution, so that it takes a minute."""

import shutil
from pathlib import Path

import pytest

from fimbria import tables
from fimbria.cli.app import run
from fimbria.results.maps.integrity import damage
from fimbria.results.maps.maps import Maps

SCANS = Path(__file__).parents[3] / "shared" / "data" / "bids-ds000011"
pytestmark = pytest.mark.skipif(not SCANS.is_dir(), reason="the real scans are not beside the checkout")
PEOPLE = ("sub-01", "sub-02", "sub-03", "sub-04", "sub-06", "sub-07")


@pytest.fixture(scope="module")
def bids(tmp_path_factory):
    root = tmp_path_factory.mktemp("walk") / "bids"
    for who in PEOPLE:
        shutil.copytree(SCANS / who, root / who)
    people = tables.read(SCANS / "participants.tsv")
    tables.write(people[people["participant_id"].isin(PEOPLE)].assign(sex=list("FMFMFM")), root / "participants.tsv")
    return root


def test_from_raw_scans_to_a_report(bids, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("experiment.toml").write_text(
        '[data]\ncaps = "caps"\nsplits = "folds"\nspacing = 4\n[task]\nlabel = "sex"\npositive = "F"\n'
        '[network]\nname = "conv4-fc3"\n[optimization]\nepochs = 1\nbatch_size = 2\n'
    )
    for line in (
        f"cohort from-bids {bids} cohort.tsv",
        f"preprocess t1-linear {bids} caps --jobs 2 --quiet",
        "cohort split cohort.tsv labels --test 2 --stratify sex --seed 1",
        "cohort kfold labels/train.tsv folds --folds 2 --stratify sex --seed 1",
        "extract image caps t1-linear --spacing 4 --jobs 2 --quiet",
        "train experiment.toml maps --quiet",
        "predict maps labels/test.tsv --group test --quiet",
        "report maps",
    ):
        assert run(line.split()) == 0, line
    aligned = tables.read(Path("caps/t1-linear.tsv"))
    assert (aligned["similarity"] > 0.45).all()
    assert aligned["determinant"].between(0.5, 1).all()
    assert aligned["alarms"].isna().all()
    maps = Maps(Path("maps"))
    assert maps.scores.predictions(None, "loss", "test", "image").participants == 2
    assert damage(maps.paths) == []
    page = Path("maps/report.html").read_text()
    assert "sub-0" not in page
    assert "<svg" in page
    assert run(["preprocess", "t1-linear", str(bids), "caps", "--quiet"]) == 0

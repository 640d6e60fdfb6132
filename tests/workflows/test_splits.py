"""Splits as files: written once, the same for the same seed, with the flow of those who left."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from fimbria import tables
from fimbria.data.cohort.splits import read_flow, read_splits
from fimbria.errors import InputError, ProblemsError, TableError
from fimbria.workflows.cohorts import cohort_from_bids
from fimbria.workflows.splits import kfold_cohort, split_cohort


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Forty-eight people of three sites, in families of two, two sessions each."""
    draws = np.random.default_rng(0)
    people = pd.DataFrame({"participant_id": [f"sub-{i:02d}" for i in range(48)]})
    people = people.assign(
        diagnosis=["AD", "CN"] * 24,
        age=draws.normal(70, 8, 48).round(1),
        sex=draws.choice(["F", "M"], 48),
        site=[["Lyon", "Metz", "Nice"][i // 16] for i in range(48)],
        family_id=[f"F{i // 2}" for i in range(48)],
    )
    visits = pd.concat(
        [people.assign(session_id="ses-M00"), people.assign(session_id="ses-M12", age=people["age"] + 1)]
    )
    path = tmp_path_factory.mktemp("splits") / "cohort.tsv"
    tables.write(visits, path)
    return path


def test_the_flow_goes_with_the_people_from_table_to_folds(tiny_bids, tmp_path):
    cohort_from_bids(tiny_bids, tmp_path / "cohort.tsv")
    split_cohort(tmp_path / "cohort.tsv", tmp_path / "labels", test=1)
    kfold_cohort(tmp_path / "labels" / "train.tsv", tmp_path / "folds", folds=2)
    rules = [step.rule for step in read_flow(tmp_path / "folds")]
    assert rules[0].startswith("in ")
    assert rules[-1] == "train of a split (seed 0)"


def test_a_split_writes_clinicadl_s_files_and_a_manifest(tiny_caps, tmp_path):
    split_cohort(tiny_caps / "data.tsv", tmp_path / "labels", test=0.25, stratify=["diagnosis"], seed=7)
    names = {path.name for path in (tmp_path / "labels").iterdir()}
    assert {"train.tsv", "train_baseline.tsv", "test.tsv", "test_baseline.tsv", "split.json"} <= names
    manifest = json.loads((tmp_path / "labels" / "split.json").read_text())
    assert (manifest["seed"], manifest["n_test"], manifest["stratify"]) == (7, 0.25, ["diagnosis"])
    assert set(manifest["sha256"]) == {name for name in names if name.endswith(".tsv")} - {"balance.tsv"}


def test_a_single_split_to_train_on(tiny_caps, tmp_path):
    split_cohort(tiny_caps / "data.tsv", tmp_path / "split", test=2, name="validation")
    splits = read_splits(tmp_path / "split")
    assert [(split.index, split.other.participant_count) for split in splits] == [(0, 2)]


def test_a_test_split_cannot_be_trained_on_by_mistake(tiny_caps, tmp_path):
    split_cohort(tiny_caps / "data.tsv", tmp_path / "split", test=2)
    with pytest.raises(InputError, match=r"test\.tsv is kept for prediction"):
        read_splits(tmp_path / "split")


def test_the_same_seed_gives_the_same_files_and_another_others(tiny_caps, tmp_path):
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        kfold_cohort(tiny_caps / "data.tsv", tmp_path / name, folds=2, seed=seed)
    read = {name: (tmp_path / name / "split-0" / "train.tsv").read_bytes() for name in ("one", "again", "other")}
    assert read["one"] == read["again"] != read["other"]


def test_nothing_is_written_over(tiny_caps, tmp_path):
    kfold_cohort(tiny_caps / "data.tsv", tmp_path / "folds", folds=2)
    with pytest.raises(InputError, match="never written over"):
        kfold_cohort(tiny_caps / "data.tsv", tmp_path / "folds", folds=2)
    with pytest.raises(TableError):
        split_cohort(tmp_path / "no.tsv", tmp_path / "new", test=1)
    assert not (tmp_path / "new").exists()


def test_one_column_may_be_named_alone(table, tmp_path):
    split_cohort(table, tmp_path / "split", test=12, stratify="diagnosis", balance="age", group="family_id")
    manifest = json.loads((tmp_path / "split" / "split.json").read_text())
    assert (manifest["stratify"], manifest["balance_on"], manifest["group"]) == (["diagnosis"], ["age"], ["family_id"])
    assert manifest["cohort"]["name"] == "cohort.tsv"


def test_how_alike_the_sides_are_is_kept_and_the_families_whole(table, tmp_path):
    made = kfold_cohort(
        table, tmp_path / "f", folds=3, stratify=["diagnosis"], balance=["age", "sex"], group=["family_id"]
    )
    manifest = json.loads((tmp_path / "f" / "kfold.json").read_text())
    assert {row["variable"] for row in manifest["balance"]} == {"age", "sex", "diagnosis"}
    kept = tables.read(tmp_path / "f" / "balance.tsv")
    assert kept["achieved"].tolist() == made.balance["achieved"].tolist()
    assert [split.group_by for split in read_splits(tmp_path / "f")] == [("family_id",)] * 3


def test_the_order_of_the_rows_changes_no_side(table, tmp_path):
    turned = tables.read(table).sample(frac=1, random_state=1)
    tables.write(turned, tmp_path / "turned.tsv")
    one, other = (
        kfold_cohort(path, tmp_path / path.stem, folds=4, stratify="diagnosis", balance=["age", "sex"], seed=5)
        for path in (table, tmp_path / "turned.tsv")
    )
    assert [set(s.other.participants) for s in one] == [set(s.other.participants) for s in other]


def test_repeated_folds_are_numbered_through(table, tmp_path):
    kfold_cohort(table, tmp_path / "folds", folds=2, repeats=3, stratify="diagnosis")
    assert [split.index for split in read_splits(tmp_path / "folds")] == list(range(6))
    manifest = json.loads((tmp_path / "folds" / "kfold.json").read_text())
    assert [one["repeat"] for one in manifest["splits"]] == [0, 0, 1, 1, 2, 2]


def test_each_site_is_left_out_and_the_folds_within_can_be_trained_on(table, tmp_path):
    made = kfold_cohort(table, tmp_path / "sites", leave_out="site", inner=2, stratify="diagnosis", export="nnunet")
    assert [split.held_out for split in made] == ["site = Lyon", "site = Metz", "site = Nice"]
    with pytest.raises(InputError, match=r"its folds are in .*2_fold"):
        read_splits(tmp_path / "sites")
    inner = read_splits(tmp_path / "sites" / "split-1" / "2_fold", ["diagnosis"])
    assert len(inner) == 2
    assert set(inner[0].train.participants + inner[0].other.participants) == set(made[1].train.participants)
    rules = [step.rule for step in read_flow(tmp_path / "sites" / "split-1" / "2_fold")]
    assert rules[-1] == "train of split 1 (seed 0)"
    assert (tmp_path / "sites" / "split-1" / "2_fold" / "export-nnunet" / "splits_final.json").is_file()
    manifest = json.loads((tmp_path / "sites" / "kfold.json").read_text())
    assert manifest["rule"] == "leave-one-out"
    assert "split-2/2_fold/split-0/train.tsv" in manifest["sha256"]


def test_a_changed_list_of_nested_folds_is_noticed(table, tmp_path):
    kfold_cohort(table, tmp_path / "folds", folds=2, inner=2)
    inner = tmp_path / "folds" / "split-0" / "2_fold"
    path = inner / "split-0" / "train.tsv"
    path.write_text(path.read_text().replace("Lyon", "Nice"))
    with pytest.raises(ProblemsError, match="SHA-256 differs"):
        read_splits(inner)


def test_contradictions_and_gaps_are_said_together(table, tmp_path):
    with pytest.raises(ProblemsError) as caught:
        kfold_cohort(
            table,
            tmp_path / "new",
            folds=3,
            repeats=2,
            leave_out="sites",
            stratify="diagnosis",
            seed=-1,
            export="nnu-net",
        )
    said = "\n".join(map(str, caught.value.problems))
    for part in (
        "--leave-out sites and --folds",
        "--leave-out sites and --repeats",
        "--leave-out sites and --stratify",
        "--seed -1",
        "did you mean 'site'",
        "did you mean 'nnunet'",
    ):
        assert part in said
    assert not (tmp_path / "new").exists()


def test_a_name_of_the_held_out_side_that_nobody_reads_is_refused(table, tmp_path):
    with pytest.raises(ProblemsError, match="--name holdout: the side that is held out is called test"):
        split_cohort(table, tmp_path / "new", test=4, name="holdout")


def test_exports_name_the_images_of_a_caps(tiny_caps, tmp_path):
    split_cohort(
        tiny_caps / "data.tsv", tmp_path / "s", test=2, stratify="diagnosis", export=["monai", "csv"], images=tiny_caps
    )
    read = json.loads((tmp_path / "s" / "export-monai" / "datalist.json").read_text())
    assert all((tiny_caps / item["image"]).is_file() for item in read["training"] + read["testing"])
    assert {item["label"] for item in read["training"]} == {0, 1}


def test_images_that_are_not_there_are_named(table, tiny_caps, tmp_path):
    with pytest.raises(ProblemsError, match="no t1-linear image for sub-09 ses-M00"):
        split_cohort(table, tmp_path / "new", test=2, export="csv", images=tiny_caps)
    with pytest.raises(ProblemsError, match="without --export"):
        split_cohort(table, tmp_path / "new", test=2, images=tiny_caps)
    with pytest.raises(ProblemsError, match="a CAPS was wanted"):
        split_cohort(table, tmp_path / "new", test=2, export="csv", images=tmp_path / "none")

"""The leak zoo: small data sets with one planted leak each, and a clean twin of each.

The peers' exhibits are what their own splitters give by default, re-made from what their documentation and the people
who use them say of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Exhibit:
    """One planted leak.

    Attributes
    ----------
    name
        What was done.
    family
        Name of the look that must find it.
    build
        Writes the data set into a folder; gives the arguments of the audit.
    clean
        Likewise, without the leak.
    """

    name: str
    family: str
    build: Callable[[Path], dict[str, Any]]
    clean: Callable[[Path], dict[str, Any]]


def people(count=20, sessions=2):
    """Some participants with some sessions each: ids, session, file, diagnosis, age."""
    rows = [
        (f"sub-{who:03d}", f"ses-M{12 * visit:03d}", ("AD", "CN")[who % 2], 60 + who % 17 + visit)
        for who in range(count)
        for visit in range(sessions)
    ]
    frame = pd.DataFrame(rows, columns=["participant_id", "session_id", "diagnosis", "age"])
    return frame.assign(case=frame["participant_id"] + "_" + frame["session_id"])


def dealt(count, folds, seed):
    """Deal numbers 0 to `count` into folds of one size, shuffled."""
    fold = np.empty(count, dtype=int)
    fold[np.random.default_rng(seed).permutation(count)] = np.arange(count) % folds
    return fold


def by_row(frame, folds=5, seed=0):
    """Deal rows: a participant's sessions part."""
    return dealt(len(frame), folds, seed)


def by_participant(frame, folds=5, seed=0):
    """Deal participants: their sessions stay together."""
    codes, different = pd.factorize(frame["participant_id"])
    return dealt(len(different), folds, seed)[codes]


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=4))
    return {"what": path}


def gandlf(folder, testing, validation, *, looked_up_in_full, nested=True):
    """Split as GaNDLF does, subjects in order, one row each, and write it as ``gandlf split-csv`` does.

    The folds of validation are drawn of the subjects left for training; their places are then looked up in the list of
    all subjects, where other people stand. A number below 0 means the first fold alone.
    """
    subjects = pd.DataFrame({"SubjectID": [f"{who:03d}" for who in range(100)]})
    subjects["Channel_0"] = "images/" + subjects["SubjectID"] + "_t1.nii.gz"
    subjects["ValueToPredict"] = np.arange(100) % 2
    everybody = np.arange(100)
    folder.mkdir(parents=True, exist_ok=True)
    for i, test in enumerate(np.array_split(everybody, abs(testing))):
        rest = np.setdiff1d(everybody, test)
        for j, held in enumerate(np.array_split(np.arange(len(rest)), abs(validation))):
            kept = np.setdiff1d(np.arange(len(rest)), held)
            source = everybody if looked_up_in_full else rest
            sides = {"training": source[kept], "validation": source[held], "testing": test}
            place = folder / f"testing_{i}" / f"validation_{j}" if nested else folder
            place.mkdir(parents=True, exist_ok=True)
            for side, chosen in sides.items():
                name = f"data_{side}.csv" if nested else f"{side}_{i if side == 'testing' else j}.csv"
                if not (place / name).exists():  # the first list of a name stays
                    subjects.iloc[chosen].to_csv(place / name, index=False)
            if validation < 0:
                break
        if testing < 0:
            break
    return {"what": folder}


def gandlf_default(looked_up_in_full):
    """GaNDLF's default, one test and one validation fold of five each, written by ``gandlf split-csv``."""
    return lambda folder: gandlf(folder / "csvs", -5, -5, looked_up_in_full=looked_up_in_full, nested=False)


def gandlf_nested(looked_up_in_full):
    """GaNDLF's five by five folds, in the folders of its nested training."""
    return lambda folder: gandlf(folder / "run", 5, 5, looked_up_in_full=looked_up_in_full)


def gandlf_list(deal):
    """One list of GaNDLF's with a column of sides, rows drawn at random or by subject."""

    def build(folder):
        frame = people()
        folder.mkdir(parents=True, exist_ok=True)
        rows = pd.DataFrame({"subjectid": frame["participant_id"], "channel_0": frame["case"] + "_t1.nii.gz"})
        rows["Split"] = np.where(deal(frame) == 0, "Testing", "Training")
        rows.to_csv(folder / "train_all.csv", index=False)
        return {"what": folder / "train_all.csv"}

    return build


def nnunet(deal):
    """nnU-Net's five shuffled folds of cases."""

    def build(folder):
        frame = people()
        fold = deal(frame, seed=12345)
        splits = [
            {"train": frame["case"][fold != k].tolist(), "val": frame["case"][fold == k].tolist()} for k in range(5)
        ]
        return write_json(folder / "splits_final.json", splits)

    return build


def monai_items(frame):
    return [
        {"image": f"imagesTr/{case}_T1w.nii.gz", "label": int(diagnosis == "AD")}
        for case, diagnosis in zip(frame["case"], frame["diagnosis"], strict=True)
    ]


def within_classes(frame, folds=5, seed=0):
    """Deal the rows of each class by itself, as ``partition_dataset_classes`` does."""
    fold = np.empty(len(frame), dtype=int)
    for kind in sorted(set(frame["diagnosis"])):
        chosen = np.flatnonzero(frame["diagnosis"] == kind)
        fold[chosen] = dealt(len(chosen), folds, seed)
    return fold


def monai_partition(deal):
    """MONAI's partition by classes: one partition held out, the others learnt from."""

    def build(folder):
        frame = people()
        held = deal(frame, seed=1) == 0
        lists = {"training": monai_items(frame[~held]), "validation": monai_items(frame[held])}
        return write_json(folder / "datalist.json", lists)

    return build


def monai_folds(deal):
    """A datalist as Auto3DSeg wants it: items that bear a fold, and test images as names alone."""

    def build(folder):
        frame = people()
        fold = deal(frame, seed=2)
        items = [{**item, "fold": int(k)} for item, k in zip(monai_items(frame), fold, strict=True)]
        test = [{"image": f"imagesTs/sub-9{who:02d}_ses-M000_T1w.nii.gz"} for who in range(4)]
        return write_json(folder / "dataset_folds.json", {"name": "Task", "testing": test, "training": items})

    return build


def fastmonai(deal):
    """fastMONAI's data frame with a column that says which rows are held out."""

    def build(folder):
        frame = people()
        folder.mkdir(parents=True, exist_ok=True)
        rows = pd.DataFrame({"t1_path": "data/" + frame["case"] + ".nii.gz", "subject_id": frame["participant_id"]})
        rows["diagnosis"], rows["is_val"] = frame["diagnosis"], deal(frame, seed=42) == 0
        rows.to_csv(folder / "train.csv", index=False)
        return {"what": folder / "train.csv"}

    return build


def nobrainer(deal):
    """A manifest of image and label pairs, 80 : 10 : 10, as Nobrainer permutes them."""

    def build(folder):
        frame = people()
        folder.mkdir(parents=True, exist_ok=True)
        fold = deal(frame, folds=10, seed=42)
        rows = pd.DataFrame(
            {
                "image": "ds/" + frame["participant_id"] + "/" + frame["case"] + "_T1w.nii.gz",
                "label": "ds/" + frame["participant_id"] + "/" + frame["case"] + "_dseg.nii.gz",
                "split": np.select([fold == 8, fold == 9], ["val", "test"], "train"),
            }
        )
        rows.to_csv(folder / "manifest.csv", index=False)
        return {"what": folder / "manifest.csv"}

    return build


def write_lists(place, **sides):
    """Write the lists of a split as ClinicaDL does: sessions of all, and the first of each participant."""
    place.mkdir(parents=True, exist_ok=True)
    for side, frame in sides.items():
        rows = frame.drop(columns="case")
        first = rows.drop_duplicates("participant_id")
        first.to_csv(place / f"{side}_baseline.tsv", sep="\t", index=False)
        if side == "train":
            rows.to_csv(place / "train.tsv", sep="\t", index=False)


def clinicadl_rows(deal):
    """ClinicaDL's split of several diagnoses: a quarter of the rows, not of the participants, is held out."""

    def build(folder):
        frame = people()
        held = deal(frame, folds=4, seed=3) == 0
        write_lists(folder / "split", train=frame[~held], test=frame[held])
        (folder / "split" / "split.json").write_text(json.dumps({"n_test": 0.25, "subset_name": "test"}))
        return {"what": folder / "split"}

    return build


def clinicadl_by_hand(*, shared):
    """Folds of ClinicaDL below a test list, the validation list of one of them edited by hand."""

    def build(folder):
        frame = people()
        test = by_participant(frame, seed=4) == 0
        write_lists(folder / "split", train=frame[~test], test=frame[test])
        inner = frame[~test].reset_index(drop=True)
        fold = by_participant(inner, folds=4, seed=5)
        for k in range(4):
            held = inner[fold == k]
            if shared and k == 2:
                held = pd.concat([held, inner[fold != k].head(1)])
            write_lists(folder / "split" / "4_fold" / f"split-{k}", train=inner[fold != k], validation=held)
        return {"what": folder / "split"}

    return build


def clinicadl_maps(*, shared):
    """A MAPS of ClinicaDL whose training list was written anew and shares a participant with its validation list."""

    def build(folder):
        frame = people()[["participant_id", "session_id", "diagnosis"]].assign(cohort="single")
        maps, held = folder / "maps", frame["participant_id"] < "sub-004"
        train = frame if shared else frame[~held]
        for side, rows in (("train", train), ("validation", frame[held])):
            place = maps / "groups" / side / "split-0"
            place.mkdir(parents=True)
            rows.to_csv(place / "data.tsv", sep="\t")  # with the index of pandas, as ClinicaDL writes it
        frame[["participant_id", "session_id"]].to_csv(maps / "groups" / "train+validation.tsv", sep="\t", index=False)
        write_json(maps / "maps.json", {"label": "diagnosis", "transfer_path": False, "network_task": "classification"})
        return {"what": maps}

    return build


PEERS: tuple[Exhibit, ...] = (
    Exhibit("gandlf-default-validation-of-test", "participant", gandlf_default(True), gandlf_default(False)),
    Exhibit("gandlf-nested-index-of-all", "participant", gandlf_nested(True), gandlf_nested(False)),
    Exhibit("gandlf-list-by-row", "participant", gandlf_list(by_row), gandlf_list(by_participant)),
    Exhibit("nnunet-folds-of-cases", "participant", nnunet(by_row), nnunet(by_participant)),
    Exhibit(
        "monai-partition-by-class", "participant", monai_partition(within_classes), monai_partition(by_participant)
    ),
    Exhibit("monai-folds-of-items", "participant", monai_folds(by_row), monai_folds(by_participant)),
    Exhibit("fastmonai-random-rows", "participant", fastmonai(by_row), fastmonai(by_participant)),
    Exhibit("nobrainer-pairs-permuted", "participant", nobrainer(by_row), nobrainer(by_participant)),
    Exhibit("clinicadl-diagnoses-by-row", "participant", clinicadl_rows(by_row), clinicadl_rows(by_participant)),
    Exhibit(
        "clinicadl-list-edited-by-hand", "participant", clinicadl_by_hand(shared=True), clinicadl_by_hand(shared=False)
    ),
    Exhibit("clinicadl-maps-sides-overlap", "participant", clinicadl_maps(shared=True), clinicadl_maps(shared=False)),
)

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from fimbria import tables
from fimbria.cli.app import run
from fimbria.errors import InputError, ProblemsError
from fimbria.workflows.audit import Around, audit
from fimbria.workflows.splits import kfold_cohort, split_cohort
from zoo import PEERS
from zoo_own import OWN, RISKS, brain, caps, cohort, folder, participant

CAGES = [*OWN, *((exhibit, frozenset({"part", "held-out", "time"})) for exhibit in PEERS)]
IDS = [exhibit.name for exhibit, _ in CAGES]


def certificate(told):
    return audit(told.pop("what"), around=Around(**told))


@pytest.mark.parametrize(("exhibit", "implied"), CAGES, ids=IDS)
def test_every_leak_of_the_zoo_is_named(exhibit, implied, tmp_path):
    found = certificate(exhibit.build(tmp_path))
    families = {finding.check for finding in found.findings}
    assert exhibit.family in families
    assert families <= {exhibit.family, *implied}
    levels = {finding.level for finding in found.findings if finding.check == exhibit.family}
    assert levels == {"risk" if exhibit.name in RISKS else "leak"}


@pytest.mark.parametrize(("exhibit", "implied"), CAGES, ids=IDS)
def test_no_clean_twin_raises_an_alarm(exhibit, implied, tmp_path):  # noqa: ARG001  (one list for both)
    found = certificate(exhibit.clean(tmp_path))
    assert [f"{finding.check}: {finding.what}" for finding in found.findings] == []
    assert len(found.checks) == 16


def test_every_look_has_its_exhibit(tmp_path):
    looks = {check.check for check in certificate(participant(leak=False)(tmp_path)).checks}
    assert {exhibit.family for exhibit, _ in OWN} == looks


@pytest.fixture
def labels(tmp_path):
    return folder(tmp_path, cohort(visits=2))["what"]


@pytest.fixture
def leaking(tmp_path):
    return participant(leak=True)(tmp_path)["what"]


def test_the_command_prints_a_certificate_also_when_it_is_clean(labels, tmp_path, capsys):
    assert run(["audit", str(labels), "--out", str(tmp_path / "kept")]) == 0
    shown = capsys.readouterr().out
    assert "Is a participant on two sides of a split?" in shown
    assert "No leak was found." in shown
    assert json.loads((tmp_path / "kept" / "certificate.json").read_text())["verdict"] in shown
    assert (tmp_path / "kept" / "certificate.html").is_file()


def test_a_leak_exits_with_1_and_names_who_where_and_what_to_do(leaking, capsys):
    assert run(["audit", str(leaking)]) == 1
    shown = capsys.readouterr().out
    for words in ("LEAK (certain)", "sub-000", "train and validation of split-0", "what to do:"):
        assert words in shown


def test_a_risk_exits_with_1_only_if_asked(tmp_path, capsys):
    exhibit = next(exhibit for exhibit, _ in OWN if exhibit.name == "the-site-tells")
    what = str(exhibit.build(tmp_path)["what"])
    assert run(["audit", what]) == 0
    assert "RISK" in capsys.readouterr().out
    assert run(["audit", what, "--strict"]) == 1


def test_a_finding_that_somebody_answers_for_is_printed_with_the_reason(leaking, capsys):
    assert run(["audit", str(leaking), "--json"]) == 1
    names = [f["id"] for check in json.loads(capsys.readouterr().out)["checks"] for f in check["findings"]]
    answers = [
        word for name in names for word in ("--accept-finding", name, "--because", "a phantom was scanned twice")
    ]
    assert run(["audit", str(leaking), *answers]) == 0
    assert "accepted, because: a phantom was scanned twice" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--accept-finding", "participant-00000000", "--because", "x"], "no finding is called"),
        (["--accept-finding", "participant-00000000"], "each finding needs its reason"),
        (["--label", "diagnose"], "did you mean 'diagnosis'"),
        (["--inputs", "MMSE"], "no column 'MMSE'"),
        (["--images", "nowhere"], "there is no such folder"),
        (["--table", "nowhere.tsv"], "there is no table"),
        (["--pretrained", "nowhere.tsv"], "there is no table"),
        (["--test", "nowhere.tsv"], "there is no such file"),
        (["--participant-pattern", "("], "no regular expression"),
        (["--partition", "side"], "names a column of a table"),
    ],
)
def test_what_cannot_be_used_is_a_sentence_and_exit_code_2(labels, words, sentence, capsys):
    assert run(["audit", str(labels), *words]) == 2
    shown = capsys.readouterr().err
    assert sentence in shown
    assert "Traceback" not in shown


def test_a_table_that_disagrees_with_the_lists_is_refused(labels, tmp_path):
    frame = cohort(visits=2)
    frame.loc[0, "sex"] = "M" if frame["sex"][0] == "F" else "F"
    frame.to_csv(tmp_path / "cohort.tsv", sep="\t", index=False)
    with pytest.raises(ProblemsError, match="disagree on sex of sub-000 ses-M000"):
        audit(labels, around=Around(table=tmp_path / "cohort.tsv"))


def test_images_are_looked_at_once_and_fingerprints_stay_beside_them(tmp_path):
    frame = cohort(people=8)
    told = folder(tmp_path, frame, images=caps(tmp_path, frame, brain))
    first = certificate(dict(told))
    place = tmp_path / "caps" / "fimbria-store" / "fingerprints" / "t1-linear"
    kept = sorted(place.rglob("*.safetensors"))
    assert len(kept) == 8
    dates = [path.stat().st_mtime_ns for path in kept]
    assert certificate(dict(told)).plain()["checks"] == first.plain()["checks"]
    assert [path.stat().st_mtime_ns for path in kept] == dates


def test_images_that_are_not_there_are_said_and_none_at_all_is_refused(tmp_path):
    frame = cohort(people=8)
    told = folder(tmp_path, frame, images=caps(tmp_path, frame.head(5), brain))
    same = next(check for check in certificate(dict(told)).checks if check.check == "same-image")
    assert "3 images could not be looked at" in same.unchecked
    empty = tmp_path / "empty"
    (empty / "subjects").mkdir(parents=True)
    with pytest.raises(InputError, match="none of the 8 images"):
        certificate({**told, "images": {"": empty}})


def test_a_broken_image_is_said_by_name(tmp_path):
    frame = cohort(people=8)
    told = folder(tmp_path, frame, images=caps(tmp_path, frame, brain))
    path = next((tmp_path / "caps").rglob("*.nii.gz"))
    path.write_bytes(path.read_bytes()[:100])
    same = next(check for check in certificate(told).checks if check.check == "same-image")
    assert path.name in same.unchecked


def test_images_of_two_data_sets_lie_in_two_folders(tmp_path):
    frames = {name: cohort(people=8).assign(dataset=name) for name in ("one", "two")}
    both = pd.concat(frames.values(), ignore_index=True)
    images = {name: caps(tmp_path / name, frame, brain)[""] for name, frame in frames.items()}
    where = ["train"] * 8 + ["test"] * 8
    found = certificate(folder(tmp_path, both, np.asarray(where), images=images))
    same = next(check for check in found.checks if check.check == "same-image")
    assert "one: sub-000 ses-M000 = two: sub-000 ses-M000" in same.findings[0].what


def test_a_list_of_files_is_looked_up_below_the_folder_of_images(tmp_path):
    frame = cohort(people=8)
    images = caps(tmp_path, frame, lambda number: brain(number % 4))[""]
    names = [path.relative_to(images).as_posix() for path in sorted(images.rglob("*.nii.gz"))]
    items = [{"image": name, "label": 0} for name in names]
    path = tmp_path / "datalist.json"
    path.write_text(json.dumps({"training": items[:4], "testing": items[4:]}))
    found = certificate({"what": path, "images": {"": images}})
    assert {finding.check for finding in found.findings} == {"same-image"}


def names(found):
    return {finding.check for finding in found.findings}


def test_a_template_of_one_data_set_accuses_nobody_of_another(tmp_path):
    one, two = (cohort(people=8).assign(dataset=name) for name in ("A", "B"))
    place = tmp_path / "caps"
    for who in one["participant_id"]:
        (place / "subjects" / who / "ses-M000" / "t1" / "spm").mkdir(parents=True)
    tables.write(one[["participant_id"]], place / "groups" / "group-all_subjects_visits_list.tsv")
    both = pd.concat([one, two], ignore_index=True)
    where = np.asarray(["train"] * 8 + ["test"] * 8)
    assert names(certificate(folder(tmp_path / "clean", both, where, images={"A": place}))) == set()
    mixed = np.asarray(["train", "train", "test", "test"] * 4)
    assert names(certificate(folder(tmp_path / "leak", both, mixed, images={"A": place}))) == {"fitted-on-test"}


def test_a_template_that_no_image_was_made_with_is_no_leak(tmp_path):
    frame = cohort(people=8)
    images = caps(tmp_path, frame, brain)
    tables.write(frame[["participant_id"]], images[""] / "groups" / "group-all_subjects_visits_list.tsv")
    assert names(certificate(folder(tmp_path, frame, images=images))) == set()


def test_a_column_of_codes_with_a_gap_contradicts_nothing(tmp_path):
    frame = cohort().assign(label=(cohort()["diagnosis"] == "AD").astype(int)).drop(columns="diagnosis")
    told = folder(tmp_path, frame, label="label", table=tmp_path / "cohort.tsv")
    more = frame.iloc[[0]].assign(participant_id="sub-999", label=None)
    tables.write(pd.concat([frame, more]), tmp_path / "cohort.tsv")
    assert names(certificate(told)) == set()


def test_a_table_that_contradicts_itself_is_found_beside_named_cases(tmp_path):
    frame = cohort()
    cases = (frame["participant_id"] + "_" + frame["session_id"]).tolist()
    (tmp_path / "splits_final.json").write_text(json.dumps([{"train": cases[:30], "val": cases[30:]}]))
    again = frame.head(1).assign(diagnosis="MCI")
    tables.write(pd.concat([frame, again]), tmp_path / "cohort.tsv")
    assert "contradiction" in names(
        certificate({"what": tmp_path / "splits_final.json", "table": tmp_path / "cohort.tsv"})
    )


def test_rows_that_were_excluded_are_on_no_side(tmp_path):
    frame = pd.DataFrame({"subject": ["S1", "S2", "S1"], "split": ["train", "test", "excluded"]})
    frame.to_csv(tmp_path / "list.csv", index=False)
    found = certificate({"what": tmp_path / "list.csv"})
    assert names(found) == set()
    assert any("'excluded'" in note for note in found.notes)


@pytest.mark.parametrize("name", ["case\0.nii", "x" * 300, "../../secret.nii"])
def test_a_name_that_no_file_can_have_is_an_image_that_is_missing(tmp_path, name):
    images = caps(tmp_path, cohort(people=1), brain)[""]
    known = next(images.rglob("*.nii.gz")).relative_to(images).as_posix()
    content = {"training": [{"image": known}], "testing": [{"image": name}]}
    (tmp_path / "list.json").write_text(json.dumps(content))
    found = certificate({"what": tmp_path / "list.json", "images": {"": images}})
    assert "1 image could not be looked at" in next(c for c in found.checks if c.check == "same-image").unchecked


def test_a_certificate_is_never_written_over_that_of_a_split(labels, tmp_path, capsys):
    (labels / "split.json").write_text("{}")
    assert run(["audit", str(labels), "--out", str(labels)]) == 2
    assert "holds split.json" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert run(["audit", str(labels), "--out", str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err


def test_a_maps_takes_more_test_people_and_no_columns_of_lists(tmp_path, capsys):
    exhibit = next(exhibit for exhibit, _ in OWN if exhibit.name == "tested-twice")
    what = exhibit.clean(tmp_path)["what"]
    tables.write(cohort().head(3), tmp_path / "more.tsv")
    assert run(["audit", str(what), "--test", str(tmp_path / "more.tsv")]) == 1
    assert "sub-000" in capsys.readouterr().out
    assert run(["audit", str(what), "--participant-pattern", "(P)"]) == 2
    assert "is a MAPS and knows its own" in capsys.readouterr().err


def test_strict_fails_where_nobody_knows_whose_the_items_are(tmp_path):
    pd.DataFrame({"file": ["a.png", "b.png"], "split": ["train", "test"]}).to_csv(tmp_path / "list.csv", index=False)
    assert run(["audit", str(tmp_path / "list.csv"), "--quiet"]) == 0
    assert run(["audit", str(tmp_path / "list.csv"), "--quiet", "--strict"]) == 1


def test_one_folder_cannot_hold_the_images_of_two_data_sets(tmp_path):
    frames = [cohort(people=8).assign(dataset=name) for name in ("one", "two")]
    images = caps(tmp_path, frames[0], brain)
    told = folder(tmp_path, pd.concat(frames, ignore_index=True), np.asarray(["train"] * 8 + ["test"] * 8))
    with pytest.raises(InputError, match="needs a folder of its own"):
        certificate({**told, "images": images})
    same = next(c for c in certificate({**told, "images": {"one": images[""]}}).checks if c.check == "same-image")
    assert same.verdict == "clean in part"
    assert "no --images were given for the data set 'two'" in same.unchecked


def test_our_own_exports_keep_two_data_sets_apart(tmp_path):
    frames = [cohort(people=20).assign(dataset=name) for name in ("one", "two")]
    tables.write(pd.concat(frames), tmp_path / "both.tsv")
    tools = ("nnunet", "monai", "gandlf", "csv")
    kfold_cohort(tmp_path / "both.tsv", tmp_path / "folds", folds=4, stratify="diagnosis", export=tools)
    lists = ("nnunet/splits_final.json", "monai/datalist.json", "gandlf/split-0", "csv/split-0.csv")
    for name in lists:
        found = certificate({"what": tmp_path / "folds" / f"export-{name}"})
        assert names(found) == set(), name
        people = 40
        assert found.size.startswith(f"{people} participants"), name


def test_a_list_beside_the_caps_says_whom_something_was_computed_from(tmp_path):
    frame = cohort(people=8)
    images = caps(tmp_path, frame, brain)
    tables.write(frame[["participant_id"]], images[""] / "histogram_fitted_on.tsv")
    assert names(certificate(folder(tmp_path, frame, images=images))) == {"fitted-on-test"}


def test_a_table_of_other_people_is_refused(labels, tmp_path):
    others = cohort().assign(participant_id=[f"sub-9{number:03d}" for number in range(40)])
    tables.write(others, tmp_path / "others.tsv")
    with pytest.raises(InputError, match="knows nobody of"):
        audit(labels, around=Around(table=tmp_path / "others.tsv"))


def test_raw_images_are_compared_and_nothing_is_written_among_them(tiny_bids, tmp_path):
    rows = [("sub-01", "ses-M000"), ("sub-01", "ses-M006"), ("sub-02", "ses-M6"), ("sub-03", "ses-M000")]
    frame = pd.DataFrame(rows, columns=["participant_id", "session_id"])
    told = folder(tmp_path, frame, np.asarray(["train", "train", "test", "test"]), images={"": tiny_bids})
    before = sorted(tiny_bids.rglob("*"))
    looked = {check.check: check for check in certificate(told).checks}
    assert looked["same-image"].looked_at.startswith("4 images")
    assert looked["near-image"].verdict == "not checked"
    assert sorted(tiny_bids.rglob("*")) == before


def test_a_split_keeps_the_column_that_is_learnt(tmp_path):
    tables.write(cohort(), tmp_path / "cohort.tsv")
    split_cohort(tmp_path / "cohort.tsv", tmp_path / "split", test=10, stratify="sex", label="sex")
    assert certificate({"what": tmp_path / "split"}).label == "sex"
    (tmp_path / "split" / "split.json").write_text("{")
    assert any("split.json cannot be read" in note for note in certificate({"what": tmp_path / "split"}).notes)


def test_one_folder_is_never_that_of_two_data_sets(tmp_path, capsys):
    frames = [cohort(people=8).assign(dataset=name) for name in ("one", "two")]
    images = str(caps(tmp_path, frames[0], brain)[""])
    what = str(folder(tmp_path, pd.concat(frames), np.asarray(["train"] * 8 + ["test"] * 8))["what"])
    assert run(["audit", what, "--images", f"one={images}", f"two={images}"]) == 2
    assert "are given one folder" in capsys.readouterr().err
    assert run(["audit", what, "--images", f"one={images}", images]) == 2
    assert "each names its data set" in capsys.readouterr().err


def test_a_certificate_of_other_lists_is_not_written_over(leaking, tmp_path, capsys):
    kept = tmp_path / "kept"
    other = folder(tmp_path / "other", cohort(visits=1))["what"]
    assert run(["audit", str(other), "--out", str(kept)]) == 0
    assert run(["audit", str(other), "--out", str(kept)]) == 0
    before = (kept / "certificate.json").read_bytes()
    assert run(["audit", str(leaking), "--out", str(kept)]) == 2
    assert "holds the certificate of other lists" in capsys.readouterr().err
    assert (kept / "certificate.json").read_bytes() == before


def test_lists_without_sessions_or_files_say_why_no_image_is_found(tiny_bids, tmp_path):
    frame = pd.DataFrame({"participant_id": ["sub-01", "sub-02"], "partition": ["train", "test"]})
    frame.to_csv(tmp_path / "list.csv", index=False)
    found = certificate({"what": tmp_path / "list.csv", "images": {"": tiny_bids}})
    same = next(check for check in found.checks if check.check == "same-image")
    assert "name neither sessions nor files" in same.unchecked


def test_a_list_of_strangers_says_so(labels, tmp_path):
    tables.write(pd.DataFrame({"participant_id": ["P1", "P2"]}), tmp_path / "seen.tsv")
    found = certificate({"what": labels, "pretrained": tmp_path / "seen.tsv"})
    look = next(check for check in found.checks if check.check == "pretrained-on-test")
    assert look.verdict == "clean in part"
    assert "named alike" in look.unchecked

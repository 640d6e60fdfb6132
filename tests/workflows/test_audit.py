from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from fimbria.cli.app import run
from fimbria.errors import InputError, ProblemsError
from fimbria.workflows.audit import Around, audit
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

from __future__ import annotations

import json

import pandas as pd
import pytest

from fimbria.data.audit import page
from fimbria.data.audit.certificate import Acceptance, Certificate, digest
from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.material import Material
from fimbria.errors import InputError, ProblemsError

LEAK = Finding(
    "participant", "leak", "1 participants <b>", ("sub-01",), "train and test of split-0", "certain", "split"
)
RISK = Finding("telling-column", "risk", "MMSE tells", ("MMSE",), "the table", "probable", "leave it out")


def certificate(*findings, **changed):
    checks = (
        Checked("participant", "Is a participant on two sides?", "2 participants; exactly", tuple(findings)),
        Checked("time", "Is a visit too late?", "all dates"),
        Checked("family", "Is a family on two sides?", unchecked="no column of families"),
    )
    return Certificate("splits", "splits", "diagnosis", "abc", "2 participants", checks, fimbria="0.1", **changed)


def test_a_finding_has_the_same_name_each_time_and_another_for_other_people():
    again = Finding(*[getattr(LEAK, name) for name in LEAK.__dataclass_fields__])
    other = Finding.of({**LEAK.plain(), "who": ["sub-02"]})
    assert again.id == LEAK.id
    assert LEAK.id.startswith("participant-")
    assert other.id != LEAK.id


def test_the_verdict_of_a_look_never_mixes_levels_nor_calls_the_unseen_clean():
    assert Checked("a", "?", "x", (RISK, LEAK)).verdict == "leak"
    assert Checked("a", "?", "x", (RISK,)).verdict == "risk"
    assert Checked("a", "?", "x").verdict == "clean"
    assert Checked("a", "?", "x", (), "some").verdict == "clean in part"
    assert Checked("a", "?", unchecked="why").verdict == "not checked"


def test_a_clean_certificate_says_what_it_could_not_answer():
    assert certificate().verdict == "No leak was found. 1 of 3 questions could not be answered."


def test_leaks_come_before_risks():
    found = certificate(RISK, LEAK)
    assert found.findings == [LEAK, RISK]
    assert found.verdict.startswith("1 leak and 1 risk found.")
    assert not found.is_blind


def test_a_verdict_says_when_nobody_knows_whose_the_items_are():
    blind = Checked("participant", "Is a participant on two sides?", unchecked="names say nothing")
    told = Certificate("list", "table", "", "abc", "0 participants", (blind,))
    assert told.is_blind
    assert told.verdict == "No leak was found. 1 of 1 questions could not be answered, not even whose the items are."


def test_an_accepted_finding_is_no_longer_open_and_keeps_its_reason():
    answered = certificate(LEAK).accepting([Acceptance(LEAK.id, "one shared phantom")])
    assert answered.open("leak") == []
    assert answered.verdict.startswith("No other leak was found, beside 1 accepted leak.")
    assert "one shared phantom" in page.html_of(answered)


@pytest.mark.parametrize(
    ("name", "because", "sentence"), [("participant-00000000", "why", "no finding is called"), (LEAK.id, " ", "reason")]
)
def test_what_was_not_found_or_has_no_reason_cannot_be_accepted(name, because, sentence):
    with pytest.raises(ProblemsError, match=sentence):
        certificate(LEAK).accepting([Acceptance(name, because)])


def test_survives_a_file_and_is_the_same_bytes_each_time(tmp_path):
    made = certificate(LEAK, RISK, notes=("unreadable",), accepted=(Acceptance(LEAK.id, "because"),))
    page.write(made, tmp_path / "one")
    page.write(made, tmp_path / "two")
    assert Certificate.read(tmp_path / "one" / "certificate.json") == made
    for name in ("certificate.json", "certificate.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"checks": 1}', json.dumps({"subject": "a"})])
def test_a_broken_file_is_a_sentence(tmp_path, content):
    (tmp_path / "certificate.json").write_text(content)
    with pytest.raises(InputError, match="cannot be read as a certificate"):
        Certificate.read(tmp_path / "certificate.json")


def test_the_page_needs_nothing_else_and_escapes_what_it_is_given():
    shown = page.html_of(certificate(LEAK, RISK))
    assert "<b>" not in shown.split("1 participants", 1)[1].split("</p>", 1)[0].replace("</b>", "")
    assert "&lt;b&gt;" in shown
    for word in ("<script", "http://", "https://", "src="):
        assert word not in shown
    for word in (LEAK.id, "not checked", "no column of families", "2 participants; exactly"):
        assert word in shown


def test_the_digest_of_the_lists_knows_sides_and_not_the_order_of_rows():
    rows = pd.DataFrame({"side": ["train", "test"], "participant_id": ["sub-01", "sub-02"], "session_id": "ses-1"})
    lists = digest(Material("a", "b", rows).items)
    assert digest(Material("a", "b", rows[::-1]).items) == lists
    assert digest(Material("a", "b", rows.assign(side=["test", "train"])).items) != lists

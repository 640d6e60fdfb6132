from __future__ import annotations

import pytest

from fimbria.data.audit.certificate import Acceptance, Certificate
from fimbria.data.audit.finding import Checked, Finding
from fimbria.results.report import audited
from fimbria.results.report.page import html_of

LEAK = Finding(
    "same-image",
    "leak",
    "1 image of train in validation under another name: sub-07 ses-M000 = sub-09 ses-M000",
    ("sub-07 ses-M000", "sub-09 ses-M000"),
    "train and validation of split-0",
    "certain",
    "leave one out",
)


@pytest.fixture
def maps(make_maps, tmp_path):
    made = make_maps(tmp_path / "maps")
    check = Checked("same-image", "Is the same image there twice?", "14 images; the first sub-07", (LEAK,))
    certificate = Certificate("folds", "splits", "diagnosis", "abc", "14 participants", (check,), fimbria="0.1")
    made.audits.keep(certificate.accepting([Acceptance(LEAK.id, "a phantom, on purpose")]))
    return made


def test_an_accepted_finding_is_printed_with_its_reason_and_without_names(maps):
    page = html_of(maps)
    assert "1 image of train in validation under another name" in page
    assert "a phantom, on purpose" in page
    assert "sub-07" not in page
    assert "sub-09" not in page


def test_a_maps_without_a_certificate_says_so(make_maps, tmp_path):
    assert "hold no certificate of an audit" in html_of(make_maps(tmp_path / "maps"))


def test_a_certificate_that_cannot_be_read_is_a_note(maps):
    (maps.root / "certificate.json").write_text("{")
    notes = []
    assert audited.read(maps, notes) == []
    assert "cannot be read as a certificate" in notes[0]

"""Table 1 and the picture of the flow, as files."""

import xml.etree.ElementTree as ET

import pytest

from fimbria import tables
from fimbria.data.cohort.cohort import Session, Step
from fimbria.errors import InputError, ProblemsError
from fimbria.workflows.cohorts import cohort_from_bids
from fimbria.workflows.summary import picture, summarize_cohort

LEFT = tuple((Session("", f"sub-{i}", "ses-1"), f"age of sub-{i} < {60 + i % 6}") for i in range(20))
STEPS = (Step("in people & <others>", 30, 31), Step("age >= 62", 10, 11, LEFT), Step("joined", 10, 11))


@pytest.fixture
def cohort(tiny_bids, tmp_path):
    """Six sessions of three people, with their flow."""
    cohort_from_bids(tiny_bids, tmp_path / "cohort.tsv")
    return tmp_path / "cohort.tsv"


def test_the_table_is_written_as_its_name_ends(cohort, tmp_path):
    for ending, beginning in ((".tsv", "variable\tkind"), (".md", "|  | all (n = 3)"), (".html", "<!DOCTYPE html>")):
        summarize_cohort(cohort, by="sex", out=tmp_path / f"table{ending}")
        assert (tmp_path / f"table{ending}").read_text(encoding="utf-8").startswith(beginning)
    found = tables.read(tmp_path / "table.tsv")
    assert found[(found["variable"] == "age") & (found["group"] == "all")]["mean"].tolist() == [68.25]


def test_the_flow_is_drawn_as_its_name_ends(cohort, tmp_path):
    for ending in ("svg", "png", "html"):
        summarize_cohort(cohort, flow=tmp_path / f"flow.{ending}")
    assert (tmp_path / "flow.png").read_bytes().startswith(b"\x89PNG")
    drawn = (tmp_path / "flow.svg").read_text()
    assert "3 participants (6 sessions)" in " ".join(ET.fromstring(drawn).itertext())  # noqa: S314  (our own file)
    assert drawn.partition("\n")[2].strip() in (tmp_path / "flow.html").read_text()


def test_the_picture_names_nobody_and_counts_reasons():
    drawn = picture(STEPS, ".svg").decode()
    words = [text.strip() for text in ET.fromstring(drawn).itertext() if text.strip()]  # noqa: S314  (our own picture)
    assert "sub-1" not in drawn
    assert "in people & <others>" in words
    assert "20 participants (20 sessions) left" in words
    assert "4: age of sub-\N{HORIZONTAL ELLIPSIS} < 60" in words
    assert "and 2 other reasons" in words


@pytest.mark.parametrize("ending", [".svg", ".png", ".html"])
def test_the_same_flow_gives_the_same_bytes(ending):
    assert picture(STEPS, ending) == picture(STEPS, ending)


def test_everything_wrong_is_said_at_once_and_nothing_is_written(cohort, tmp_path):
    (tmp_path / "cohort.flow.json").unlink()
    with pytest.raises(ProblemsError) as caught:
        summarize_cohort(cohort, columns=["agee"], by="sexx", out=tmp_path / "table.doc", flow=tmp_path / "flow.svg")
    assert len(caught.value.problems) == 4
    assert not (tmp_path / "flow.svg").exists()


def test_nothing_is_written_over(cohort, tmp_path):
    summarize_cohort(cohort, columns="age", out=tmp_path / "table.md")
    summarize_cohort(cohort, columns="age", out=tmp_path / "table.md")
    with pytest.raises(InputError, match="nothing is ever written over"):
        summarize_cohort(cohort, columns="sex", out=tmp_path / "table.md")

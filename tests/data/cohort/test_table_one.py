from __future__ import annotations

import io
from html.parser import HTMLParser

import pandas as pd
import pytest

from fimbria.data.cohort.cohort import Cohort
from fimbria.data.cohort.summary import summarize
from fimbria.data.cohort.table_one import as_html, as_markdown, as_text, as_tsv, lines


@pytest.fixture
def summary():
    """Four people of two groups with nasty names."""
    frame = pd.DataFrame(
        {
            "participant_id": ["sub-1", "sub-2", "sub-3", "sub-4"],
            "session_id": "ses-1",
            "age": [70.0, 74, 60, None],
            "thickness": [0.012, 0.018, 0.016, 0.014],
            "sex": ["F", "M", "F", "F"],
            "a|b_<i>": ["<script>x</script>", "y", "y", "y"],
            "empty": [None] * 4,
            "score": [float("nan")] * 4,
            "scan": ["2020-01-01", "2020-01-03", None, None],
            "group": ["A", "A", "B", "B"],
        }
    )
    return summarize(Cohort(frame), by="group")


def test_lines_are_as_papers_print_them(summary):
    shown = {line.label: line for line in lines(summary)}
    assert shown["age, mean (SD)"].cells == ("68.0 (7.2)", "72.0 (2.8)", "60.0 (\N{EN DASH})")
    assert shown["thickness, mean (SD)"].cells[0] == "0.0150 (0.0026)"
    assert shown["F"].cells == ("3 (75.0%)", "1 (50.0%)", "2 (100.0%)")
    assert shown["sex, n (%)"].smd == "1.41"
    assert shown["scan, median"].cells == ("2020-01-02", "2020-01-02", "\N{EN DASH}")
    assert shown["score, mean (SD)"].cells == ("\N{EN DASH}",) * 3
    assert next(line.cells for line in lines(summary) if line.label == "missing") == ("1", "0", "1")


def test_median_and_range_drop_needless_zeros(summary):
    labels = [(line.label, line.cells[0]) for line in lines(summary)]
    place = labels.index(("age, mean (SD)", "68.0 (7.2)"))
    assert labels[place + 1 : place + 3] == [("median [quartiles]", "70 [65, 72]"), ("range", "60 to 74")]


def test_the_tidy_text_reads_back(summary):
    back = pd.read_csv(io.StringIO(as_tsv(summary)), sep="\t")
    assert len(back) == len(summary.table)
    assert as_tsv(summary) == as_tsv(summary)


def test_markdown_keeps_its_columns_whatever_the_names(summary):
    table = as_markdown(summary).partition("\n\n")[0].splitlines()
    assert {row.replace("\\|", "").count("|") for row in table} == {6}
    assert r"**a\|b\_\<i>, n (%)**" in as_markdown(summary)
    assert "<script" not in as_markdown(summary).replace("\\<script", "")


def test_the_page_is_whole_and_runs_nothing(summary):
    page = as_html(summary, "People & <b>")
    open_tags = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            assert tag not in {"script", "i", "b", "link", "img"}
            assert not any(name in {"src", "href"} for name, _ in attrs)
            if tag != "meta":
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Reader().feed(page)
    assert not open_tags
    assert "&lt;script&gt;" in page
    assert "<title>People &amp; &lt;b&gt;</title>" in page
    assert "A (n = 2)" in page


def test_the_terminal_s_columns_are_aligned(summary):
    rows = as_text(summary).splitlines()
    start = rows[0].index("all (n = 4)")
    assert all(row[start - 2 : start] == "  " for row in rows if len(row) > start)


def test_without_groups_there_is_no_difference_to_show():
    frame = pd.DataFrame({"participant_id": ["sub-1"], "session_id": "ses-1", "age": [70]})
    assert "SMD" not in as_html(summarize(Cohort(frame)), "People")

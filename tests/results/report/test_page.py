from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

from fimbria.results.maps.maps import Maps
from fimbria.results.report.page import html_of
from fimbria.results.report.wording import with_interval


class _Reader(HTMLParser):
    """Collects the text, the tags, and what they point to."""

    def __init__(self, page):
        super().__init__()
        self.text, self.tags, self.links, self.ids, self.open = [], set(), [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in {"src", "href"}]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in {"meta", "img", "path", "use", "rect"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


def text_of(page):
    """Give the text of a page, white space made even."""
    return re.sub(r"\s+", " ", "".join(_Reader(page).text))


@pytest.fixture(scope="module")
def maps(make_maps, tmp_path_factory):
    return make_maps(tmp_path_factory.mktemp("two") / "maps")


@pytest.fixture(scope="module")
def page(maps):
    return html_of(maps)


def test_says_the_score_of_the_test_group_with_its_interval(maps, page):
    table = maps.scores.metrics(None, "loss", "test", "image")
    row = table[table["metric"] == "balanced-accuracy"].iloc[0]
    score = with_interval(row["value"], row["ci_low"], row["ci_high"])
    sentence = f"In the group 'test' of 20 participants (20 sessions), none of whom, by name, took part in training or validation, it reached a balanced accuracy of {score}, averaging what the networks of 2 splits say."
    assert sentence in text_of(page)


@pytest.mark.parametrize("level", ["image", "patch"])
def test_every_number_of_a_table_of_metrics_is_there(maps, page, level):
    text = text_of(page)
    table = maps.scores.metrics(1, "loss", "validation", level)
    for row in table[table["metric"].isin(["roc-auc", "npv", "mcc"])].itertuples():
        assert with_interval(row.value, row.ci_low, row.ci_high) in text


def test_test_groups_come_first_and_train_last(page):
    places = [page.index(f'id="group-{name}"') for name in ("test", "validation", "train")]
    assert places == sorted(places)


def test_holds_everything_and_fetches_nothing(page):
    read = _Reader(page)
    assert read.tags.isdisjoint({"script", "link", "iframe", "object"})
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in read.links)
    assert {link[1:] for link in read.links if link.startswith("#")} <= set(read.ids)
    assert len(read.ids) == len(set(read.ids))
    assert not re.search(r"https?:|@import|url\((?!#)", page)
    assert not read.open
    assert len(page) < 2_000_000


def test_names_nobody(page):
    assert "SECRET" not in page
    assert "ses-M007" not in page


def test_counts_those_who_left_by_their_reason(page):
    text = text_of(page)
    assert "age is unknown1" in text
    assert "there is no file caps/sub-…/ses-…/sub-…1" in text
    assert "20 participants (20 sessions) not in these splits" in text.replace("  ", " ")


def test_the_same_maps_gives_the_same_bytes(maps, page):
    assert html_of(Maps(maps.root)) == page


def test_says_what_was_run(page):
    text = text_of(page)
    for fact in ("fimbria train experiment.toml", "0123abcd, with uncommitted changes", "dropout = 0.25", "numpy=="):
        assert fact in text
    assert "selection_metrics" in text
    assert "4 epochs; epoch 4 kept by loss; 2.0 minutes, last epoch at 2026-01-02T04:00:00+00:00" in text
    assert "Every file is what it was" in text


def test_without_images_it_says_so_and_with_them_it_shows_them(maps, page):
    assert "The images were not at hand" in text_of(page)
    plane = np.arange(30.0).reshape(5, 6)
    shown = html_of(maps, {"<b>sub-SECRET1</b>": (plane, plane, plane)})
    assert 'src="data:image/png;base64,' in shown
    assert "&lt;b&gt;sub-…" in shown
    assert "SECRET" not in shown


def test_without_a_test_group_it_says_that_validation_flatters(make_maps, tmp_path):
    text = text_of(html_of(make_maps(tmp_path / "maps", test=False, splits=1, cut=False)))
    assert "No test group has been predicted yet." in text
    assert "chose the epoch of the network that was kept (by their loss), and so flatter it" in text
    assert "fimbria predict scores a group that had no say" in text
    assert "Metrics of single parts" not in text


def test_a_group_without_labels_has_no_metrics_and_says_why(make_maps, tmp_path):
    text = text_of(html_of(make_maps(tmp_path / "maps", labelled=False, splits=1)))
    assert "the truth is not known, so no score can be given" in text
    assert "so there are predictions and no metrics" in text
    assert "In the validation participants, the balanced accuracy is" in text


def test_a_test_group_that_was_seen_in_training_is_no_test(make_maps, tmp_path):
    maps = make_maps(tmp_path / "maps", splits=1, cut=False)
    maps.keep_group("test", maps.group("train", 0))
    text = text_of(html_of(maps))
    assert "Beware: 12 participants of this group took part in training" in text
    assert "groups/test/data.tsv was changed or damaged" in text


def test_a_class_that_nobody_has_leaves_dashes_and_no_claim(make_maps, tmp_path):
    maps = make_maps(tmp_path / "maps", splits=1, cut=False, test=False)
    table = maps.scores.metrics(0, "loss", "validation", "image")
    table.loc[table["metric"] == "balanced-accuracy", ["value", "ci_low", "ci_high"]] = np.nan
    maps.scores.keep_metrics(0, "loss", "validation", "image", table)
    text = text_of(html_of(maps))
    assert "The validation group has no scores yet, or ones that are not defined." in text
    assert "nan" not in text


def test_names_of_classes_are_escaped(make_maps, tmp_path):
    page = html_of(make_maps(tmp_path / "maps", classes=("<script>a", "_$b$", "C & D"), splits=1))
    assert "<script" not in page
    assert "&lt;script&gt;a" in page
    text = text_of(page)
    assert "_$b$" in text
    assert "each class against the rest" in text


def test_each_selection_metric_has_its_own_results(make_maps, tmp_path):
    maps = make_maps(tmp_path / "maps", metrics=("loss", "accuracy"), splits=1, cut=False, test=False)
    text = text_of(html_of(maps))
    assert "Weights chosen by loss" in text
    assert "Weights chosen by accuracy" in text
    assert "epoch 4 kept by loss; epoch 3 kept by accuracy" in text


def test_an_unfinished_maps_is_told_of_as_far_as_it_went(make_maps, tmp_path):
    maps = make_maps(tmp_path / "maps", finished=[0], sealed=False)
    shutil.rmtree(maps.paths.split(1))
    text = text_of(html_of(maps))
    assert "Split 1 is not finished" in text
    assert "Split 1 has no training log." in text
    assert "this MAPS has no checksums" in text
    assert str(tmp_path) not in text


def test_a_maps_that_has_just_begun_makes_a_page(maps, tmp_path):
    shutil.copy(maps.paths.record, tmp_path / "maps.json")
    text = text_of(html_of(Maps(tmp_path)))
    assert "Nothing has been scored yet." in text
    assert "No epoch has been logged yet." in text
    assert "groups/flow.json is missing" in text


OPTIONAL = (
    "groups/flow.json",
    "groups/train+validation.tsv",
    "groups/test/data.tsv",
    "environment.txt",
    "split-0/training_logs/times.tsv",
    "split-0/training_logs/training.tsv",
    "split-0/best-loss/model.json",
    "split-0/best-loss/test/test_image_level_metrics.tsv",
    "split-0/best-loss/test/test_image_level_prediction.tsv",
)


@pytest.mark.parametrize("broken", [False, True])
def test_no_missing_or_broken_file_keeps_it_from_speaking(maps, tmp_path, broken):
    root = tmp_path / "maps"
    shutil.copytree(maps.root, root)
    for file in OPTIONAL:
        (root / file).write_text("{") if broken else (root / file).unlink()
    text = text_of(html_of(Maps(root)))
    assert "Results at a glance" in text
    for file in OPTIONAL:
        assert f"{file} {'was changed or damaged' if broken else 'is missing'}" in text
    for said in ("groups/flow.json is missing or cannot be read", "The list of everybody seen in training is missing"):
        assert said in text

from __future__ import annotations

import base64

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from fimbria.results.report import figures
from fimbria.results.report.embedding import png_data_uri, svg
from fimbria.results.report.figures import Stage


@pytest.fixture
def log():
    return pd.DataFrame(
        {
            "epoch": [0, 1, 2],
            "loss_train": [0.7, 0.5, 0.4],
            "loss_valid": [0.7, 0.6, 0.65],
            "balanced-accuracy_train": [0.5, 0.7, 0.8],
            "balanced-accuracy_valid": [0.5, 0.6, 0.6],
        }
    )


def test_learning_curves_show_both_sides_and_mark_the_kept_epoch_from_one(log):
    loss, accuracy = figures.learning_curves(log, {"loss": 1, "accuracy": 1}).axes
    assert [line.get_label() for line in loss.lines] == ["training", "validation", "kept by loss, accuracy (2)"]
    assert loss.lines[1].get_xydata().tolist() == [[1, 0.7], [2, 0.6], [3, 0.65]]
    assert set(loss.lines[2].get_xdata()) == {2}
    assert accuracy.lines[0].get_ydata().tolist() == [0.5, 0.7, 0.8]


def test_learning_curves_draw_what_was_logged(log):
    lines = figures.learning_curves(log[["epoch", "loss_train"]], {}).axes[0].lines
    assert [line.get_label() for line in lines] == ["training"]


def test_a_roc_of_very_many_thresholds_keeps_its_ends_and_stays_small():
    rates = np.linspace(0, 1, 100_000)
    line = figures.roc({"split 0": (rates, np.sqrt(rates))}).axes[0].lines[-1]
    assert line.get_xydata()[[0, -1]].tolist() == [[0, 0], [1, 1]]
    assert len(line.get_xdata()) <= 400


def test_a_confusion_matrix_writes_counts_and_shares_of_the_true_class():
    counts = pd.DataFrame([[3, 1], [0, 0]], index=["AD", "CN"], columns=["AD", "CN"])
    texts = [text.get_text() for text in figures.confusion_matrix(counts).axes[0].texts]
    assert texts == ["3", "75%", "1", "25%", "0", "0%", "0", "0%"]


def test_the_flow_says_who_came_who_left_and_where_the_others_ended():
    stages = [Stage("in cohort.tsv", "40 participants"), Stage("has an age", "39 participants", ("1: age is unknown",))]
    drawn = svg(figures.flow_diagram(stages, [("split 0", ("train: 20", "validation: 19"))]), "Flow")
    for text in ("in cohort.tsv", "39 participants", "1: age is unknown", "split 0", "validation: 19"):
        assert text in drawn


def test_slices_stand_upright():
    upright = np.zeros((4, 6))
    upright[0, 5] = 1.0  # left and up
    images = [axes.images[0] for axes in figures.slices_mosaic({"one": (upright, upright, upright)}).axes]
    assert {image.get_array().shape for image in images} == {(6, 4)}
    assert images[0].get_array()[5, 0] == 1
    assert images[0].origin == "lower"


def test_a_constant_image_can_be_shown():
    flat = np.zeros((3, 3))
    assert png_data_uri(figures.slices_mosaic({"flat": (flat, flat, flat)})).startswith("data:image/png;base64,")


def test_an_svg_takes_the_ink_of_the_page_and_nothing_from_elsewhere(log):
    drawn = svg(figures.learning_curves(log, {}), "Curves")
    assert drawn.startswith('<svg role="img" aria-label="Curves"')
    assert "currentColor" in drawn
    assert figures.INK not in drawn
    assert "http" not in drawn
    assert "training</text>" in drawn


def test_what_an_svg_refers_to_is_in_it_and_of_its_own(log):
    one, other = svg(figures.learning_curves(log, {}), "a"), svg(figures.learning_curves(log, {"loss": 1}), "a")
    names = [set(drawn.split('id="')[1:]) for drawn in (one, other)]
    ids = [{name.partition('"')[0] for name in of_one} for of_one in names]
    assert ids[0]
    assert not ids[0] & ids[1]
    for drawn, own in zip((one, other), ids, strict=True):
        assert {part.partition(")")[0] for part in drawn.split("url(#")[1:]} <= own
        assert {part.partition('"')[0] for part in drawn.split('href="#')[1:]} <= own


def test_texts_of_an_svg_are_escaped_and_never_read_as_formulas():
    name = "<script>$x_1$</script>"
    counts = pd.DataFrame([[1, 0], [0, 1]], index=[name[:14], "CN"], columns=[name[:14], "CN"])
    drawn = svg(figures.confusion_matrix(counts), name)
    assert "<script" not in drawn
    assert "&lt;script&gt;$x_1$" in drawn


def test_letters_that_the_font_lacks_are_left_to_the_page():
    counts = pd.DataFrame([[1, 0], [0, 1]], index=["病", "CN"], columns=["病", "CN"])
    assert "病" in svg(figures.confusion_matrix(counts), "Confusion")


def test_the_same_numbers_give_the_same_bytes_whatever_the_users_settings(log):
    plain = svg(figures.learning_curves(log, {}), "Curves")
    picture = png_data_uri(figures.learning_curves(log, {}))
    with mpl.rc_context({"lines.linewidth": 7, "axes.grid": True, "svg.fonttype": "path"}):
        assert svg(figures.learning_curves(log, {}), "Curves") == plain
        assert png_data_uri(figures.learning_curves(log, {})) == picture
    assert base64.b64decode(picture.partition(",")[2]).startswith(b"\x89PNG")

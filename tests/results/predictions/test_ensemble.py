from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fimbria.errors import InputError, TableError
from fimbria.results.predictions.ensemble import part_weights, vote, vote_left_out
from fimbria.results.predictions.table import PredictionTable


def test_a_position_weighs_as_much_as_it_is_right(patches):
    validation = patches(
        [("a", 0, "AD", 0.9), ("a", 1, "AD", 0.9), ("b", 0, "CN", 0.2), ("b", 1, "CN", 0.8)]
    )  # position 0 is right twice, position 1 once
    assert part_weights(validation).to_dict() == pytest.approx({0: 2 / 3, 1: 1 / 3})


def test_a_position_below_the_threshold_is_silent(patches):
    validation = patches([("a", 0, "AD", 0.9), ("a", 1, "AD", 0.9), ("b", 0, "CN", 0.2), ("b", 1, "CN", 0.8)])
    assert part_weights(validation, threshold=0.7).to_dict() == {0: 1.0, 1: 0.0}
    assert part_weights(validation, threshold=0.5).to_dict() == pytest.approx({0: 2 / 3, 1: 1 / 3})


@pytest.mark.parametrize("p_ad", [0.1, 0.9])
def test_when_no_position_is_good_enough_all_weigh_the_same(patches, p_ad):
    validation = patches([("a", part, "AD", p_ad) for part in range(4)])
    assert part_weights(validation, threshold=1.1).to_dict() == dict.fromkeys(range(4), 0.25)


def test_an_image_gets_the_weighted_mean_of_its_parts(patches):
    table = patches([("a", 0, "AD", 0.6), ("a", 1, "AD", 0.2)])
    image = vote(table, pd.Series({0: 0.75, 1: 0.25}))
    row = image.frame.iloc[0]
    assert (image.part, row["image_id"], row["predicted_label"], row["true_label"]) == ("image", 0, "AD", "AD")
    assert row["p_AD"] == pytest.approx(0.75 * 0.6 + 0.25 * 0.2)
    assert row["loss"] == pytest.approx(-np.log(0.5))


def test_weights_are_scaled_over_the_parts_an_image_has(patches):
    table = patches([("a", 0, "AD", 0.6), ("b", 0, "AD", 0.6), ("b", 1, "AD", 0.2)])
    voted = vote(table, pd.Series({0: 0.1, 1: 0.1, 2: 0.8}))
    assert voted.frame["p_AD"].tolist() == pytest.approx([0.6, 0.4])


def test_a_position_nobody_weighed_counts_as_an_average_one(patches):
    table = patches([("a", 0, "AD", 0.9), ("a", 1, "AD", 0.3), ("a", 7, "AD", 0.0)])
    voted = vote(table, pd.Series({0: 0.75, 1: 0.25}))
    assert voted.frame["p_AD"].iloc[0] == pytest.approx((0.75 * 0.9 + 0.25 * 0.3) / 1.5)
    assert vote(table, pd.Series(dtype=float)).frame["p_AD"].iloc[0] == pytest.approx(0.4)


def test_an_image_whose_parts_all_weigh_nothing_gets_their_mean(patches):
    table = patches([("a", 0, "AD", 0.9), ("a", 1, "AD", 0.3)])
    assert vote(table, pd.Series({0: 0.0, 1: 0.0, 2: 1.0})).frame["p_AD"].iloc[0] == pytest.approx(0.6)


def test_a_tie_goes_to_the_first_class_whatever_the_rounding(patches):
    table = patches([("a", part, "CN", p) for part, p in enumerate([0.1, 0.2, 0.3, 0.9, 0.8, 0.7])])
    assert vote(table, pd.Series(dtype=float)).frame["predicted_label"].tolist() == ["AD"]


def test_parts_with_different_true_labels_are_refused(patches):
    table = patches([("a", 0, "AD", 0.9), ("a", 1, "CN", 0.3)])
    with pytest.raises(TableError, match="a ses-M000 have different true labels"):
        vote(table, part_weights(table))


def test_an_unlabelled_table_can_be_voted_and_not_weighed(patches):
    table = patches([("a", 0, None, 0.9), ("a", 1, None, 0.3)])
    voted = vote(table, pd.Series({0: 0.5, 1: 0.5}))
    assert "true_label" not in voted.frame
    assert "loss" not in voted.frame
    for weigh in (part_weights, vote_left_out):
        with pytest.raises(InputError, match=r"2 of 2 predictions \(level: patch\) have no true label"):
            weigh(table)


def test_a_lone_participant_is_voted_with_equal_weights(patches):
    table = patches([("a", 0, "AD", 0.9), ("a", 1, "AD", 0.1)])
    assert vote_left_out(table).frame["p_AD"].tolist() == pytest.approx([0.5])


def test_nobody_weighs_their_own_parts(patches):
    table = patches([("a", 0, "AD", 0.9), ("a", 1, "AD", 0.1), ("b", 0, "AD", 0.2), ("b", 1, "AD", 0.7)])
    # b's right part is 1 and a's is 0: each is voted with the other's
    assert vote_left_out(table).frame["p_AD"].tolist() == pytest.approx([0.1, 0.2])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 4), st.sampled_from([0.0, 0.5, 0.8]))
def test_left_out_is_the_vote_with_everybody_elses_weights(patches, seed, people, parts, threshold):
    random = np.random.default_rng(seed)
    rows = [
        (f"sub-{person}", part, "AD" if person % 2 else "CN", random.random())
        for person in range(people)
        for part in range(parts)
        if part == person % parts or random.random() < 0.7  # some parts of some images are missing
    ]
    table = patches(rows)
    left_out = vote_left_out(table, threshold)
    for person in range(people):
        own = table.frame["participant_id"] == f"sub-{person}"
        others = PredictionTable(table.frame[~own], "patch")
        expected = vote(PredictionTable(table.frame[own], "patch"), part_weights(others, threshold))
        found = left_out.frame[left_out.frame["participant_id"] == f"sub-{person}"]
        np.testing.assert_allclose(found["p_AD"], expected.frame["p_AD"], atol=1e-12)


def test_the_order_of_rows_does_not_matter(patches):
    random = np.random.default_rng(0)
    rows = [(f"sub-{i // 5}", i % 5, "AD", random.random()) for i in range(50)]
    one, other = (vote_left_out(patches(order)) for order in (rows, [rows[i] for i in random.permutation(50)]))
    pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True)

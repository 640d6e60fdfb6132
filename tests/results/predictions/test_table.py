from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fimbria.errors import TableError
from fimbria.results.predictions.table import PredictionTable, log_loss


def frame(**changes):
    columns = {
        "p_AD": [0.25, 0.9, 1 / 3],
        "p_CN": [0.75, 0.1, 2 / 3],
        "predicted_label": ["CN", "AD", "CN"],
        "true_label": ["CN", "AD", "AD"],
        "image_id": 0,
        "session_id": ["ses-M000", "ses-M000", "ses-M012"],
        "participant_id": ["sub-02", "sub-01", "sub-01"],
        "dataset": "",
    }
    return pd.DataFrame({name: value for name, value in (columns | changes).items() if value is not None})


def test_puts_identifiers_first_and_probabilities_last():
    table = PredictionTable(frame(loss=[0.3, 0.1, 1.1], note="x"), "image")
    assert list(table.frame) == [
        "dataset",
        "participant_id",
        "session_id",
        "image_id",
        "true_label",
        "predicted_label",
        "p_AD",
        "p_CN",
        "loss",
        "note",
    ]


def test_tells_classes_people_and_sessions():
    table = PredictionTable(frame(), "image")
    assert (table.classes, table.labelled, table.participants, table.sessions) == (("AD", "CN"), True, 2, 3)
    assert table.probabilities().dtype == np.float64
    assert table.people().tolist() == [1, 0, 0]
    assert table.images().tolist() == [2, 0, 1]
    assert table.truth().tolist() == [1, 0, 0]
    assert table.predicted().tolist() == [1, 0, 1]


def test_the_same_name_in_two_datasets_is_two_people():
    table = PredictionTable(frame(participant_id="sub-01", dataset=["a", "b", "b"]), "image")
    assert table.participants == 2
    assert table.people().tolist() == [0, 1, 1]


def test_does_not_touch_the_frame_it_was_given():
    given = frame(dataset=[None, "", ""])
    before = given.copy()
    PredictionTable(given, "image")
    pd.testing.assert_frame_equal(given, before)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"p_AD": [0.25, np.nan, 0.5]}, "missing or outside 0 to 1, first for sub-01 ses-M000 image 0"),
        ({"p_AD": ["0.25", "x", "0.5"]}, "missing or outside 0 to 1, first for sub-01 ses-M000 image 0"),
        ({"p_AD": [-0.2, 0.9, 0.5], "p_CN": [1.2, 0.1, 0.5]}, "outside 0 to 1, first for sub-02"),
        ({"p_AD": [0.5, 0.9, 0.5]}, "do not sum to 1, first for sub-02 ses-M000 image 0"),
        ({"p_AD": None, "p_CN": 1.0}, "at least two classes"),
        ({"session_id": "ses-M000"}, r"has sub-01 ses-M000 image 0 more than once \(1 rows too many\)"),
        ({"true_label": ["CN", "MCI", "AD"]}, "true_label 'MCI' for sub-01 ses-M000 image 0; the classes are AD, CN"),
        ({"predicted_label": ["CN", "MCI", "AD"]}, "predicted_label 'MCI'"),
        ({"predicted_label": ["CN", None, "AD"]}, "1 of 3 rows without predicted_label"),
        ({"participant_id": ["sub-02", None, "sub-01"]}, "1 of 3 rows without participant_id"),
        ({"image_id": [0.0, 1.5, 2.0]}, "'image_id' that does not hold whole numbers"),
        ({"image_id": None, "patch_id": 0}, "no column 'image_id'"),
        ({"p_CN": None, "p_nan": [0.75, 0.1, 2 / 3]}, "class called 'nan'"),
    ],
)
def test_refuses_a_table_that_cannot_be_trusted(changes, sentence):
    with pytest.raises(TableError, match=sentence):
        PredictionTable(frame(**changes), "image")


def test_refuses_a_table_without_rows():
    with pytest.raises(TableError, match="has no rows"):
        PredictionTable(frame().iloc[:0], "image")


def test_is_unlabelled_without_the_column_or_with_gaps_in_it():
    without = PredictionTable(frame(true_label=None), "image")
    gaps = PredictionTable(frame(true_label=["CN", None, "AD"]), "image")
    assert not without.labelled
    assert not gaps.labelled
    assert gaps.truth().tolist() == [1, -1, 0]


def test_what_is_written_is_read_back_exactly(tmp_path):
    values = np.random.default_rng(0).random(3)
    table = PredictionTable(
        frame(p_AD=values, p_CN=1 - values, loss=-np.log(values), true_label=["CN", None, "AD"]), "image"
    )
    table.write(tmp_path / "predictions.tsv")
    again = PredictionTable.read(tmp_path / "predictions.tsv", "image")
    pd.testing.assert_frame_equal(again.frame, table.sorted().frame, check_exact=True)
    assert again.frame["dataset"].tolist() == ["", "", ""]
    assert (tmp_path / "predictions.tsv").read_text().splitlines()[1].startswith("n/a\tsub-01\tses-M000\t0\tn/a\t")


def test_numeric_looking_identifiers_and_labels_stay_text(tmp_path):
    table = PredictionTable(
        pd.DataFrame(
            {
                "dataset": "01",
                "participant_id": ["007"],
                "session_id": "1",
                "slice_id": 3,
                "true_label": "0",
                "predicted_label": "1",
                "p_0": 0.5,
                "p_1": 0.5,
            }
        ),
        "slice",
    )
    table.write(tmp_path / "t.tsv")
    row = PredictionTable.read(tmp_path / "t.tsv", "slice").frame.iloc[0]
    assert [row["dataset"], row["participant_id"], row["session_id"], row["true_label"]] == ["01", "007", "1", "0"]


def test_the_order_of_rows_does_not_change_the_bytes(tmp_path):
    PredictionTable(frame(), "image").write(tmp_path / "a.tsv")
    PredictionTable(frame().iloc[::-1], "image").write(tmp_path / "b.tsv")
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "b.tsv").read_bytes()


def test_a_bad_file_is_named(tmp_path):
    frame(p_AD=[0.5, 0.5, 0.5]).to_csv(tmp_path / "bad.tsv", sep="\t", index=False)
    with pytest.raises(TableError, match=r"bad\.tsv: .* do not sum to 1"):
        PredictionTable.read(tmp_path / "bad.tsv", "image")


def test_losses_are_the_recorded_ones_when_complete_and_log_losses_otherwise():
    recorded = PredictionTable(frame(loss=[3.0, 2.0, 1.0]), "image")
    incomplete = PredictionTable(frame(loss=[3.0, np.nan, 1.0]), "image")
    assert recorded.losses().tolist() == [3.0, 2.0, 1.0]
    np.testing.assert_allclose(incomplete.losses(), -np.log([0.75, 0.9, 1 / 3]), rtol=1e-15)


def test_log_loss_is_finite_at_zero_and_missing_without_truth():
    losses = log_loss(np.array([[0.0, 1.0], [0.5, 0.5]]), np.array([0, -1]))
    assert losses[0] == pytest.approx(-np.log(1e-12))
    assert np.isnan(losses[1])

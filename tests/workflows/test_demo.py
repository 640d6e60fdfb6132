"""The demonstration is no stage set: it trains, and finds what was hidden."""

import pytest

from fimbria.errors import InputError
from fimbria.results.maps.integrity import damage
from fimbria.results.maps.maps import Maps
from fimbria.workflows.demo import demo


def test_finds_the_disease_in_people_it_has_never_seen(tmp_path):
    shown = demo(tmp_path / "demo")
    metrics = shown.prediction.metrics.set_index("metric")
    assert metrics.loc["balanced-accuracy", "value"] >= 0.9
    assert metrics.loc["balanced-accuracy", "n_participants"] == 25
    assert metrics.loc["accuracy", ["ci_low", "ci_high"]].notna().all()
    assert shown.report.stat().st_size > 50_000
    maps = Maps(tmp_path / "demo" / "maps")
    first, last = (maps.training(0).read_log()["loss_train"].iloc[place] for place in (0, -1))
    assert last < first / 2
    assert damage(maps.paths) == []


def test_never_writes_into_a_folder_that_holds_something(tmp_path):
    (tmp_path / "thesis.docx").write_text("mine")
    with pytest.raises(InputError, match="holds something already"):
        demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]

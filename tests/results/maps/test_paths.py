from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbria.errors import InputError
from fimbria.results.maps.paths import Paths, checked

PATHS = Paths(Path("/studies/maps"))
OUTSIDE = ["", ".", "..", "../x", "a/b", "/etc", "a\\b", "a..b", "a\n", " a", ".hidden", "-x", "C:x", "é", "a\0b"]


def places(name):
    """Every path that a name from outside becomes part of."""
    yield lambda: PATHS.group(name)
    yield lambda: PATHS.best(0, name)
    for make in (PATHS.predictions, PATHS.metrics):
        yield lambda make=make: make(0, name, "test", "image")
        yield lambda make=make: make(None, "loss", name, "image")
        yield lambda make=make: make(None, "loss", "test", name)


@pytest.mark.parametrize("name", OUTSIDE)
def test_refuses_a_name_that_leads_elsewhere_wherever_it_would_stand(name):
    for place in places(name):
        with pytest.raises(InputError, match=re.escape(repr(name))):
            place()


@given(st.text(max_size=12) | st.text("./\\a-", max_size=6))
def test_no_name_leaves_the_maps(name):
    for place in places(name):
        try:
            path = place()
        except InputError:
            continue
        assert path.is_relative_to(PATHS.root)
        assert ".." not in path.parts
        assert path != PATHS.root


@pytest.mark.parametrize("name", ["test", "test-AIBL", "train+validation", "v1.2", "balanced_accuracy", "2nd"])
def test_plain_names_are_given_back(name):
    assert checked(name) == name


def test_a_name_too_long_for_a_file_system_is_refused():
    with pytest.raises(InputError, match="100 at most"):
        checked("x" * 101)


def test_everything_lies_where_clinicadl_puts_it():
    expected = {
        "maps.json": PATHS.record,
        "environment.txt": PATHS.environment,
        "checksums.sha256": PATHS.checksums,
        "groups/train+validation.tsv": PATHS.seen,
        "groups/images.tsv": PATHS.images,
        "groups/flow.json": PATHS.flow,
        "groups/train/split-1": PATHS.group("train", 1),
        "groups/test": PATHS.group("test"),
        "split-2/finished.json": PATHS.finished(2),
        "split-2/training_logs": PATHS.logs(2),
        "split-2/tmp/checkpoint.pt": PATHS.checkpoint(2),
        "split-0/best-loss/test/test_image_level_prediction.tsv": PATHS.predictions(0, "loss", "test", "image"),
        "ensemble/best-loss/test/test_patch_level_metrics.tsv": PATHS.metrics(None, "loss", "test", "patch"),
    }
    assert {name: PATHS.root / name for name in expected} == expected

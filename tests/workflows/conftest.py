"""A study, begun and trained, made once."""

import pytest

import walk
from fimbria.workflows.predict import predict
from fimbria.workflows.train import train


@pytest.fixture(scope="session")
def begun(tiny_caps, tmp_path_factory):
    """A study with splits and an experiment, not trained; read-only."""
    return walk.begun(tiny_caps, tmp_path_factory.mktemp("begun"))


@pytest.fixture(scope="session")
def trained(begun, tmp_path_factory):
    """The same, trained and its held-out people predicted; read-only."""
    study = begun.copy(tmp_path_factory.mktemp("trained"))
    train(study.experiment, study.maps)
    predict(study.maps, study.test, group="test")
    return study

"""Tiny data sets, made once; read-only: copy one to `tmp_path` to change it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

import fimbria
import walk
from fimbria import tables
from fimbria.data.images import nifti
from fimbria.geometry import Grid

# no deadline: how fast a busy machine is says nothing of the code
settings.register_profile("house", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

TILT = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])
SPACE = "space-MNI152NLin2009cSym_desc-Crop_res-1x1x1"


@pytest.fixture(scope="session", autouse=True)
def account(tmp_path_factory):
    """An account of the tests' own: what is remembered of it is gone with them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("account")))
        yield


@pytest.fixture(scope="session")
def oblique():
    """A grid 5 x 6 x 7 that lies askew, its voxels of three different sides, its first axis to the left."""
    affine = np.eye(4)
    affine[:3, :3] = TILT * (-1.1, 1.3, 1.7)
    affine[:3, 3] = (12.0, -34.0, 5.5)
    return Grid((5, 6, 7), affine)


@pytest.fixture(scope="session")
def tiny_bids(tmp_path_factory, oblique):
    """Four people: two with sessions, one of them dated; one without session folders; one named but not there."""
    root = tmp_path_factory.mktemp("tiny") / "bids"
    rng = np.random.default_rng(0)

    def scan(folder, name):
        nifti.write(
            root / folder / "anat" / f"{name}_T1w.nii.gz", rng.normal(100, 20, oblique.shape).astype("f4"), oblique
        )

    for who, sessions in {"sub-01": ("ses-M000", "ses-M006", "ses-M012"), "sub-02": ("ses-M6", "ses-M12")}.items():
        for session in sessions:
            scan(f"{who}/{session}", f"{who}_{session}")
    scan("sub-03", "sub-03")
    people = {
        "participant_id": ["sub-01", "sub-02", "sub-03", "sub-04"],
        "sex": ["F", "M", "F", "M"],
        "age": [70.5, 66, None, 81],
    }
    tables.write(pd.DataFrame(people), root / "participants.tsv")
    visits = {"session_id": ["ses-M000", "ses-M006", "ses-M012"], "diagnosis": ["CN", "CN", "AD"], "MMSE": [29, 28, 21]}
    tables.write(pd.DataFrame(visits), root / "sub-01" / "sub-01_sessions.tsv")
    scans = {
        "filename": ["anat/sub-02_ses-M6_T1w.nii.gz", "func/sub-02_ses-M6_bold.nii.gz"],
        "acq_time": ["2020-03-04T10:20:00", "2020-03-04T09:00:00"],
    }
    tables.write(pd.DataFrame(scans), root / "sub-02" / "ses-M6" / "sub-02_ses-M6_scans.tsv")
    return root


@pytest.fixture(scope="session")
def tiny_caps(tmp_path_factory):
    """Eight people, images 12 x 14 x 13 named as t1-linear does, a brighter blob in those with AD, and ``data.tsv``."""
    root = tmp_path_factory.mktemp("tiny") / "caps"
    rng = np.random.default_rng(1)
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (-6, -7, -6)
    grid = Grid((12, 14, 13), affine)
    rows = []
    for number in range(1, 9):
        who, diagnosis = f"sub-{number:02d}", "AD" if number % 2 else "CN"
        for month in (0, 12) if number % 3 == 1 else (0,):
            session = f"ses-M{month:03d}"
            array = rng.normal(100, 10, grid.shape).astype("f4")
            array[3:8, 4:9, 4:9] += 80 if diagnosis == "AD" else 0
            name = f"{who}_{session}_{SPACE}_T1w.nii.gz"
            nifti.write(root / "subjects" / who / session / "t1_linear" / name, array, grid)
            rows.append((who, session, diagnosis, 60 + number + month / 12, "FM"[number // 2 % 2]))
    columns = ["participant_id", "session_id", "diagnosis", "age", "sex"]
    tables.write(pd.DataFrame(rows, columns=columns), root / "data.tsv")
    return root


@pytest.fixture(scope="session")
def begun(tiny_caps, tmp_path_factory):
    """A study with splits and an experiment, not trained; read-only."""
    return walk.begun(tiny_caps, tmp_path_factory.mktemp("begun"))


@pytest.fixture(scope="session")
def trained(begun, tmp_path_factory):
    """The same, trained and its held-out people predicted; read-only."""
    study = begun.copy(tmp_path_factory.mktemp("trained"))
    fimbria.train(study.experiment, study.maps)
    fimbria.predict(study.maps, study.test, group="test")
    return study

"""Two real scans, one of a whole head and one without its skull (ds000011 and ds002748 of OpenNeuro)."""

from pathlib import Path

import pytest

from fimbria.data.preprocessing.t1_linear import T1LinearFiles, t1_linear

pytest.importorskip("SimpleITK")
DATA = Path(__file__).parents[3] / "shared" / "data"
WHOLE = DATA / "bids-ds000011/sub-08/anat/sub-08_T1w.nii.gz"
STRIPPED = DATA / "bids-ds002748-subset/sub-07/anat/sub-07_T1w.nii.gz"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no real scans in ../shared/data")


@pytest.mark.parametrize("raw", [WHOLE, STRIPPED], ids=["whole head", "skull-stripped"])
def test_a_real_scan_lies_on_the_template(raw, tmp_path):
    alignment = t1_linear(raw, T1LinearFiles.of(tmp_path, "sub-01_ses-M000"))
    assert alignment.alarms == ()
    assert alignment.similarity >= 0.45
    assert 0.5 <= alignment.determinant <= 1.0


def test_the_same_scan_gives_the_same_bytes(tmp_path):
    once, twice = (T1LinearFiles.of(tmp_path / name, "sub-08_ses-M000") for name in ("once", "twice"))
    assert t1_linear(WHOLE, once) == t1_linear(WHOLE, twice)
    assert once.cropped.read_bytes() == twice.cropped.read_bytes()
    assert once.uncropped.read_bytes() == twice.uncropped.read_bytes()
    assert once.transform.read_bytes() == twice.transform.read_bytes()

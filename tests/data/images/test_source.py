from __future__ import annotations

from pathlib import Path

import pytest

from fimbria.data.cohort.cohort import Session
from fimbria.data.images.source import only
from fimbria.errors import ImageError

WHO = Session("", "sub-01", "ses-M000")


def test_the_one_file_is_given():
    assert only([Path("x")], "T1w image", WHO, "") == Path("x")


def test_none_is_an_error_that_says_what_to_do():
    with pytest.raises(ImageError, match=r"^no T1w image for sub-01 ses-M000\. Make it\.$"):
        only([], "T1w image", WHO, "Make it.")


def test_several_are_an_error_that_names_them():
    found = [Path(f"folder/{number}.nii") for number in range(7)]
    with pytest.raises(ImageError, match=r"7 files for the T1w image of sub-01 ses-M000 .*: 0\.nii, .* and 2 more"):
        only(found, "T1w image", WHO, "")

from __future__ import annotations

from pathlib import Path

import pytest

from fimbria.data.audit.readers import nnunet
from fimbria.data.audit.readers.identity import Naming
from fimbria.errors import InputError

FOLDS = [
    {"train": ["sub-01_ses-1", "sub-02_ses-1"], "val": ["sub-03_ses-1"]},
    {"train": ["sub-03_ses-1"], "val": ["a"]},
]


def test_each_fold_is_a_split_and_cases_are_named_as_they_are():
    material = nnunet.read(Path("splits_final.json"), FOLDS, Naming())
    items = material.items
    assert items.groupby(["split", "side"]).size().to_dict() == {
        (0, "train"): 2,
        (0, "validation"): 1,
        (1, "train"): 1,
        (1, "validation"): 1,
    }
    assert items["participant_id"].tolist() == ["sub-01", "sub-02", "sub-03", "sub-03", ""]
    assert items["image"].tolist()[0] == items["item"].tolist()[0] == "sub-01_ses-1"
    assert material.kind == "nnU-Net splits"


@pytest.mark.parametrize(
    "plain",
    [
        {},
        [],
        "x",
        None,
        [1],
        [{"val": []}],
        [{"train": ["a"]}],
        [{"train": "a", "val": "b"}],
        [{"train": [["a"]], "val": []}],
        [{"train": ["a"], "val": ["b"]}, 3],
        [{"train": ["a"], "val": ["b"], "more": ["c"]}],
    ],
)
def test_any_other_json_is_refused_in_one_sentence(plain):
    with pytest.raises(InputError, match=r"splits_final\.json.*was wanted") as refused:
        nnunet.read(Path("splits_final.json"), plain, Naming())
    assert "\n" not in str(refused.value)

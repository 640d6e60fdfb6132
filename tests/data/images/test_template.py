from __future__ import annotations

import numpy as np
import pytest

from fimbria.data.images import template


def test_the_head_and_its_mask_share_a_grid():
    head, mask = template.head(), template.brain_mask()
    assert head.array.shape == mask.array.shape == (193, 229, 193)
    assert head.grid.matches(mask.grid)
    assert head.grid.spacing_mm == (1, 1, 1)
    assert head.grid.orientation == "RAS"
    assert mask.array.dtype == bool


def test_the_brain_is_as_large_as_a_brain_and_brighter_than_what_is_around():
    head, mask = template.head(), template.brain_mask()
    assert 1.2e6 < mask.array.sum() < 2.5e6  # mm3
    assert head.array[mask.array].mean() > 2 * head.array[~mask.array].mean()


def test_a_crop_has_the_size_networks_see_and_stays_where_it_was():
    head = template.head()
    cropped = template.crop(head)
    assert cropped.array.shape == cropped.grid.shape == (169, 208, 179)
    assert np.array_equal(cropped.grid.affine[:3, 3], head.grid.affine[:3, 3] + (12, 13, 0))
    assert cropped.array[0, 0, 0] == head.array[12, 13, 0]


def test_the_whole_brain_is_inside_the_crop():
    mask = template.brain_mask()
    assert template.crop(mask).array.sum() == mask.array.sum()


def test_what_ships_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        template.head().array[0, 0, 0] = 1
    assert template.head() is template.head()

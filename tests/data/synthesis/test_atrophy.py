"""Synthetic people: the same from the same seed and number, ill in one region and nowhere else."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from fimbria.data.images import nifti, template
from fimbria.data.synthesis import atrophy, regions
from fimbria.data.synthesis.atrophy import Atrophy
from fimbria.errors import ComponentError, InputError

COARSE = Atrophy(spacing_mm=8)


def average(**changes):
    """Give the draw of somebody who is the average head itself, photographed perfectly."""
    flat = {
        "scale": np.ones(3),
        "turn_degrees": np.zeros(3),
        "shear": np.zeros(3),
        "shift_mm": np.zeros(3),
        "bend_mm": np.zeros((3, 8, 9, 8)),
        "gamma": 1.0,
        "bias": np.zeros(9),
        "noise": 0.0,
    }
    return replace(atrophy.draw(0, 0), **{**flat, **changes})


def test_the_same_seed_and_number_give_the_same_bytes_whoever_else_is_made():
    first = atrophy.image(COARSE, 3).array.tobytes()
    atrophy.image(COARSE, 7)
    atrophy.image(replace(COARSE, region="thalamus", degree=80), 2)
    assert atrophy.image(COARSE, 3).array.tobytes() == first


def test_another_number_or_another_seed_gives_another_person():
    one = atrophy.image(COARSE, 1).array
    assert np.abs(one - atrophy.image(COARSE, 3).array).mean() > 2
    assert np.abs(one - atrophy.image(replace(COARSE, seed=1), 1).array).mean() > 2


def test_an_image_is_float32_not_negative_and_on_the_cropped_templates_box():
    made = atrophy.image(COARSE, 0)
    cropped = template.crop(template.head()).grid
    assert made.array.dtype == np.float32
    assert made.array.min() >= 0
    assert made.array.shape == made.grid.shape
    assert made.grid.matches(cropped.respaced(8))
    assert atrophy.grid_of(1).matches(cropped)


def test_the_average_person_at_1_mm_is_the_template():
    made = atrophy.render(average(), Atrophy(), ill=False)
    np.testing.assert_allclose(made.array, template.crop(template.head()).array, atol=0.126)


@pytest.mark.parametrize("gamma", [0.85, 1.0, 1.15])
def test_loses_the_asked_percentage_in_the_middle_of_the_region_whatever_the_contrast(gamma):
    recipe = Atrophy(region="thalamus", degree=40, spacing_mm=4)
    well, ill = (atrophy.render(average(gamma=gamma), recipe, ill=ill).array for ill in (False, True))
    deep = regions.membership("thalamus", atrophy.grid_of(4)) > 0.5
    middle = (ill[deep] / well[deep]).min()
    assert middle == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_loses_signal_in_the_region_and_nowhere_else(number):
    recipe = Atrophy(region="left-hippocampus", degree=60, spacing_mm=6)
    drawn = replace(atrophy.draw(recipe.seed, number), noise=0.0)
    well, ill = (atrophy.render(drawn, recipe, ill=ill).array for ill in (False, True))
    assert (ill <= well).all()
    world = atrophy.grid_of(6).world().reshape(3, -1)
    drawn_shape = world[:, regions.mask(recipe.region, atrophy.grid_of(6)).ravel()]
    changed = world[:, (ill < well).ravel()]
    reach_mm = 20  # the anatomy's moves, the blur and a voxel
    assert (changed.min(axis=1) > drawn_shape.min(axis=1) - reach_mm).all()
    assert (changed.max(axis=1) < drawn_shape.max(axis=1) + reach_mm).all()
    assert (ill / np.maximum(well, 1)).min() < 0.75


def test_the_loss_moves_with_the_anatomy():
    recipe = Atrophy(region="amygdala", degree=90, spacing_mm=6)
    centres = []
    for shift_mm in (0.0, 12.0):
        drawn = average(shift_mm=np.array([0, shift_mm, 0]))
        well, ill = (atrophy.render(drawn, recipe, ill=ill).array for ill in (False, True))
        weight = (well - ill) / np.maximum(well, 1)
        centres.append((atrophy.grid_of(6).world()[1] * weight).sum() / weight.sum())
    assert centres[1] - centres[0] == pytest.approx(12, abs=1)


def test_people_without_the_disease_do_not_depend_on_region_and_degree():
    other = replace(COARSE, region="insula", degree=100)
    np.testing.assert_array_equal(atrophy.image(COARSE, 1).array, atrophy.image(other, 1).array)
    assert (atrophy.image(COARSE, 0).array != atrophy.image(other, 0).array).any()


def test_a_person_has_the_same_anatomy_at_every_spacing():
    fine, same, other = (
        atrophy.render(replace(atrophy.draw(0, number), noise=0.0), Atrophy(spacing_mm=spacing), ill=False).array
        for number, spacing in ((1, 4), (1, 8), (3, 8))
    )
    blocks = fine[:, :, :44].reshape(21, 2, 26, 2, 22, 2).mean(axis=(1, 3, 5))
    likeness = [np.corrcoef(blocks.ravel(), one.ravel())[0, 1] for one in (same, other)]
    assert likeness[0] > 0.99
    assert likeness[1] < likeness[0] - 0.01


@pytest.mark.parametrize("number", range(5))
def test_the_anatomy_bends_by_millimetres_and_never_folds(number):
    bent = average(bend_mm=atrophy.draw(0, number).bend_mm)
    grid, voxels = atrophy.grid_of(8), template.head().grid
    inner = (slice(None), *[slice(1, -1)] * 3)  # beyond the template places stop at its border
    before, after = (
        np.stack([atrophy.warped(axis, grid, drawn) for axis in np.indices(voxels.shape, dtype=np.float32)])[inner]
        for drawn in (average(), bent)
    )
    np.testing.assert_allclose(before, grid.world()[inner] - voxels.affine[:3, 3].reshape(3, 1, 1, 1), atol=1e-3)
    assert 2 < np.sqrt(((after - before) ** 2).sum(axis=0)).max() < 6
    stretch = np.stack([np.gradient(axis, 8.0) for axis in after]).transpose(2, 3, 4, 0, 1)
    assert np.linalg.det(stretch).min() > 0.3


def test_noise_is_as_strong_as_drawn():
    clean, noisy = (atrophy.render(average(noise=noise), COARSE, ill=False).array for noise in (0.0, 0.02))
    bright = clean > 100
    assert (noisy - clean)[bright].std() == pytest.approx(0.02 * 255, rel=0.1)


def test_a_person_is_named_by_number_and_every_second_one_is_ill():
    people = [atrophy.person(COARSE, number) for number in range(3)]
    assert [who.participant_id for who in people] == ["sub-ATRO0000", "sub-ATRO0001", "sub-ATRO0002"]
    assert [who.diagnosis for who in people] == ["AD", "CN", "AD"]
    assert {who.session_id for who in people} == {"ses-M000"}


def test_the_table_lists_people_by_number_with_clinicadls_columns():
    listed = atrophy.table(COARSE, 4)
    assert list(listed.columns) == ["participant_id", "session_id", "diagnosis", "age_bl", "sex"]
    assert list(listed["age_bl"]) == [atrophy.person(COARSE, number).age for number in range(4)]
    assert listed.equals(atrophy.table(COARSE, 9).head(4))


def test_age_and_sex_do_not_tell_the_diagnosis():
    listed = atrophy.table(COARSE, 600)
    by = listed.groupby("diagnosis")
    assert np.ptp(by["age_bl"].mean()) < 2
    assert np.ptp(listed["sex"].eq("F").groupby(listed["diagnosis"]).mean()) < 0.12
    assert listed["age_bl"].between(55, 90).all()


def test_writes_what_it_makes_where_a_caps_keeps_t1_linear(tmp_path):
    path = atrophy.write(replace(COARSE, spacing_mm=6.5), 0, tmp_path)
    name = "sub-ATRO0000_ses-M000_space-MNI152NLin2009cSym_desc-Crop_res-6.5x6.5x6.5_T1w.nii.gz"
    assert path == tmp_path / "subjects" / "sub-ATRO0000" / "ses-M000" / "t1_linear" / name
    kept, made = nifti.read(path), atrophy.image(replace(COARSE, spacing_mm=6.5), 0)
    np.testing.assert_array_equal(kept.array, made.array)
    assert kept.grid.matches(made.grid, tolerance_mm=1e-4)


def test_a_recipe_and_the_writer_travel_to_other_processes():
    assert pickle.loads(pickle.dumps((atrophy.write, COARSE))) == (atrophy.write, COARSE)  # noqa: S301  (our own bytes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"degree": 0}, "above 0 and at most 100"),
        ({"degree": 101}, "above 0 and at most 100"),
        ({"degree": float("nan")}, "above 0 and at most 100"),
        ({"seed": -1}, "0 or a positive whole number"),
        ({"spacing_mm": 0.5}, "1 to 16 mm"),
        ({"spacing_mm": float("inf")}, "1 to 16 mm"),
    ],
)
def test_refuses_a_recipe_out_of_bounds(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        Atrophy(**changes)


def test_refuses_a_region_that_is_not_there():
    with pytest.raises(ComponentError, match="did you mean 'thalamus'"):
        Atrophy(region="talamus")


def test_refuses_people_who_cannot_be_counted():
    with pytest.raises(InputError, match="counted from 0"):
        atrophy.image(COARSE, -1)
    with pytest.raises(InputError, match="at least 1"):
        atrophy.table(COARSE, 0)

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

from fimbria.data.cohort.cohort import Cohort
from fimbria.errors import FimbriaError, MapsError, ProblemsError
from fimbria.learning.samples.covariates import Covariates


def cohort(**columns):
    count = len(next(iter(columns.values())))
    names = [f"sub-{number:02d}" for number in range(count)]
    frame = pd.DataFrame({"dataset": "", "participant_id": names, "session_id": "ses-M000"})
    return Cohort(frame.assign(**columns))


@pytest.fixture
def fitted():
    return Covariates.fitted_on(cohort(age=[60.0, 70.0, None, 80.0], sex=["F", "M", "F", None]), ["age", "sex"])


def test_numbers_are_standardized_by_those_that_are_known(fitted):
    given = fitted.encode(cohort(age=[70.0, 80.0, None], sex=["F", "M", "F"]))
    assert given.dtype == torch.float32
    assert given.shape == (3, fitted.width) == (3, 5)
    np.testing.assert_allclose(given[:, 0], [0, 10 / np.std([60, 70, 80]), 0], rtol=1e-6)
    assert given[:, 1].tolist() == [0, 0, 1]


def test_a_category_nobody_in_training_has_is_as_a_missing_one(fitted):
    given = fitted.encode(cohort(age=[70.0] * 4, sex=["F", "M", "X", None]))
    assert given[:, 2:].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]


def test_are_made_again_from_what_a_file_keeps(fitted):
    again = Covariates.taken_up(json.loads(json.dumps(fitted.fitted)))
    assert again == fitted


@pytest.mark.parametrize("kept", [5, [5], [{"x": 1}], [{"column": "age"}], None])
def test_what_a_file_keeps_is_covariates_or_refused(kept):
    with pytest.raises(MapsError, match="does not say how covariates were given"):
        Covariates.taken_up(kept)


def test_a_column_with_one_value_gives_nothing_and_divides_by_nothing():
    given = Covariates.fitted_on(cohort(age=[70, 70]), ["age"]).encode(cohort(age=[70, 71]))
    assert bool(given.isfinite().all())
    assert given[0].tolist() == [0, 0]


def test_numbers_of_a_category_are_the_same_however_they_were_read():
    made = Covariates.fitted_on(cohort(site=["1", "2", "A"]), ["site"])
    assert made.encode(cohort(site=[1.0, 2.0])).tolist() == made.encode(cohort(site=["1", "2"])).tolist()


def test_none_is_none():
    assert Covariates().encode(cohort(age=[1.0])) is None
    assert Covariates().width == 0


def test_refuses_every_column_that_is_not_there_or_empty_at_once():
    with pytest.raises(ProblemsError) as caught:
        Covariates.fitted_on(cohort(age=[None, None]), ["age", "height", "weight"])
    assert len(caught.value.problems) == 3


def test_refuses_people_without_a_column_and_names_each(fitted):
    with pytest.raises(ProblemsError, match=r"'age'[\s\S]*'sex'"):
        fitted.encode(cohort(weight=[1.0]))


@pytest.mark.parametrize("value", ["seventy", "70 years", np.inf])
def test_what_is_no_number_is_not_silently_missing(fitted, value):
    with pytest.raises(FimbriaError, match="age"):
        fitted.encode(cohort(age=[70.0, value], sex=["F", "F"]))


def test_a_name_is_given_once():
    with pytest.raises(FimbriaError, match="age"):
        Covariates.fitted_on(cohort(age=[60.0, 70.0]), ["age", "age"])

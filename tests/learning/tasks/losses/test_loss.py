from __future__ import annotations

import pytest
import torch

from fimbria.errors import ComponentError, InputError
from fimbria.experiment.clinicadl_words import NAMES
from fimbria.learning.tasks.losses import (
    FITS,
    WITHIN_0_AND_1,
    build,
    is_variational,
    loss,
    one_a_sample,
    said_by,
)

OWN = """
from torch.nn import functional

def mine(power: int = 2):
    return lambda outputs, targets: (outputs[:, 0] - targets).abs() ** power

def of_the_batch():
    return lambda outputs, targets: functional.l1_loss(outputs[:, 0], targets)
"""


@pytest.fixture
def own(tmp_path):
    """A file with two losses of a study's own, one of them the mean of a batch."""
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def test_every_loss_fits_something_and_everything_that_fits_is_a_loss():
    assert {name for names in FITS.values() for name in names} == set(loss.names())
    assert set(loss.names()) >= WITHIN_0_AND_1
    assert set(NAMES["loss"].values()) == set(loss.names()) - {"focal"}


def test_what_a_loss_compares_is_read_of_its_outputs():
    outputs = torch.tensor([-2.0, 0.0, 3.0])
    assert torch.equal(said_by("mse", outputs), outputs)
    for name, said in (("bce", outputs.sigmoid()), ({"name": "kl-div"}, outputs.exp())):
        assert torch.equal(said_by(name, outputs), said)
    slope = outputs.clone().requires_grad_()  # of all outputs, those that say the targets have the smallest loss
    build("bce", "values")(slope, outputs.sigmoid()).sum().backward()
    torch.testing.assert_close(slope.grad, torch.zeros(3), atol=1e-6, rtol=0)


def test_a_loss_is_chosen_by_its_name_or_with_options():
    outputs, targets = torch.tensor([[3.0], [0.0]]), torch.tensor([0.0, 0.5])
    assert build("huber", "values")(outputs, targets).tolist() == [2.5, 0.125]
    assert build({"name": "huber", "delta": 2}, "values")(outputs, targets).tolist() == [4.0, 0.125]
    smoothed, codes = build({"label_smoothing": 0.5}, "classes", counts=(1, 1)), torch.tensor([0])
    assert smoothed(torch.zeros(1, 2), codes) == build("cross-entropy", "classes", counts=(1, 1))(
        torch.zeros(1, 2), codes
    )


@pytest.mark.parametrize(
    ("chosen", "kind", "sentence"),
    [
        ("focal", "values", "'focal' is for classes, and here values are learnt: choose one of mse, mae, .*bce"),
        ("focal", "images", "is for classes, .*vae-gaussian"),
        ("mse", "classes", "'mse' is for values or images, .*choose one of cross-entropy, focal, multi-margin"),
        ("vae-gaussian", "values", "'vae-gaussian' is for images"),
        ("cross-entrop", "classes", "no loss is called 'cross-entrop': did you mean 'cross-entropy'"),
        ({"gamma": 1}, "classes", "'cross-entropy': no option 'gamma'"),
        ({"name": 1}, "classes", "options with a name among them.*'name': 1"),
        ({"name": "focal", "gama": 1}, "classes", "no option 'gama': did you mean 'gamma'"),
        ({"name": "focal", "gamma": -1}, "classes", "gamma = -1: input should be greater than or equal to 0"),
        ({"name": "cross-entropy", "label_smoothing": 1}, "classes", "label_smoothing = 1"),
        ({"name": "cross-entropy", "class_weights": [1, 0]}, "classes", "class_weights"),
        ({"name": "cross-entropy", "class_weights": "even"}, "classes", "class_weights = 'even'"),
        ({"name": "multi-margin", "p": 3}, "classes", "p = 3"),
        ({"name": "multi-margin", "margin": 0}, "classes", "margin = 0"),
        ({"name": "huber", "delta": 0}, "values", "delta = 0"),
        ({"name": "smooth-l1", "beta": float("inf")}, "values", "beta = inf"),
        ({"name": "vae-gaussian", "kl_weight": -1}, "images", "kl_weight = -1"),
        ({"name": "vae-gaussian", "reconstruction_weight": float("nan")}, "images", "reconstruction_weight = nan"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused_with_those_that_do(chosen, kind, sentence):
    with pytest.raises(ComponentError, match=sentence):
        build(chosen, kind, counts=(1.0, 1.0))


def test_only_some_losses_know_of_a_latent_space():
    assert [name for name in FITS["images"] if is_variational(name)] == list(FITS["images"][-3:])
    assert not is_variational({"name": "./own.py:vae"})


@pytest.mark.parametrize("kind", FITS)
def test_a_loss_of_ones_own_is_named_by_its_file_for_whatever_is_learnt(own, kind):
    mine = build({"name": f"{own}:mine", "power": 3}, kind, counts=(2.0, 3.0))
    assert mine(torch.tensor([[3.0], [0.0]]), torch.tensor([1.0, 1.0])).tolist() == [8.0, 1.0]
    with pytest.raises(ComponentError, match="power = 'x'"):
        build({"name": f"{own}:mine", "power": "x"}, kind)


def test_a_loss_of_ones_own_that_takes_the_mean_of_the_batch_is_refused(own):
    batch = build(f"{own}:of_the_batch", "values")
    with pytest.raises(
        InputError, match=r"own.py:of_the_batch' gave a tensor of shape \(\) for 4 samples.*reduction='none'"
    ):
        batch(torch.zeros(4, 1), torch.zeros(4))


@pytest.mark.parametrize("shape", [(), (4, 1), (1,), (5,)])
def test_what_is_not_one_value_a_sample_is_refused(shape):
    with pytest.raises(InputError, match="one value a sample"):
        one_a_sample(lambda outputs, targets: torch.zeros(shape), "odd")(torch.zeros(4), torch.zeros(4))  # noqa: ARG005  (the contract)

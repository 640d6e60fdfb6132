from __future__ import annotations

from functools import partial
from math import prod
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from fimbria.data.extraction import Location
from fimbria.data.extraction.patches import Patches
from fimbria.data.extraction.regions import Regions
from fimbria.data.extraction.slices import Slices
from fimbria.data.extraction.whole import Whole
from fimbria.learning.networks.conv import ConvNet, conv4_fc3, conv5_fc3
from fimbria.learning.outputs import Domains, Variational
from fimbria.testing.checks import check_extraction, check_network

SHAPE = (9, 8, 7)
WHOLE = (slice(0, 9), slice(0, 8), slice(0, 7))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("factory", [conv4_fc3, partial(conv4_fc3, dropout=0.5)], ids=["plain", "dropout"])
def test_our_networks_pass(factory):
    check_network(factory)


def test_our_largest_network_passes():
    check_network(conv5_fc3, dimensions=(2,))


def dense(input_size, output_size):
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(input_size), output_size))


def test_a_network_without_batch_norm_passes():
    check_network(dense)


def two_outputs(input_size, output_size):
    return dense(input_size, min(output_size, 2))


def even_sides_only(input_size, output_size):
    if any(side % 2 for side in input_size[1:]):
        msg = "odd"
        raise ValueError(msg)
    return dense(input_size, output_size)


def needs_a_variance(input_size, output_size):
    return nn.Sequential(dense(input_size, output_size), nn.BatchNorm1d(output_size))


def measured_by_a_batch(input_size, output_size):
    network = conv4_fc3(input_size, output_size)
    network(torch.zeros((2, *input_size)))
    return network


def drawn_elsewhere(input_size, output_size):
    network = dense(input_size, output_size)
    nn.init.normal_(network[1].weight, generator=_elsewhere)
    return network


_elsewhere = torch.Generator()


class Changed(nn.Module):
    """A network that is right but for one thing."""

    def __init__(self, input_size, output_size):
        super().__init__()
        self.inner = dense(input_size, output_size)
        self.unkept = torch.rand(output_size)


class Forgotten(Changed):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.idle = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return self.inner(images)


class Infinite(Changed):
    def forward(self, images):
        return (self.inner(images) * 0).sqrt()


class NoNumber(Changed):
    def forward(self, images):
        return self.inner(images) / 0


class Listed(Changed):
    def forward(self, images):
        return [self.inner(images)]


class Unlike(Changed):
    """A network in which something is drawn that no seed decides."""

    def forward(self, images):
        return self.inner(images) + (torch.rand(1, generator=_elsewhere) if self.training else 0)


class AlwaysBoth(Changed):
    def forward(self, images):
        return Domains(self.inner(images), self.inner(images), self.inner(images)[:, :2])


class ThreeDomains(Changed):
    def __init__(self, input_size, output_size):
        super().__init__(input_size, output_size)
        self.domains = dense(input_size, 3)

    def forward(self, images):
        return Domains(self.inner(images), self.inner(images), self.domains(images))


class Coder(nn.Module):
    """An autoencoder that is right, and is asked for no outputs."""

    def __init__(self, input_size):
        super().__init__()
        self.encoder, self.decoder = dense(input_size, 6), nn.Linear(6, prod(input_size))

    def forward(self, images):
        return self.decoder(self.encoder(images)).reshape(images.shape)


class Smaller(Coder):
    def forward(self, images):
        return super().forward(images)[:, :, 1:]


class Spread(Coder):
    """A variational autoencoder that is right."""

    spread = 3

    def __init__(self, input_size):
        super().__init__(input_size)
        self.decoder = nn.Linear(3, prod(input_size))

    def sample(self, mu, log_variance):
        return mu + torch.randn_like(mu) * (log_variance / 2).exp() if self.training else mu

    def forward(self, images):
        mu, log_variance = self.encoder(images).split(3, dim=1)
        image = self.decoder(self.sample(mu, log_variance)).reshape(images.shape)
        return Variational(image, mu, log_variance[:, : self.spread])


class OneSpread(Spread):
    spread = 1


class Sampling(Spread):
    def sample(self, mu, log_variance):
        return mu + torch.randn_like(mu) * (log_variance / 2).exp()


class Table(Changed):
    """A network that is right, and takes covariates."""

    def __init__(self, input_size, output_size, covariates):
        super().__init__(input_size, output_size)
        self.columns = covariates
        self.heard = nn.Linear(covariates, output_size)

    def forward(self, images, covariates):
        assert covariates.shape == (len(images), self.columns)
        return self.inner(images) + self.heard(covariates)


class DeafToTables(Table):
    def forward(self, images, covariates):
        return self.inner(images) + 0 * covariates.sum()


class Excused(Changed):
    """A network with a parameter that learns nothing, and says why."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.idle = nn.Parameter(torch.ones(1))
        self.not_learnt = {"idle": "kept for files of an older version"}

    def forward(self, images):
        return self.inner(images)


def counted_by_hand(input_size, output_size):
    made = dense(input_size, output_size)
    made[1].weight.abs().max().item()
    return made


def held_in_memory(input_size, output_size):
    made = dense(input_size, output_size)
    made[1].weight = nn.Parameter(torch.from_numpy(np.zeros(made[1].weight.shape, dtype=np.float32)))
    return made


def otherwise_without_memory(input_size, output_size):
    made = dense(input_size, output_size)
    return nn.Sequential(made) if made[1].weight.is_meta else made


@pytest.mark.parametrize("factory", [Coder, Spread, Excused, Table, partial(Table, covariates=5)])
def test_networks_of_every_kind_pass(factory):
    check_network(factory, [(1, 6, 5), (2, 5, 4, 3)])


def test_sizes_outputs_and_options_can_be_said():
    seen = set()

    def made(input_size, output_size, covariates, scale=1):
        seen.add((input_size, output_size, covariates, scale))
        return Table(input_size, output_size, covariates)

    check_network(made, [(1, 6, 5), (2, 5, 4, 3)], 7, covariates=4, scale=3)
    assert seen == {((1, 6, 5), 7, 4, 3), ((2, 5, 4, 3), 7, 4, 3)}


class AlwaysDropping(Changed):
    def forward(self, images):
        return nn.functional.dropout(self.inner(images), 0.5, training=True)


class ByItsBatch(Changed):
    def forward(self, images):
        return self.inner(images - images.mean())


class HalfKept(Changed):
    def forward(self, images):
        return self.inner(images) + self.unkept


class Shared(Changed):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.same = self.inner

    def forward(self, images):
        return self.inner(images)


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        (two_outputs, r"outputs \(2, 5\) were wanted for 2 images 1x32x32 in training, not \(2, 2\)"),
        (even_sides_only, r"images 1x33x27 and 2 outputs was wanted, building it gave ValueError\('odd'\)"),
        (needs_a_variance, "a batch of 1 images 1x32x32 in training were wanted, it gave ValueError"),
        (measured_by_a_batch, "one went through convolutions.1.num_batches_tracked, convolutions.5"),
        (drawn_elsewhere, "same seed should give the same weights, and gave others"),
        (Forgotten, "every parameter should be learnt; idle has no gradient"),
        (Infinite, "finite gradients were wanted .*; inner.1.weight, inner.1.bias have others"),
        (Unlike, r"same seed should give the same outputs for 1 images 1x32x32 in training, and gave others"),
        (NoNumber, "finite outputs were wanted for 2 images 1x32x32 in training, others were given"),
        (Listed, "a Tensor, Variational or Domains was wanted for a batch of 2 images 1x32x32 in training, not list"),
        (counted_by_hand, "on torch's meta device, .* building it gave"),
        (held_in_memory, "no memory should be taken on torch's meta device; 1.weight took some"),
        (otherwise_without_memory, "the same tensors were wanted on torch's meta device as elsewhere"),
        (
            AlwaysBoth,
            r"outputs \(3, 2\) alone were wanted for 3 images 1x32x32 in evaluation, not those of two domains",
        ),
        (ThreeDomains, r"domain \(2, 2\) were wanted for 2 images 1x32x32 in training, not \(2, 3\)"),
        (Smaller, r"outputs \(2, 1, 32, 32\) were wanted for 2 images 1x32x32 in training, not \(2, 1, 31, 32\)"),
        (OneSpread, r"log_variance \(2, 3\) were wanted for 2 images 1x32x32 in training, not \(2, 1\)"),
        (Sampling, "in evaluation the same was wanted twice for images 1x32x32, and differs"),
        (DeafToTables, "every parameter should be learnt; heard.weight, heard.bias have no gradient"),
        (AlwaysDropping, "in evaluation the same was wanted twice for images 1x32x32, and differs"),
        (ByItsBatch, "should not depend on the batch it is in; for images 1x32x32 it does"),
        (HalfKept, "opened in a new network should say what they said, and say something else"),
        (Shared, "kept as safetensors and opened again were wanted; that gave"),
    ],
)
def test_a_network_that_is_wrong_is_caught_with_a_sentence(factory, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_network(factory)


def test_a_network_is_asked_for_the_dimensions_it_takes_alone():
    def flat(input_size, output_size):
        assert len(input_size) == 3
        return ConvNet(input_size, (output_size,), channels=(4,))

    check_network(flat, dimensions=(2,))
    with pytest.raises(AssertionError, match="images 1x32x32x32 and 2 outputs was wanted"):
        check_network(flat, dimensions=(3,))


def test_checking_leaves_the_random_state_as_it_was():
    before = torch.get_rng_state()
    check_network(dense, dimensions=(2,))
    assert torch.equal(torch.get_rng_state(), before)


def ball():
    inside = np.linalg.norm(np.indices(SHAPE) - np.array([4, 4, 3])[:, None, None, None], axis=0) < 3
    corner = np.zeros(SHAPE, dtype=bool)
    corner[7:, :3, 2:5] = True
    return Regions((("ball", inside), ("corner", corner)))


@pytest.mark.parametrize(
    "extraction",
    [
        Whole(),
        Patches(3),
        Patches((4, 3, 2), (2, 1, 2)),
        Patches(2, 3),
        Patches(4, 3, padding=True),
        Patches(10, padding=True),
        Patches(3, foreground=0.5),
        Whole(2),
        Slices(1, (1, 2)),
        Slices(1, every=3),
        Slices(2, channels=3),
        ball(),
    ],
    ids=[
        "whole",
        "touching",
        "overlapping",
        "apart",
        "padded",
        "larger",
        "foreground",
        "reduced",
        "slices",
        "some-slices",
        "colours",
        "regions",
    ],
)
def test_our_extractions_pass(extraction):
    check_extraction(extraction, SHAPE)


def moved(axis, start, stop):
    return (*WHOLE[:axis], slice(start, stop), *WHOLE[axis + 1 :])


@pytest.mark.parametrize(
    ("locations", "sentence"),
    [
        ([], "at least one part of an image 9x8x7 was wanted"),
        (
            [Location(0, moved(1, 0, 9))],
            r"part 0 should lie inside the image: axis 1 has 8 voxels, its box is slice\(0, 9",
        ),
        ([Location(3, moved(0, -2, 5))], "part 3 should lie inside the image: axis 0"),
        ([Location(0, moved(2, 4, 4))], "part 0 should lie inside the image: axis 2"),
        ([Location(0, (slice(0, 9, -2), *WHOLE[1:]))], "part 0 should lie inside the image: axis 0"),
        ([Location(0, (slice(0, 9, 0), *WHOLE[1:]))], "part 0 should lie inside the image: axis 0"),
        ([Location(0, WHOLE, padding=((0, 0), (0, -1), (0, 0)))], "part 0 should say how many voxels, 0 or more"),
        ([Location(0, WHOLE, padding=((0, 1),))], "part 0 should say how many voxels, 0 or more"),
        ([Location(0, moved(1, 3, 4), flat=1, padding=((0, 0), (0, 1), (0, 0)))], "part 0 drops axis 1"),
        ([Location(0, WHOLE, background=float("nan"))], "the background of part 0 should be a number, not nan"),
        ([Location(0, WHOLE[:2])], "part 0 needs a slice for each of 3 axes"),
        ([Location(4, WHOLE), Location(4, WHOLE)], r"number of its own; \[4\] stand there more than once"),
        ([Location(0, WHOLE), Location(1, moved(0, 0, 4))], "parts of one shape were wanted, so that they can share"),
        (
            [Location(0, WHOLE, mask=np.ones((9, 8, 6), dtype=bool))],
            r"the mask of part 0 .* \(9, 8, 7\), not \(9, 8, 6\)",
        ),
        ([Location(0, WHOLE, flat=1)], "part 0 drops axis 1, so its box should have one voxel there"),
    ],
)
def test_an_extraction_that_is_wrong_is_caught_with_a_sentence(locations, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_extraction(SimpleNamespace(locations=lambda _: locations), SHAPE)


def test_an_extraction_that_changes_its_mind_is_caught():
    starts = iter(range(9))
    extraction = SimpleNamespace(locations=lambda _: [Location(0, moved(0, start := next(starts), start + 1))])
    with pytest.raises(AssertionError, match="the same parts were wanted from a second call"):
        check_extraction(extraction, SHAPE)


def test_parts_that_lie_about_their_shape_are_caught():
    class Larger(Location):
        @property
        def shape(self):
            return (1, 9, 8, 8)

    with pytest.raises(AssertionError, match=r"part 0 promises \(1, 9, 8, 8\) and is \(1, 9, 8, 7\)"):
        check_extraction(SimpleNamespace(locations=lambda _: [Larger(0, WHOLE)]), SHAPE)


class Choosing:
    """Patches that choose as they are told."""

    def __init__(self, chosen, *, choosy=True):
        self.chosen, self.choosy = chosen, choosy

    def locations(self, shape):
        return Patches(3).locations(shape)


@pytest.mark.parametrize(
    ("extraction", "sentence"),
    [
        (Choosing(lambda *_: []), "at least one part was to be chosen of every image"),
        (Choosing(lambda *_: [0, 99]), r"places of 12 parts, .* not \[0, 99\]"),
        (Choosing(lambda *_: [1, 0]), r"places of 12 parts, in order and each once"),
        (Choosing(lambda *_: [0], choosy=False), "not choosy should choose every part"),
    ],
)
def test_an_extraction_that_chooses_wrongly_is_caught(extraction, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_extraction(extraction, SHAPE)


def test_a_part_that_is_not_zero_where_it_is_not_real_is_caught():
    class Unreal(Location):
        @property
        def inside(self):
            return np.zeros((9, 8, 7), dtype=bool)

    with pytest.raises(AssertionError, match="part 0 should be 0 outside its mask and where it is padded"):
        check_extraction(SimpleNamespace(locations=lambda _: [Unreal(0, WHOLE)]), SHAPE)

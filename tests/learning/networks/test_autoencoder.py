from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import nn
from torch.nn import functional

from fimbria.errors import ComponentError, InputError, ProblemsError
from fimbria.learning.networks import network, parameter_count
from fimbria.learning.networks.autoencoder import (
    Autoencoder,
    Unpool,
    ae_conv4_fc3,
    ae_conv5_fc3,
    autoencoder,
    cae_half,
)
from fimbria.learning.networks.conv import BatchNorm, HalvingMaxPool, conv4_fc3, stride_conv5_fc3
from fimbria.testing import check_network

SMALL = [(1, 1, 1, 1), (1, 2, 1, 3), (2, 9, 8, 7), (1, 33, 5, 1), (1, 1, 1), (3, 17, 4), (1, 32, 33)]


def drawn(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def kinds(layers):
    return [type(layer).__name__ for layer in layers]


@pytest.mark.parametrize("make", [ae_conv5_fc3, ae_conv4_fc3])
@pytest.mark.parametrize(("input_size", "expected"), [((1, 169, 208, 179), 589_059), ((1, 128, 128), 197_345)])
def test_has_as_many_parameters_as_the_network_of_its_name(make, input_size, expected):
    with torch.device("meta"):
        assert parameter_count(make(input_size)) == expected


@pytest.mark.parametrize("input_size", SMALL)
@pytest.mark.parametrize("make", [ae_conv5_fc3, autoencoder, cae_half])
def test_gives_back_images_of_any_size_and_learns_from_a_batch_of_one(make, input_size):
    options = {"encoder": "conv4-fc3"} if make is autoencoder else {}
    made = make(input_size, **options).train()
    for samples in (1, 2):
        images = drawn(samples, *input_size)
        outputs = made(images)
        assert outputs.shape == images.shape
        (outputs - images).square().sum().backward()
        assert all(torch.isfinite(parameter.grad).all() for parameter in made.parameters())


@pytest.mark.parametrize("make", [ae_conv5_fc3, cae_half])
def test_keeps_what_the_house_asks_of_a_network(make):
    check_network(make, [(1, 33, 27), (1, 20, 23, 19)])


def test_the_encoder_is_what_the_cnn_of_the_same_seed_has_under_the_same_names():
    torch.manual_seed(3)
    cnn = conv4_fc3((1, 20, 17, 9), 1)
    torch.manual_seed(3)
    made = autoencoder((1, 20, 17, 9), "conv4-fc3")
    theirs, ours = cnn.convolutions.state_dict(), made.encoder.state_dict()
    assert list(theirs) == list(ours)
    assert all(torch.equal(theirs[name], ours[name]) for name in ours)
    images = drawn(2, 1, 20, 17, 9)
    assert torch.equal(made.eval().encoder(images), cnn.eval().convolutions(images))


def test_a_block_is_mirrored_as_a_block_or_strictly_backwards():
    blocks = autoencoder((1, 9, 8, 7), "conv4-fc3")
    backwards = autoencoder((1, 9, 8, 7), "conv4-fc3", order="reversed")
    assert kinds(blocks.decoder)[-4:] == ["Unpool", "ConvTranspose3d", "BatchNorm", "ReLU"]
    assert kinds(backwards.decoder)[-4:] == ["Unpool", "ReLU", "BatchNorm", "ConvTranspose3d"]
    assert [norm.num_features for norm in blocks.decoder if isinstance(norm, BatchNorm)] == [64, 32, 16, 8, 1]
    assert [norm.num_features for norm in backwards.decoder if isinstance(norm, BatchNorm)] == [128, 64, 32, 16, 8]


@given(some.lists(some.integers(1, 9), min_size=2, max_size=3), some.booleans())
@settings(max_examples=40, deadline=None)
def test_unpooling_puts_each_largest_voxel_back_where_it_was(sides, last):
    images = drawn(2, 3, *sides) + 1
    if last:
        images = images.to(memory_format=torch.channels_last if len(sides) == 2 else torch.channels_last_3d)
    back = Autoencoder(nn.Sequential(HalvingMaxPool()))(images)
    pooled = HalvingMaxPool()(images)
    assert back.shape == images.shape
    assert torch.equal(back[back != 0], images[back != 0])
    assert int((back != 0).sum()) == pooled.numel()
    assert torch.equal(HalvingMaxPool()(back), pooled)


@pytest.mark.parametrize(("sides", "pool"), [((5, 7), nn.MaxPool2d(2)), ((7, 5, 6), nn.MaxPool3d(2, padding=1))])
def test_unpools_as_torch_does_where_windows_do_not_share_voxels(sides, pool):
    images = drawn(2, 3, *sides)
    pool.return_indices = True
    pooled, places = pool(images)
    unpool = functional.max_unpool3d if len(sides) == 3 else functional.max_unpool2d
    expected = unpool(pooled, places, pool.kernel_size, pool.stride, pool.padding, output_size=sides)
    assert torch.equal(Unpool()(pooled, sides, places), expected)


def test_the_largest_stays_where_windows_share_a_voxel_whatever_the_order():
    places = torch.tensor([[[[1, 1], [1, 2]]]])
    values = torch.tensor([[[[-3.0, -1.0], [-2.0, 5.0]]]])
    assert Unpool(overlapping=True)(values, (2, 2), places).flatten().tolist() == [0, -1, 5, 0]
    pools = [
        nn.MaxPool2d((2, 3), 2),
        nn.MaxPool2d(2),
        nn.MaxPool2d(2, dilation=2, stride=2),
        nn.MaxPool3d(2, (2, 2, 1)),
    ]
    assert [Autoencoder(nn.Sequential(pool)).decoder[0].overlapping for pool in pools] == [True, False, True, True]


def test_runs_where_only_deterministic_algorithms_may():
    made, images = ae_conv5_fc3((1, 9, 8, 7)), drawn(1, 1, 9, 8, 7)
    torch.use_deterministic_algorithms(True)
    try:
        made(images).sum().backward()
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("input_size", [(1, 11, 14, 17), (2, 1, 2, 3), (1, 10, 13)])
def test_strided_convolutions_give_back_the_sides_they_had(input_size):
    made = Autoencoder.of(stride_conv5_fc3(input_size, 2))
    assert made(drawn(2, *input_size)).shape == (2, *input_size)


@settings(max_examples=60, deadline=None)
@given(
    kernel=some.integers(1, 4),
    stride=some.integers(1, 3),
    dilation=some.integers(1, 2),
    padding=some.one_of(some.integers(0, 2), some.just("valid")),
    side=some.integers(9, 14),
)
def test_any_convolution_has_a_mirror_of_exactly_its_sides(kernel, stride, dilation, padding, side):
    convolution = nn.Conv2d(2, 4, kernel, stride, padding, dilation, groups=2, bias=False)
    made = Autoencoder(nn.Sequential(convolution, nn.ReLU()))
    assert made(drawn(1, 2, side, side + 1)).shape == (1, 2, side, side + 1)
    assert parameter_count(made.decoder) == parameter_count(made.encoder)


def test_mirrors_nested_rows_every_known_layer_and_one_that_stands_twice():
    relu = nn.ReLU()
    first = nn.Sequential(nn.Conv2d(1, 4, 3, padding="same"), nn.BatchNorm2d(4, eps=0.5), nn.LeakyReLU(0.25))
    second = nn.Sequential(nn.Conv2d(4, 6, 3), nn.InstanceNorm2d(6, affine=True), nn.ELU(0.5), nn.Dropout(0.25))
    rows = nn.Sequential(OrderedDict(a=first, relu=relu, pool=nn.MaxPool2d(3, 2), b=second, again=relu))
    made = Autoencoder(rows)
    last = ["ConvTranspose2d", "BatchNorm", "LeakyReLU", "ReLU"]
    assert kinds(made.decoder) == ["ConvTranspose2d", "InstanceNorm2d", "ELU", "Dropout", "ReLU", "Unpool", *last]
    assert (made.decoder[7].eps, made.decoder[7].num_features, made.decoder[8].negative_slope) == (0.5, 1, 4.0)
    assert (made.decoder[1].num_features, made.decoder[2].alpha, made.decoder[3].p) == (4, 0.5, 0.25)
    assert made(drawn(2, 1, 14, 15)).shape == (2, 1, 14, 15)
    assert "a.0.weight" in made.encoder.state_dict()


def test_refuses_what_has_no_mirror_and_names_each_layer():
    class Skip(nn.Module):
        pass

    rows = nn.Sequential(nn.Conv2d(1, 2, 4, padding="same"), nn.Sequential(nn.ReLU(), Skip()), nn.AvgPool2d(2))
    with pytest.raises(ProblemsError) as refused:
        Autoencoder(rows)
    problems = [problem.what for problem in refused.value.problems]
    assert problems == [
        "layer 0 (Conv2d) pads an even kernel by 'same'",
        "layer 1.1 (Skip) has no mirror",
        "layer 2 (AvgPool2d) has no mirror",
    ]


@pytest.mark.parametrize(("convolutions", "found"), [(None, "none"), (nn.Conv2d(1, 1, 1), "a Conv2d")])
def test_refuses_a_network_without_convolutions_in_a_row(convolutions, found):
    cnn = nn.Module()
    cnn.convolutions = convolutions
    with pytest.raises(InputError, match=f"an nn.Sequential; Module has {found}"):
        Autoencoder.of(cnn)


def test_the_encoder_is_chosen_by_name_with_its_options_and_never_from_a_file():
    made = network.build(
        "autoencoder", {"encoder": "conv4-fc3", "encoder_options": {"dropout": 0.5}}, input_size=(1, 4, 4)
    )
    assert made(drawn(1, 1, 4, 4)).shape == (1, 1, 4, 4)
    with pytest.raises(ComponentError, match="no option 'depth'"):
        autoencoder((1, 4, 4), "conv4-fc3", {"depth": 3})
    with pytest.raises(ComponentError, match="did you mean 'conv5-fc3'"):
        autoencoder((1, 4, 4), "conv5_fc3")
    with pytest.raises(InputError, match=r"encoder = 'mine.py:net' is a file.*Autoencoder.of"):
        autoencoder((1, 4, 4), "mine.py:net")


@pytest.mark.parametrize("make", [ae_conv5_fc3, cae_half])
@pytest.mark.parametrize("input_size", [(1, 9), (1, 3, 3, 3, 3)])
def test_refuses_images_with_other_than_two_or_three_axes(make, input_size):
    with pytest.raises(InputError, match=f"2 or 3 axes; these have {len(input_size) - 1}"):
        make(input_size)


@pytest.mark.parametrize("make", [ae_conv5_fc3, cae_half])
def test_learns_two_images_by_heart(make):
    torch.manual_seed(0)
    made, images = make((1, 9, 8, 7)), drawn(2, 1, 9, 8, 7)
    optimizer = torch.optim.Adam(made.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        loss = (made(images) - images).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.25 * losses[0]


def test_cae_half_has_the_dense_layers_of_the_network_of_its_name():
    with torch.device("meta"):
        made = cae_half((1, 80, 96, 80))
    dense = [(layer.in_features, layer.out_features) for layer in made.modules() if isinstance(layer, nn.Linear)]
    assert dense == [(153_600, 128), (128, 307_200)]

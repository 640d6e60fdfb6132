from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from fimbria.errors import InputError, ProblemsError
from fimbria.learning.networks import network, parameter_count
from fimbria.learning.networks.residual import (
    ResidualBlock,
    SqueezeExcitation,
    resnet3d,
    resnet18_2d,
    squeeze_excitation,
)
from fimbria.testing import check_network

T1 = (1, 169, 208, 179)


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def trunk(made):
    """The tensors of a network under the names that files of ImageNet weights have."""
    return {
        name.removeprefix("convolutions.").replace("fc.imagenet", "fc"): value
        for name, value in made.state_dict().items()
        if "fc.outputs" not in name
    }


@pytest.fixture(scope="module")
def imagenet():
    """Weights that nobody has learnt, named and shaped as those of ImageNet."""
    torch.manual_seed(5)
    given = trunk(resnet18_2d((3, 32, 32), 2))
    return {name: value + 0.01 if value.is_floating_point() else value + 7 for name, value in given.items()}


# what the networks of these names have in ClinicaDL 1.6, for two outputs
@pytest.mark.parametrize(
    ("make", "input_size", "count"),
    [(resnet3d, T1, 3_517_314), (squeeze_excitation, T1, 3_523_049), (resnet18_2d, (3, 208, 179), 11_691_514)],
)
def test_has_as_many_parameters_as_the_network_of_its_name(make, input_size, count):
    with torch.device("meta"):
        assert parameter_count(make(input_size, 2)) == count


@pytest.mark.parametrize("make", [resnet3d, squeeze_excitation])
def test_the_volumes_networks_pass_the_checks(make):
    check_network(make, [(2, 63, 64, 65)], 3)


def test_the_slices_network_passes_the_checks():
    check_network(resnet18_2d, [(1, 33, 27)], 3, dropout=0.5)


@pytest.mark.parametrize("make", [resnet3d, squeeze_excitation])
def test_follows_the_size_and_the_number_of_outputs(make):
    made = make((1, 127, 63, 70), 5)
    assert made.fc(torch.zeros(1, 128, 3, 1, 1)).shape == (1, 5)


@pytest.mark.parametrize("make", [resnet3d, squeeze_excitation])
def test_says_how_large_volumes_need_to_be(make):
    name = make.__name__.replace("_", "-")
    with pytest.raises(InputError, match=f"{name} needs 63 or more voxels along each axis; these images have 62 "):
        make((1, 64, 62, 64), 2)


@pytest.mark.parametrize(
    ("make", "input_size", "sentence"),
    [
        (resnet3d, (1, 64, 64), "resnet3d needs images with 3 axes; these have 2 "),
        (squeeze_excitation, (1, 64, 64), "squeeze-excitation needs images with 3 axes; these have 2 "),
        (resnet18_2d, (1, 64, 64, 64), "resnet18-2d needs images with 2 axes; these have 3 "),
    ],
)
def test_refuses_images_with_other_axes_in_a_sentence(make, input_size, sentence):
    with pytest.raises(InputError, match=sentence):
        make(input_size, 2)


@pytest.mark.parametrize(("name", "dropout"), [("resnet3d", 0.8), ("squeeze-excitation", 0.5), ("resnet3d", 0.25)])
def test_dropout_is_as_published_unless_said_otherwise(name, dropout):
    with torch.device("meta"):
        made = network.build(name, {} if dropout > 0.3 else {"dropout": dropout}, input_size=T1, output_size=2)
    assert [module.p for module in made.modules() if isinstance(module, nn.Dropout)] == [dropout]


def test_a_block_that_has_learnt_nothing_is_its_shortcut():
    block = ResidualBlock(2, 8, nn.ReLU, excited=True).eval()
    nn.init.zeros_(block.learnt[4].weight)
    images = drawn(2, 2, 4, 5, 3)
    expected = functional.relu(functional.conv3d(images, block.shortcut.weight))
    torch.testing.assert_close(block(images), expected)


def test_channels_are_weighted_by_what_they_are_on_average():
    unit, images = SqueezeExcitation(16), drawn(2, 16, 3, 4, 5)
    weights = unit.weigh(images.mean((2, 3, 4)))
    assert bool(((weights > 0) & (weights < 1)).all())
    torch.testing.assert_close(unit(images), images * weights[:, :, None, None, None])


def test_the_trunks_tensors_are_named_as_in_files_of_imagenet_weights():
    names = trunk(resnet18_2d((3, 32, 32), 2))
    assert len(names) == 122
    assert {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_var": (64,),
        "layer1.0.conv1.weight": (64, 64, 3, 3),
        "layer2.0.downsample.0.weight": (128, 64, 1, 1),
        "layer2.0.downsample.1.bias": (128,),
        "layer4.1.bn2.num_batches_tracked": (),
        "fc.weight": (1000, 512),
        "fc.bias": (1000,),
    }.items() <= {name: tuple(value.shape) for name, value in names.items()}.items()


@pytest.mark.parametrize("kind", ["safetensors", "pth", "old"])
def test_imagenet_weights_are_read_from_a_file(imagenet, tmp_path, kind):
    path = tmp_path / f"resnet18.{'safetensors' if kind == 'safetensors' else 'pth'}"
    given = {name: value for name, value in imagenet.items() if kind != "old" or "tracked" not in name}
    save_file(given, path) if kind == "safetensors" else torch.save(given, path)
    found = trunk(resnet18_2d((3, 32, 32), 2, weights=path))
    assert all(torch.equal(found[name], value) for name, value in imagenet.items() if "tracked" not in name)
    assert not any(int(value) for name, value in found.items() if "tracked" in name)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_other_channels_share_the_weights_of_the_colours(imagenet, tmp_path, channels):
    path = tmp_path / "resnet18.safetensors"
    save_file(imagenet, path)
    made, grey = resnet18_2d((channels, 32, 32), 2, weights=path), drawn(2, 1, 32, 32)
    seen = made.convolutions.conv1(grey.expand(-1, channels, -1, -1))
    in_colour = functional.conv2d(grey.expand(-1, 3, -1, -1), imagenet["conv1.weight"], stride=2, padding=3)
    torch.testing.assert_close(seen, in_colour, rtol=1e-4, atol=1e-5)


def test_what_has_no_numbers_needs_no_file(tmp_path):
    with torch.device("meta"):
        assert parameter_count(resnet18_2d((3, 32, 32), 2, weights=tmp_path / "gone.pth")) == 11_691_514


def test_everything_that_is_wrong_with_weights_is_named_at_once(imagenet, tmp_path):
    given = dict(imagenet)
    del given["layer1.0.conv1.weight"], given["fc.bias"]
    given |= {"layer9.weight": torch.ones(2), "bn1.bias": torch.ones(3)}
    path = tmp_path / "other.safetensors"
    save_file(given, path)
    with pytest.raises(ProblemsError) as refused:
        resnet18_2d((3, 32, 32), 2, weights=path)
    said = str(refused.value)
    assert f"3 problems with the ResNet-18 weights in {path}" in said
    assert "missing: layer1.0.conv1.weight, fc.bias" in said
    assert "not of a ResNet-18: layer9.weight" in said
    assert "of another shape: bn1.bias is 3, not 64" in said


class Own:
    """What only a pickle can hold."""


@pytest.mark.parametrize(
    ("name", "write", "sentence"),
    [
        ("w.pth", lambda path: torch.save(Own(), path), "a pickled object, which could run anything"),
        ("w.bin", lambda path: path.write_bytes(b""), "does not end as a file of weights does"),
        ("w.pth", lambda _: None, "there is no file of weights"),
    ],
)
def test_a_file_that_holds_no_weights_is_refused_in_a_sentence(tmp_path, name, write, sentence):
    write(tmp_path / name)
    with pytest.raises(InputError, match=sentence):
        resnet18_2d((3, 32, 32), 2, weights=tmp_path / name)

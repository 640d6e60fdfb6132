from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
import torch
from monai.networks import nets
from torch import nn

from fimbria.errors import ComponentError, InputError
from fimbria.learning.networks import network, parameter_count
from fimbria.learning.networks.conv import BatchNorm
from fimbria.learning.networks.monai_networks.classifiers import (
    DENSE_BLOCKS,
    SMALLEST_EFFICIENT,
    SQUEEZE_EXCITATION,
    patch_sides,
)

RESNETS = [f"resnet{depth}" for depth in (10, 18, 34, 50, 101, 152)]
THEIRS = {
    **dict.fromkeys(RESNETS, (nets.ResNet,)),
    **{f"densenet{depth}": (getattr(nets, f"DenseNet{depth}"), nets.DenseNet) for depth in DENSE_BLOCKS},
    **{name.lower(): (getattr(nets, name), nets.SENet) for name in SQUEEZE_EXCITATION},
    "vit": (nets.ViT,),
}
OURS = {"input_size", "output_size", "patch_size"}  # MONAI has no default for a patch
SMALL_VIT = {"patch_size": 8, "hidden_size": 12, "mlp_dim": 8, "num_layers": 1, "num_heads": 2}
SMALL = {
    "resnet10": {"widen_factor": 0.0625},
    "densenet121": {"init_features": 4, "growth_rate": 2, "block_config": (1, 1, 2, 1)},
    "seresnet50": {},
    "efficientnet": {},
    "vit": SMALL_VIT,
}


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def built_on_no_memory(name, input_size, **options):
    with torch.device("meta"):
        return network.build(name, options, input_size=input_size, output_size=2)


@pytest.mark.parametrize("name", THEIRS)
def test_every_option_is_monais_with_monais_default(name):
    theirs = {}
    for one in reversed(THEIRS[name]):
        theirs |= {
            option: given.default
            for option, given in inspect.signature(one).parameters.items()
            if given.kind is not inspect.Parameter.VAR_KEYWORD
        }
    ours = {
        option: given.default
        for option, given in inspect.signature(network.find(name).factory).parameters.items()
        if option not in OURS
    }
    assert ours == {option: theirs.get(option, "no such option") for option in ours}


@pytest.mark.parametrize(
    ("name", "input_size"),
    [(name, (3, 64, 32)) for name in (*THEIRS, "efficientnet")] + [(name, (1, 32, 32, 48)) for name in SMALL],
)
def test_small_images_of_two_and_three_dimensions_are_taken_one_at_a_time(name, input_size):
    made = built_on_no_memory(name, input_size)
    with torch.device("meta"):
        assert made(torch.zeros(1, *input_size)).shape == (1, 2)
    assert not any(isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)) for module in made.modules())


@pytest.mark.parametrize("name", SMALL)
def test_a_batch_of_one_is_learnt_by_every_parameter(name):
    torch.manual_seed(0)
    made = network.build(name, SMALL[name], input_size=(2, 32, 32), output_size=3).train()
    outputs = made(drawn(1, 2, 32, 32))
    outputs.square().sum().backward()
    learnt = [parameter for parameter in made.parameters() if parameter.requires_grad]
    assert outputs.shape == (1, 3)
    assert all(parameter.grad is not None and torch.isfinite(parameter.grad).all() for parameter in learnt)


def test_names_of_tensors_and_outputs_are_monais():
    torch.manual_seed(0)
    theirs = nets.resnet10(spatial_dims=2, n_input_channels=1, num_classes=2)
    ours = network.build("resnet10", input_size=(1, 20, 20), output_size=2)
    ours.load_state_dict(theirs.state_dict())
    images = drawn(2, 1, 20, 20)
    assert torch.equal(ours(images), theirs(images))
    assert torch.equal(ours.eval()(images), theirs.eval()(images))


@pytest.mark.parametrize(("options", "momentum"), [({}, 0.1), ({"momentum": 0.01}, 0.01)])
def test_batch_norms_keep_their_settings(options, momentum):
    made = built_on_no_memory("efficientnet", (1, 32, 32), **options)
    norms = [module for module in made.modules() if isinstance(module, BatchNorm)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, momentum)}


@pytest.mark.parametrize(
    ("name", "options", "smallest"),
    [("densenet121", {}, 29), ("densenet169", {"block_config": (2, 2)}, 5), ("seresnext50", {}, 3)]
    + [("efficientnet", {"model": model}, side) for model, side in SMALLEST_EFFICIENT.items()],
)
def test_says_the_smallest_side_and_takes_it(name, options, smallest):
    size = (1, smallest, smallest)
    with torch.device("meta"):
        made = network.build(name, options, input_size=size, output_size=2)
        assert made(torch.zeros(1, *size)).shape == (1, 2)
        with pytest.raises(InputError, match=f"needs {smallest} or more voxels"):
            network.build(name, options, input_size=(1, smallest - 1, 64), output_size=2)


def test_the_smallest_side_of_efficientnet_is_no_larger_than_needed():
    with torch.device("meta"):
        made = nets.EfficientNetBN("efficientnet-b4", pretrained=False, in_channels=1, num_classes=2)
        with pytest.raises(RuntimeError, match="Kernel size"):
            made(torch.zeros(2, 1, SMALLEST_EFFICIENT["b4"] - 1, 64))


def test_the_outputs_of_a_vision_transformer_have_no_bounds():
    made = network.build("vit", SMALL_VIT, input_size=(1, 16, 16), output_size=2)
    made.network.classification_head.bias.data.fill_(7.0)
    assert (made(drawn(2, 1, 16, 16)) > 2).all()


@pytest.mark.parametrize(
    ("image", "wanted", "sentence"),
    [
        ((169, 208, 179), 16, "They would divide an image of 176x208x192"),
        ((60, 48), 16, r"patch_size \[15, 16\] does; so would an image of 64x48"),
        ((60, 48), (4, 4, 4), "has 3 sides, the image has 2"),
    ],
)
def test_a_patch_that_does_not_divide_the_image_is_refused_with_one_that_works(image, wanted, sentence):
    with pytest.raises(InputError, match=sentence):
        patch_sides(image, wanted)


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(InputError, match="A multiple of 5 works"):
        built_on_no_memory("vit", (1, 32, 32), num_heads=5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet10", {"widen_factor": 0.001}),
        ("efficientnet", {"model": "b9"}),
        ("seresnet50", {"reduction": 300}),
        ("densenet121", {"pretrained": True}),
    ],
)
def test_refuses_options_that_no_network_can_have(name, options):
    with pytest.raises(ComponentError):
        network.find(name).options({"input_size": None, "output_size": None}, options)


def test_deeper_networks_have_more_parameters():
    counts = [parameter_count(built_on_no_memory(name, (1, 32, 32, 32))) for name in RESNETS[:3]]
    assert counts == sorted(set(counts))


def test_listing_the_networks_does_not_import_monai():
    code = (
        "import sys; from fimbria.learning.networks import network; network.names(); sys.exit('monai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

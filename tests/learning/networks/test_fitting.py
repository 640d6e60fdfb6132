from __future__ import annotations

import pytest
import torch
from torch import nn

from fimbria.errors import InputError
from fimbria.learning.networks import network
from fimbria.learning.networks.fitting import misfits, passage


def named(name, outputs=2, **options):
    return lambda size: network.build(name, options, input_size=size, output_size=outputs)


def said(*given):
    return "; ".join(map(str, misfits(*given)))


class Forward(nn.Module):
    """A layer, and whatever is done before it."""

    def __init__(self, forward, layer=None):
        super().__init__()
        self.layer = layer or nn.Linear(1, 1)
        self.does = forward

    def forward(self, images):
        return self.does(self.layer, images)


def flat(size, outputs=2):
    return nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(size).numel(), outputs))


@pytest.mark.parametrize(
    ("name", "outputs"), [("conv5-fc3", 2), ("resnet18", 2), ("unet", None), ("vae-monai", None), ("vae-dense", None)]
)
@pytest.mark.parametrize("size", [(1, 169, 208, 179), (2, 64, 64)])
def test_a_network_that_fits_has_no_problem(name, outputs, size):
    assert misfits(named(name), size, outputs) == []


def test_outputs_of_another_kind_are_said_with_both_shapes_and_what_is_needed():
    text = said(named("conv5-fc3"), (1, 32, 32, 32), None)
    assert "for an image 1x32x32x32 it gives 2 numbers, and the task wants an image of the same shape" in text
    assert "such as unet" in text
    text = said(named("unet"), (1, 32, 32, 32), 2)
    assert "it gives an image 1x32x32x32, and the task wants 2 numbers" in text
    assert "such as conv5-fc3" in text
    assert "it gives 3 numbers, and the task wants 2 numbers" in said(named("conv5-fc3", 3), (1, 8, 8), 2)
    cut = Forward(lambda layer, images: layer(images)[:, :, 1:], nn.Conv2d(1, 1, 1))
    assert "it gives an image 1x7x8, and the task wants an image of the same" in said(lambda _: cut, (1, 8, 8), None)


def test_what_is_no_tensor_or_not_of_the_images_is_said():
    assert "gives a dict" in said(lambda _: Forward(lambda *_: {}), (1, 8, 8), 2)
    assert "its first axis should be the images" in said(lambda _: Forward(lambda *_: torch.zeros(3)), (1, 8, 8), 2)


@pytest.mark.parametrize(("size", "smallest"), [((1, 40, 16, 40), "1x32x32x32"), ((1, 20, 20), "1x32x32")])
def test_an_image_too_small_is_answered_with_the_smallest_that_works(size, smallest):
    text = said(named("sfcn"), size, 2)
    assert f"the smallest image that works is {smallest}" in text


def test_the_smallest_image_of_a_networks_own_is_searched_for():
    def build(size):
        return nn.Sequential(nn.Conv2d(size[0], 2, 23), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    text = said(build, (1, 10, 64), 2)
    assert "an image 1x10x64 is too small for it: RuntimeError: " in text
    assert "the smallest image that works is 1x23x23" in text


def test_other_dimensions_are_said_with_what_to_choose():
    def volumes(size):
        return nn.Sequential(nn.Conv3d(size[0], 2, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten())

    def slices(size):
        return nn.Sequential(nn.Conv2d(size[0], 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    text = said(volumes, (1, 64, 64), 2)
    assert "it takes 3-D images, and the parts are 2-D (1x64x64)" in text
    assert "--data.extraction.name image" in text
    text = said(slices, (1, 64, 64, 64), 2)
    assert "it takes 2-D images, and the parts are 3-D" in text
    assert "--data.extraction.name slice" in text


def test_a_studys_own_fault_is_said_with_its_type_and_place(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch\n\nclass Net(torch.nn.Linear):\n    def forward(self, images):\n        return lost\n"
    )
    text = said(lambda _: network.build(f"{file}:Net", {"in_features": 1, "out_features": 1}), (1, 8, 8), 2)
    assert f"NameError: name 'lost' is not defined ({file}, line 5)" in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (None, "its factory gives nothing"),
        (3, "its factory gives an int; an nn.Module was wanted"),
        (nn.Sequential(nn.Flatten(), nn.LazyLinear(2)), "has no size before the first image"),
        (nn.Sequential(nn.AdaptiveAvgPool2d((2, 1)), nn.Flatten()), "it has no parameters"),
        (nn.Module(), 'missing the required "forward"'),
    ],
)
def test_what_cannot_be_trained_is_said(made, sentence):
    assert sentence in said(lambda _: made, (1, 8, 8), 2)


def test_covariates_that_a_network_does_not_take_are_said():
    assert "takes images alone (it asks for images), and there are covariates" in said(
        named("conv5-fc3"), (1, 8, 8), 2, 3
    )
    assert misfits(lambda size: nn.Bilinear(size[-1], 3, 2), (4,), 2, 3) == []


def test_a_fault_in_training_alone_is_found():
    def build(_):
        def forward(layer, images):
            if layer.training:
                msg = "only in training"
                raise ValueError(msg)
            return images.flatten(1)[:, :2]

        return Forward(forward)

    assert "ValueError: only in training" in said(build, (1, 8, 8), 2)


def test_what_needs_numbers_is_tried_with_real_ones_where_it_is_small():
    def build(size):
        def forward(layer, images):
            return layer(images) * float(images.mean() + 1)

        torch.linspace(0, 1, 2).tolist()
        return Forward(forward, flat(size))

    assert misfits(build, (1, 8, 8), 2) == []
    assert "gives 2 numbers, and the task wants 3" in said(build, (1, 8, 8), 3)
    assert misfits(build, (1, 600, 600), 3) == []  # not known, and no memory is taken for it
    with pytest.raises(InputError, match="it is large"):
        passage(build, (1, 600, 600))


def test_no_random_number_of_the_caller_is_drawn():
    before = torch.get_rng_state()
    misfits(lambda _: Forward(lambda _, images: torch.rand(2, 2) * float(images.sum())), (1, 8, 8), 2)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "name", ["conv5-fc3", "resnet18", "densenet121", "attention-unet", "vae-monai", "efficientnet"]
)
def test_the_layers_hold_all_parameters_in_the_order_of_the_image(name):
    found = passage(named(name), (1, 32, 48, 32))
    assert sum(layer.parameters for layer in found.layers) == found.parameters
    assert found.layers[0].kind in {"Conv3d", "ConstantPad3d"}
    assert found.size_bytes >= 4 * found.parameters


def test_a_layer_passed_twice_is_counted_once():
    found = passage(lambda _: Forward(lambda layer, images: layer(layer(images)), nn.Linear(8, 8)), (1, 8, 8))
    assert [(layer.name, layer.output, layer.parameters) for layer in found.layers] == [
        ("layer", (1, 8, 8), 72),
        ("layer", (1, 8, 8), 0),
    ]
    assert found.outputs == {"output": (1, 8, 8)}


def test_a_passage_that_ends_early_says_why():
    with pytest.raises(InputError, match="the smallest image that works is 1x32x32"):
        passage(named("sfcn"), (1, 8, 8))

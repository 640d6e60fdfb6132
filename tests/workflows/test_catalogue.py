"""What there is, and what each takes."""

import pytest

from fimbria.errors import ComponentError, InputError
from fimbria.workflows.catalogue import KINDS, component, components


@pytest.mark.parametrize("kind", KINDS)
def test_every_component_of_every_kind_says_what_it_is(kind):
    found = components(kind)
    assert found
    for one in found:
        assert one["summary"].endswith(".")
        assert one["provider"] == "fimbria"
        assert component(kind, one["name"])["options"] is not None


def test_a_network_is_counted_without_memory_for_it():
    found = component("networks", "conv5-fc3", input_size=(1, 193, 229, 193), outputs=2)
    assert found["parameters"] == 65_589_972
    assert found["output_size"] == {"output": [2]}
    assert found["weights_bytes"] > 4 * 65_589_972
    assert "layers" not in found


def test_the_layers_of_a_network_come_in_the_order_in_which_an_image_passes_them():
    found = component("networks", "vae-monai", input_size=(1, 33, 20, 16), options={"latent_size": 5}, layers=True)
    assert found["output_size"] == {"image": [1, 33, 20, 16], "mu": [5], "log_variance": [5]}
    assert found["options"]["latent_size"] == 5
    layers = found["layers"]
    assert (layers[0]["name"], layers[0]["output"]) == ("network.encode.encode_0.conv", [16, 24, 16, 16])
    assert layers[-1]["output"] == [1, 48, 32, 32]
    assert sum(layer["parameters"] for layer in layers) == found["parameters"]


def test_a_network_that_reads_a_table_is_told_how_many_columns():
    found = component("networks", "with-covariates", input_size=(1, 16, 16, 16), outputs=3, covariates=2)
    assert found["output_size"] == {"output": [3]}


@pytest.mark.parametrize("asked", [{"options": {"dropout": 0.5}}, {"layers": True}])
def test_options_and_layers_need_a_size(asked):
    with pytest.raises(InputError, match="need the size of a network's input"):
        component("networks", "conv5-fc3", **asked)


def test_an_option_that_does_not_fit_is_refused():
    with pytest.raises(ComponentError, match="an odd number was wanted"):
        component("networks", "unet", input_size=(1, 16, 16), options={"kernel_size": 4})


def test_what_the_house_gives_is_no_option():
    assert set(component("networks", "conv4-fc3")["options"]) == {"dropout"}
    assert set(component("extractions", "roi")["options"]) == {"roi", "full_frame", "background", "template", "pattern"}
    assert component("optimizers", "adam")["options"]["learning_rate"] == 0.001


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("network",), "did you mean 'networks'"),
        (("networks", "conv5"), "did you mean 'conv5-fc3'"),
    ],
)
def test_refuses_what_there_is_not_with_the_nearest(words, sentence):
    with pytest.raises((InputError, ComponentError), match=sentence):
        component(*words, *([""] if len(words) == 1 else []))


@pytest.mark.parametrize("size", [(1, 0, 3, 3), (1, 8), (1, 8, 8, 8, 8)])
def test_refuses_a_size_that_no_network_takes(size):
    with pytest.raises(InputError):
        component("networks", "conv4-fc3", input_size=size)


def test_a_size_is_for_networks():
    with pytest.raises(InputError, match="is for networks"):
        component("tasks", "classification", input_size=(1, 8, 8))

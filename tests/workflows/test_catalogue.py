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
    assert any("Conv3d" in line for line in found["layers"])


def test_what_the_house_gives_is_no_option():
    assert set(component("networks", "conv4-fc3")["options"]) == {"dropout"}
    assert set(component("extractions", "roi")["options"]) == {"roi", "full_frame", "background", "template", "pattern"}
    assert component("optimizers", "adam")["options"]["learning_rate"] == "needed"


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

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fimbria.errors import InputError
from fimbria.learning.networks import network
from fimbria.learning.networks.transfer import apply, freeze, freeze_all_but, frozen_modules, match_layers

SIZE = (1, 33, 17, 9)


def made(name="conv4-fc3", outputs=2, seed=0, size=SIZE):
    torch.manual_seed(seed)
    return network.build(name, input_size=size, output_size=outputs)


def taken(target, source):
    transfer = match_layers(target, source)
    apply(transfer, target, source)
    return transfer


def without_counters(names):
    return {name for name in names if not name.endswith("num_batches_tracked")}


@pytest.mark.parametrize("name", ["conv5-fc3", "conv4-fc3", "ae-conv5-fc3"])
def test_the_same_network_is_taken_over_whole(name):
    source, target = made(name, seed=1), made(name)
    transfer = taken(target, source.state_dict())
    assert not (transfer.other_shape)
    assert not (transfer.missing)
    assert not (transfer.unused)
    assert all(torch.equal(value, source.state_dict()[name]) for name, value in target.state_dict().items())
    assert transfer.told() == [transfer.told()[0]]
    assert transfer.numbers[0] == transfer.numbers[1]


@pytest.mark.parametrize(("there", "here"), [("conv4-fc3", "ae-conv4-fc3"), ("ae-conv4-fc3", "conv4-fc3")])
def test_convolutions_and_an_encoder_are_one_part(there, here):
    source, target = made(there, seed=1), made(here)
    transfer = taken(target, source.state_dict())
    part = "convolutions" if here == "conv4-fc3" else "encoder"
    for one, other in zip(getattr(target, part).parameters(), next(source.children()).parameters(), strict=True):
        assert torch.equal(one, other)
    assert all(name.startswith(("fc", "decoder")) for name in (*transfer.missing, *transfer.unused))
    assert f"{part} was filled from {'encoder' if here == 'conv4-fc3' else 'convolutions'}." in transfer.told()


def test_a_head_of_another_size_stays_new_whole_and_is_said():
    source, target = made(outputs=2, seed=1), made(outputs=3)
    before = target.fc[6].weight.clone()
    transfer = taken(target, source.state_dict())
    assert [one.target for one in transfer.other_shape] == ["fc.6.weight", "fc.6.bias"]
    assert not transfer.missing
    assert torch.equal(target.fc[6].weight, before)
    assert torch.equal(target.fc[4].weight, source.fc[4].weight)
    assert transfer.told()[1:] == [
        "fc.6 stays new: weight is 2 x 40 in the source and 3 x 40 here, bias is 2 in the source and 3 here."
    ]


def test_no_bias_is_taken_without_its_weights():
    source, target = made(size=(1, 65, 17, 9), seed=1), made()
    transfer = match_layers(target, source.state_dict())
    assert {one.target for one in transfer.other_shape} == {"fc.2.weight", "fc.2.bias"}
    assert len([line for line in transfer.told() if line.startswith("fc.2 stays new: weight is 50 x ")]) == 1


def test_layers_of_another_kind_are_never_mixed_up_by_their_number():
    source = nn.Sequential()
    source.convolutions = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
    target = nn.Sequential()
    target.convolutions = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4))
    transfer = match_layers(target, source.state_dict())
    assert {here for _, here in transfer.matched} == {"convolutions.0.weight", "convolutions.0.bias"}
    assert {name.rpartition(".")[0] for name in transfer.missing} == {"convolutions.1", "convolutions.2"}


def theirs(source, rename):
    return {rename(name): value for name, value in source.items()}


def test_clinicadls_names_are_understood():
    small = {"latent_size": 4, "features": 8}
    source = network.build("vae-dense", small, input_size=(1, 32, 40, 32))
    state = theirs(
        source.state_dict(),
        lambda name: (
            name.replace("log_variance.", "var_layer.").replace("mu.", "mu_layer.").replace("encoder.", "encoder.0.")
        ),
    )
    transfer = match_layers(network.build("vae-dense", small, input_size=(1, 32, 40, 32)), state)
    assert not (transfer.missing)
    assert not (transfer.unused)
    assert not (transfer.other_shape)
    heads = {"fc.source.": "fc_class_source.", "fc.target.": "fc_class_target.", "fc.domain.": "fc_domain."}
    domains = made("conv5-fc3-ssda")
    state = domains.state_dict()
    for ours, other in heads.items():
        state = theirs(state, lambda name, ours=ours, other=other: name.replace(ours, other))
    transfer = match_layers(domains, state)
    assert ("fc_domain.2.weight", "fc.domain.2.weight") in transfer.matched
    assert not (transfer.missing)
    assert not (transfer.unused)


def test_layers_under_other_names_are_told_by_their_order():
    source, target = made("resnet18-2d", 2, 1, (3, 32, 32)), made("resnet18-2d", 3, 0, (3, 32, 32))
    numbers = {name: str(place) for place, (name, _) in enumerate(source.convolutions.named_children())}

    def numbered(name):
        part, layer, *rest = name.split(".")
        return ".".join([part, numbers.get(layer, {"imagenet": "1", "outputs": "fc_out"}.get(layer, layer)), *rest])

    transfer = taken(target, theirs(source.state_dict(), numbered))
    assert torch.equal(target.convolutions.layer3[1].conv1.weight, source.convolutions.layer3[1].conv1.weight)
    assert [one.source for one in transfer.other_shape] == ["fc.fc_out.weight", "fc.fc_out.bias"]
    assert "fc.outputs (fc.fc_out in the source) stays new" in transfer.told()[-1]
    bare = {name.removeprefix("convolutions."): value for name, value in source.state_dict().items()}
    assert any("convolutions was filled from conv1" in line for line in match_layers(target, bare).told())


def test_counters_of_batches_may_be_absent():
    source, target = made(seed=1), made()
    transfer = taken(target, {name: source.state_dict()[name] for name in without_counters(source.state_dict())})
    assert not (transfer.missing)
    assert not (transfer.unused)


def test_weights_of_something_else_are_refused_with_what_both_have():
    with pytest.raises(
        InputError,
        match=r"(?s)no kernel and no matrix of these weights \(1 tensor\) .*blocks\.0\.weight \(2 x 3\).*convolutions\.0\.weight",
    ):
        match_layers(made(), {"blocks.0.weight": torch.ones(2, 3)})


@given(dropped=st.sets(st.integers(0, 40), max_size=39), outputs=st.integers(1, 4))
def test_every_tensor_has_one_fate(dropped, outputs):
    with torch.device("meta"):
        target, whole = made(outputs=outputs), made(outputs=2).state_dict()
    source = {name: value for place, (name, value) in enumerate(whole.items()) if place not in dropped}
    try:
        transfer = match_layers(target, source)
    except InputError:
        return
    here = [here for _, here in transfer.matched] + [one.target for one in transfer.other_shape] + [*transfer.missing]
    there = [there for there, _ in transfer.matched] + [one.source for one in transfer.other_shape] + [*transfer.unused]
    assert len(here) == len(set(here))
    assert len(there) == len(set(there))
    assert without_counters(here) == without_counters(target.state_dict())
    assert without_counters(there) == without_counters(source)


def layers_of(names):
    return list(dict.fromkeys(name.rpartition(".")[0] for name in names))


@pytest.mark.parametrize(("what", "count"), [(0, 0), (3, 3), (12, 12), (0.8, 10), (0.5, 6), (0.01, 0), (0.999, 12)])
def test_a_share_or_a_number_of_layers_is_frozen_from_the_input(what, count):
    network = made()  # 10 layers of convolutions, 3 dense
    frozen = freeze(network, what)
    assert layers_of(frozen) == layers_of(dict(network.named_parameters()))[:count]
    assert {name for name, value in network.named_parameters() if not value.requires_grad} == set(frozen)


@pytest.mark.parametrize("what", ["convolutions", "convolutions.*", ["conv*"]])
def test_layers_are_frozen_by_name(what):
    assert len(layers_of(freeze(made(), what))) == 10
    assert freeze(made(), ["fc.6", "fc.4.bias"]) == ["fc.4.bias", "fc.6.weight", "fc.6.bias"]


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (13, "from 0 to 12"),
        (-1, "from 0 to 12"),
        (1.0, "a share between 0 and 1"),
        (0.0, "a share between 0 and 1"),
        (True, "a share between 0 and 1"),
        (float("nan"), "a share between 0 and 1"),
        ("*", "nothing would be left to learn"),
        ("convolution", "did you mean 'convolutions'"),
        (["fc.9", "nets"], "(?s)2 problems.*fc.9.*nets"),
    ],
)
def test_what_cannot_be_frozen_is_said(what, sentence):
    network = made()
    with pytest.raises(InputError, match=sentence):
        freeze(network, what)
    assert all(value.requires_grad for value in network.parameters())


def test_clinicadls_unfrozen_layers_are_two_tensors_each_from_the_end():
    network = made()
    frozen = freeze_all_but(network, 2)
    learning = [name for name, value in network.named_parameters() if value.requires_grad]
    assert learning == ["fc.4.weight", "fc.4.bias", "fc.6.weight", "fc.6.bias"]
    assert len(frozen) + 4 == len(list(network.parameters()))
    assert freeze_all_but(made(), 0) == []
    for wrong in (-1, 14, True):
        with pytest.raises(InputError, match="so 0 to 13 fit"):
            freeze_all_but(made(), wrong)


def test_frozen_batch_norms_stay_as_they_are_while_the_rest_learns():
    network = made()
    freeze(network, "convolutions")
    assert frozen_modules(network) == [network.convolutions]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    for module in frozen_modules(network):
        module.eval()
    optimizer = torch.optim.SGD([one for one in network.parameters() if one.requires_grad], lr=0.1)
    network(torch.randn(2, *SIZE)).square().sum().backward()
    optimizer.step()
    after = network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before if name.startswith("convolutions"))
    assert not torch.equal(after["fc.6.bias"], before["fc.6.bias"])


def test_a_part_that_learns_somewhere_is_not_held_still():
    network = made()
    assert frozen_modules(network) == []
    freeze(network, 2)
    assert frozen_modules(network) == [network.convolutions[0], network.convolutions[1]]


def test_a_norm_that_fits_by_chance_is_nothing_to_begin_with():
    here = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    there = nn.Sequential(nn.Conv2d(1, 4, 5), nn.BatchNorm2d(4), nn.Linear(9, 2)).state_dict()
    with pytest.raises(InputError, match="no kernel and no matrix"):
        match_layers(here, there)

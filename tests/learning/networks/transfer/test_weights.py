from __future__ import annotations

import json
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fimbria.errors import InputError, ProblemsError
from fimbria.learning.networks.transfer.weights import read_weights

STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.zeros(2)}


class Harmful:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a file was run')",))


def same(tensors):
    return tensors.keys() == STATE.keys() and all(torch.equal(tensors[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.pth.tar", {"model": STATE, "epoch": 3, "name": "Conv5_FC3"}),
        ("a.pt", STATE),
        ("a.pth", {"state_dict": STATE, "epoch": 1}),
        ("a.pt", {f"module.{name}": value for name, value in STATE.items()}),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_checkpoints_and_bare_weights_are_read(tmp_path, name, content, zipped):
    torch.save(content, tmp_path / name, _use_new_zipfile_serialization=zipped)
    assert same(read_weights(tmp_path / name))


def test_tensors_of_safetensors_are_in_the_order_of_their_network(tmp_path):
    layers = [
        nn.Linear(number + 1, number + 2) for number in range(12)
    ]  # 10 and 11 are before 2 where names are sorted
    state = nn.Sequential(*layers).state_dict()
    path = tmp_path / "model.safetensors"
    save_file(state, path)
    of_layers = list(dict.fromkeys(name.partition(".")[0] for name in read_weights(path)))
    assert of_layers == [str(number) for number in range(12)]
    backwards = list(reversed(state))
    (tmp_path / "model.json").write_text(json.dumps({"tensors": backwards}))
    assert list(read_weights(path)) == backwards
    (tmp_path / "model.json").write_text(json.dumps({"tensors": [*backwards[1:], "another"]}))
    assert sorted(read_weights(path)) == sorted(state)


def test_what_is_said_beside_safetensors_is_json_or_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(STATE, path)
    assert same(read_weights(path))
    for broken, sentence in (("{", "cannot be read as JSON"), ("[]", "no names and values")):
        (tmp_path / "model.json").write_text(broken)
        with pytest.raises(InputError, match=sentence):
            read_weights(path)


@pytest.mark.parametrize("content", [Harmful(), {"model": STATE, "x": Harmful()}, nn.Linear(2, 2)])
def test_a_pickled_object_is_never_run_and_it_is_said_how_to_convert_it(tmp_path, content):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"(?s)never loaded.*save_file\(\{name: value"):
        read_weights(tmp_path / "a.pt")
    (tmp_path / "a.pt").write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match="never loaded"):
        read_weights(tmp_path / "a.pt")


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors", "a.pth.tar"])
def test_a_damaged_file_is_said_to_be_so(tmp_path, name):
    path = tmp_path / name
    (save_file if name.endswith("safetensors") else torch.save)(STATE, path)
    whole = path.read_bytes()
    for content, sentence in (
        (b"", "is empty"),
        (whole[: len(whole) // 2], "damaged"),
        (b"hello world" * 9, "damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=sentence):
            read_weights(path)


def test_what_is_no_file_of_weights_is_refused(tmp_path):
    (tmp_path / "a.h5").write_text("a")
    with pytest.raises(InputError, match="does not end as"):
        read_weights(tmp_path / "a.h5")
    for missing in ("none.pt", "."):
        with pytest.raises(InputError, match="there is no file of weights"):
            read_weights(tmp_path / missing)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({}, "holds no tensors"),
        ([torch.ones(2)], "a list of Tensor"),
        ({"a": 3, "b": torch.ones(2), "c": "x"}, r"(?s)2 problems.*a is one int, not a tensor.*c is one str"),
        ({"a": torch.tensor([1.0, float("nan")])}, "not finite"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "plain real numbers"),
        ({"a": torch.ones(1).expand(10_000)}, "more numbers than the file holds"),
    ],
)
def test_what_is_no_tensor_of_numbers_is_refused(tmp_path, content, sentence):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(InputError, match=sentence):
        read_weights(tmp_path / "a.pt")
    assert issubclass(ProblemsError, InputError)

from __future__ import annotations

import hashlib
import inspect

import pytest

from fimbria.data.images.pipelines import definition, pipeline
from fimbria.errors import ComponentError
from fimbria.experiment.experiment import Experiment
from fimbria.registry import Registry

MINE = """
summary = "Mine."
pattern = "derivatives/mine/{participant}[/{session}]/{participant}[_{session}]_{kind}{extra}.pt"
[options.kind]
help = "Which."
values = { a = "A", b = "B" }
[options.extra]
default = false
values = { true = "_more", false = "" }
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    return path


def test_a_studys_own_pipeline_is_a_file(file):
    found = pipeline.find(str(file), trusted=())
    assert found.origin == {
        "name": str(file),
        "provider": str(file),
        "version": f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}",
    }
    made = found.build({}, {"kind": "b", "extra": True})
    assert made.name == "mine"
    assert made.pattern == "derivatives/mine/{participant}[/{session}]/{participant}[_{session}]_B_more.pt"


def test_its_signature_says_what_can_be_chosen(file):
    found = pipeline.find(str(file))
    assert found.summary == "Mine."
    assert "kind: Which." in inspect.getdoc(found.factory)
    parameters = inspect.signature(found.factory).parameters
    assert parameters["kind"].default is inspect.Parameter.empty
    assert parameters["extra"].annotation is bool
    with pytest.raises(ComponentError, match=r"option 'kind' is needed"):
        found.build({}, {})
    with pytest.raises(ComponentError, match=r"kind = 'c': input should be 'a' or 'b'"):
        found.build({}, {"kind": "c"})


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(ComponentError, match="there is no such file"):
        pipeline.find(str(tmp_path / "none.toml"))


def test_another_kind_of_component_is_not_described_in_toml(file):
    with pytest.raises(ComponentError, match="no sound is called"):
        Registry("sound").find(str(file))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("pattern = [", ["is not TOML"]),
        ("summary = 'x'", ["pattern is needed"]),
        ("pattern = '{participant}/x'\nspcae = 'x'", ["there is no key spcae, did you mean 'space'?"]),
        (
            "pattern = '../{participant}/{what}'\nname = 'a/b'\n[options.unused]\ndefault = 'x'\n[options.label]\n",
            ["'..' leads out", "no option is called {what}", "the option 'unused' stands nowhere", "the name 'a/b'"],
        ),
        ("pattern = '{x}'\n[options.x]\ndefualt = 'y'", ["there is no key options.x.defualt, did you mean 'default'?"]),
        ("pattern = '{x}/y'\n[options.x]\n", ["the pattern has no {participant}"]),
        (
            "pattern = '{participant}/{x}'\nspace = '{y}'\n[options.x]\ndefault = 'c'\nvalues = {a = '[b', b = '..'}",
            [
                "'[' is never closed",
                "'..' leads out",
                "'c', the default of 'x', is none of its values",
                "space: no option",
            ],
        ),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(tmp_path, text, sentences):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ComponentError) as caught:
        pipeline.find(str(path))
    assert str(path) in str(caught.value)
    for sentence in sentences:
        assert sentence in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ComponentError, match="is not UTF-8 text"):
        pipeline.find(str(path))


def test_an_experiment_that_names_the_file_means_the_same_from_any_folder(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    described = {"data": {"caps": "c", "splits": "s", "pipeline": {"name": "mine.toml", "kind": "a"}}}
    assert str(file) in str(Experiment.of(described).anchored().plain()["data"]["pipeline"])


def test_what_is_shipped_says_what_it_is_and_what_can_be_chosen():
    assert set(pipeline.names()) >= {
        *("t1-linear", "flair-linear", "pet-linear", "t1-volume", "dwi-dti", "raw", "custom"),
        *("fmriprep", "cat12", "deepmriprep"),
    }
    for name in pipeline.names():
        found = pipeline.find(name)
        assert found.summary.endswith(".")
        assert found.provider == "fimbria"


def test_a_default_without_a_value_is_a_mistake_of_the_definition():
    with pytest.raises(ComponentError, match="is none of its values"):
        definition.read("pattern='{participant}/{x}'\n[options.x]\ndefault='c'\nvalues={a='b'}", "x.toml", "x")

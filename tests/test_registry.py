from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Literal

import pytest
from pydantic import Field, PositiveInt

from fimbria.errors import ComponentError
from fimbria.registry import Registry, is_own_file

if TYPE_CHECKING:
    from decimal import Decimal

Share = Annotated[float, Field(ge=0, lt=1)]


@pytest.fixture
def sound():
    """A registry with one factory and one class."""
    sound = Registry("sound")

    @sound("bell")
    def bell(tower: int, size: PositiveInt, pitch: Share = 0.5, metal: Literal["bronze", "iron"] = "bronze"):
        """Ring.

        And again.
        """
        return (tower, size, pitch, metal)

    @sound("drum")
    @dataclass(frozen=True)
    class Drum:
        sticks: PositiveInt = 2
        sizes: tuple[PositiveInt, PositiveInt] | PositiveInt = 1

    return sound


class PointTo:
    """An entry point as an installed package has it."""

    def __init__(self, name, value, found):
        self.name, self.value, self.found = name, value, found
        self.dist = type("Dist", (), {"name": "their-package", "version": "1.2"})()
        self.loaded = 0

    def load(self):
        self.loaded += 1
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def installed(monkeypatch):
    """Pretend that packages are installed; the list may be filled."""
    points = []
    monkeypatch.setattr(metadata, "entry_points", lambda group: points if group == "fimbria.sound" else [])
    return points


def test_builds_what_was_registered_with_its_defaults(sound):
    assert sound.build("bell", {"size": 3}, tower=7) == (7, 3, 0.5, "bronze")


def test_the_decorator_gives_the_factory_back(sound):
    def gong():
        return "gong"

    assert sound("gong")(gong) is gong


def test_keeps_summary_and_origin(sound):
    bell = sound.find("bell")
    assert bell.summary == "Ring."
    assert bell.origin == {"name": "bell", "provider": "fimbria", "version": metadata.version("fimbria")}


def test_converts_options_to_their_types(sound):
    assert sound.find("drum").options({}, {"sizes": [3, 4]}) == {"sticks": 2, "sizes": (3, 4)}


def test_says_every_wrong_option_at_once(sound):
    with pytest.raises(ComponentError) as caught:
        sound.find("bell").options({"tower": 1}, {"pich": 0.1, "pitch": 1.5, "metal": "lead"})
    sentence = str(caught.value)
    assert sentence.startswith("sound 'bell': ")
    assert "no option 'pich': did you mean 'pitch'?" in sentence
    assert "pitch = 1.5: input should be less than 1" in sentence
    assert "metal = 'lead': input should be 'bronze' or 'iron'" in sentence
    assert "option 'size' is needed" in sentence


def test_what_the_caller_gives_is_not_for_the_user_to_choose(sound):
    with pytest.raises(ComponentError, match=r"no option 'tower': .*there is: metal, pitch, size"):
        sound.find("bell").options({"tower": 1}, {"tower": 2, "size": 1})


def test_what_a_factory_does_not_ask_for_is_not_passed(sound):
    assert sound.build("drum", {}, tower=7).sticks == 2


def test_keywords_of_any_name_are_let_through_to_a_factory_that_takes_them(sound):
    @sound("any")
    def anything(size: int = 1, **more: object):
        return size, more

    assert sound.find("any").options({}, {"volume": 3}) == {"size": 1}


def test_an_unknown_name_is_answered_with_the_nearest(sound):
    with pytest.raises(
        ComponentError, match=r"no sound is called 'bel': did you mean 'bell'\? \(there is: bell, drum\)"
    ):
        sound.find("bel")


def test_a_plug_in_is_known_by_name_and_loaded_when_asked_for(sound, installed):
    installed.append(PointTo("horn", "theirs:horn", lambda size: ("horn", size)))
    assert sound.names() == ["bell", "drum", "horn"]
    assert installed[0].loaded == 0
    horn = sound.find("horn")
    assert horn.origin == {"name": "horn", "provider": "their-package", "version": "1.2"}
    assert horn.build({}, {"size": 2}) == ("horn", 2)


def test_ours_is_not_replaced_by_a_plug_in_of_the_same_name(sound, installed):
    installed.append(PointTo("bell", "theirs:bell", None))
    assert sound.find("bell").provider == "fimbria"
    assert sound.names() == ["bell", "drum"]


def test_a_plug_in_that_cannot_be_loaded_is_named_with_its_package(sound, installed):
    installed.append(PointTo("horn", "theirs:horn", ImportError("no module named brass")))
    with pytest.raises(ComponentError, match=r"sound 'horn' of their-package 1\.2 cannot be loaded: .*brass"):
        sound.find("horn")


def test_a_studys_own_file_is_found_and_its_content_recorded(sound, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def siren(size: int = 1):\n    return 'siren', size\n")
    own = sound.find(f"{file}:siren")
    assert own.build({}, {"size": "4"}) == ("siren", 4)
    assert own.provider == str(file)
    assert own.version.startswith("sha256:")
    file.write_text("def siren(size: int = 2):\n    return 'other siren', size\n")
    assert sound.build(f"{file}:siren") == ("other siren", 2)
    assert sound.find(f"{file}:siren").version != own.version


def test_an_own_file_may_hold_a_dataclass_with_postponed_annotations(sound, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        textwrap.dedent("""
        from __future__ import annotations
        from dataclasses import dataclass
        from pydantic import PositiveInt

        @dataclass
        class Siren:
            size: PositiveInt = 1
        """)
    )
    assert sound.build(f"{file}:Siren", {"size": 3}).size == 3
    with pytest.raises(ComponentError, match="size = 0: input should be greater than 0"):
        sound.build(f"{file}:Siren", {"size": 0})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no file"),
        ("x = 1 +", "cannot be run: SyntaxError"),
        ("import no_such_module_at_all", "cannot be run: ModuleNotFoundError"),
        ("y = 1", "defines no function or class called 'siren'"),
        ("from math import prod as siren", "defines no function or class called 'siren'"),
        ("siren = 1", "defines no function or class called 'siren'"),
    ],
)
def test_an_own_file_that_cannot_be_used_is_named(sound, tmp_path, content, sentence):
    file = tmp_path / "mine.py"
    if content is not None:
        file.write_text(content)
    before = set(sys.modules)
    with pytest.raises(ComponentError, match=sentence) as caught:
        sound.find(f"{file}:siren")
    assert str(file) in str(caught.value)
    if "cannot be run" in sentence:
        assert not any(name.startswith("fimbria_study") for name in set(sys.modules) - before)


def test_an_annotation_that_only_type_checkers_know_is_said_so(sound):
    @sound("bad")
    def bad(size: Decimal):
        return size

    with pytest.raises(ComponentError, match=r"sound 'bad': .*'Decimal'.*TYPE_CHECKING"):
        sound.find("bad").options({}, {"size": 1})


def test_an_annotation_of_what_is_given_is_never_read(sound):
    @sound("good")
    def good(given: Decimal, size: int = 1):
        return given, size

    assert sound.build("good", {}, given="anything") == ("anything", 1)


@pytest.mark.parametrize(("name", "own"), [("a/b.py:net", True), ("b.py", False), ("b.txt:net", False), (":x", False)])
def test_tells_a_studys_own_file_from_a_name(name, own):
    assert is_own_file(name) is own

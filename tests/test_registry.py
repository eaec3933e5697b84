"""Registries: parts by name, plug-in files, and what is said of those that cannot be."""

import hashlib
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from reparam import registry as module
from reparam.errors import ConfigError
from reparam.evaluation import ANOMALY_SCORES
from reparam.registry import Part, Registry, load_entry_points, load_plugin, loaded_plugins


@dataclass(frozen=True)
class Fruit(Part):
    """A kind of part of the tests."""


@pytest.fixture
def fruits() -> Iterator[Registry]:
    found: Registry[Fruit] = Registry("fruit", Fruit)
    yield found
    module.registries.remove(found)


def defined(qualname: str = "Apple", **namespace: object) -> type[Fruit]:
    """A member as if it were defined anew, under the same name of the same module."""
    made = dataclass(frozen=True)(type(qualname, (Fruit,), {"__module__": __name__, **namespace}))
    assert issubclass(made, Fruit)
    return made


def test_help_shows_whole_sentences_of_the_members_of_this_package():
    """It takes the first line of a member's docstring."""
    assert ANOMALY_SCORES in module.registries
    for registry in module.registries:
        for name in registry.names:
            part = registry.find(name)
            if part.__module__.startswith("reparam."):
                assert (part.__doc__ or "").split("\n")[0].endswith("."), name


def test_members_are_found_by_name_in_their_order(fruits):
    pear, apple = defined("Pear"), defined("Apple")
    assert fruits.register("pear")(pear) is pear
    fruits.register("apple")(apple)
    assert fruits.names == ("pear", "apple")
    assert fruits.find("apple") is apple
    assert fruits.name_of(pear) == pear().type == "pear"


def test_a_name_is_registered_once(fruits):
    fruits.register("apple")(defined("Apple"))
    with pytest.raises(ConfigError, match=r"fruit 'apple' must be registered once.*Pear.*Fix: "):
        fruits.register("apple")(defined("Pear"))


def test_a_class_that_is_defined_again_takes_the_place_of_the_earlier_one(fruits):
    """A notebook's cell that runs twice: parts made before it keep their name."""
    first, second = defined(), defined()
    fruits.register("apple")(first)
    made = first()
    fruits.register("apple")(second)
    assert fruits.find("apple") is second
    assert fruits.names == ("apple",)
    assert made.type == second().type == "apple"


def test_a_class_without_a_name_is_an_error(fruits):
    with pytest.raises(ConfigError, match="fruit Plum must be registered"):
        _ = defined("Plum")().type


def test_an_unknown_name_lists_the_known_ones_and_the_way_to_others(fruits):
    fruits.register("apple")(defined())
    with pytest.raises(ConfigError) as caught:
        fruits.find("aple")
    message = str(caught.value)
    assert "unknown fruit 'aple'; did you mean apple?" in message
    assert "--plugin FILE" in message
    assert "\n" not in message


def test_owners_are_the_members_that_have_an_option(fruits):
    fruits.register("apple")(defined("Apple", __annotations__={"seeds": int}, seeds=5))
    fruits.register("pear")(
        defined("Pear", __annotations__={"seeds": int, "stem": int}, seeds=3, stem=1)
    )
    assert fruits.owners("seeds") == ("apple", "pear")
    assert fruits.owners("stem") == ("pear",)
    assert fruits.owners("peel") == ()


def test_a_choice_is_one_of_its_literal(fruits):
    colours = Literal["red", "green"]
    apple = defined(__annotations__={"colour": colours}, colour="red")
    assert apple(colour="green").colour == "green"
    with pytest.raises(ConfigError, match="colour must be one of red, green, got 'blue'"):
        apple(colour="blue")


@pytest.mark.parametrize(
    ("name", "hint", "default", "said"),
    [
        ("seeds", int, {}, "must have a default, got none"),
        ("type", str, {"type": "x"}, "must have a name of its own, got that of Fruit.type"),
        ("seeds", object, {"seeds": object()}, "must have a default that config.json can have"),
    ],
)
def test_a_field_that_cannot_be_an_option_is_refused(fruits, name, hint, default, said):
    with pytest.raises(ConfigError, match=f"field {name} of Apple {said}.*Fix: "):
        fruits.register("apple")(defined(__annotations__={name: hint}, **default))


PLUGIN = '''
from dataclasses import dataclass
from reparam.model import PRIORS, StandardNormal, PriorOptions

@PRIORS.register("{name}")
@dataclass(frozen=True)
class PlainPriorOptions(PriorOptions):
    """N(0, I) again."""

    strength: float = 1.0
    """Of nothing."""

    def build(self, latent):
        return StandardNormal(latent.dim)
'''


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    """A file that registers a prior, which is forgotten after the test."""
    from reparam.model import PRIORS

    before = dict(PRIORS._members)
    loaded = dict(module._loaded)
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN.format(name="plain-test"))
    yield file
    PRIORS._members.clear()
    PRIORS._members.update(before)
    module._loaded.clear()
    module._loaded.update(loaded)


def test_a_plugin_is_loaded_once_and_known_by_its_content(plugin, monkeypatch):
    from reparam.fields import field_docs
    from reparam.model import PRIORS

    assert "plain-test" not in PRIORS.names
    content = plugin.read_bytes()
    load_plugin(plugin)
    found = PRIORS.find("plain-test")
    assert field_docs(found)["strength"] == "Of nothing."
    plugin.write_text("raise RuntimeError('a second time')")
    load_plugin(plugin)
    monkeypatch.chdir(plugin.parent)
    load_plugin("mine.py")
    assert PRIORS.find("plain-test") is found
    # the content that ran, whatever the file holds by now
    assert loaded_plugins()[str(plugin)] == hashlib.sha256(content).hexdigest()
    plugin.unlink()
    assert str(plugin) in loaded_plugins()


def test_a_run_says_that_it_was_trained_with_another_plugin_of_the_name(plugin, tmp_path):
    from reparam.data import DataConfig, load_images
    from reparam.runs import Run, RunConfig

    load_plugin(plugin)
    config = RunConfig(data=DataConfig("digits", train_size=20))
    images = load_images(config.data)
    run = Run.create(tmp_path / "run", config, images, command="test", overwrite=False)
    moved, changed = (tmp_path / name / plugin.name for name in ("moved", "changed"))
    for file, more in ((moved, ""), (changed, "# another\n")):
        file.parent.mkdir()
        file.write_text(plugin.read_text() + more)
    for file, warned in ((moved, False), (changed, True)):
        module._loaded.clear()
        module._loaded[str(file)] = hashlib.sha256(file.read_bytes()).hexdigest()
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            Run.open(run.path)
        assert bool(found) == warned
        assert all("another mine.py" in str(one.message) for one in found)


def test_two_plugins_of_one_file_name_are_two(plugin, tmp_path):
    from reparam.model import PRIORS

    other = tmp_path / "other" / plugin.name
    other.parent.mkdir()
    other.write_text(PLUGIN.format(name="plain-other"))
    load_plugin(plugin)
    load_plugin(other)
    assert {"plain-test", "plain-other"} <= set(PRIORS.names)
    again = tmp_path / "again.py"
    again.write_text(PLUGIN.format(name="plain-test"))
    with pytest.raises(ConfigError, match="prior 'plain-test' must be registered once"):
        load_plugin(again)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("def broken(:", "SyntaxError: "),
        ("import no_such_module_here", "ModuleNotFoundError: No module named"),
        ("raise ValueError('first line\\nsecond line')", "ValueError: first line second line"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_one_line(plugin, content, message):
    plugin.write_text(content)
    modules = set(sys.modules)
    with pytest.raises(ConfigError) as caught:
        load_plugin(plugin)
    assert message in str(caught.value)
    assert str(plugin) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not [name for name in set(sys.modules) - modules if name.startswith("reparam_plugin")]
    assert str(plugin) not in loaded_plugins()
    plugin.write_text(PLUGIN.format(name="plain-test"))
    load_plugin(plugin)  # corrected, it is loaded


def test_what_is_no_python_file_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"must be a Python file, got .*Fix: name a file"):
        load_plugin(tmp_path / "missing.py")
    with pytest.raises(ConfigError, match="Fix: name a file"):
        load_plugin(tmp_path)
    text = tmp_path / "parts.txt"
    text.write_text("")
    with pytest.raises(ConfigError, match=r"must be a Python file \(\.py\)"):
        load_plugin(text)


def test_packages_register_parts_by_entry_points(plugin, tmp_path, monkeypatch):
    from reparam.model import PRIORS

    (tmp_path / "parts_of_a_package.py").write_text(PLUGIN.format(name="plain-package"))
    monkeypatch.syspath_prepend(tmp_path)
    points = [EntryPoint("mine", "parts_of_a_package", module.ENTRY_POINTS)]
    monkeypatch.setattr(module, "_entry_points_loaded", False)
    monkeypatch.setattr(module.importlib.metadata, "entry_points", lambda group: points)
    assert "plain-package" in PRIORS.names
    points[:] = [EntryPoint("broken", "no_such_package_here", module.ENTRY_POINTS)]
    load_entry_points()  # once
    monkeypatch.setattr(module, "_entry_points_loaded", False)
    for _ in range(2):  # not hidden by a first attempt
        with pytest.raises(
            ConfigError, match=r"no_such_package_here .*ModuleNotFoundError"
        ) as caught:
            load_entry_points()
        assert "\n" not in str(caught.value)


def test_a_class_that_lacks_a_method_is_refused_where_it_is_registered(fruits):
    class Peel(Fruit, ABC):
        @abstractmethod
        def build(self): ...

    with pytest.raises(ConfigError, match=r"Lemon must define build, .*Fix: define it"):
        fruits.register("lemon")(type("Lemon", (Peel,), {}))
    assert "lemon" not in fruits.names


def test_what_lacks_methods_says_which():
    from reparam.loggers import Logger
    from reparam.model import Pixels, Prior

    for contract, lacks in (
        (Prior, "log_prob, sample"),
        (Pixels, "log_prob, mean"),
        (Logger, "close, metrics, picture"),
    ):
        with pytest.raises(ConfigError, match=rf"Half must define {lacks}, .*Fix: define them"):
            type("Half", (contract,), {})()
    whole = {"sample": lambda self, n, generator=None: None, "log_prob": lambda self, z: None}
    assert isinstance(type("Whole", (Prior,), whole)(), Prior)


def test_options_without_dataclass_are_refused(fruits):
    class Pear(Fruit):
        ripe: bool = True
        sort: ClassVar[str] = "Conference"

    with pytest.raises(ConfigError, match=r"Pear must be a dataclass .* got ripe in"):
        fruits.register("pear")(Pear)
    fruits.register("pear")(dataclass(frozen=True)(Pear))

    class Quince(Fruit):
        sort: ClassVar[str] = "Vranja"

    assert fruits.register("quince")(Quince)().type == "quince"  # no options, nothing to declare


def test_an_error_of_a_plugin_has_its_line_and_one_fix(plugin):
    plugin.write_text("import math\n\n\ndef late():\n    return nothing\n\n\nlate()\n")
    with pytest.raises(
        ConfigError, match=r"\(line 5\) with NameError: .*\. Fix: correct the file$"
    ):
        load_plugin(plugin)
    plugin.write_text(PLUGIN.format(name="gaussian"))
    with pytest.raises(ConfigError, match=r"\(line \d+\) with ConfigError: ") as caught:
        load_plugin(plugin)
    assert str(caught.value).count("Fix: ") == 1

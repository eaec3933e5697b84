"""Help on one screen, all of it, its examples, and the reference made from it."""

import importlib
import re
import shlex
from dataclasses import dataclass, field

import pytest

from reparam.cli.flags import HELP_ALL, HelpShown, PassedOn, flags_of, parse
from reparam.cli.grid import OWN, points
from reparam.cli.main import COMMANDS
from reparam.cli.reading import Loader
from reparam.cli.reference import command_modules, parser_of, reference
from reparam.cli.train import before_flags, before_images
from reparam.errors import ConfigError
from reparam.fields import option

LINES, COLUMNS = 40, 100
NAMES = tuple(command_modules())
PASSING_ON = ("sweep", "anomaly fit")


@pytest.mark.parametrize("name", NAMES)
def test_help_fits_one_screen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parser = parser_of(name, "--help")
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    assert len(parser.format_help().splitlines()) <= LINES
    for width in (COLUMNS, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        for line in parser.format_help().splitlines():
            assert len(line) <= width, line


@pytest.mark.parametrize("name", NAMES)
def test_help_all_has_every_option_that_the_parser_accepts(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    parser = parser_of(name, HELP_ALL)
    said = parser.format_help()
    accepted = set(parser._option_string_actions)
    assert len(accepted) > 2
    for flag in accepted:
        assert re.search(rf"(^|\s){re.escape(flag)}\b", said), flag
    if name in PASSING_ON:
        of_train = flags_of(before_flags([])).keys() - set(OWN if name == "sweep" else ())
        assert {flag for flag in of_train if "--no-" not in flag} <= accepted


@pytest.mark.parametrize("name", NAMES)
def test_both_examples_are_lines_that_the_command_takes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read by the command's own code, up to where it would begin to work."""
    examples = parser_of(name).examples
    assert len(examples) == 2
    for example in examples:
        assert len(example) <= 78
        program, *words = shlex.split(example)
        own = name.split()
        assert [program, *words[: len(own)]] == ["reparam", *own]
        taken_by(name, words[len(own) :], monkeypatch)


def taken_by(name: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "train":
        before_images(words)
        return
    module = importlib.import_module(f"reparam.cli.{command_modules()[name]}")
    if name in PASSING_ON:  # two parsers: of the command, and of what it passes on to train
        words, rest = module._split(words)
        if name == "sweep":
            assert points(rest, 1, Loader(quiet=True))
        else:
            before_images(rest)

    def stop(*args: object, **more: object) -> None:
        parse(*args, **more)
        raise Parsed

    with monkeypatch.context() as patch:
        patch.setattr(module, "parse", stop)
        with pytest.raises(Parsed):
            module.run(words)


class Parsed(Exception):
    """The command has read its words."""


def test_overview_groups_the_commands_by_job(reparam) -> None:
    said = reparam("--help").out
    assert len(said.splitlines()) <= LINES
    assert all(len(line) <= 80 for line in said.splitlines())
    places = [said.index(f"\n{job}:\n") for job in ("train", "look", "use", "compare", "share")]
    assert places == sorted(places)
    for name, command in COMMANDS.items():
        lines = said[said.index(f"\n{command.job}:\n") :].strip().split("\n\n")[0].splitlines()
        assert any(line.split()[0] == name and command.summary in line for line in lines)


@dataclass(frozen=True)
class Section:
    shown: int = option(1, common=True)
    """Of most people. The second sentence is not for them."""

    rest: int = 2
    """Of few."""


@dataclass(frozen=True)
class Options:
    """A command.

    Its long explanation has lines that are wrapped anew.

    Examples:
      reparam test --shown 3
      reparam test --rest 3
    """

    section: Section = field(default_factory=Section)

    own: int = 3
    """The command's."""

    rare: int = option(4, common=False)
    """The command's, for few."""


@dataclass(frozen=True)
class Wrapper:
    """Passes on.

    Examples:
      reparam wrap
    """

    own: int = 5
    """The wrapper's."""


def shown(*words: str) -> str:
    with pytest.raises(HelpShown) as stop:
        parse(Options(), words, prog="reparam test")
    assert stop.value.code == 0
    return " ".join(stop.value.parser.format_help().split())


def test_a_field_says_whether_its_option_is_common() -> None:
    short = shown("--help")
    assert "--shown INT Of most people. (default: 1)" in short
    assert "--own INT" in short
    assert "--rest" not in short.replace("test --rest 3", "")
    assert "--rare" not in short
    assert "examples: reparam test --shown 3 reparam test --rest 3" in short
    everything = shown("--help-all")
    assert "Of most people. The second sentence is not for them. (default: 1)" in everything
    assert "--rest INT Of few." in everything
    assert "--rare INT The command's, for few." in everything


def test_options_that_only_help_all_shows_are_known() -> None:
    assert parse(Options(), ["--rest", "7"], prog="reparam test").section.rest == 7
    with pytest.raises(ConfigError, match="did you mean --rest"):
        parse(Options(), ["--rets", "7"], prog="reparam test")
    with pytest.raises(ConfigError, match="did you mean --rare"):
        parse(Options(), ["--rarre", "7"], prog="reparam test")


def test_help_shows_what_is_passed_on_but_the_parser_does_not_take_it() -> None:
    passed_on = PassedOn("reparam test", Options, [])
    with pytest.raises(HelpShown) as stop:
        parse(Wrapper(), ["--help"], prog="reparam wrap", passed_on=passed_on)
    said = " ".join(stop.value.parser.format_help().split())
    assert "all options of reparam test, such as: --shown INT" in said
    assert said.count("--own") == 1  # the wrapper's
    with pytest.raises(ConfigError, match="unknown option '--shown'"):
        parse(Wrapper(), ["--shown", "3"], prog="reparam wrap", passed_on=passed_on)


def test_anomaly_fit_shows_the_common_options_of_train(monkeypatch: pytest.MonkeyPatch) -> None:
    said = " ".join(parser_of("anomaly fit", "--help").format_help().split())
    for flag in ("--image-size", "--latent-dim", "--epochs", "--out", "--decide-by"):
        assert flag in said
    assert "all options of reparam train, such as" in said
    everything = parser_of("anomaly fit", HELP_ALL, "--encoder", "mlp").format_help()
    assert "--encoder-widths" in everything
    assert "--contamination" in everything
    assert "options of --scores padim" in everything  # a flag that there is


def test_reference_has_a_page_for_each_command_with_each_option() -> None:
    pages = reference()
    assert tuple(pages) == NAMES
    for name, page in pages.items():
        parser = parser_of(name)
        assert page.startswith(f"# reparam {name}\n")
        for flag in parser._option_string_actions:
            assert re.search(rf"[` ]{re.escape(flag)}[`, ]", page), flag
        rows = [line for line in page.splitlines() if line.startswith("|")]
        for row in rows:
            assert len(re.findall(r"(?<!\\)\|", row)) == 3, row
        assert all(example in page for example in parser.examples)

"""Flags from dataclasses, and one clear line for every mistake in them."""

import argparse
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, TypeVar, get_args, get_origin

from reparam.cli.help_text import (
    Formatter,
    alternatives,
    default_text,
    escaped,
    group_title,
    metavar,
    names_text,
    parts_text,
    text_and_examples,
    usage,
    value_words,
)
from reparam.errors import ConfigError, UnknownOption, unknown_name
from reparam.fields import as_path, as_size
from reparam.fields import option as field_option
from reparam.printable import print_lines
from reparam.runs import (
    Option,
    misplaced_option,
    options_of,
    resolve,
    shared_options,
    warn_of_deprecated,
    with_parts,
)
from reparam.training import choose_device

T = TypeVar("T")

RUN: Path = field_option(Path(), positional="RUN", required=True)
"""The field of a command that works on one run folder."""

RUNS: tuple[Path, ...] = field_option((), positional="RUN [RUN ...]", required=True)
"""The field of a command that works on several."""


@dataclass(frozen=True)
class Compute:
    """Where a command computes."""

    device: str = field_option("auto", common=True)
    """Where to compute: auto, cpu, cuda or mps."""

    def chosen(self) -> str:
        """Raises ConfigError when the device is not there."""
        return choose_device(self.device)


HELP, HELP_ALL = ("-h", "--help"), "--help-all"
"""The words that ask for the common options, and for all of them."""


class HelpShown(SystemExit):
    """A help text is on stdout, and the command is done."""

    def __init__(self, parser: "Parser") -> None:
        super().__init__(0)
        self.parser = parser


@dataclass(frozen=True)
class PassedOn:
    """A command whose options another one takes too, and passes on to it."""

    name: str
    """As it is typed: reparam train."""
    default: Callable[[], object]
    """Gives its options, a dataclass, when help is asked for."""
    words: Sequence[str]
    """Which choose parts."""
    without: Collection[str] = ()
    """Flags that the other command sets itself."""

    def options(self) -> Mapping[str, Option]:
        found = _options_with_parts(self.default(), self.words, self.name)
        return {n: o for n, o in found.items() if f"--{o.flag}" not in self.without}


def parse(default: T, args: Sequence[str], *, prog: str, passed_on: PassedOn | None = None) -> T:
    """``default``, a dataclass, with the options in ``args``; docstrings make the help.

    Fields of nested dataclasses are flags of their own, without prefix; parts are chosen first, and
    have the flags of the chosen ones. Raises ConfigError in one line for an unknown flag (with the
    nearest one, or the part that has it) or a value that cannot be; HelpShown after --help, which
    shows the common options, those of ``passed_on`` too, and after --help-all, which shows all.
    """
    options = _options_with_parts(default, args, prog)
    asks_for_all = HELP_ALL in args
    if asks_for_all or any(word in args for word in HELP):
        parser = Parser(prog, type(default), options, passed_on, common_only=not asks_for_all)
        parser.print_help()
        raise HelpShown(parser)
    given = Parser(prog, type(default), options).values(args)
    warn_of_deprecated(given, prog)
    return resolve(default, [(prog, given)])


def _options_with_parts(default: object, args: Sequence[str], prog: str) -> dict[str, Option]:
    return options_of(with_parts(default, dict(_chosen_parts(default, args)), prog))


def _chosen_parts(default: object, args: Sequence[str]) -> Iterator[tuple[str, object]]:
    """The parts that flags name, looked up before the real parse: they decide on the flags."""
    for option in options_of(default).values():
        if option.registry is not None:
            found = words_of(f"--{option.flag}", args)
            if found:
                yield option.name, tuple(found) if _is_tuple(option.hint) else found[0]


class Parser(argparse.ArgumentParser):
    """argparse over a list of options, with errors as ConfigError.

    ``passed_on`` and ``common_only`` (no option but the common ones, in one list) are for help.
    """

    def __init__(
        self,
        prog: str,
        command: type,
        options: Mapping[str, Option],
        passed_on: PassedOn | None = None,
        *,
        common_only: bool = False,
    ) -> None:
        text, self.examples = text_and_examples(command.__doc__ or "")
        taken = {option.flag for option in options.values()}
        every = {} if passed_on is None else passed_on.options()
        others = {name: option for name, option in every.items() if option.flag not in taken}
        super().__init__(
            prog=prog,
            description=text,
            epilog="\n  ".join(["examples:", *self.examples]) if self.examples else None,
            formatter_class=Formatter,
            add_help=False,
            allow_abbrev=False,
            argument_default=argparse.SUPPRESS,
            usage=usage(prog, [*options.values(), *others.values()]),
        )
        self._negative_number_matcher = re.compile(r"-\.?\d")  # also -1e-3: a value, no flag
        self.options = options
        self.shared = shared_options(options)
        self.hints: dict[str, object] = {}
        self.common_only = common_only
        self._add_all(options, self._optionals)
        if passed_on is not None:
            title = f"all options of {passed_on.name}"
            own = self.add_argument_group(f"{title}, such as" if common_only else title)
            self._add_all(others, own)
        flags = [o for o in (*options.values(), *others.values()) if o.positional is None]
        self._add_help(all(option.common for option in flags))

    def _add_help(self, shows_all: bool) -> None:
        add = self._optionals.add_argument
        if self.common_only and shows_all:
            add(*HELP, HELP_ALL, action="help", help="Show this.")
        else:
            add(*HELP, action="help", help="Show the options that most people use.")
            add(HELP_ALL, action="help", help="Show all options, by the part that they belong to.")

    def _add_all(self, options: Mapping[str, Option], own: argparse._ArgumentGroup) -> None:
        """``own``: the group of what is in no section."""
        sizes = Counter(option.group for option in options.values())
        groups: dict[str, argparse._ArgumentGroup] = {}
        for option in options.values():
            if self.common_only and not option.common and option.positional is None:
                continue
            group = self._positionals if option.positional else own
            # What a section has alone stands among the command's own options: --device.
            alone = self.common_only or (" " not in option.group and sizes[option.group] == 1)
            if option.positional is None and option.group and not alone:
                title = group_title(option)
                group = groups.get(title) or self.add_argument_group(title)
                groups[title] = group
            self._add(group, option)
        shared = {} if self.common_only else shared_options(options)
        if shared:
            group = self.add_argument_group("short for options of parts")
        for name, several in shared.items():
            text = " and ".join(f"--{option.flag}" for option in several) + "."
            self._add_flag(group, name, several[0], f"--{name.replace('_', '-')}", text)

    def _add(self, group: argparse._ArgumentGroup, option: Option) -> None:
        if option.positional is None:
            if self.common_only:
                text = option.summary + names_text(option.registry)
            else:
                text = option.doc + parts_text(option.registry)
            text += default_text(option)
            self._add_flag(group, option.name, option, f"--{option.flag}", text)
            return
        self.hints[option.name] = option.hint
        group.add_argument(
            option.name,
            nargs="*" if _is_tuple(option.hint) else "?",
            metavar=option.positional,
            help=escaped(
                (option.summary if self.common_only else option.doc) + default_text(option)
            ),
        )

    def _add_flag(
        self, group: argparse._ArgumentGroup, name: str, option: Option, flag: str, text: str
    ) -> None:
        names = [flag] if option.alias is None else [flag, option.alias]
        self.hints[name] = option.hint
        if option.hint is bool:
            group.add_argument(
                *names, dest=name, action=argparse.BooleanOptionalAction, help=escaped(text)
            )
            return
        several = next((k for k in alternatives(option.hint) if _is_tuple(k)), None)
        nargs: int | str | None = None
        if several is not None:
            nargs = "*" if Ellipsis in get_args(several) else len(get_args(several))
        if option.is_size:
            shown: str | tuple[str, ...] = ("HEIGHT", "[WIDTH]")
        else:  # the names of parts are in the text
            shown = "NAME" if option.registry else metavar(option.hint)
        group.add_argument(*names, dest=name, nargs=nargs, metavar=shown, help=escaped(text))

    def sections(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """What the help lists, by title: flags with the names of their values, and explanations."""
        formatter = self._get_formatter()
        for group in self._action_groups:
            if group._group_actions:
                yield (
                    group.title or "",
                    [
                        (
                            formatter._format_action_invocation(action),
                            formatter._expand_help(action),
                        )
                        for action in group._group_actions
                    ],
                )

    def values(self, args: Sequence[str]) -> dict[str, object]:
        """The options that are given, of their types, by name."""
        # Intermixed: RUN --split test DATA, where argparse alone would not find DATA.
        found, unknown = self.parse_known_intermixed_args(self._with_both_sides(args))
        if unknown:
            self._refuse(unknown[0])
        for option in self.options.values():
            if option.required and not getattr(found, option.name, None):
                raise ConfigError(
                    f"{self.prog}: {option.positional} must be given, got nothing. Fix: name it; "
                    f"see {self.prog} --help"
                )
        return {
            name: value
            if isinstance(value, bool)
            else _read(value, self.hints[name], f"{self.prog}: {self._shown(name)}")
            for name, value in vars(found).items()
        }

    def _with_both_sides(self, args: Sequence[str]) -> list[str]:
        """The words, in which every size is a height and a width: 64 and 64x64 are 64 64."""
        flags = {f"--{option.flag}" for option in self.options.values() if option.is_size}
        words: list[str] = []
        rest = list(args)
        while rest:
            flag, equals, given = rest.pop(0).partition("=")
            if flag not in flags:
                words.append(f"{flag}{equals}{given}")
                continue
            words.append(flag)
            first = as_size(given if equals else next(iter(rest), ""))
            if not isinstance(first, tuple):
                found = repr(first) if first else "nothing"
                raise ConfigError(
                    f"{self.prog}: {flag} must be a height and a width, such as 64, 64x48 or 64 "
                    f"48, got {found}. Fix: change it"
                )
            written = given if equals else rest.pop(0)
            if written.lstrip("-").isdigit() and rest and rest[0].lstrip("-").isdigit():
                words += [written, rest.pop(0)]
            else:
                words += map(str, first)
        return words

    def _shown(self, name: str) -> str:
        option = self.options.get(name)
        if option is not None and option.positional is not None:
            return option.positional
        return f"--{(option.flag if option else name).replace('_', '-')}"

    def _refuse(self, word: str) -> NoReturn:
        flag = word.split("=", 1)[0]
        if not flag.startswith("-"):
            raise ConfigError(
                f"{self.prog}: unexpected argument {flag!r}. Fix: omit it; see {self.prog} --help"
            )
        known = [self._shown(o.name) for o in self.options.values() if o.positional is None]
        known += [self._shown(name) for name in self.shared]
        name = flag.lstrip("-").replace("-", "_")
        misplaced = misplaced_option(name, chosen=self.options, shown=flag)
        unknown = unknown_name("option", flag, known, see=f"{self.prog} {HELP_ALL}")
        raise UnknownOption(f"{self.prog}: {misplaced or unknown}")

    def print_help(self, file: object = None) -> None:
        """On stdout: defaults may come from a --config file of anybody."""
        print_lines(self.format_help().rstrip())

    def error(self, message: str) -> NoReturn:
        """``message``: argparse's, which calls flags and their values arguments."""
        message = message.removeprefix("argument ").replace("argument", "value")
        raise ConfigError(f"{self.prog}: {message}. Fix: see {self.prog} {HELP_ALL}")


def words_of(flag: str, args: Sequence[str]) -> list[str]:
    """The words behind the last occurrence of a flag, up to the next flag; [] without it."""
    found: list[str] = []
    for i, arg in enumerate(args):
        if arg == flag:
            behind = args[i + 1 :]
            end = next((n for n, w in enumerate(behind) if w.startswith("--")), len(behind))
            found = list(behind[:end])
        elif arg.startswith(f"{flag}="):
            found = [arg.split("=", 1)[1]]
    return found


def flag_in(word: str) -> str:
    """The flag of a word that may have its value behind =."""
    return word.partition("=")[0]


def value_of(flag: str, args: Sequence[str]) -> str | None:
    """The value of a flag, looked up before the real parse: it decides the defaults."""
    words = words_of(flag, args)
    return words[0] if words else None


def split_words(args: Sequence[str], mine: Mapping[str, int | None]) -> tuple[list[str], list[str]]:
    """The words of the flags ``mine`` with their values, and all others, as another command's.

    ``mine``: how many words each takes (`flags_of`); what stands behind them is the other's.
    """
    parts: tuple[list[str], list[str]] = ([], [])
    to, left = 1, None
    for word in args:
        if word.startswith("--") or word == "-h":
            flag = flag_in(word)
            to = 0 if flag in mine else 1
            left = None if to else 0 if word != flag else mine[flag]
        elif left == 0:
            to = 1
        elif left is not None:
            left -= 1
        parts[to].append(word)
    return parts


def words_for(option: Option) -> list[str]:
    """The words that give an option the value that it has; [] for one that is not given."""
    if option.default is None:
        return []
    if isinstance(option.default, bool):
        return [f"--{option.flag}" if option.default else f"--no-{option.flag}"]
    return [f"--{option.flag}", *value_words(option.default)]


def flags_of(default: object) -> dict[str, int | None]:
    """Every flag that ``parse`` makes of a dataclass, without the parts that it does not have, and
    how many words each takes at most: None for any number.
    """
    options = options_of(default)
    flags: dict[str, int | None] = dict.fromkeys((*HELP, HELP_ALL), 0)
    for option in options.values():
        if option.positional is None:
            flags[f"--{option.flag}"] = _most_words(option.hint)
            if option.hint is bool:
                flags[f"--no-{option.flag}"] = 0
    for name, several in shared_options(options).items():
        flags[f"--{name.replace('_', '-')}"] = _most_words(several[0].hint)
    return flags


def _most_words(hint: object) -> int | None:
    if hint is bool:
        return 0
    return None if _is_tuple(hint) else 1


def is_single(hint: object) -> bool:
    """Whether an option takes exactly one value."""
    return hint is not bool and not _is_tuple(hint)


def _is_tuple(hint: object) -> bool:
    return get_origin(hint) is tuple or any(_is_tuple(part) for part in get_args(hint))


def _read(given: str | list[str], hint: object, where: str) -> object:
    """Words as a value of the hint's type. Raises ConfigError where they are none."""
    for kind in alternatives(hint):
        try:
            return _as(given, kind)
        except ValueError:
            continue
    shown = given if isinstance(given, str) else " ".join(given)
    raise ConfigError(f"{where} must be {_in_words(hint)}, got {shown!r}. Fix: change it")


def _as(given: str | list[str], kind: object) -> object:
    if get_origin(kind) is tuple:
        words = [given] if isinstance(given, str) else given
        kinds = get_args(kind)
        if Ellipsis in kinds:
            kinds = (kinds[0],) * len(words)
        if len(kinds) != len(words):
            raise ValueError
        return tuple(_as(word, k) for word, k in zip(words, kinds, strict=True))
    if not isinstance(given, str):
        raise ValueError
    if get_origin(kind) is Literal:
        found = [choice for choice in get_args(kind) if str(choice) == given]
        if not found:
            raise ValueError
        return found[0]
    if kind is type(None) and given == "None":
        return None
    if kind is Path:
        return as_path(given)  # no shell does it in --out=~/runs, nor in a file
    if kind in (int, float, str):
        return kind(given)
    raise ValueError


_WORDS: Mapping[object, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
}


def _in_words(hint: object) -> str:
    words = []
    for kind in alternatives(hint):
        if get_origin(kind) is tuple:
            first, *rest = get_args(kind)
            count = "" if Ellipsis in rest else f"{len(rest) + 1} "
            words.append(f"{count}{_in_words(first).removeprefix('a ')}s")
        elif get_origin(kind) is Literal:
            choices = ", ".join(map(str, get_args(kind)))
            words.append(f"one of {choices}" if len(get_args(kind)) > 1 else choices)
        elif kind is not type(None):
            words.append(_WORDS.get(kind, str(kind)))
    return " or ".join(words)

"""Every option of a configuration by name: one list for flags, files, ``config.json``, estimators.

A configuration is a tree of frozen dataclasses. Some of its fields are parts (``Part``), which are
written with their type: ``{"type": "mlp", "widths": [200, 200]}``.
"""

import dataclasses
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from reparam.errors import ConfigError, either, unknown_name
from reparam.fields import as_size, field_docs, flag_of
from reparam.registry import Part, Registry, registries
from reparam.types import Json

TYPE = "type"
"""The key that names a part among its options."""


@dataclass(frozen=True)
class Option:
    """One option: what it is called, where it belongs, and what it takes."""

    name: str
    """Unique in the configuration, as a keyword: encoder_filters."""
    path: tuple[str, ...]
    """Its place in the tree: ("model", "encoder", "filters")."""
    hint: object
    owner: type
    """Of its field, whose explanation is read only where it is asked for."""
    default: Any
    group: str = ""
    """Under which it is explained: a section, or a part with its type."""
    flag: str = ""
    """Its flag, without dashes in front."""
    alias: str | None = None
    positional: str | None = None
    required: bool = False
    is_size: bool = False
    """Whether it is a height and a width, for which one may write 64 or "64x48"."""
    registry: Registry | None = None
    """Of a part: the option is its type."""
    of_several: bool = False
    """Whether it is of one of several parts of a kind, which have no option in common."""
    common: bool = False
    """Whether --help shows it. Unless its field says so or otherwise, an option of a command itself
    is common, and one of a section or a part, which several commands may have, is not."""

    @property
    def doc(self) -> str:
        """Its explanation; "" for none."""
        return field_docs(self.owner).get(self.path[-1], "")

    @property
    def summary(self) -> str:
        """The first sentence of its explanation."""
        return re.split(r"(?<=\.) (?=[A-Z])", self.doc, maxsplit=1)[0]

    def taken(self, value: object) -> object:
        """The value that is meant by what is written."""
        return as_size(value) if self.is_size else value


def to_mapping(config: object) -> Json:
    """A configuration as JSON values; parts are tagged with their type."""
    out: Json = {TYPE: config.type} if isinstance(config, Part) else {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        out[field.name] = _plain(getattr(config, field.name))
    return out


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value


def options_of(config: object) -> dict[str, Option]:
    """Every option of a configuration with its parts as they are chosen, by name, in order.

    Raises ConfigError where a part, perhaps a user's, has an option of the name of another.
    """
    found: dict[str, Option] = {}
    flags = dict.fromkeys(("help", "help-all"), "the command")
    for option in _walk(config, (), "", ""):
        place = option.group or "the command"
        if option.flag in flags:
            raise ConfigError(
                f"option --{option.flag} must be of one thing, got it of {flags[option.flag]} and "
                f"of {place}. Fix: give the field of the part another name"
            )
        found[option.name], flags[option.flag] = option, place
    return found


def shared_options(options: Mapping[str, Option]) -> dict[str, list[Option]]:
    """Options of parts by their name without the prefix, such as dropout of encoder and decoder:
    one flag for all of them. Names that an option has already are left out.
    """
    by_field: dict[str, list[Option]] = {}
    for option in options.values():
        own = option.path[-1]
        if own != option.name and option.registry is None and not option.of_several:
            by_field.setdefault(own, []).append(option)
    return {name: several for name, several in by_field.items() if name not in options}


def _walk(config: object, path: tuple[str, ...], prefix: str, group: str) -> Iterator[Option]:
    kind: type = type(config)
    hints = get_type_hints(kind)
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        hint, value = hints[field.name], getattr(config, field.name)
        name, place = f"{prefix}{field.name}", (*path, field.name)
        registry = registry_of(hint)
        if registry is None and dataclasses.is_dataclass(value):
            yield from _walk(value, place, prefix, field.name)
            continue
        said = field.metadata
        common = said.get("common")
        option = Option(
            name,
            place,
            hint,
            kind,
            value,
            group,
            flag_of(field, prefix),
            said.get("alias"),
            said.get("positional"),
            said.get("required", False),
            said.get("is_size", False),
            common=not path if common is None else common,
        )
        if registry is None:
            yield option
            continue
        names: Any = Literal[registry.names or ("",)]
        if registry.several:
            chosen = tuple(part.type for part in value)
            hint = tuple[names, ...]
            yield dataclasses.replace(option, hint=hint, default=chosen, registry=registry)
            for part in value:
                prefix_of_part = registry.prefix(part.type)
                place_of_part, group_of_part = (*place, part.type), f"{registry.flag} {part.type}"
                for option in _walk(part, place_of_part, prefix_of_part, group_of_part):
                    yield dataclasses.replace(option, of_several=True)
        else:
            yield dataclasses.replace(option, hint=names, default=value.type, registry=registry)
            yield from _walk(
                value, place, registry.prefix(value.type), f"{registry.kind} {value.type}"
            )


def registry_of(hint: object) -> Registry | None:
    """The registry of a field that is a part, or a tuple of parts."""
    if get_origin(hint) is tuple:
        hint = get_args(hint)[0]
    if isinstance(hint, type) and issubclass(hint, Part):
        return hint.registry
    return None


def unknown_option(
    name: str,
    known: Sequence[str] | Mapping[str, object],
    everywhere: Mapping[str, Option] | None = None,
) -> str:
    """What to say of an option that there is not: which part has it, or which name is near.

    ``everywhere``: the options of the configuration, of which one may be in the wrong place.
    """
    if everywhere and name in everywhere:
        group = everywhere[name].group
        place = f"is one of {group}" if group else "belongs outside of sections"
        return f"option {name!r} {place}, got it elsewhere. Fix: move it"
    chosen = everywhere or {}
    return misplaced_option(name, chosen=chosen) or unknown_name("option", name, known)


def misplaced_option(name: str, *, chosen: Mapping[str, Option], shown: str = "") -> str | None:
    """What to say of an option of a part that is not chosen, or of one that is no more; None for
    others. ``chosen``: the options with the parts that are. ``shown``: how it was written.
    """
    for registry in registries:
        if owners := registry.owners(name):
            kind = registry.kind
            return (
                f"option {shown or name!r} belongs to {kind} {' and '.join(owners)}, got "
                f"{_chosen_of(registry, chosen)}. Fix: omit it, or take --{registry.flag} "
                f"{either(owners)}"
            )
    if name in RENAMED:
        return f"option {shown or name!r} must be given as {RENAMED[name]}. Fix: replace it"
    return None


def _chosen_of(registry: Registry, chosen: Mapping[str, Option]) -> str:
    """The parts of a kind that are chosen, in words."""
    for option in chosen.values():
        if option.registry is registry and option.default:
            names = option.default if registry.several else (option.default,)
            return f"{registry.kind} {' and '.join(names)}"
    return f"no {registry.kind}" if registry.several else f"another {registry.kind}"


RENAMED: Mapping[str, str] = {
    "architecture": "encoder and decoder (--encoder mlp --decoder mlp)",
    "regulariser": "objective (--objective elbo for kl, --objective reconstruction for none)",
}
"""Options of the first version, and what took their place."""

DEPRECATED: Mapping[str, str] = {"tensorboard": "logger tensorboard (--logger tensorboard)"}
"""Options that still work for a release, and what takes their place. Then they go to RENAMED."""


def warn_of_deprecated(given: Iterable[str], where: str) -> None:
    """A FutureWarning, which Python shows, for each option that will not work much longer."""
    for name in given:
        if name in DEPRECATED:
            warnings.warn(
                f"{where}: option {name} is deprecated, and the next version will not have it. "
                f"Fix: give {DEPRECATED[name]}",
                FutureWarning,
                stacklevel=2,
            )
